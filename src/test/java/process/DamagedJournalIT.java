package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.RandomAccessFile;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a disk has changed in the journal is noticed, and mended where somebody knows better. */
@Timeout(3600)
class DamagedJournalIT {

  private static final Duration WAIT = Duration.ofSeconds(180);

  @RegisterExtension final Clusters clusters = new Clusters();

  /** The others have applied the event when it was whole. */
  @Test
  @Tag(Clusters.LONG)
  void anEventInPostgresIsPassedByASnapshot() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = clusters.onPostgres(3).startAll();
      try (Workload load = cluster.load(3)) {
        load.awaitWrites(cluster.nodes(), WAIT);
        PostgresClusterJournal journal = cluster.postgres();
        long damaged = 2 + clusters.random().nextLong(journal.head() - 1);
        String flip =
            "UPDATE event_journal SET event_payload = set_byte(event_payload, 40,"
                + " get_byte(event_payload, 40) # 8) WHERE sequence_number = "
                + damaged;
        assertEquals(1, journal.change(flip));

        int at = clusters.random().nextInt(3);
        ClusterNode wiped = cluster.node(at);
        wiped.kill9();
        FileTree.delete(wiped.dataDirectory());
        wiped.start();
        Eventually.eventually(
            "it names event " + damaged,
            WAIT,
            () -> {
              String problem = wiped.status("problem");
              return problem.contains("event " + damaged + " is damaged")
                  && problem.contains("POST /snapshot");
            });
        load.awaitWrites(cluster.others(wiped), WAIT);
        Answer taken = cluster.node((at + 1) % 3).post("/snapshot", "");
        assertTrue(taken.succeeded(), taken::text);
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
        assertEquals(1, journal.change(flip), "as it was");
        cluster.finish(load);
      }
    }
  }

  /** The others have it in their copies. */
  @Test
  @Tag(Clusters.LONG)
  void aCopyOfAQuorumIsMadeAnew() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = clusters.onQuorum(3).startAll();
      try (Workload load = cluster.load(3)) {
        load.awaitWrites(cluster.nodes(), WAIT);
        ClusterNode damaged = cluster.node(clusters.random().nextInt(3));
        damaged.kill9();
        DatabaseFile.delete(damaged.databaseFile());
        FileTree.delete(new SnapshotFolder(damaged.dataDirectory()).path());
        // What the write-ahead log holds would be read in place of what is changed here.
        QuorumClusterJournal.checkpoint(damaged);
        try (RandomAccessFile file =
            new RandomAccessFile(QuorumClusterJournal.copy(damaged).toFile(), "rw")) {
          byte[] garbage = new byte[(int) Math.min(1 << 16, file.length() / 2)];
          clusters.random().nextBytes(garbage);
          file.seek(clusters.random().nextLong(file.length() - garbage.length));
          file.write(garbage);
        }
        damaged.start();
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
        assertTrue(
            damaged.process().log().contains("copy of the journal is made anew"),
            () -> damaged.process().log());
        cluster.finish(load);
      }
    }
  }
}
