package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Nodes of a cluster are killed while clients write and read everywhere. */
@Timeout(3600)
class KillClusterIT {

  private static final Duration WAIT = Duration.ofSeconds(15);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  void theSequencersNodeIsKilled() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(2)) {
      for (int kill = 0; kill < 2 * Clusters.runs(); kill++) {
        ClusterNode sequencer = cluster.sequencerNode();
        kill(cluster, load, times, "kill -9 of the sequencer's node", sequencer);
        cluster.startAll();
      }
      times.print("three nodes");
      List<Operation> history = cluster.finish(load);
      Cluster.assertAnsweredInTime(history, cluster.nodes());
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void anotherNodeIsKilledAndTwoOfThree() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(2)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        kill(cluster, load, times, "kill -9 of another node", cluster.anotherNode());
        cluster.startAll();
        ClusterNode sequencer = cluster.sequencerNode();
        kill(
            cluster,
            load,
            times,
            "kill -9 of two of three, the sequencer's too",
            sequencer,
            cluster.anotherNode());
        cluster.startAll();
        kill(
            cluster,
            load,
            times,
            "kill -9 of both others",
            cluster.others(cluster.sequencerNode()).toArray(new ClusterNode[0]));
        cluster.startAll();
      }
      times.print("three nodes");
      List<Operation> history = cluster.finish(load);
      Cluster.assertAnsweredInTime(history, cluster.nodes());
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void allNodesAreKilledAtOnce() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    try (Workload load = cluster.load(2)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        cluster.pass(1_000, 2_000);
        for (ClusterNode node : cluster.nodes()) {
          node.kill9();
        }
        cluster.startAll();
        load.awaitWrites(cluster.nodes(), WAIT);
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aKilledNodeIsNoticedWithoutLoad() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    try (Workload idle = cluster.idle()) {
      ClusterNode killed = cluster.sequencerNode();
      killed.kill9();
      List<ClusterNode> survivors = cluster.others(killed);
      long began = System.nanoTime();
      assertEquals(
          Operation.Fate.APPLIED, idle.write(survivors.get(0), Workload.Kind.PLAIN).fate());
      System.out.printf("first write after a kill: %.3f s%n", (System.nanoTime() - began) / 1e9);
      for (ClusterNode survivor : survivors) {
        assertTrue(idle.read(survivor, "linearizable").answered());
        assertTrue(idle.read(survivor, "weak").answered());
      }
      cluster.finish(idle);
    }
  }

  /**
   * Kills, waits until the others take writes, and adds how long there were none. Where the others
   * are too few for the journal, checks that they take none.
   */
  private static void kill(
      Cluster cluster, Workload load, FailoverTimes times, String fault, ClusterNode... killed)
      throws Exception {
    List<ClusterNode> survivors = cluster.others(killed);
    // Only what is sent from now on: a client of an earlier round's victim may still be waiting.
    long beganNanos = System.nanoTime();
    cluster.pass(500, 1_500);
    long killedNanos = System.nanoTime();
    for (ClusterNode node : killed) {
      node.kill9();
    }
    if (!cluster.survivesWithout(killed)) {
      cluster.assertReadOnly(load, survivors);
      return;
    }
    load.awaitWrites(survivors, WAIT);
    cluster.pass(500, 1_500);
    long untilNanos = System.nanoTime();
    Set<String> ids = new HashSet<>(survivors.stream().map(ClusterNode::id).toList());
    List<Operation> history = load.history();
    times.add(fault, killedNanos, untilNanos, ids, history);
    Cluster.assertNoFailures(history, survivors, beganNanos);
  }
}
