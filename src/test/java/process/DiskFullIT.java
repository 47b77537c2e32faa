package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import process.Writers.Kind;

/**
 * No space: never the outcome of a write. Reads go on, writes hear why, and with more space the
 * node goes on where it was.
 */
@Timeout(180)
class DiskFullIT {

  private static final Duration WAIT = Duration.ofSeconds(60);
  private static final String INSERT = "INSERT INTO filler VALUES (?, zeroblob(200000))";

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void waitsForSpaceWhenTheDatabaseIsFull() throws Exception {
    Nodes.Preparation preparation =
        nodes.at(directory.resolve("data")).set("peqlite.apply.database-bytes-max", "4MiB");
    NodeProcess node = preparation.start().awaitReady();
    assertTrue(node.execute("CREATE TABLE filler (id INTEGER, bytes BLOB)").succeeded());
    long acknowledged = fill(node);
    assertTrue(acknowledged >= 10, () -> "there was room for some rows");

    NodeProcess full = node;
    Eventually.eventually(
        "the node says that it is not ready, and why",
        WAIT,
        () -> full.get("/readyz").status() == 503 && full.get("/readyz").text().contains("full"));
    assertEquals("failed", node.status("peqlite.replica_state"));
    Answer refused = node.execute("INSERT INTO filler VALUES (0, NULL)");
    assertEquals(503, refused.status(), refused::text);
    assertEquals("not applied", refused.outcome());
    assertTrue(refused.error().contains("full"), refused::text);
    assertEquals(acknowledged, node.query("SELECT count(*) FROM filler", "none").value().asLong());
    assertTrue(node.isAlive());
    assertEquals(0, node.terminate(), "a node without space can still be stopped");

    NodeProcess roomy =
        preparation.set("peqlite.apply.database-bytes-max", "64MiB").start().awaitReady();
    // The last write was ordered, its client was told that it waits to be applied, and now it is.
    assertEquals(
        acknowledged + 1, roomy.query("SELECT count(DISTINCT id) FROM filler").value().asLong());
    assertTrue(roomy.execute("INSERT INTO filler VALUES (0, NULL)").succeeded());
    assertEquals("ok", roomy.query("PRAGMA integrity_check").value().asText());
  }

  /** Whatever is given back is taken at once, and nobody has read anything before. */
  @Test
  @Tag(Clusters.LONG)
  void servesTheFirstReadWhenTheDiskIsFull() throws Exception {
    Path data = directory.resolve("data");
    try (SmallDisk disk = SmallDisk.mount(data, 60)) {
      NodeProcess node = nodes.start(data).awaitReady();
      assertTrue(node.execute("CREATE TABLE filler (id INTEGER, bytes BLOB)").succeeded());
      long acknowledged = 0;
      while (node.post("/db/execute?timeout=2s", (Object) new Object[] {INSERT, acknowledged + 1})
          .succeeded()) {
        acknowledged++;
      }
      Thread eater = eat(data.resolve("eaten"));
      try {
        // So long that the database was closed and could not be opened again.
        Eventually.pass(Duration.ofSeconds(5));
        for (int i = 0; i < 5; i++) {
          Answer count = node.query("SELECT count(*) FROM filler", "none");
          assertTrue(count.succeeded(), count::text);
          assertTrue(count.value().asLong() >= acknowledged, count::text);
          Eventually.pass(Duration.ofMillis(300));
        }
      } finally {
        eater.interrupt();
        eater.join();
      }
      node.kill9();
    }
  }

  /** Writes until there is no space, again and again. */
  private static Thread eat(Path file) {
    Thread eater =
        new Thread(
            () -> {
              try (OutputStream out = Files.newOutputStream(file)) {
                while (!Thread.currentThread().isInterrupted()) {
                  try {
                    out.write(new byte[4096]);
                  } catch (IOException full) {
                    LockSupport.parkNanos(100_000);
                  }
                }
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    eater.start();
    return eater;
  }

  @Test
  void givesUpARequestThatNeedsMoreThanThereIs() throws Exception {
    NodeProcess node =
        nodes
            .at(directory.resolve("data"))
            .set("peqlite.apply.database-bytes-max", "30MiB")
            .set("peqlite.apply.hold-after", "500ms")
            .start()
            .awaitReady();
    assertTrue(node.execute("CREATE TABLE filler (id INTEGER, bytes BLOB)").succeeded());
    Answer tooMuch = node.execute("INSERT INTO filler VALUES (1, zeroblob(100000000))");
    assertEquals(200, tooMuch.status(), tooMuch::text);
    assertTrue(tooMuch.error().contains("given up"), tooMuch::text);
    assertTrue(tooMuch.error().contains("full"), tooMuch::text);

    assertTrue(node.execute("INSERT INTO filler VALUES (2, zeroblob(1000000))").succeeded());
    assertEquals(200, node.get("/readyz").status());
    assertEquals(2, node.query("SELECT sum(id) FROM filler").value().asLong());

    // What was given up stays given up, also where there would be room for it.
    assertEquals(0, node.terminate());
    DatabaseFile.delete(node.databaseFile());
    NodeProcess roomy = nodes.start(directory.resolve("data")).awaitReady();
    assertEquals(2, roomy.query("SELECT sum(id) FROM filler").value().asLong());
  }

  @Test
  void servesReadsWhenTheJournalIsFull() throws Exception {
    Path data = directory.resolve("data");
    NodeProcess node = nodes.at(data).filesUpTo(6_000).start().awaitReady();
    try (Writers writers = new Writers(nodes.random())) {
      assertTrue(node.execute(Writers.SCHEMA.toArray()).succeeded());
      // Each row replaces the one before, so that the journal alone grows.
      assertTrue(node.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, v)").succeeded());
      String text = "x".repeat(100_000);
      int applied = 0;
      Answer answer = replace(node, applied, text);
      while (answer.succeeded()) {
        answer = replace(node, ++applied, text);
      }
      assertNotApplied(answer);
      // What is left has room for small events, and takes them until it is full too.
      do {
        answer = replace(node, ++applied, "x".repeat(2_000));
      } while (answer.succeeded());
      assertNotApplied(answer);

      NodeProcess full = node;
      Eventually.eventually(
          "the node says that it is not ready, and why",
          WAIT,
          () ->
              full.get("/readyz").status() == 503
                  && full.get("/readyz").text().contains("journal"));
      assertNotApplied(replace(node, ++applied, text));
      assertEquals(1, node.query("SELECT count(*) FROM one", "none").value().asLong());
      node.kill9();

      NodeProcess roomy = nodes.start(data).awaitReady();
      assertTrue(replace(roomy, -1, text).succeeded());
      assertEquals("ok", roomy.query("PRAGMA integrity_check").value().asText());
      writers.writeTo(roomy, Kind.PLAIN, Kind.KEYED);
      Eventually.pass(Duration.ofMillis(300));
      writers.stop();
      WriteCheck.assertAppliedOnce(writers, roomy);
      assertFalse(roomy.log().contains(" ERROR "), roomy::log);
      assertEquals(0, roomy.terminate());
    }
  }

  private static long fill(NodeProcess node) throws Exception {
    long acknowledged = 0;
    while (acknowledged < 1_000) {
      Object insert = new Object[] {INSERT, acknowledged + 1};
      Answer answer = node.post("/db/execute?timeout=2s", insert);
      if (!answer.succeeded()) {
        assertEquals(504, answer.status(), answer::text);
        assertEquals("committed", answer.outcome());
        return acknowledged;
      }
      acknowledged++;
    }
    throw new AssertionError("the disk is never full");
  }

  /** Its client is told that nothing of it is applied, or that it may be; never a result. */
  private static void assertNotApplied(Answer answer) {
    assertTrue(
        answer.status() == 503 || answer.status() == 504 && answer.outcome().equals("unknown"),
        answer::text);
    assertFalse(answer.error().isEmpty(), answer::text);
  }

  private static Answer replace(NodeProcess node, int number, String text) throws Exception {
    return node.post(
        "/db/execute?timeout=3s",
        (Object) new Object[] {"INSERT OR REPLACE INTO one VALUES (1, ?)", number + text});
  }
}
