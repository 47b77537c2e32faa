package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every kind of bad input gets its clear answer from a whole node and leaves nothing behind: the
 * content is the same, what can never be valid is not in the journal, and the next write and the
 * next read work.
 */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadInputOnARealNodeTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String[] STATEMENT_PATHS = {
    "/db/execute", "/db/query", "/db/request", "/db/execute?transaction"
  };
  private static final String ENDLESS =
      "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) ";

  private RealNodeFixture node;
  private String contentBefore = "";
  private long headBefore;
  private boolean mayBeOrdered;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    node =
        RealNodeFixture.start(
            directory,
            "peqlite.apply.step-limit = 300000",
            "peqlite.http.body-bytes-max = 2MiB",
            "peqlite.write.request-bytes-max = 512KiB");
    node.mustExecute("CREATE TABLE good (n INTEGER)");
    node.mustExecute("INSERT INTO good VALUES (0)");
    node.mustExecute("CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)");
    node.mustExecute("INSERT INTO foo VALUES (1, 'one'), (2, 'two')");
    node.mustExecute("CREATE TABLE parent (id INTEGER PRIMARY KEY, child REFERENCES foo)");
  }

  @AfterAll
  void stop() {
    node.close();
  }

  @BeforeEach
  void remember() throws Exception {
    contentBefore = node.content();
    headBefore = node.headSeq();
    mayBeOrdered = false;
  }

  @AfterEach
  void nothingIsLeftBehindAndTheNodeGoesOn() throws Exception {
    if (!mayBeOrdered) {
      assertEquals(headBefore, node.headSeq(), "something was ordered");
    }
    assertEquals(contentBefore, node.content());
    HttpResponse<String> written = node.postText("/db/execute", "UPDATE good SET n = n + 1");
    assertEquals("{\"results\":[{\"rows_affected\":1}]}", written.body());
    long seq = RealNodeFixture.seq(written);
    assertTrue(mayBeOrdered || seq == headBefore + 1, "something was ordered");
    String read = node.get("/db/query?q=SELECT+n+FROM+good&level=none&min_seq=" + seq).body();
    assertTrue(read.startsWith("{\"results\":[{\"columns\":[\"n\"]"), read);
    assertEquals("[[\"ok\"]]", node.rows("PRAGMA quick_check"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[ | invalid JSON body",
        "[\"INSERT INTO foo(name) VALUES(1)\" | invalid JSON body",
        "[\"INSERT INTO foo(name) VALUES(1)\", | invalid JSON body",
        "[\"INSERT INTO foo(name) VALUES(1)\",] | invalid JSON body",
        "[\"INSERT INTO foo(name) VALUES(1)] | invalid JSON body",
        "['INSERT INTO foo(name) VALUES(1)'] | invalid JSON body",
        "[INSERT INTO foo(name) VALUES(1)] | invalid JSON body",
        "[[\"INSERT INTO foo(name) VALUES(?)\", 01]] | invalid JSON body",
        "[[\"INSERT INTO foo(name) VALUES(?)\", NaN]] | invalid JSON body",
        "[[\"INSERT INTO foo(name) VALUES(?)\", 1e999]] | invalid number 1e999",
        "INSERT INTO foo(name) VALUES(1) | invalid JSON body",
        "[] | no statements",
        "null | no statements",
        "{} | invalid request",
        "{\"sql\":\"INSERT INTO foo(name) VALUES(1)\"} | invalid request",
        "\"INSERT INTO foo(name) VALUES(1)\" | invalid request",
        "7 | invalid request",
        "[7] | invalid request",
        "[null] | invalid request",
        "[{}] | invalid request",
        "[[]] | invalid request",
        "[[[\"INSERT INTO foo(name) VALUES(1)\"]]] | invalid request",
        "[\"INSERT INTO foo(name) VALUES(1)\", 7] | invalid request",
        "[[\"INSERT INTO foo(name) VALUES(?)\", {\"a\":{\"b\":1}}]]"
            + " | unsupported type map[string]interface {}",
        "[[\"INSERT INTO foo(name) VALUES(?)\", [[1]]]] | unsupported type []interface {}",
        "[[\"INSERT INTO foo(name) VALUES(?)\", [256]]] | unsupported type []interface {}",
        "[[\"INSERT INTO foo(name) VALUES(?)\", [-1]]] | unsupported type []interface {}",
        "[[\"INSERT INTO foo(name) VALUES(?)\", [\"a\"]]] | unsupported type []interface {}",
        "[\"INSERT INTO foo(name) VALUES('\\u0000')\"] | NUL character in the statement",
        "[[\"INSERT INTO foo(name) VALUES(?)\", \"a\\u0000\"]] | NUL character in a parameter",
        "[[\"INSERT INTO foo(name) VALUES(:a)\", {\"a\\u0000\":1}]]"
            + " | NUL character in a parameter's name",
        "[\"INSERT INTO foo(name) VALUES('\\ud800')\"] | lone surrogate in the statement",
        "[[\"INSERT INTO foo(name) VALUES(?)\", \"\\udfff\"]] | lone surrogate in a parameter",
        "[[\"INSERT INTO foo(name) VALUES(?)\", \"\\ud800a\"]] | lone surrogate in a parameter",
      })
  void refusesWhatCannotBeRead(String body, String error) throws Exception {
    for (String path : STATEMENT_PATHS) {
      HttpResponse<String> response = node.post(path, body);
      assertEquals(400, response.statusCode(), path);
      assertEquals("{\"results\":[],\"error\":\"" + error + "\"}", response.body());
    }
    assertEquals(400, node.post("/db/execute?queue", body).statusCode());
    if (!body.equals("[]")) {
      assertEquals(400, node.post("/db/execute?queue&wait", body).statusCode());
    }
  }

  @Test
  void refusesInvalidUtf8() throws Exception {
    byte[][] bodies = {
      {'[', '"', (byte) 0xff, '"', ']'},
      {'[', '"', (byte) 0xc0, (byte) 0x80, '"', ']'},
      {'[', '"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"', ']'},
      {'[', '"', 'a', '"', ']', (byte) 0xe2},
    };
    for (byte[] body : bodies) {
      for (String path : List.of("/db/execute", "/db/query", "/db/request", "/db/load")) {
        HttpResponse<String> response = node.postBytes(path, body);
        assertEquals(400, response.statusCode());
        assertEquals("{\"results\":[],\"error\":\"invalid UTF-8 in body\"}", response.body());
      }
      assertEquals(400, node.postBytes("/db/execute?queue", body).statusCode());
    }
    assertEquals(400, node.get("/db/query?q=SELECT+%ff").statusCode());
    assertEquals(400, node.get("/db/query?q=SELECT+%00").statusCode());
    assertEquals(400, node.postText("/db/load", "DELETE FROM foo; SELECT \0").statusCode());
  }

  @Test
  void refusesBodiesThatAreTooLarge() throws Exception {
    String large = "[[\"INSERT INTO foo(name) VALUES(?)\", \"" + "a".repeat(2 << 20) + "\"]]";
    for (String path : STATEMENT_PATHS) {
      HttpResponse<String> response = node.post(path, large);
      assertEquals(413, response.statusCode());
      assertTrue(response.body().startsWith("{\"results\":[],\"error\":\"body too large"));
      HttpRequest.BodyPublisher chunks =
          HttpRequest.BodyPublishers.ofInputStream(
              () -> new ByteArrayInputStream(large.getBytes(StandardCharsets.UTF_8)));
      assertEquals(413, node.send(node.request(path).POST(chunks)).statusCode());
    }
    assertEquals(413, node.post("/db/execute?queue", large).statusCode());
  }

  @Test
  void refusesRequestsThatAreTooLargeToBeOrdered() throws Exception {
    String large = "[[\"INSERT INTO foo(name) VALUES(?)\", \"" + "a".repeat(1 << 20) + "\"]]";
    for (String path : List.of("/db/execute", "/db/request", "/db/execute?queue")) {
      HttpResponse<String> response = node.post(path, large);
      assertEquals(413, response.statusCode());
      assertTrue(response.body().contains("peqlite.write.request-bytes-max"), response.body());
    }
    String tooLong = "INSERT INTO foo(name) VALUES('" + "a".repeat(1_000_000) + "')";
    for (String path : List.of("/db/execute", "/db/query", "/db/load")) {
      HttpResponse<String> response = node.postText(path, tooLong);
      assertEquals(413, response.statusCode());
      assertTrue(response.body().contains("statement too long"), response.body());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[\"INSERT INTO foo(id, name) VALUES(?,?)\", 9]"
            + " | not enough args to execute query: want 2 got 1",
        "[\"INSERT INTO foo(id, name) VALUES(?,?)\"]"
            + " | not enough args to execute query: want 2 got 0",
        "[\"INSERT INTO foo(id, name) VALUES(?,?)\", 9, \"a\", 2]"
            + " | too many args to execute query: want 2 got 3",
        "[\"INSERT INTO foo(id) VALUES(9)\", 1] | too many args to execute query: want 0 got 1",
        "[\"INSERT INTO foo(name) VALUES(:name)\", {\"nome\":\"x\"}]"
            + " | missing argument for named parameter :name",
      })
  void answersWrongParametersInTheirPlace(String element, String error) throws Exception {
    String expected = "{\"results\":[{\"error\":\"" + error + "\"}]}";
    for (String path : STATEMENT_PATHS) {
      HttpResponse<String> response = node.post(path, "[" + element + "]");
      assertEquals(200, response.statusCode());
      assertEquals(expected, response.body());
    }
    // What precedes it in a transaction is not applied either, and not even ordered.
    String after = "[\"INSERT INTO foo(name) VALUES('before')\"," + element + "]";
    assertTrue(node.post("/db/request?transaction", after).body().contains(error));
    assertEquals(400, node.post("/db/execute?queue", after).statusCode());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ATTACH 'x' AS y",
        "ATTACH DATABASE ':memory:' AS y",
        "/**/ attach 'x' as y",
        "DETACH y",
        "DETACH DATABASE main",
        "VACUUM",
        "VACUUM INTO 'x.db'",
        "vacuum main into '/tmp/x.db'",
        "EXPLAIN ATTACH 'x' AS y",
        "PRAGMA user_version=7",
        "PRAGMA application_id(7)",
        "PRAGMA writable_schema=ON",
        "PRAGMA page_size=512",
        "PRAGMA auto_vacuum=1",
        "PRAGMA incremental_vacuum",
        "PRAGMA locking_mode=EXCLUSIVE",
        "PRAGMA max_page_count=1",
        "PRAGMA temp_store_directory='/tmp'",
        "PRAGMA case_sensitive_like=1",
        "PRAGMA optimize",
        "PRAGMA shrink_memory",
        "PRAGMA recursive_triggers=1",
        "PRAGMA ignore_check_constraints=1",
        "PRAGMA trusted_schema=1",
        "PRAGMA temp.table_info(foo)",
        "EXPLAIN PRAGMA user_version=7",
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "ROLLBACK TO a",
        "CREATE TEMP TABLE x(a)",
        "CREATE TEMPORARY VIEW x AS SELECT 1",
        "CREATE TEMP TRIGGER x AFTER INSERT ON foo BEGIN SELECT 1; END",
        "CREATE TABLE temp.x(a)",
        "CREATE TABLE \"temp\".x(a)",
        "INSERT INTO foo(name) VALUES(load_extension('x'))",
        "SELECT load_extension('x')",
        "SELECT \"load_extension\"('x', 'y')",
        "CREATE VIEW v AS SELECT load_extension('x')",
        "DELETE FROM _peqlite_position",
        "DELETE FROM main._PEQLITE_Position",
        "DELETE FROM \"_peqlite_keys\"",
        "DELETE FROM [_peqlite_keys]",
        "DELETE FROM `_peqlite_keys`",
        "DELETE FROM '_peqlite_keys'",
        "UPDATE _peqlite_position SET seq = 0",
        "INSERT INTO _peqlite_sessions VALUES(1,1,1,1,1,1)",
        "REPLACE INTO _peqlite_position(id) VALUES(1)",
        "WITH a AS (SELECT 1) DELETE FROM _peqlite_keys",
        "WITH _peqlite_keys AS (SELECT 1) DELETE FROM foo",
        "DROP TABLE _peqlite_position",
        "DROP INDEX _peqlite_keys_by_clock",
        "ALTER TABLE _peqlite_keys ADD COLUMN x",
        "ALTER TABLE foo RENAME TO _peqlite_x",
        "ALTER TABLE foo RENAME name TO _peqlite_x",
        "CREATE TABLE _peqlite_mine(a)",
        "CREATE TABLE \"_PEQLITE_x\"(a)",
        "CREATE VIEW _peqlite_v AS SELECT 1",
        "CREATE VIEW v AS SELECT * FROM _peqlite_keys",
        "CREATE INDEX _peqlite_i ON foo(name)",
        "CREATE INDEX i ON _peqlite_keys(user)",
        "CREATE TRIGGER _peqlite_t AFTER INSERT ON foo BEGIN SELECT 1; END",
        "CREATE TRIGGER t AFTER INSERT ON _peqlite_keys BEGIN SELECT 1; END",
        "CREATE TRIGGER t AFTER INSERT ON foo BEGIN DELETE FROM _peqlite_position; END",
        "INSERT INTO foo(name) SELECT journal_id FROM _peqlite_position",
        "SELECT * FROM _peqlite_keys",
        "CREATE VIRTUAL TABLE v USING nope(a)",
        "DELETE FROM sqlite_master",
        "INSERT INTO sqlite_schema VALUES(1,2,3,4,5)",
        "INSERT INTO foo(name) VALUES('a'); BEGIN; INSERT INTO foo(name) VALUES('b')",
        "INSERT INTO foo(name) VALUES('a'); DELETE FROM _peqlite_keys",
        "SELECT 1; ATTACH 'x' AS y; SELECT 2",
        "CREATE TRIGGER t AFTER INSERT ON foo BEGIN SELECT 1; END; ATTACH 'x' AS y",
        "CREATE TRIGGER t AFTER INSERT ON foo BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END; COMMIT",
      })
  void answersWhatIsRefusedInItsPlace(String sql) throws Exception {
    String body = list(sql);
    for (String path : STATEMENT_PATHS) {
      HttpResponse<String> response = node.post(path, body);
      assertEquals(200, response.statusCode(), path);
      assertTrue(
          response.body().matches("\\{\"results\":\\[\\{\"error\":\"[^\"].*\"\\}\\]\\}"),
          path + response.body());
    }
    String read = node.query(sql);
    assertTrue(read.startsWith("{\"results\":[{\"error\":\""), read);
    String loaded = node.postText("/db/load", "DELETE FROM foo; " + sql).body();
    assertTrue(loaded.startsWith("{\"results\":[{\"error\":\""), loaded);
    HttpResponse<String> queued = node.post("/db/execute?queue", list("DELETE FROM foo", sql));
    assertEquals(400, queued.statusCode());
    assertTrue(queued.body().startsWith("{\"results\":[],\"error\":\""), queued.body());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PRAGMA journal_mode=DELETE",
        "pragma main.Synchronous = OFF",
        "/* x */ PRAGMA wal_checkpoint",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA query_only=0",
        "PRAGMA wal_autocheckpoint=1",
        "DELETE FROM foo; PRAGMA journal_mode=DELETE",
      })
  void answersDisallowedPragmasAtTheTop(String sql) throws Exception {
    String expected = "{\"results\":[],\"error\":\"disallowed pragma\"}";
    for (String path : STATEMENT_PATHS) {
      assertEquals(expected, node.post(path, list("DELETE FROM foo", sql)).body());
    }
    assertEquals(expected, node.query(sql));
    assertEquals(expected, node.postText("/db/load", sql).body());
    assertEquals(400, node.post("/db/execute?queue", list("DELETE FROM foo", sql)).statusCode());
  }

  @Test
  void acceptsThePragmaThatSaysWhatIsSo() throws Exception {
    for (String sql : List.of("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys(0)")) {
      assertEquals("{\"results\":[{}]}", node.execute(sql));
      assertEquals("{\"results\":[{}]}", node.query(sql));
      assertEquals("{\"results\":[{}]}", node.post("/db/request?transaction", list(sql)).body());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PRAGMA foreign_keys=ON",
        "PRAGMA foreign_keys(1)",
        "PRAGMA main.foreign_keys = true",
        "PRAGMA foreign_keys = maybe"
      })
  void refusesThePragmaThatSaysOtherwise(String sql) throws Exception {
    for (String path : STATEMENT_PATHS) {
      assertError(node.post(path, list(sql)));
    }
    assertEquals(400, node.post("/db/execute?queue", list("DELETE FROM foo", sql)).statusCode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "\n\t", ";", ";;", "-- only a comment", "/* a */ ; -- b"})
  void skipsEmptyStatements(String sql) throws Exception {
    assertEquals("{\"results\":[]}", node.execute(sql));
    assertEquals("{\"results\":[]}", node.postText("/db/load", sql).body());
    for (String path : STATEMENT_PATHS) {
      assertEquals("{\"results\":[]}", node.post(path, list(sql)).body());
    }
    assertEquals("{\"results\":[]}", node.post("/db/execute?queue", list(sql)).body());
  }

  @Test
  void refusesWritesByGet() throws Exception {
    String expected =
        "{\"results\":[{\"error\":\"attempt to change database via query operation\"}]}";
    for (String sql :
        List.of(
            "INSERT INTO foo(name) VALUES('x')",
            "INSERT INTO foo(name) VALUES('x') RETURNING id",
            "WITH a AS (SELECT 1) INSERT INTO foo SELECT 9, 2 FROM a",
            "DELETE FROM foo",
            "UPDATE foo SET name = 'x'",
            "CREATE TABLE x(a)",
            "DROP TABLE foo",
            "ANALYZE",
            "SELECT 1; DELETE FROM foo")) {
      assertEquals(expected, node.query(sql), sql);
    }
  }

  @Test
  void interruptsAnEndlessRead() throws Exception {
    String expected = "{\"results\":[{\"error\":\"query timeout\"}]}";
    String sql = ENDLESS + "SELECT count(*) FROM c";
    String q = RealNodeFixture.encoded(sql);
    assertEquals(expected, node.get("/db/query?timeout=100ms&q=" + q).body());
    assertEquals(expected, node.get("/db/query?db_timeout=100ms&q=" + q).body());
    assertEquals(expected, node.post("/db/query?db_timeout=100ms", list(sql)).body());
    assertEquals(expected, node.post("/db/request?db_timeout=100ms", list(sql)).body());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO foo(name) " + ENDLESS + "SELECT x FROM c",
        ENDLESS + "INSERT INTO foo(name) SELECT x FROM c",
        "UPDATE foo SET name = (" + ENDLESS + "SELECT count(*) FROM c)",
        "DELETE FROM foo WHERE id = (" + ENDLESS + "SELECT max(x) FROM c)",
        "CREATE TABLE endless AS " + ENDLESS + "SELECT x FROM c",
        ENDLESS + "SELECT count(*) FROM c; DELETE FROM foo",
      })
  void abortsAnEndlessWriteAndAllOfItsRequest(String sql) throws Exception {
    mayBeOrdered = true;
    String expected = "{\"results\":[],\"error\":\"aborted: ";
    for (String path : STATEMENT_PATHS) {
      HttpResponse<String> response =
          node.post(path, list("INSERT INTO foo(name) VALUES('before')", sql, "DELETE FROM foo"));
      assertEquals(200, response.statusCode());
      assertTrue(response.body().startsWith(expected), response.body());
    }
    String loaded = node.postText("/db/load", "DELETE FROM parent;" + sql).body();
    assertTrue(loaded.startsWith(expected), loaded);
    HttpResponse<String> queued = node.post("/db/execute?queue", list(sql));
    assertEquals(200, queued.statusCode());
    assertEquals(
        contentBefore,
        node.content(),
        "a queued one is aborted too, before what comes after it is seen");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT blah blah",
        "INSERT INTO nope VALUES(1)",
        "INSERT INTO foo(nope) VALUES(1)",
        "INSERT INTO foo(id) VALUES(1)",
        "INSERT INTO foo(id) VALUES('text')",
        "INSERT INTO foo(name) VALUES(zeroblob(2000000000))",
        "INSERT INTO foo(name) VALUES(printf('%.*c', 2000000000, 'x'))",
        "INSERT INTO foo(name) VALUES(hex(zeroblob(900000000)))",
        "INSERT INTO foo(name) VALUES(replace(hex(zeroblob(10000)), '0', hex(zeroblob(20000))))",
        "INSERT INTO foo(name) VALUES(abs(-9223372036854775808))",
        "INSERT INTO foo(name) VALUES(nope())",
        "INSERT OR ROLLBACK INTO foo(id) VALUES(1)",
        "INSERT OR FAIL INTO foo(id) VALUES(7), (1)",
        "CREATE TABLE foo(a)",
        "CREATE TABLE sqlite_x(a)",
        "CREATE TRIGGER t AFTER INSERT ON nope BEGIN SELECT 1; END",
        "CREATE INDEX i ON foo(nope)",
        "ALTER TABLE foo DROP COLUMN nope",
        "ALTER TABLE foo RENAME TO good",
        "DROP TABLE nope",
        "DROP VIEW foo",
        "UPDATE foo SET id = 1",
        "DELETE FROM foo WHERE",
        "DELETE FROM foo LIMIT",
        "REINDEX nope",
        "blah",
      })
  void answersTheErrorsOfSqliteInTheirPlaceAndUndoesTheTransaction(String sql) throws Exception {
    mayBeOrdered = true;
    for (String path :
        List.of("/db/execute?transaction", "/db/query?transaction", "/db/request?transaction")) {
      HttpResponse<String> response =
          node.post(path, list("INSERT INTO foo(id, name) VALUES(99, 'before')", sql));
      assertEquals(200, response.statusCode());
      assertTrue(
          response
              .body()
              .matches(
                  "\\{\"results\":\\[\\{\"last_insert_id\":99,\"rows_affected\":1\\},"
                      + "\\{\"error\":\"[^\"].*\"\\}\\]\\}"),
          response.body());
    }
  }

  @Test
  void keepsTheFirstRowsOfAnInsertThatMayFailInTheMiddle() throws Exception {
    mayBeOrdered = true;
    assertEquals(
        "{\"results\":[{\"error\":\"UNIQUE constraint failed: foo.id\"}]}",
        node.execute("INSERT OR FAIL INTO foo(id) VALUES(7), (1), (8)"));
    assertEquals("[[7]]", node.rows("SELECT id FROM foo WHERE id > 2"));
    node.mustExecute("DELETE FROM foo WHERE id = 7");
  }

  @Test
  void refusesTheSameKeyWithAnotherRequest() throws Exception {
    mayBeOrdered = true;
    String noChange = "[\"UPDATE foo SET name = name\"]";
    assertEquals(200, node.postWithKey("/db/execute", "bad-input", noChange).statusCode());
    for (String path : List.of("/db/execute", "/db/request", "/db/execute?queue&wait")) {
      HttpResponse<String> other = node.postWithKey(path, "bad-input", "[\"DELETE FROM foo\"]");
      assertEquals(422, other.statusCode());
      assertTrue(other.body().startsWith("{\"results\":[],\"error\":\"Idempotency-Key"));
    }
    assertEquals(422, node.postWithKey("/db/load", "bad-input", "DELETE FROM foo;").statusCode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a b", "k\tk"})
  void refusesAKeyThatIsNoKey(String key) throws Exception {
    String path = "/db/requests/" + RealNodeFixture.encoded(key).replace("+", "%20");
    assertEquals(400, node.get(path).statusCode());
    if (!key.isBlank()) {
      assertEquals(400, node.postWithKey("/db/execute", key, "[\"DELETE FROM foo\"]").statusCode());
    }
    assertEquals(
        400,
        node.postWithKey("/db/execute", "k".repeat(256), "[\"DELETE FROM foo\"]").statusCode());
  }

  @Test
  void refusesWhatIsNestedWithoutEnd() throws Exception {
    mayBeOrdered = true;
    for (String path : STATEMENT_PATHS) {
      assertEquals(400, node.post(path, "[".repeat(500_000)).statusCode());
      assertEquals(400, node.post(path, "[[\"SELECT 1\"," + "[".repeat(9_999)).statusCode());
      assertEquals(400, node.post(path, "[[\"SELECT 1\"," + "{\"a\":".repeat(9_999)).statusCode());
      String deep = "SELECT " + "(".repeat(20_000) + "1" + ")".repeat(20_000);
      assertError(node.post(path, list(deep)));
      assertError(node.post(path, list("SELECT " + "-".repeat(1) + " -".repeat(20_000) + "1")));
      assertError(node.post(path, list("SELECT 1" + " UNION ALL SELECT 1".repeat(20_000))));
      assertError(node.post(path, list("SELECT " + "x".repeat(200_000) + "(1)")));
      assertError(node.post(path, list("SELECT 1 FROM foo" + ", foo".repeat(100))));
    }
  }

  @Test
  void refusesTooManyParameters() throws Exception {
    List<Object> element = new ArrayList<>();
    element.add("SELECT " + "?,".repeat(40_000) + "?");
    for (int i = 0; i <= 40_000; i++) {
      element.add(i);
    }
    String body = JSON.writeValueAsString(List.of(element));
    for (String path : STATEMENT_PATHS) {
      assertError(node.post(path, body));
    }
    String named = JSON.writeValueAsString(List.of(List.of("SELECT ?99999", Map.of("a", 1))));
    for (String path : STATEMENT_PATHS) {
      assertError(node.post(path, named));
    }
  }

  private static void assertError(HttpResponse<String> response) {
    assertEquals(200, response.statusCode());
    assertTrue(
        response.body().startsWith("{\"results\":[{\"error\":\""),
        () -> response.body().substring(0, Math.min(200, response.body().length())));
  }

  private static String list(String... statements) throws Exception {
    return JSON.writeValueAsString(statements);
  }
}
