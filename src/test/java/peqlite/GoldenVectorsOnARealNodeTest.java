package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The texts that clients of rqlite rely on, and what peqlite adds to them, from a whole node:
 * through the sequencer, the journal and the replica.
 */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GoldenVectorsOnARealNodeTest {

  private static final String FOO = "CREATE TABLE foo (id integer not null primary key, name text)";
  private static final ObjectMapper JSON = new ObjectMapper();

  private RealNodeFixture node;

  /** The ways to send one statement that writes. */
  private enum WriteBy {
    EXECUTE("/db/execute"),
    EXECUTE_TEXT("/db/execute"),
    REQUEST("/db/request"),
    QUERY("/db/query"),
    QUERY_TEXT("/db/query");

    private final String path;

    WriteBy(String path) {
      this.path = path;
    }

    HttpResponse<String> send(RealNodeFixture node, String sql, String parameters)
        throws Exception {
      return name().endsWith("_TEXT")
          ? node.postText(path + parameters, sql)
          : node.post(path + parameters, json(sql));
    }

    String write(RealNodeFixture node, String sql) throws Exception {
      return send(node, sql, "").body();
    }
  }

  /** The ways to send one statement that reads. */
  private enum ReadBy {
    GET,
    QUERY,
    QUERY_TEXT,
    REQUEST;

    HttpResponse<String> send(RealNodeFixture node, String sql, String parameters)
        throws Exception {
      return switch (this) {
        case GET ->
            node.get(
                "/db/query"
                    + (parameters.isEmpty() ? "?" : parameters + "&")
                    + "q="
                    + RealNodeFixture.encoded(sql));
        case QUERY -> node.post("/db/query" + parameters, json(sql));
        case QUERY_TEXT -> node.postText("/db/query" + parameters, sql);
        case REQUEST -> node.post("/db/request" + parameters, json(sql));
      };
    }

    String read(RealNodeFixture node, String sql) throws Exception {
      return send(node, sql, "").body();
    }
  }

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    node = RealNodeFixture.start(directory);
  }

  @AfterAll
  void stop() {
    node.close();
  }

  @BeforeEach
  void empty() throws Exception {
    node.dropAll();
  }

  @ParameterizedTest
  @EnumSource
  void answersWritesWithTheTextsOfAFirstSession(WriteBy door) throws Exception {
    assertEquals("{\"results\":[{}]}", door.write(node, FOO));
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1}]}",
        door.write(node, "INSERT INTO foo(name) VALUES(\"fiona\")"));
    assertEquals(
        "{\"results\":[{\"error\":\"no such table: bar\"}]}",
        door.write(node, "INSERT INTO bar(name) VALUES(\"fiona\")"));
    assertEquals(
        "{\"results\":[{\"error\":\"near \\\"blah\\\": syntax error\"}]}",
        door.write(node, "INSERT blah blah"));
    assertEquals(
        "{\"results\":[{\"error\":\"table foo already exists\"}]}",
        door.write(node, "CREATE TABLE foo (id integer)"));
    assertEquals(
        "{\"results\":[{\"rows_affected\":1}]}",
        door.write(node, "UPDATE foo SET name = 'x' WHERE id = 1"));
    assertEquals("{\"results\":[{}]}", door.write(node, "DELETE FROM foo WHERE id = 7"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"id\",\"name\"],\"types\":[\"integer\",\"text\"],"
            + "\"values\":[[2,\"y\"]]}]}",
        door.write(node, "INSERT INTO foo(name) VALUES('y') RETURNING *"));
    assertEquals("{\"results\":[{}]}", door.write(node, "DROP TABLE foo"));
  }

  @ParameterizedTest
  @EnumSource
  void answersReadsWithTheTextsOfAFirstSession(ReadBy door) throws Exception {
    node.mustExecute(FOO);
    node.mustExecute("INSERT INTO foo(name) VALUES('fiona')");
    assertEquals(
        "{\"results\":[{\"columns\":[\"id\",\"name\"],\"types\":[\"integer\",\"text\"],"
            + "\"values\":[[1,\"fiona\"]]}]}",
        door.read(node, "SELECT * FROM foo"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"id\",\"name\"],\"types\":[\"integer\",\"text\"]}]}",
        door.read(node, "SELECT * FROM foo WHERE id = 7"));
    assertEquals(
        "{\"results\":[{\"error\":\"no such table: bar\"}]}", door.read(node, "SELECT * FROM bar"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"x'53514C697465'\"],\"types\":[\"text\"],"
            + "\"values\":[[\"SQLite\"]]}]}",
        door.read(node, "SELECT x'53514C697465'"));
    assertTrue(
        door.read(node, "PRAGMA table_info(foo)")
            .contains("\"types\":[\"integer\",\"text\",\"text\",\"integer\",\"\",\"integer\"]"));
    assertTrue(
        door.read(node, "SELECT * FROM sqlite_master")
            .contains("\"types\":[\"text\",\"text\",\"text\",\"int\",\"text\"]"));
    assertEquals(
        "{\"results\":[],\"error\":\"disallowed pragma\"}",
        door.read(node, "PRAGMA JOURNAL_MODE=DELETE"));
    assertTrue(
        door.read(node, "EXPLAIN QUERY PLAN DELETE FROM foo WHERE name = 1").contains("SCAN foo"));
  }

  @Test
  void skipsAnEmptyText() throws Exception {
    assertEquals("{\"results\":[]}", node.execute(""));
    assertEquals("{\"results\":[]}", node.postText("/db/query", "").body());
    assertEquals("{\"results\":[{}]}", node.post("/db/execute", "[\"\",\"" + FOO + "\"]").body());
  }

  @Test
  void answersRowsAsObjectsWhenAskedTo() throws Exception {
    node.mustExecute(FOO);
    node.mustExecute("INSERT INTO foo(name) VALUES('fiona'), ('declan')");
    String expected =
        "{\"results\":[{\"types\":{\"id\":\"integer\",\"name\":\"text\"},\"rows\":["
            + "{\"id\":1,\"name\":\"fiona\"},{\"id\":2,\"name\":\"declan\"}]}]}";
    for (ReadBy door : ReadBy.values()) {
      assertEquals(expected, door.send(node, "SELECT * FROM foo", "?associative").body());
    }
    assertEquals(
        "{\"results\":[{\"types\":{\"name\":\"text\"},\"rows\":[]}]}",
        node.get("/db/query?associative&q=SELECT+name+FROM+foo+WHERE+0").body());
    for (WriteBy door : WriteBy.values()) {
      String answer = door.send(node, "INSERT INTO foo(name) VALUES('x')", "?associative").body();
      assertTrue(
          answer.matches(
              "\\{\"results\":\\[\\{\"last_insert_id\":\\d+,\"rows_affected\":1,"
                  + "\"rows\":null\\}\\]\\}"),
          answer);
    }
  }

  @Test
  void takesBlobsInBothForms() throws Exception {
    node.mustExecute("CREATE TABLE foo (id INTEGER PRIMARY KEY, data BLOB) STRICT");
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"last_insert_id\":2,\"rows_affected\":1},"
            + "{\"error\":\"cannot store TEXT value in BLOB column foo.data\"}]}",
        node.post(
                "/db/execute",
                "[[\"INSERT INTO foo(data) VALUES(?)\", \"x'deadbeef'\"],"
                    + "[\"INSERT INTO foo(data) VALUES(?)\", [222,173,190,239]],"
                    + "[\"INSERT INTO foo(data) VALUES(?)\", \"text\"]]")
            .body());
    for (ReadBy door : ReadBy.values()) {
      assertEquals(
          "{\"results\":[{\"columns\":[\"id\",\"data\"],\"types\":[\"integer\",\"blob\"],"
              + "\"values\":[[1,\"3q2+7w==\"],[2,\"3q2+7w==\"]]}]}",
          door.read(node, "SELECT * FROM foo"));
      assertEquals(
          "{\"results\":[{\"columns\":[\"data\"],\"types\":[\"blob\"],"
              + "\"values\":[[[222,173,190,239]]]}]}",
          door.send(node, "SELECT data FROM foo LIMIT 1", "?blob_array").body());
    }
    assertEquals(
        "{\"results\":[{\"columns\":[\"data\"],\"types\":[\"blob\"],\"values\":[[\"3q2+7w==\"]]}]}",
        node.post(
                "/db/request",
                "[[\"INSERT INTO foo(data) VALUES(?) RETURNING data\", \"X'DEADBEEF'\"]]")
            .body());
  }

  @Test
  void showsTimesAsRfc3339() throws Exception {
    node.mustExecute("CREATE TABLE foo (d DATE, ts TIMESTAMP, dt DATETIME)");
    String times =
        "\"values\":[[\"2004-02-14T00:00:00Z\",\"2004-02-14T07:15:00Z\","
            + "\"2021-10-22T19:39:32.016087Z\"]]";
    String inserted =
        node.execute(
            "INSERT INTO foo VALUES('2004-02-14', '2004-02-14 07:15:00',"
                + " '2021-10-22 19:39:32.016087') RETURNING *");
    assertTrue(inserted.contains(times), inserted);
    assertTrue(node.query("SELECT * FROM foo").contains(times));
  }

  @Test
  void keepsIntegersAndUnicodeWhole() throws Exception {
    node.mustExecute("CREATE TABLE foo (a, b, c)");
    String values =
        "\"values\":[[9223372036854775807,0,\"\\u003ca\\u0026\\u003e \\u2028\ud83d\ude00\"]]";
    String body =
        "[[\"INSERT INTO foo VALUES(?,?,?) RETURNING *\", 9223372036854775807, 0.0,"
            + " \"<a&> \\u2028\ud83d\ude00\"]]";
    assertTrue(node.post("/db/execute", body).body().contains(values));
    assertTrue(node.query("SELECT * FROM foo").contains(values));
  }

  @Test
  void runsTheRestAfterAFailureUnlessInATransaction() throws Exception {
    String body =
        "[\"INSERT INTO foo(id) VALUES(1)\", \"INSERT INTO foo(id) VALUES(2)\","
            + " \"INSERT INTO foo(id) VALUES(1)\", \"INSERT INTO foo(id) VALUES(4)\"]";
    String first =
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"last_insert_id\":2,\"rows_affected\":1},"
            + "{\"error\":\"UNIQUE constraint failed: foo.id\"}";
    node.mustExecute(FOO);
    for (String path : List.of("/db/execute", "/db/request", "/db/query")) {
      assertEquals(
          first + ",{\"last_insert_id\":4,\"rows_affected\":1}]}", node.post(path, body).body());
      assertEquals("[[1],[2],[4]]", node.rows("SELECT id FROM foo ORDER BY 1"));
      node.mustExecute("DELETE FROM foo");
      assertEquals(first + "]}", node.post(path + "?transaction", body).body());
      assertEquals("", node.rows("SELECT id FROM foo"));
    }
    assertTrue(node.post("/db/execute?transaction=false", body).body().endsWith("}]}"));
    assertEquals("[[3]]", node.rows("SELECT count(*) FROM foo"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO nope VALUES(1)",
        "blah",
        "SELECT * FROM nope",
        "PRAGMA user_version=7",
        "INSERT INTO foo(id) VALUES(?)"
      })
  void aTransactionIsUndoneByAnyKindOfError(String wrong) throws Exception {
    node.mustExecute(FOO);
    for (String path : List.of("/db/execute", "/db/request", "/db/query")) {
      String body = "[\"INSERT INTO foo(id) VALUES(1)\"," + json(wrong).substring(1);
      String answer = node.post(path + "?transaction", body).body();
      assertTrue(answer.contains("\"error\""), answer);
      assertEquals("", node.rows("SELECT id FROM foo"), path);
    }
  }

  @Test
  void mixesReadsAndWritesInOneRequest() throws Exception {
    node.mustExecute(FOO);
    String body =
        "[[\"INSERT INTO foo(name) VALUES(:name)\", {\"name\":\"x\"}],"
            + "\"SELECT count(*) AS n FROM foo\","
            + "\"INSERT INTO foo(name) VALUES('y') RETURNING id\"]";
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"columns\":[\"n\"],\"types\":[\"integer\"],\"values\":[[1]]},"
            + "{\"columns\":[\"id\"],\"types\":[\"integer\"],\"values\":[[2]]}]}",
        node.post("/db/request", body).body());
    assertEquals("{\"results\":[{}]}", node.execute("SELECT * FROM foo"));
    assertEquals(
        "{\"results\":[{\"rows_affected\":1}]}",
        node.execute(
            "INSERT INTO foo(name) VALUES('a'); INSERT INTO foo(name) VALUES('b');"
                + "DELETE FROM foo WHERE name = 'a'"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"2\"],\"types\":[\"integer\"],\"values\":[[2]]}]}",
        node.query("SELECT 1; SELECT 2"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "weak", "linearizable", "strong", "auto", "STRONG", "other"})
  void everyLevelSeesWhatTheSameClientWrote(String level) throws Exception {
    node.mustExecute(FOO);
    for (int i = 1; i <= 20; i++) {
      HttpResponse<String> written =
          node.postText("/db/execute?seq&raft_index", "INSERT INTO foo(name) VALUES('x')");
      long seq = RealNodeFixture.seq(written);
      String tail = "],\"raft_index\":" + seq + ",\"seq\":" + seq + "}";
      assertTrue(written.body().endsWith(tail), written.body());
      HttpResponse<String> read =
          node.get("/db/query?seq&q=SELECT+count(*)+FROM+foo&level=" + level + "&min_seq=" + seq);
      assertTrue(read.body().contains("\"values\":[[" + i + "]]"), read.body());
      assertTrue(RealNodeFixture.seq(read) >= seq);
      assertTrue(read.body().endsWith("\"seq\":" + RealNodeFixture.seq(read) + "}"), read.body());
    }
  }

  @Test
  void refusesAPositionThatIsNotReachedInTime() throws Exception {
    HttpResponse<String> response =
        node.get("/db/query?q=SELECT+1&min_seq=999999999&timeout=100ms");
    assertEquals(503, response.statusCode());
    assertTrue(response.headers().firstValue("Retry-After").isPresent());
    assertTrue(response.body().startsWith("{\"results\":[],\"error\":\""), response.body());
    assertTrue(node.get("/db/query?q=SELECT+1&min_seq=1&timeout=100ms").body().contains("[[1]]"));
  }

  @Test
  void aNodeThatKnowsItsHeadIsFreshEnoughForAll() throws Exception {
    for (String freshness : List.of("1ns", "1s", "1h", "1h&freshness_strict")) {
      assertEquals(
          "{\"results\":[{\"columns\":[\"1\"],\"types\":[\"integer\"],\"values\":[[1]]}]}",
          node.get("/db/query?level=none&q=SELECT+1&freshness=" + freshness).body());
    }
    assertEquals(400, node.get("/db/query?q=SELECT+1&freshness_strict").statusCode());
  }

  @Test
  void aQueuedWriteIsDurableAtThePositionThatItIsGiven() throws Exception {
    node.mustExecute(FOO);
    for (String wait : List.of("", "&wait")) {
      HttpResponse<String> queued =
          node.post("/db/execute?queue" + wait, "[\"INSERT INTO foo(name) VALUES('q')\"]");
      assertEquals(200, queued.statusCode());
      long seq = RealNodeFixture.seq(queued);
      assertEquals("{\"results\":[],\"sequence_number\":" + seq + "}", queued.body());
    }
    HttpResponse<String> barrier = node.post("/db/execute?queue&wait", "[]");
    assertEquals(
        "{\"results\":[],\"sequence_number\":" + RealNodeFixture.seq(barrier) + "}",
        barrier.body());
    String read = node.get("/db/query?level=none&q=SELECT+count(*)+FROM+foo").body();
    assertTrue(read.contains("[[2]]"), read);
  }

  @Test
  void aRepeatWithTheSameKeyIsAnsweredAlikeAndAppliedOnce() throws Exception {
    node.mustExecute(FOO);
    String body = "[\"INSERT INTO foo(name) VALUES('x')\", \"INSERT INTO nope VALUES(1)\"]";
    String expected =
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"error\":\"no such table: nope\"}]}";
    HttpResponse<String> first = node.postWithKey("/db/execute", "repeat-1", body);
    assertEquals(expected, first.body());
    assertFalse(first.headers().firstValue("Peqlite-Duplicate").isPresent());

    HttpResponse<String> second = node.postWithKey("/db/execute", "repeat-1", body);
    assertEquals(expected, second.body());
    assertEquals("true", second.headers().firstValue("Peqlite-Duplicate").orElse(""));
    assertTrue(RealNodeFixture.seq(second) >= RealNodeFixture.seq(first));
    assertEquals("[[1]]", node.rows("SELECT count(*) FROM foo"));

    HttpResponse<String> known = node.get("/db/requests/repeat-1");
    assertEquals(200, known.statusCode());
    assertEquals(
        "{\"key\":\"repeat-1\",\"state\":\"applied\",\"seq\":"
            + RealNodeFixture.seq(first)
            + ",\"index\":0,"
            + expected.substring(1),
        known.body());
    HttpResponse<String> unknown = node.get("/db/requests/repeat-2");
    assertEquals(404, unknown.statusCode());
    assertTrue(unknown.body().startsWith("{\"key\":\"repeat-2\",\"state\":\"unknown\""));
  }

  @Test
  void theSameKeyWithAnotherRequestIsRefused() throws Exception {
    node.mustExecute(FOO);
    node.postWithKey("/db/execute", "conflict-1", "[\"INSERT INTO foo(name) VALUES('x')\"]");
    HttpResponse<String> other =
        node.postWithKey("/db/execute", "conflict-1", "[\"INSERT INTO foo(name) VALUES('y')\"]");
    assertEquals(422, other.statusCode());
    assertTrue(other.body().startsWith("{\"results\":[],\"error\":\"Idempotency-Key was used"));
    HttpResponse<String> asTransaction =
        node.postWithKey(
            "/db/execute?transaction", "conflict-1", "[\"INSERT INTO foo(name) VALUES('x')\"]");
    assertEquals(422, asTransaction.statusCode());
    assertEquals("[[\"x\"]]", node.rows("SELECT name FROM foo"));
  }

  @Test
  void loadsADump() throws Exception {
    String answer = node.postText("/db/load", Dump.text()).body();
    assertTrue(answer.startsWith("{\"results\":[{") && !answer.contains("error"), answer);
    Dump.assertLoaded(node);
  }

  @Test
  void aDumpThatFailsLeavesNothing() throws Exception {
    String before = node.content();
    String wrong = Dump.text().replace("INSERT INTO log", "INSERT INTO nope");
    String late = Dump.text().replace("COMMIT;", "INSERT INTO nope VALUES(1);\nCOMMIT;");
    assertTrue(
        node.postText("/db/load", late).body().endsWith("{\"error\":\"no such table: nope\"}]}"));
    assertEquals(before, node.content());
    assertFalse(wrong.equals(Dump.text()));
  }

  @Test
  void everyRowMadeByChanceIsReadAsItWasAnswered() throws Exception {
    node.mustExecute(
        "CREATE TABLE foo (id INTEGER PRIMARY KEY, r DEFAULT (random()),"
            + " u DEFAULT (hex(randomblob(16))), t DEFAULT CURRENT_TIMESTAMP)");
    String answer = node.execute("INSERT INTO foo(id) VALUES(1), (2), (3) RETURNING *");
    List<JsonNode> answered = new ArrayList<>();
    JSON.readTree(answer).at("/results/0/values").forEach(answered::add);
    List<JsonNode> read = new ArrayList<>();
    JSON.readTree(node.rows("SELECT * FROM foo ORDER BY id")).forEach(read::add);
    assertEquals(3, answered.size());
    assertEquals(answered, read);
    assertEquals(3, Set.copyOf(answered.stream().map(row -> row.get(1)).toList()).size());
  }

  @Test
  void tellsHowTheNodeIsInTheShapesOfRqlite() throws Exception {
    assertEquals("[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok", node.get("/readyz").body());
    assertEquals(
        "[+]node ok\n[+]leader ok\n[+]store ok\n[+]sync ok\n[+]db ok",
        node.get("/readyz?sync").body());
    JsonNode leader = JSON.readTree(node.get("/leader").body());
    assertEquals(node.node().url(), leader.get("api_addr").asText());
    assertTrue(leader.get("leader").asBoolean());
    JsonNode nodes = JSON.readTree(node.get("/nodes?ver=2").body()).get("nodes");
    assertEquals(1, nodes.size());
    assertTrue(nodes.get(0).get("reachable").asBoolean());
    assertEquals("\"Leader\"", node.get("/status?key=store.raft.state").body());
    assertEquals("true", node.get("/status?key=store.ready").body());
    HttpResponse<String> written = node.postText("/db/execute", FOO);
    assertEquals(
        leader.get("addr").asText(), written.headers().firstValue("X-RQLITE-SERVED-BY").orElse(""));
    // What /status tells may be a moment behind the answer.
    long seq = RealNodeFixture.seq(written);
    RealNodeFixture.eventually("the head is " + seq, () -> node.headSeq() == seq);
  }

  private static String json(String sql) {
    return JSON.valueToTree(List.of(sql)).toString();
  }
}
