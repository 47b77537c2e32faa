package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The process of a node is stopped for a while by SIGSTOP, and goes on as if nothing had been. */
@Timeout(3600)
class PauseClusterIT {

  private static final Duration WAIT = Duration.ofSeconds(20);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void aShortPauseIsNoFailover() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    try (Workload load = cluster.load(1)) {
      long epoch = cluster.epoch(cluster.nodes());
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        cluster.pass(500, 1_500);
        ClusterNode paused = run % 2 == 0 ? cluster.sequencerNode() : cluster.anotherNode();
        paused.pause();
        Eventually.pass(Duration.ofSeconds(1));
        paused.resume();
        cluster.pass(2_500, 3_500);
        assertEquals(epoch, cluster.epoch(cluster.nodes()), "the sequencer did not change");
      }
      List<Operation> history = cluster.finish(load);
      Cluster.assertNoFailures(history, cluster.nodes());
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aLongPauseFencesTheSequencer() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(2)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        long beganNanos = System.nanoTime();
        cluster.pass(500, 1_500);
        ClusterNode paused = cluster.sequencerNode();
        List<ClusterNode> others = cluster.others(paused);
        long epoch = cluster.epoch(others);
        long pausedNanos = System.nanoTime();
        paused.pause();
        load.awaitWrites(others, WAIT);
        long leftNanos = Duration.ofSeconds(15).toNanos() - (System.nanoTime() - pausedNanos);
        Eventually.pass(Duration.ofNanos(Math.max(0, leftNanos)));
        assertTrue(cluster.epoch(others) > epoch, "another sequencer has opened");
        times.add(
            "SIGSTOP of the sequencer's node for 15 s",
            pausedNanos,
            System.nanoTime(),
            new HashSet<>(others.stream().map(ClusterNode::id).toList()),
            load.history());
        paused.resume();
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
        Cluster.assertNoFailures(load.history(), others, beganNanos);
      }
      times.print("three nodes");
      cluster.finish(load);
    }
  }
}
