package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import process.Operation.Fate;
import process.Operation.WriteOperation;
import storage.EventCodec;
import storage.Formats;

/** Nodes are stopped in order and started again, one after the other, while clients go on. */
@Timeout(3600)
class RollingIT {

  private static final Duration WAIT = Duration.ofSeconds(20);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void everyNodeIsRestarted() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(2)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        for (ClusterNode node : cluster.nodes()) {
          cluster.pass(500, 1_500);
          boolean sequencer = cluster.sequencerNode() == node;
          stopAndAdd(cluster, load, times, sequencer, node);
          node.start();
          cluster.awaitReady();
        }
      }
      times.print("three nodes");
      List<Operation> history = cluster.finish(load);
      assertAllAnswered(history);
    }
  }

  private static void stopAndAdd(
      Cluster cluster, Workload load, FailoverTimes times, boolean sequencer, ClusterNode node)
      throws Exception {
    List<ClusterNode> others = cluster.others(node);
    long stoppedNanos = System.nanoTime();
    assertEquals(0, node.terminate());
    load.awaitWrites(others, WAIT);
    cluster.pass(500, 1_000);
    times.add(
        sequencer ? "SIGTERM to the sequencer's node" : "SIGTERM to another node",
        stoppedNanos,
        System.nanoTime(),
        new HashSet<>(others.stream().map(ClusterNode::id).toList()),
        load.history());
  }

  /** Whoever was taken was answered; who was not could turn to another node. */
  private static void assertAllAnswered(List<Operation> history) {
    List<Operation> failures = new ArrayList<>();
    for (Operation operation : history) {
      boolean notSent =
          operation instanceof WriteOperation write
              ? write.fate() == Fate.NOT_SENT
              : operation.detail().contains("ConnectException");
      if (!operation.succeeded() && !notSent) {
        failures.add(operation);
      }
    }
    assertTrue(failures.isEmpty(), () -> failures.size() + " failures, such as " + failures.get(0));
  }

  @Test
  @Tag(Clusters.LONG)
  void theSequencerIsMoved() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        cluster.pass(500, 1_500);
        ClusterNode before = cluster.sequencerNode();
        Answer answer = before.post("/leader", "");
        assertEquals(200, answer.status(), answer::text);
        load.awaitWrites(cluster.nodes(), WAIT);
        assertNotEquals(before, cluster.sequencerNode());
      }
      List<Operation> history = cluster.finish(load);
      Cluster.assertNoFailures(history, cluster.nodes());
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void everyNodeIsUpgraded() throws Exception {
    Path older = OtherRelease.thatWritesRules(1, clusters.directory());
    Cluster cluster = clusters.onLoopback(3);
    cluster.nodes().forEach(node -> node.jar(older));
    cluster.startAll();
    Path newer = OtherRelease.thisRelease();
    try (Workload load = cluster.load(1)) {
      for (ClusterNode node : cluster.nodes()) {
        cluster.pass(500, 1_500);
        assertEquals(0, node.terminate());
        node.jar(newer).start();
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
      }
      // The new rules begin when a sequencer opens that has seen that everybody knows them.
      Answer moved = cluster.sequencerNode().post("/leader", "");
      assertEquals(200, moved.status(), moved::text);
      load.awaitWrites(cluster.nodes(), WAIT);
      List<Operation> history = cluster.finish(load);
      assertAllAnswered(history);
      TreeSet<Integer> rules = new TreeSet<>();
      cluster
          .journal()
          .forEach(
              event -> {
                int one = EventCodec.decode(event).rules();
                assertTrue(rules.isEmpty() || one >= rules.last(), "rules never go back");
                rules.add(one);
              });
      assertEquals(new TreeSet<>(List.of(1, Formats.newestRules())), rules);
    }
  }
}
