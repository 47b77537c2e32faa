package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Nodes lose their databases while the journal no longer begins with its first event: they have
 * everything again from another node's snapshot, or from the one beside the journal.
 */
@Timeout(3600)
class SnapshotClusterIT {

  private static final Duration WAIT = Duration.ofSeconds(180);
  private static final String MADE = "the database is made from a snapshot up to event ";

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void wipedNodesOverPostgres() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = start(clusters.onPostgres(3));
      try (JournalArchive archive = cluster.archive();
          Workload load = cluster.load(3)) {
        PostgresClusterJournal journal = cluster.postgres();
        Eventually.eventually(
            "the journal is cut",
            WAIT,
            () -> journal.number("SELECT min(sequence_number) FROM event_journal") > 1);

        ClusterNode wiped = cluster.node(clusters.random().nextInt(3));
        wiped.kill9();
        FileTree.delete(wiped.dataDirectory());
        wiped.start();
        cluster.awaitReady();
        assertMadeFrom(wiped, "");
        load.awaitWrites(cluster.nodes(), WAIT);

        for (ClusterNode node : cluster.nodes()) {
          node.kill9();
        }
        for (ClusterNode node : cluster.nodes()) {
          FileTree.delete(node.dataDirectory());
        }
        cluster.startAll();
        for (ClusterNode node : cluster.nodes()) {
          assertMadeFrom(node, "");
        }
        load.awaitWrites(cluster.nodes(), WAIT);
        cluster.finish(load);
      }
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void lostDatabasesOverAQuorum() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = start(clusters.onQuorum(3));
      // So large that fetching it takes some seconds.
      Answer ballast =
          cluster
              .node(0)
              .post(
                  "/db/execute",
                  "[\"CREATE TABLE ballast (bytes)\","
                      + " \"INSERT INTO ballast VALUES (randomblob(3000000))\"]");
      assertTrue(ballast.succeeded(), ballast::text);
      try (JournalArchive archive = cluster.archive();
          Workload load = cluster.load(3)) {
        for (ClusterNode node : cluster.nodes()) {
          Eventually.eventually(
              "the copy of " + node + " is cut",
              WAIT,
              () -> JournalFile.first(QuorumClusterJournal.copy(node)) > 1);
        }

        ClusterNode lost = cluster.node(clusters.random().nextInt(3));
        assertEquals(0, lost.terminate());
        DatabaseFile.delete(lost.databaseFile());
        FileTree.delete(new SnapshotFolder(lost.dataDirectory()).path());
        lost.start();
        killWhileItFetches(lost);
        lost.start();
        cluster.awaitReady();
        assertMadeFrom(lost, "node");
        load.awaitWrites(cluster.nodes(), WAIT);

        ClusterNode wiped = cluster.node(clusters.random().nextInt(3));
        wiped.kill9();
        FileTree.delete(wiped.dataDirectory());
        wiped.start();
        cluster.awaitReady();
        assertMadeFrom(wiped, "node");
        Eventually.eventually(
            "it listens", WAIT, () -> wiped.status("quorum.role").equals("listener"));
        load.awaitWrites(cluster.nodes(), WAIT);
        cluster.finish(load);
      }
    }
  }

  /** The node has its own copy of the journal at once, and the others only when it has joined. */
  @Test
  @Tag(Clusters.LONG)
  void aLostDatabaseIsFetchedThoughNothingIsCut() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = clusters.onQuorum(3).startAll();
      try (JournalArchive archive = cluster.archive();
          Workload load = cluster.load(3)) {
        load.awaitWrites(cluster.nodes(), WAIT);
        int at = clusters.random().nextInt(3);
        ClusterNode lost = cluster.node(at);
        Answer taken = cluster.node((at + 1) % 3).post("/snapshot", "");
        assertTrue(taken.succeeded(), taken::text);
        lost.kill9();
        assertEquals(1, JournalFile.first(QuorumClusterJournal.copy(lost)));
        DatabaseFile.delete(lost.databaseFile());
        FileTree.delete(new SnapshotFolder(lost.dataDirectory()).path());
        lost.start();
        cluster.awaitReady();
        assertMadeFrom(lost, "node");
        load.awaitWrites(cluster.nodes(), WAIT);
        cluster.finish(load);
      }
    }
  }

  private static Cluster start(Cluster cluster) throws Exception {
    for (ClusterNode node : cluster.nodes()) {
      node.set("peqlite.snapshot.journal-bytes", "64KiB")
          .set("peqlite.snapshot.journal-events", "1000")
          .set("peqlite.snapshot.interval", "1s")
          .set("peqlite.snapshot.look-interval", "1s")
          .set("peqlite.snapshot.transfer-bytes-per-second", "1MiB");
    }
    return cluster.startAll();
  }

  private static void killWhileItFetches(ClusterNode node) throws Exception {
    SnapshotFolder snapshots = new SnapshotFolder(node.dataDirectory());
    Eventually.busily(
        node + " fetches a snapshot", WAIT, () -> !snapshots.files(".received").isEmpty());
    node.kill9();
    assertEquals(1, snapshots.files(".received").size(), "what it has is kept to go on with");
  }

  private static void assertMadeFrom(ClusterNode node, String source) {
    String log = node.process().log();
    assertTrue(
        log.lines().anyMatch(line -> line.contains(MADE) && line.contains(", from " + source)),
        () -> node + ": " + log);
  }
}
