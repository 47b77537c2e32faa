package process;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import process.JournalLink.Held;
import process.Operation.Fate;
import process.Operation.WriteOperation;
import process.Workload.Kind;

/** A request that needs several events, and a sequencer that dies between two of them. */
@Timeout(3600)
class LargeRequestIT {

  private static final Duration WAIT = Duration.ofSeconds(20);
  private static final int PART_BYTES_MIN = 100_000;

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void theSequencerIsKilledBetweenTwoParts() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    try (Workload load = cluster.idle()) {
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        ClusterNode sequencer = cluster.sequencerNode();
        ClusterNode other = cluster.anotherNode();
        // The first part is durable; whether the second will be, nobody knows.
        Held append = cluster.postgres().link(sequencer).holdCommit(PART_BYTES_MIN, 1);
        CompletableFuture<WriteOperation> large =
            CompletableFuture.supplyAsync(() -> load.write(other, Kind.LARGE));
        append.awaitReached(WAIT);
        if (run % 2 == 0) {
          sequencer.kill9();
          append.release();
        } else {
          append.release();
          sequencer.kill9();
        }
        List<ClusterNode> survivors = cluster.others(sequencer);
        WriteOperation after = load.write(survivors.get(0), Kind.PLAIN);
        assertEquals(Fate.APPLIED, after.fate(), after::detail);
        WriteOperation told = large.get(WAIT.toSeconds(), TimeUnit.SECONDS);
        assertEquals(Fate.APPLIED, told.fate(), told::detail);
        cluster.startAll();
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void theNodeThatSentItIsKilledBetweenTwoParts() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    try (Workload load = cluster.idle()) {
      ClusterNode sequencer = cluster.sequencerNode();
      Held append = cluster.postgres().link(sequencer).holdCommit(PART_BYTES_MIN, 1);
      CompletableFuture<WriteOperation> large =
          CompletableFuture.supplyAsync(() -> load.write(sequencer, Kind.LARGE));
      append.awaitReached(WAIT);
      sequencer.kill9();
      append.release();
      assertEquals(Fate.UNKNOWN, large.get(WAIT.toSeconds(), TimeUnit.SECONDS).fate());
      for (ClusterNode survivor : cluster.others(sequencer)) {
        WriteOperation next = load.write(survivor, Kind.LARGE);
        assertEquals(Fate.APPLIED, next.fate(), next::detail);
      }
      cluster.finish(load);
    }
  }
}
