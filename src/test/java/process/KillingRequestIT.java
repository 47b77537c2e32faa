package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * A request in which every process dies is found out after a few starts and given up, instead of
 * keeping the node down for ever. Here the request only takes long, and the test does the killing.
 */
@Timeout(180)
@Tag(Clusters.LONG)
class KillingRequestIT {

  private static final Duration WAIT = Duration.ofSeconds(60);
  private static final String HEAD = "SELECT max(sequence_number) FROM event_journal";
  private static final String ENDLESS =
      "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
          + " SELECT count(*) FROM n";

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void isGivenUpAfterAFewDeaths() throws Exception {
    Nodes.Preparation preparation =
        nodes.at(directory.resolve("data")).set("peqlite.apply.step-limit", "0");
    NodeProcess node = preparation.start().awaitReady();
    assertTrue(node.execute("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)").succeeded());
    long killer = DatabaseFile.number(node.journalFile(), HEAD) + 1;
    CompletableFuture<Void> client = send(node, ENDLESS);
    Path journal = node.journalFile();
    Eventually.eventually(
        "the request is ordered", WAIT, () -> DatabaseFile.number(journal, HEAD) == killer);
    node.kill9();
    assertTrue(client.handle((ok, failure) -> failure != null).join(), "there is no answer");

    // First only the event is noted, then each request before it is tried.
    for (String note : new String[] {" -1 0", " -1 1", " 0 2"}) {
      NodeProcess doomed = preparation.start();
      awaitNote(killer + note);
      doomed.kill9();
    }

    NodeProcess survivor = preparation.start().awaitReady();
    assertTrue(survivor.log().contains("died"), survivor::log);
    assertTrue(survivor.execute("INSERT INTO t VALUES (2)").succeeded());
    assertEquals(3, survivor.query("SELECT sum(x) FROM t").value().asLong());
    assertEquals(200, survivor.get("/readyz").status());
    assertEquals(0, survivor.terminate());

    // The verdict stands in the journal, so the next start has nothing to find out.
    NodeProcess next = preparation.start().awaitReady();
    assertEquals(3, next.query("SELECT sum(x) FROM t").value().asLong());
  }

  private void awaitNote(String text) throws Exception {
    Path note = directory.resolve("data").resolve("attempt");
    Eventually.eventually(
        "the note " + text,
        WAIT,
        () -> Files.exists(note) && Files.readString(note).strip().equals(text));
  }

  private static CompletableFuture<Void> send(NodeProcess node, String sql) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            node.execute(sql);
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
  }
}
