package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import process.Writers.Kind;

/**
 * A single node whose journal no longer begins with its first event has lost its database, or it is
 * damaged: it makes another one from a snapshot and what the journal still has, and every
 * acknowledged write is there once. Without any snapshot it serves nothing, and says why.
 *
 * <p>All tests begin with copies of what one node left that was killed while clients wrote to it.
 */
@Timeout(180)
class SnapshotIT {

  private static final Duration WAIT = Duration.ofSeconds(60);

  @RegisterExtension static final Nodes NODES = new Nodes();
  private static final Writers WRITERS = new Writers(NODES.random());

  @TempDir private static Path directory;

  /** What the killed process left. */
  private static Path killed;

  /** The same, after the node was started once more and stopped; the database in one file. */
  private static Path stopped;

  /** What the database then held. */
  private static Map<String, String> contents;

  @TempDir Path own;

  @BeforeAll
  static void killANodeWhoseJournalIsCut() throws Exception {
    killed = directory.resolve("killed");
    NodeProcess node = start(killed).awaitReady();
    assertTrue(node.execute(Writers.SCHEMA.toArray()).succeeded());
    WRITERS.writeTo(
        node, Kind.PLAIN, Kind.PLAIN, Kind.BATCH, Kind.TRANSACTION, Kind.FAILING, Kind.KEYED);
    SnapshotFolder snapshots = new SnapshotFolder(killed);
    Eventually.eventually(
        "the journal is cut", WAIT, () -> JournalFile.first(node.journalFile()) > 1);
    Eventually.pass(Duration.ofMillis(NODES.random().nextInt(500)));
    node.kill9();
    WRITERS.awaitGone();
    WRITERS.close();
    List<Path> newestFirst = snapshots.newestFirst();
    assertTrue(newestFirst.size() >= 2 && newestFirst.size() <= 3, newestFirst::toString);
    long first = JournalFile.first(node.journalFile());
    assertTrue(
        first <= SnapshotFolder.seq(newestFirst.get(1)) + 1,
        () -> "with " + newestFirst + " the journal begins at " + first);

    stopped = FileTree.copy(killed, directory.resolve("stopped"));
    NodeProcess again = start(stopped).awaitReady();
    assertFalse(again.log().contains("snapshot"), again::log);
    WriteCheck.assertAppliedOnce(WRITERS, again);
    assertEquals(0, again.terminate());
    contents = DatabaseFile.contents(again.databaseFile());
    DatabaseFile.emptyLog(again.databaseFile());
  }

  private static NodeProcess start(Path dataDirectory) throws Exception {
    return NODES
        .at(dataDirectory)
        .set("peqlite.snapshot.journal-bytes", "64KiB")
        .set("peqlite.snapshot.journal-events", "1000")
        .set("peqlite.snapshot.interval", "1s")
        .set("peqlite.snapshot.look-interval", "500ms")
        .start();
  }

  /** A copy in which this test may do what it likes. */
  private Path copy(Path original) throws Exception {
    return FileTree.copy(original, own.resolve("data"));
  }

  @Test
  void makesALostDatabaseFromTheNewestSnapshot() throws Exception {
    Path data = copy(killed);
    Path newest = new SnapshotFolder(data).newestFirst().get(0);
    DatabaseFile.delete(data.resolve("database.db"));

    NodeProcess node = start(data).awaitReady();
    assertMadeFrom(newest, node);
    assertHoldsEverything(node);
  }

  @Test
  void makesAnotherDatabaseWhenItsHeaderIsOverwritten() throws Exception {
    Path data = copy(stopped);
    overwrite(data.resolve("database.db"), 0, 4096);

    NodeProcess node = start(data).awaitReady();
    assertTrue(node.log().contains("the database is made anew: it is damaged"), node::log);
    assertHoldsEverything(node);
    assertFalse(
        Files.exists(data.resolve("database.db.aside")), "another one is in its place by now");
  }

  @Test
  void makesAnotherDatabaseWhenAWriteMeetsADamagedPage() throws Exception {
    Path data = copy(stopped);
    long bytes = Files.size(data.resolve("database.db"));
    overwrite(data.resolve("database.db"), bytes / 2, (int) (bytes / 2));

    NodeProcess node = start(data).awaitReady();
    Answer write = node.post("/db/execute?timeout=60s", "UPDATE log SET part = part");
    // The outcome was in the database that is gone, unless the write is applied again to be told.
    assertTrue(write.succeeded() || write.outcome().equals("unknown"), write::text);
    assertTrue(node.log().contains("the database is made anew: it is damaged"), node::log);
    assertHoldsEverything(node);
  }

  @Test
  void takesTheSnapshotBeforeADamagedOne() throws Exception {
    Path data = copy(killed);
    DatabaseFile.delete(data.resolve("database.db"));
    SnapshotFolder snapshots = new SnapshotFolder(data);
    Path newest = snapshots.newestFirst().get(0);
    Path older = snapshots.newestFirst().get(1);
    long at = NODES.random().nextLong(Files.size(newest));
    SnapshotFolder.flipBit(newest, at, NODES.random().nextInt(8));

    NodeProcess node = start(data).awaitReady();
    assertMadeFrom(older, node);
    assertTrue(
        node.log()
            .lines()
            .anyMatch(line -> line.contains(" ERROR ") && line.contains(newest.toString())),
        () -> "bit of byte " + at + ": " + node.log());
    assertFalse(Files.exists(newest));
    assertTrue(Files.exists(SnapshotFolder.damaged(newest)));
    assertHoldsEverything(node);
  }

  @Test
  void servesNothingWithoutAnySnapshot() throws Exception {
    Path data = copy(killed);
    DatabaseFile.delete(data.resolve("database.db"));
    List<Path> all = new SnapshotFolder(data).newestFirst();
    for (Path snapshot : all) {
      SnapshotFolder.flipBit(snapshot, Files.size(snapshot) / 2, NODES.random().nextInt(8));
    }

    NodeProcess node = start(data);
    Eventually.eventually(
        "the node says that it is not ready",
        WAIT,
        () -> node.get("/readyz").text().contains("no snapshot can be had"));
    String problem = node.status("peqlite.problem");
    for (Path snapshot : all) {
      assertTrue(problem.contains(snapshot + " is damaged at byte"), problem);
      assertTrue(node.log().contains(snapshot + " is damaged at byte"), node::log);
      assertTrue(
          Files.exists(SnapshotFolder.damaged(snapshot)), "an operator may want " + snapshot);
    }
    assertTrue(problem.contains("restore a backup"), problem);
    assertTrue(node.log().contains(problem), node::log);
    assertEquals("out-of-service", node.status("peqlite.replica_state"));
    assertFalse(node.hasBeenReady());
    assertEquals(503, node.query("SELECT count(*) FROM log").status());
    assertEquals(503, node.query("SELECT count(*) FROM log", "none").status());
    Answer write = node.post("/db/execute?timeout=5s", "INSERT INTO log VALUES (-1, 'never', 0)");
    assertEquals(503, write.status(), write::text);
    assertEquals("not applied", write.outcome(), write::text);
    assertEquals(0, node.terminate());
    assertEquals(
        JournalFile.first(killed.resolve("journal.db")),
        JournalFile.first(node.journalFile()),
        "nothing was cut off");

    // An operator has a copy of one of them.
    Path copy = new SnapshotFolder(killed).newestFirst().get(0);
    Path back = Files.copy(copy, all.get(0));
    NodeProcess again = start(data).awaitReady();
    assertMadeFrom(back, again);
    assertHoldsEverything(again);
  }

  private static void assertMadeFrom(Path snapshot, NodeProcess node) {
    String expected =
        "the database is made from a snapshot up to event "
            + SnapshotFolder.seq(snapshot)
            + ", from its own disk";
    assertTrue(node.log().contains(expected), () -> expected + ": " + node.log());
  }

  /** Stops the node. */
  private static void assertHoldsEverything(NodeProcess node) throws Exception {
    WriteCheck.assertAppliedOnce(WRITERS, node);
    assertEquals("ok", node.query("PRAGMA integrity_check").value().asText());
    assertEquals(0, node.terminate());
    assertEquals(contents, DatabaseFile.contents(node.databaseFile()));
  }

  private static void overwrite(Path file, long from, int length) throws Exception {
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      byte[] rubbish = new byte[length];
      NODES.random().nextBytes(rubbish);
      bytes.seek(from);
      bytes.write(rubbish);
    }
  }
}
