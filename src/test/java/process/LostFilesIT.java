package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files that were damaged, cut or exchanged while the node was down. The node never makes an
 * outcome of it: a damaged database it makes anew from the journal by itself, and of a journal it
 * says what is wrong and leaves it to an operator.
 */
@Timeout(180)
class LostFilesIT {

  private static final Duration WAIT = Duration.ofSeconds(60);
  private static final int ROWS = 2_000;

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void buildsTheDatabaseAnewWhenItsHeaderIsOverwritten() throws Exception {
    NodeProcess stopped = stoppedNode();
    var contents = DatabaseFile.contents(stopped.databaseFile());
    overwrite(stopped.databaseFile(), 0, 4096);

    NodeProcess healed = nodes.start(stopped.dataDirectory()).awaitReady();
    assertTrue(healed.log().contains("the database is made anew: it is damaged"), healed::log);
    assertEquals(0, healed.terminate());
    assertEquals(contents, DatabaseFile.contents(healed.databaseFile()));
  }

  @Test
  void makesNoOutcomeOfADamagedPage() throws Exception {
    NodeProcess stopped = stoppedNode();
    var contents = DatabaseFile.contents(stopped.databaseFile());
    long bytes = Files.size(stopped.databaseFile());
    // All of it except the schema and the internal tables, which stand first.
    overwrite(stopped.databaseFile(), bytes / 2, (int) (bytes / 2));

    NodeProcess healed =
        nodes
            .at(stopped.dataDirectory())
            .set("peqlite.apply.hold-after", "200ms")
            .start()
            .awaitReady();
    Answer write = healed.post("/db/execute?timeout=60s", "UPDATE t SET v = v || 'x'");
    assertTrue(write.succeeded(), write::text);
    assertTrue(healed.log().contains("the database is made anew: it is damaged"), healed::log);
    assertEquals(ROWS, healed.query("SELECT count(*) FROM t WHERE v LIKE '%x'").value().asLong());
    assertTrue(healed.execute("UPDATE t SET v = substr(v, 1, length(v) - 1)").succeeded());
    assertEquals(0, healed.terminate());
    assertEquals(contents, DatabaseFile.contents(healed.databaseFile()));
  }

  @Test
  void servesNothingFromADamagedJournal() throws Exception {
    NodeProcess stopped = stoppedNode();
    try (Connection journal = DriverManager.getConnection("jdbc:sqlite:" + stopped.journalFile());
        Statement change = journal.createStatement()) {
      // One letter of an event in the middle, which leaves it readable.
      assertEquals(
          1,
          change.executeUpdate(
              "UPDATE event_journal SET event_payload = CAST(replace(CAST(event_payload AS TEXT),"
                  + " 'row-', 'raw-') AS BLOB)"
                  + " WHERE instr(event_payload, CAST('row-' AS BLOB)) > 0"));
    }
    DatabaseFile.delete(stopped.databaseFile());
    NodeProcess broken = nodes.start(stopped.dataDirectory());
    awaitNotReady(broken, "event");
    assertNoWriteIsTaken(broken);
    assertEquals("out-of-service", broken.status("peqlite.replica_state"));
    assertEquals(503, broken.query("SELECT count(*) FROM t", "none").status());
    assertEquals(0, broken.terminate());
  }

  @Test
  void refusesAJournalFileThatIsNone() throws Exception {
    NodeProcess stopped = stoppedNode();
    overwrite(stopped.journalFile(), 0, 4096);
    NodeProcess broken = nodes.start(stopped.dataDirectory());
    assertEquals(1, broken.exitCode(), broken::log);
    assertTrue(broken.log().contains("journal.db"), broken::log);
    assertEquals(1, broken.log().lines().count(), broken::log);
  }

  @Test
  void leavesServiceWhenTheJournalHasLostItsEnd() throws Exception {
    NodeProcess stopped = stoppedNode();
    long head = new JournalFile(stopped.journalFile()).head();
    cutJournal(stopped, head - 2);

    NodeProcess broken = nodes.start(stopped.dataDirectory());
    awaitNotReady(broken, "has lost its end");
    assertNoWriteIsTaken(broken);
    assertEquals("out-of-service", broken.status("peqlite.replica_state"));
    assertFalse(broken.hasBeenReady());
    assertEquals(503, broken.query("SELECT count(*) FROM t").status());
    assertEquals(503, broken.query("SELECT count(*) FROM t", "none").status());
    assertEquals(0, broken.terminate());
    assertEquals(head - 2, new JournalFile(broken.journalFile()).head(), "nothing was appended");

    // The operator decides for what the journal still has.
    DatabaseFile.delete(broken.databaseFile());
    NodeProcess anew = nodes.start(broken.dataDirectory()).awaitReady();
    assertTrue(anew.execute("INSERT INTO t VALUES (0, 'again')").succeeded());
  }

  @Test
  void leavesServiceWhenTheJournalIsAnother() throws Exception {
    NodeProcess stopped = stoppedNode();
    NodeProcess other = nodes.start(directory.resolve("other")).awaitReady();
    for (int i = 0; i < 20; i++) {
      assertTrue(other.execute("CREATE TABLE other" + i + " (x)").succeeded());
    }
    assertEquals(0, other.terminate());
    DatabaseFile.delete(stopped.journalFile());
    Files.copy(other.journalFile(), stopped.journalFile());

    NodeProcess broken = nodes.start(stopped.dataDirectory());
    awaitNotReady(broken, "journal");
    assertNoWriteIsTaken(broken);
    assertEquals("out-of-service", broken.status("peqlite.replica_state"));
    assertEquals(0, broken.terminate());
    assertEquals(
        0,
        DatabaseFile.number(
            broken.databaseFile(), "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'other%'"));
  }

  /** A node that has written and was stopped. */
  private NodeProcess stoppedNode() throws Exception {
    NodeProcess node = nodes.start(directory.resolve("data")).awaitReady();
    assertTrue(node.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)").succeeded());
    assertTrue(
        node.execute(
                "INSERT INTO t WITH RECURSIVE n (i) AS"
                    + " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                    + ROWS
                    + ") SELECT i, 'row-' || printf('%0500d', i) FROM n")
            .succeeded());
    assertTrue(node.execute("CREATE INDEX t_v ON t (v)").succeeded());
    assertEquals(0, node.terminate());
    return node;
  }

  private static void awaitNotReady(NodeProcess node, String words) throws Exception {
    try {
      Eventually.eventually(
          "the node says that it is not ready: " + words,
          WAIT,
          () -> {
            Answer ready = node.get("/readyz");
            return ready.status() == 503 && ready.text().contains(words);
          });
    } catch (AssertionError e) {
      throw new AssertionError(node.get("/readyz") + " " + node.get("/status"), e);
    }
    assertTrue(node.log().contains(words), node::log);
  }

  private static void assertNoWriteIsTaken(NodeProcess node) throws Exception {
    Answer write = node.post("/db/execute?timeout=5s", "INSERT INTO t VALUES (-1, 'never')");
    assertEquals(503, write.status(), write::text);
    assertEquals("not applied", write.outcome(), write::text);
  }

  private static void cutJournal(NodeProcess stopped, long head) throws Exception {
    try (Connection journal = DriverManager.getConnection("jdbc:sqlite:" + stopped.journalFile());
        Statement change = journal.createStatement()) {
      assertTrue(
          change.executeUpdate("DELETE FROM event_journal WHERE sequence_number > " + head) > 0);
    }
  }

  private static void overwrite(Path file, long from, int length) throws Exception {
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      byte[] rubbish = new byte[length];
      new Random(1).nextBytes(rubbish);
      bytes.seek(from);
      bytes.write(rubbish);
    }
  }
}
