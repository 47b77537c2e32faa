package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static process.Eventually.eventually;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A write without an end is given up in the one order, so that every start decides the same. */
@Timeout(120)
class RunawayIT {

  private static final String ENDLESS =
      "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
          + " SELECT i FROM n";

  private static final Duration WAIT = Duration.ofSeconds(30);

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void isGivenUpAndStaysSo() throws Exception {
    Path data = directory.resolve("data");
    Nodes.Preparation limited = nodes.at(data).set("peqlite.apply.step-limit", "2000000");
    NodeProcess node = startWithTable(limited);
    Answer endless = node.execute("INSERT INTO t VALUES (2)", ENDLESS);
    assertEquals(200, endless.status(), endless::text);
    assertTrue(endless.error().contains("given up"), endless::text);
    assertTrue(endless.error().contains("steps"), endless::text);
    assertTrue(node.execute("INSERT INTO t VALUES (random())").succeeded());
    assertEquals(2, node.query("SELECT count(*) FROM t").value().asLong());
    assertEquals(200, node.get("/readyz").status());
    String sum = node.query("SELECT sum(x) FROM t").value().asText();
    node.kill9();

    NodeProcess next = limited.start().awaitReady();
    assertEquals(sum, next.query("SELECT sum(x) FROM t").value().asText());
    assertEquals(0, next.terminate());

    DatabaseFile.delete(next.databaseFile());
    NodeProcess anew = limited.start().awaitReady();
    assertEquals(sum, anew.query("SELECT sum(x) FROM t").value().asText());
    assertEquals(2, anew.query("SELECT count(*) FROM t").value().asLong());
  }

  private static NodeProcess startWithTable(Nodes.Preparation prepared) throws Exception {
    NodeProcess node = prepared.start().awaitReady();
    assertTrue(node.execute("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)").succeeded());
    return node;
  }

  /** Without a limit it runs until an operator has enough of it. */
  @Test
  void anOperatorGivesItUp() throws Exception {
    Path data = directory.resolve("data");
    Nodes.Preparation unlimited = nodes.at(data).set("peqlite.apply.step-limit", "0");
    NodeProcess node = startWithTable(unlimited);
    Answer endless = node.post("/db/execute?timeout=1s", ENDLESS);
    assertEquals("committed", endless.outcome(), endless::toString);
    eventually(
        "the node says what keeps it",
        WAIT,
        () -> node.get("/readyz").text().contains("is being applied without a limit"));
    String position = endless.position();
    Answer given = node.abort(position);
    assertEquals(200, given.status(), given::toString);
    assertTrue(given.text().contains("WITH RECURSIVE"), given::toString);
    eventually("the node goes on", WAIT, () -> node.get("/readyz").status() == 200);
    assertTrue(node.execute("INSERT INTO t VALUES (2)").succeeded());
    assertEquals(2, node.query("SELECT count(*) FROM t").value().asLong());
    assertEquals(409, node.abort(position).status());

    assertEquals(0, node.terminate());
    DatabaseFile.delete(node.databaseFile());
    NodeProcess anew = unlimited.start().awaitReady();
    assertEquals(2, anew.query("SELECT count(*) FROM t").value().asLong());
  }
}
