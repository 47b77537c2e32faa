package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import storage.Entry;

/** Kills at the two places in the middle of one request where chance seldom hits. */
@Timeout(300)
@Tag(Clusters.LONG)
class KillInTheMiddleIT {

  private static final Duration WAIT = Duration.ofSeconds(60);

  private static final String HEAD = "SELECT max(sequence_number) FROM event_journal";
  private static final String STATEMENT = "SELECT statement FROM _peqlite_position";

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  /**
   * The journal ends between the parts of a large request: the next sequencer voids them, and the
   * client that sends the request again by its key has it applied once.
   */
  @Test
  void voidsPartsWhoseLastIsMissing() throws Exception {
    Nodes.Preparation preparation =
        nodes.at(directory.resolve("data")).set("peqlite.sequencer.event-bytes-max", "16KiB");
    NodeProcess node = preparation.start().awaitReady();
    assertTrue(node.execute("CREATE TABLE log (marker TEXT, bytes TEXT)").succeeded());
    Object insert = new Object[] {"INSERT INTO log VALUES (?, ?)", "large", "x".repeat(6_000_000)};
    Map<String, String> key = Map.of("Idempotency-Key", "large");

    for (int round = 0; round < 2; round++) {
      NodeProcess first = node;
      int parts = 5 + nodes.random().nextInt(100);
      CompletableFuture<Answer> answer = send(() -> first.post("/db/execute", key, insert));
      try (Connection journal = DatabaseFile.open(node.journalFile())) {
        long before = DatabaseFile.number(journal, HEAD);
        Eventually.busily(
            "parts in the journal",
            WAIT,
            () -> DatabaseFile.number(journal, HEAD) >= before + parts);
      }
      node.kill9();
      assertTrue(answer.handle((ok, failure) -> failure != null).join(), "there is no answer");
      assertEndsBetweenParts(node);

      node = preparation.start().awaitReady();
      assertEquals(0, node.query("SELECT count(*) FROM log").value().asLong());
      assertEquals("ok", node.query("PRAGMA integrity_check").value().asText());
    }
    assertTrue(node.post("/db/execute", key, insert).succeeded());
    assertTrue(node.post("/db/execute", key, insert).duplicate());
    assertEquals(1, node.query("SELECT count(*) FROM log").value().asLong());
    assertEquals(6_000_000, node.query("SELECT length(bytes) FROM log").value().asLong());
    assertEquals(0, node.terminate());
    assertEquals(
        0, DatabaseFile.number(node.databaseFile(), "SELECT count(*) FROM _peqlite_parts"));
  }

  /**
   * With deferred foreign keys each statement is a transaction of its own: the next process goes on
   * behind the last one that was committed, and the result is the one that no kill would have
   * changed.
   */
  @Test
  void goesOnInTheMiddleOfARequest() throws Exception {
    Nodes.Preparation preparation = nodes.at(directory.resolve("data")).option("--foreign-keys");
    NodeProcess node = preparation.start().awaitReady();
    assertTrue(node.execute(Writers.DEFERRED_SCHEMA.toArray()).succeeded());
    int statements = 3_000;

    for (int round = 0; round < 2; round++) {
      String marker = "cut-" + round;
      Object[] inserts = new Object[statements];
      Arrays.setAll(
          inserts,
          part ->
              new Object[] {
                "INSERT INTO log (marker, part, bytes) VALUES (?, ?, random())", marker, part
              });
      NodeProcess first = node;
      int applied = 1 + nodes.random().nextInt(500);
      CompletableFuture<Answer> answer =
          send(() -> first.post("/db/execute", Map.of("Idempotency-Key", marker), inserts));
      try (Connection database = DatabaseFile.open(node.databaseFile())) {
        Eventually.busily(
            "statements applied", WAIT, () -> DatabaseFile.number(database, STATEMENT) >= applied);
      }
      node.kill9();
      assertTrue(answer.handle((ok, failure) -> failure != null).join(), "there is no answer");
      long middle = DatabaseFile.number(node.databaseFile(), STATEMENT);
      assertTrue(middle >= applied && middle < statements, "killed at statement " + middle);

      node = preparation.start().awaitReady();
      String rows = "SELECT count(*) || ' ' || count(DISTINCT part) FROM log WHERE marker = '";
      assertEquals(statements + " " + statements, node.query(rows + marker + "'").value().asText());
      assertTrue(node.post("/db/execute", Map.of("Idempotency-Key", marker), inserts).duplicate());
      assertEquals("ok", node.query("PRAGMA integrity_check").value().asText());
    }
    assertEquals(0, node.terminate());

    var contents = DatabaseFile.contents(node.databaseFile());
    DatabaseFile.delete(node.databaseFile());
    NodeProcess anew = preparation.start().awaitReady();
    assertEquals(0, anew.terminate());
    assertEquals(contents, DatabaseFile.contents(anew.databaseFile()));
  }

  private void assertEndsBetweenParts(NodeProcess dead) throws Exception {
    Path copy = DatabaseFile.copy(dead.journalFile(), directory.resolve("copy"));
    Entry last = new JournalFile(copy).last().entries().get(0);
    assertTrue(last instanceof Entry.Part, () -> "the last entry is " + last);
    Entry.Part part = (Entry.Part) last;
    assertFalse(part.index() == part.count() - 1, "all parts are there");
  }

  private interface Sending {
    Answer send() throws Exception;
  }

  private static CompletableFuture<Answer> send(Sending sending) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return sending.send();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
  }
}
