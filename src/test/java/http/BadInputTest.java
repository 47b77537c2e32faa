package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
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

/** Every kind of bad input gets its clear answer, orders nothing, and the next request works. */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadInputTest {

  private ServerFixture http;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    http = new ServerFixture(directory);
    http.execute("CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)");
  }

  @AfterAll
  void stop() throws Exception {
    http.close();
  }

  @BeforeEach
  void forget() {
    http.node.written.clear();
  }

  @AfterEach
  void nothingWasOrderedAndTheNextRequestWorks() throws Exception {
    assertEquals(0, http.node.written.size());
    assertTrue(http.query("SELECT count(*) FROM foo").contains("[[0]]"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[ | invalid JSON body",
        "[] | no statements",
        "{} | invalid request",
        "[[\"INSERT INTO foo VALUES(?,?)\", 1, {\"a\":{\"b\":1}}]]"
            + " | unsupported type map[string]interface {}",
        "[[\"INSERT INTO foo VALUES(?,?)\", 1, [[1]]]] | unsupported type []interface {}",
        "[\"INSERT INTO foo(name) VALUES('\\u0000')\"] | NUL character in the statement",
        "[[\"INSERT INTO foo(name) VALUES(?)\", \"\\udfff\"]] | lone surrogate in a parameter",
      })
  void answersWhatCannotBeReadWith400(String body, String error) throws Exception {
    for (String path : new String[] {"/db/execute", "/db/query", "/db/request", "/db/sql"}) {
      HttpResponse<String> response = http.post(path, body);
      assertEquals(400, response.statusCode(), path);
      assertEquals("{\"results\":[],\"error\":\"" + error + "\"}", response.body());
    }
    assertEquals(400, http.post("/db/execute?queue", body).statusCode());
    if (!body.equals("[]")) {
      assertEquals(400, http.post("/db/execute?queue&wait", body).statusCode());
    }
  }

  @Test
  void answersInvalidUtf8With400() throws Exception {
    byte[] body = {'[', '"', (byte) 0xff, '"', ']'};
    for (String path : new String[] {"/db/execute", "/db/query", "/db/load"}) {
      HttpResponse<String> response = http.postBytes(path, body);
      assertEquals(400, response.statusCode());
      assertEquals("{\"results\":[],\"error\":\"invalid UTF-8 in body\"}", response.body());
    }
    assertEquals(400, http.get("/db/query?q=%ff").statusCode());
    assertEquals(400, http.get("/db/query?q=SELECT+%00").statusCode());
    assertEquals(400, http.postText("/db/execute", "SELECT \0").statusCode());
    assertEquals(400, http.postText("/db/load", "SELECT \0").statusCode());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[[\"INSERT INTO foo VALUES(?,?)\", 1]]"
            + " | not enough args to execute query: want 2 got 1",
        "[[\"INSERT INTO foo VALUES(?,?)\", 1, \"a\", 2]]"
            + " | too many args to execute query: want 2 got 3",
      })
  void answersAWrongNumberOfParametersInItsPlace(String body, String error) throws Exception {
    String expected = "{\"results\":[{\"error\":\"" + error + "\"}]}";
    HttpResponse<String> response = http.post("/db/execute", body);
    assertEquals(200, response.statusCode());
    assertEquals(expected, response.body());
    assertEquals(expected, http.post("/db/request?transaction", body).body());
    assertEquals(400, http.post("/db/execute?queue", body).statusCode());
  }

  @Test
  void answersAnUnknownNameInItsPlace() throws Exception {
    String body = "[[\"INSERT INTO foo(name) VALUES(:name)\", {\"nome\":\"x\"}]]";
    HttpResponse<String> response = http.post("/db/execute", body);
    assertEquals(200, response.statusCode());
    assertTrue(response.body().startsWith("{\"results\":[{\"error\":\""), response.body());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ATTACH 'x' AS y",
        "DETACH y",
        "VACUUM",
        "VACUUM INTO 'x.db'",
        "PRAGMA foreign_keys=ON",
        "PRAGMA user_version=7",
        "PRAGMA writable_schema=ON",
        "BEGIN",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "CREATE TEMP TABLE x(a)",
        "CREATE TEMPORARY VIEW x AS SELECT 1",
        "INSERT INTO foo(name) VALUES(load_extension('x'))",
        "SELECT load_extension('x')",
        "DELETE FROM _peqlite_position",
        "CREATE TABLE _peqlite_mine(a)",
        "CREATE TABLE \"_PEQLITE_x\"(a)",
        "INSERT INTO foo(name) VALUES('a'); BEGIN; INSERT INTO foo(name) VALUES('b')",
        "CREATE TRIGGER t AFTER INSERT ON foo BEGIN SELECT 1; END; ATTACH 'x' AS y",
      })
  void answersWhatIsRefusedInItsPlace(String sql) throws Exception {
    String body = list(sql);
    for (String path :
        new String[] {"/db/execute", "/db/query", "/db/request", "/db/execute?transaction"}) {
      HttpResponse<String> response = http.post(path, body);
      assertEquals(200, response.statusCode(), path);
      assertTrue(response.body().startsWith("{\"results\":[{\"error\":\""), path + response.body());
    }
    HttpResponse<String> queued = http.post("/db/execute?queue", body);
    assertEquals(400, queued.statusCode());
    assertTrue(queued.body().startsWith("{\"results\":[],\"error\":\""), queued.body());
  }

  private static String list(String sql) {
    return new String(Json.tree(List.of(sql), false), StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PRAGMA journal_mode=DELETE",
        "pragma main.Synchronous = OFF",
        "/* x */ PRAGMA wal_checkpoint",
        "PRAGMA query_only=1",
        "PRAGMA wal_autocheckpoint=1",
        "SELECT 1; PRAGMA journal_mode=DELETE",
      })
  void answersDisallowedPragmasAtTheTop(String sql) throws Exception {
    String expected = "{\"results\":[],\"error\":\"disallowed pragma\"}";
    assertEquals(expected, http.execute(sql));
    assertEquals(expected, http.query(sql));
    assertEquals(expected, http.post("/db/request", list(sql)).body());
    assertEquals(400, http.post("/db/execute?queue", list(sql)).statusCode());
  }

  @Test
  void acceptsForeignKeysAsTheyAre() throws Exception {
    assertEquals("{\"results\":[{}]}", http.execute("PRAGMA foreign_keys=OFF"));
    assertEquals("{\"results\":[{}]}", http.query("PRAGMA foreign_keys(0)"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", ";", ";;", "-- only a comment", "/* a */ ; -- b"})
  void skipsEmptyStatements(String sql) throws Exception {
    assertEquals("{\"results\":[]}", http.execute(sql));
    assertEquals("{\"results\":[]}", http.post("/db/request", list(sql)).body());
    assertEquals("{\"results\":[]}", http.post("/db/execute?queue", list(sql)).body());
    assertEquals("{\"results\":[]}", http.postText("/db/load", sql).body());
  }

  @Test
  void refusesAWriteByGet() throws Exception {
    String expected =
        "{\"results\":[{\"error\":\"attempt to change database via query operation\"}]}";
    assertEquals(expected, http.query("INSERT INTO foo(name) VALUES('x')"));
    assertEquals(expected, http.query("INSERT INTO foo(name) VALUES('x') RETURNING id"));
    assertEquals(expected, http.query("WITH a AS (SELECT 1) INSERT INTO foo SELECT 1, 2 FROM a"));
    assertEquals(expected, http.query("SELECT 1; DELETE FROM foo"));
  }

  @Test
  void interruptsAnEndlessRead() throws Exception {
    String endless =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c)" + " SELECT count(*) FROM c";
    String expected = "{\"results\":[{\"error\":\"query timeout\"}]}";
    String q = ServerFixture.encoded(endless);
    assertEquals(expected, http.get("/db/query?timeout=100ms&q=" + q).body());
    assertEquals(expected, http.get("/db/query?db_timeout=100ms&q=" + q).body());
  }

  @ParameterizedTest
  @CsvSource({
    "/db/query?timeout=x&q=SELECT+1, timeout is not a valid duration",
    "/db/query?q=, query parameter not set",
    "/db/query, query not specified",
    "/db/sql, query not specified",
    "/status?retries=x, retries is not a valid integer",
    "/nowhere?timeout=x, timeout is not a valid duration",
  })
  void answersBadParametersWith400BeforeRouting(String path, String error) throws Exception {
    HttpResponse<String> response = http.get(path);
    assertEquals(400, response.statusCode());
    assertEquals("{\"results\":[],\"error\":\"" + error + "\"}", response.body());
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /db/execute, 405",
    "GET, /db/request, 405",
    "GET, /db/load, 405",
    "PUT, /db/query, 405",
    "DELETE, /db/query, 405",
    "POST, /status, 405",
    "POST, /nodes, 405",
    "POST, /readyz, 405",
    "POST, /health, 405",
    "PUT, /leader, 405",
    "GET, /, 404",
    "GET, /db, 404",
    "GET, /db/nothing, 404",
    "GET, /leaders, 404",
    "OPTIONS, /db/execute, 200",
    "OPTIONS, /nowhere, 200",
  })
  void answersOtherMethodsAndPathsWithoutABody(String method, String path, int status)
      throws Exception {
    HttpResponse<String> response =
        http.send(
            http.request(path).method(method, HttpRequest.BodyPublishers.ofString("[\"x\"]")));
    assertEquals(status, response.statusCode());
    assertEquals("", response.body());
    assertTrue(response.headers().firstValue("X-RQLITE-VERSION").isPresent());
  }

  @Test
  void refusesAStatementThatSqliteCannotTake() throws Exception {
    String tooLong = "SELECT '" + "a".repeat(1_000_000) + "'";
    for (String path : new String[] {"/db/execute", "/db/query", "/db/load"}) {
      HttpResponse<String> response = http.postText(path, tooLong);
      assertEquals(413, response.statusCode());
      assertTrue(response.body().contains("statement too long"), response.body());
    }
    String fits = "SELECT length('" + "\u00e9".repeat(499_000) + "')";
    assertTrue(http.postText("/db/query", fits).body().contains("[[499000]]"));
  }

  @Test
  void refusesEncodedAndMultipartBodies() throws Exception {
    HttpResponse<String> gzip =
        http.send(
            http.request("/db/execute")
                .header("Content-Encoding", "gzip")
                .POST(HttpRequest.BodyPublishers.ofString("x")));
    assertEquals(415, gzip.statusCode());
    HttpResponse<String> multipart =
        http.send(
            http.request("/db/load")
                .header("Content-Type", "multipart/form-data; boundary=x")
                .POST(HttpRequest.BodyPublishers.ofString("--x--")));
    assertEquals(400, multipart.statusCode());
    assertTrue(multipart.body().contains("multipart"));
    assertFalse(http.post("/db/load", "SQLite format 3\0").body().contains("NUL"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "GET /db/query?q=SELECT%zz HTTP/1.1 | 400",
        "GET /db/query?q=SELECT 1 HTTP/1.1 | 505",
        "nonsense | 501",
      })
  void answersWhatIsNoRequestWithJson(String head, int status) throws Exception {
    try (Socket socket = http.connect()) {
      byte[] bytes = (head + "\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
      socket.getOutputStream().write(bytes);
      String all = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      assertTrue(all.startsWith("HTTP/1.1 " + status + " "), all);
      assertTrue(all.contains("\r\n\r\n{\"results\":[],\"error\":\""), all);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {" ", "a b", "\u00e9"})
  void refusesAKeyThatIsNoKey(String key) throws Exception {
    String path = "/db/requests/" + ServerFixture.encoded(key).replace("+", "%20");
    assertEquals(400, http.get(path).statusCode());
    HttpResponse<String> tooLong =
        http.send(
            http.request("/db/execute")
                .header("Idempotency-Key", "k".repeat(256))
                .POST(HttpRequest.BodyPublishers.ofString("[\"DELETE FROM foo\"]")));
    assertEquals(400, tooLong.statusCode());
  }
}
