package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Nodes that live and cannot reach each other. All of them reach the journal unless it says
 * otherwise, so that either side could go on if nobody decided.
 */
@Timeout(3600)
class PartitionIT {

  private static final Duration WAIT = Duration.ofSeconds(20);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  void aNodeIsCutOff() throws Exception {
    Cluster cluster = clusters.inNamespaces(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        isolate(cluster, load, times, "the sequencer's node cut off", cluster.sequencerNode());
        isolate(cluster, load, times, "another node cut off", cluster.anotherNode());
      }
      times.print("three nodes");
      cluster.finish(load);
    }
  }

  private static void isolate(
      Cluster cluster, Workload load, FailoverTimes times, String fault, ClusterNode lonely)
      throws Exception {
    List<ClusterNode> others = cluster.others(lonely);
    long beganNanos = System.nanoTime();
    cluster.pass(500, 1_500);
    long cutNanos = System.nanoTime();
    cluster.network().isolate(lonely.number());
    load.awaitWrites(others, WAIT);
    cluster.pass(4_000, 8_000);
    // Which side goes on is for the arbiter to say; it should be the larger one.
    cluster.sequencerNode(others, others);
    times.add(
        fault,
        cutNanos,
        System.nanoTime(),
        new HashSet<>(others.stream().map(ClusterNode::id).toList()),
        load.history());
    Cluster.assertNoFailures(load.history(), others, beganNanos);
    cluster.network().heal();
    cluster.awaitReady();
    load.awaitWrites(cluster.nodes(), WAIT);
  }

  @Test
  @Tag(Clusters.LONG)
  void aNodeIsCutOffFromNodesAndJournal() throws Exception {
    Cluster cluster = clusters.inNamespaces(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        cluster.pass(500, 1_500);
        ClusterNode lonely = cluster.sequencerNode();
        List<ClusterNode> others = cluster.others(lonely);
        cluster.network().isolate(lonely.number());
        cluster.journal().keepFrom(lonely);
        load.awaitWrites(others, WAIT);
        cluster.pass(3_000, 6_000);
        assertEquals(
            200,
            lonely.get("/db/query?level=none&q=SELECT%201").status(),
            "reads at none go on without the others and the journal");
        cluster.network().heal();
        cluster.journal().giveBack(lonely);
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aWayIsCut() throws Exception {
    Cluster cluster = clusters.inNamespaces(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        ClusterNode sequencer = cluster.sequencerNode();
        ClusterNode other = cluster.anotherNode();
        cut(cluster, load, () -> cluster.network().cutOneWay(sequencer.number(), other.number()));
        ClusterNode next = cluster.sequencerNode();
        ClusterNode another = cluster.anotherNode();
        cut(cluster, load, () -> cluster.network().cutOneWay(another.number(), next.number()));
        ClusterNode last = cluster.sequencerNode();
        cut(
            cluster,
            load,
            () -> cluster.network().cut(last.number(), cluster.others(last).get(0).number()));
      }
      cluster.finish(load);
    }
  }

  private interface Cut {
    void make() throws Exception;
  }

  /** Two nodes cannot reach each other, in a direction at least; the third sees both. */
  private static void cut(Cluster cluster, Workload load, Cut cut) throws Exception {
    cluster.pass(500, 1_500);
    cut.make();
    cluster.pass(6_000, 9_000);
    long writing =
        cluster.nodes().stream()
            .filter(node -> load.write(node, Workload.Kind.PLAIN).fate() == Operation.Fate.APPLIED)
            .count();
    assertNotEquals(0, writing, "some node takes writes all the time");
    cluster.network().heal();
    cluster.awaitReady();
    load.awaitWrites(cluster.nodes(), WAIT);
  }

  @Test
  @Tag(Clusters.LONG)
  void resetConnectionsPutNobodyOut() throws Exception {
    Cluster cluster = clusters.inNamespaces(3).startAll();
    try (Workload load = cluster.load(1)) {
      long epoch = cluster.epoch(cluster.nodes());
      for (int run = 0; run < 5 * Clusters.runs(); run++) {
        cluster.pass(300, 1_000);
        ClusterNode one = cluster.sequencerNode();
        cluster.network().resetConnections(one.number(), cluster.anotherNode().number());
      }
      cluster.pass(2_000, 3_000);
      assertEquals(epoch, cluster.epoch(cluster.nodes()), "the sequencer did not change");
      List<Operation> history = cluster.finish(load);
      Cluster.assertNoFailures(history, cluster.nodes());
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void theFirstNodeRestartsInAPartition() throws Exception {
    Cluster cluster = clusters.inNamespaces(3).startAll();
    try (Workload load = cluster.load(1)) {
      ClusterNode first = cluster.node(0);
      List<ClusterNode> others = cluster.others(first);
      cluster.pass(500, 1_500);
      first.kill9();
      cluster.network().isolate(first.number());
      load.awaitWrites(others, WAIT);
      first.start();
      cluster.pass(9_000, 12_000);
      // It is the first in everybody's list and reaches the journal, and still may form nothing.
      assertNotEquals(first.id(), first.status("sequencer"));
      load.awaitWrites(others, WAIT);
      cluster.network().heal();
      cluster.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }
}
