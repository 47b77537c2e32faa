package process;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a failover costs does not depend on how long the journal is. */
@Timeout(3600)
class JournalLengthIT {

  private static final Duration WAIT = Duration.ofSeconds(20);
  private static final int EVENTS = Clusters.isLong() ? 1_000_000 : 20_000;

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void theJournalIsLong() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.idle()) {
      kill(cluster, load, times, "with a short journal");
      cluster.stopAll();
      cluster.fillJournal(EVENTS);
      for (ClusterNode node : cluster.nodes()) {
        node.start();
      }
      cluster.awaitReady(Duration.ofMinutes(10));
      kill(cluster, load, times, "with " + EVENTS + " events more");
      cluster.finish(load);
    }
    times.print("kill -9 of the sequencer's node");
  }

  private static void kill(Cluster cluster, Workload load, FailoverTimes times, String journal)
      throws Exception {
    load.start(1);
    for (int kill = 0; kill < 2 * Clusters.runs(); kill++) {
      cluster.pass(1_000, 1_500);
      ClusterNode sequencer = cluster.sequencerNode();
      List<ClusterNode> survivors = cluster.others(sequencer);
      long killedNanos = System.nanoTime();
      sequencer.kill9();
      load.awaitWrites(survivors, WAIT);
      cluster.pass(500, 1_000);
      times.add(
          journal,
          killedNanos,
          System.nanoTime(),
          new HashSet<>(survivors.stream().map(ClusterNode::id).toList()),
          load.history());
      cluster.startAll();
    }
    load.stop();
  }
}
