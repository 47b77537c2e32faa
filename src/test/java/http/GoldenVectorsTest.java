package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The texts that rqlite's own tests expect, over a real server and a real database. */
@Timeout(60)
class GoldenVectorsTest {

  private static final String FOO = "CREATE TABLE foo (id integer not null primary key, name text)";

  @TempDir Path directory;
  private ServerFixture http;

  @BeforeEach
  void start() throws Exception {
    http = new ServerFixture(directory);
  }

  @AfterEach
  void stop() throws Exception {
    http.close();
  }

  @Test
  void answersTheTextsOfAFirstSession() throws Exception {
    assertEquals("{\"results\":[{}]}", http.execute(FOO));
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1}]}",
        http.execute("INSERT INTO foo(name) VALUES(\"fiona\")"));
    assertEquals(
        "{\"results\":[{\"error\":\"no such table: bar\"}]}",
        http.execute("INSERT INTO bar(name) VALUES(\"fiona\")"));
    assertEquals(
        "{\"results\":[{\"error\":\"near \\\"blah\\\": syntax error\"}]}",
        http.execute("INSERT blah blah"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"id\",\"name\"],\"types\":[\"integer\",\"text\"],"
            + "\"values\":[[1,\"fiona\"]]}]}",
        http.query("SELECT * FROM foo"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"id\",\"name\"],\"types\":[\"integer\",\"text\"]}]}",
        http.query("SELECT * FROM foo WHERE id = 7"));
    assertEquals("{\"results\":[]}", http.execute(""));
    assertEquals(
        "{\"results\":[],\"error\":\"disallowed pragma\"}",
        http.execute("PRAGMA JOURNAL_MODE=DELETE"));
    assertEquals(
        "{\"results\":[{\"error\":\"no such table: bar\"}]}", http.query("SELECT * FROM bar"));
  }

  @Test
  void answersRowsAsObjectsWhenAskedTo() throws Exception {
    http.execute(FOO);
    http.execute("INSERT INTO foo(name) VALUES('fiona'), ('declan')");
    assertEquals(
        "{\"results\":[{\"types\":{\"id\":\"integer\",\"name\":\"text\"},\"rows\":["
            + "{\"id\":1,\"name\":\"fiona\"},{\"id\":2,\"name\":\"declan\"}]}]}",
        http.get("/db/query?associative&q=" + ServerFixture.encoded("SELECT * FROM foo")).body());
    assertEquals(
        "{\"results\":[{\"last_insert_id\":3,\"rows_affected\":1,\"rows\":null}]}",
        http.postText("/db/execute?associative", "INSERT INTO foo(name) VALUES('x')").body());
    assertEquals(
        "{\"results\":[{\"types\":{\"name\":\"text\"},\"rows\":[]}]}",
        http.get("/db/query?associative&q=SELECT+name+FROM+foo+WHERE+0").body());
  }

  @Test
  void takesBlobsInBothForms() throws Exception {
    http.execute("CREATE TABLE foo (id INTEGER PRIMARY KEY, data BLOB) STRICT");
    HttpResponse<String> inserted =
        http.post(
            "/db/execute",
            "[[\"INSERT INTO foo(data) VALUES(?)\", \"x'deadbeef'\"],"
                + "[\"INSERT INTO foo(data) VALUES(?)\", [222,173,190,239]],"
                + "[\"INSERT INTO foo(data) VALUES(?)\", \"text\"]]");
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"last_insert_id\":2,\"rows_affected\":1},"
            + "{\"error\":\"cannot store TEXT value in BLOB column foo.data\"}]}",
        inserted.body());
    assertEquals(
        "{\"results\":[{\"columns\":[\"id\",\"data\"],\"types\":[\"integer\",\"blob\"],"
            + "\"values\":[[1,\"3q2+7w==\"],[2,\"3q2+7w==\"]]}]}",
        http.query("SELECT * FROM foo"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"data\"],\"types\":[\"blob\"],"
            + "\"values\":[[[222,173,190,239]]]}]}",
        http.get("/db/query?blob_array&q=SELECT+data+FROM+foo+LIMIT+1").body());
  }

  @Test
  void showsTheTypesOfTheCatalogue() throws Exception {
    http.execute(FOO);
    assertTrue(
        http.query("PRAGMA table_info(foo)")
            .contains("\"types\":[\"integer\",\"text\",\"text\",\"integer\",\"\",\"integer\"]"));
    assertTrue(
        http.query("SELECT * FROM sqlite_master")
            .contains("\"types\":[\"text\",\"text\",\"text\",\"int\",\"text\"]"));
  }

  @Test
  void showsTimesAsRfc3339() throws Exception {
    http.execute("CREATE TABLE foo (d DATE, ts TIMESTAMP, dt DATETIME)");
    http.execute(
        "INSERT INTO foo VALUES('2004-02-14', '2004-02-14 07:15:00',"
            + " '2021-10-22 19:39:32.016087')");
    assertTrue(
        http.query("SELECT * FROM foo")
            .contains(
                "[[\"2004-02-14T00:00:00Z\",\"2004-02-14T07:15:00Z\","
                    + "\"2021-10-22T19:39:32.016087Z\"]]"));
  }

  @Test
  void showsABlobExpressionAsText() throws Exception {
    assertEquals(
        "{\"results\":[{\"columns\":[\"x'53514C697465'\"],\"types\":[\"text\"],"
            + "\"values\":[[\"SQLite\"]]}]}",
        http.query("SELECT x'53514C697465'"));
  }

  @Test
  void runsTheRestAfterAFailureWithoutATransaction() throws Exception {
    http.execute("CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)");
    String body =
        "[\"INSERT INTO foo(id) VALUES(1)\", \"INSERT INTO foo(id) VALUES(2)\","
            + " \"INSERT INTO foo(id) VALUES(1)\", \"INSERT INTO foo(id) VALUES(4)\"]";
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"last_insert_id\":2,\"rows_affected\":1},"
            + "{\"error\":\"UNIQUE constraint failed: foo.id\"},"
            + "{\"last_insert_id\":4,\"rows_affected\":1}]}",
        http.post("/db/execute", body).body());
    http.execute("DELETE FROM foo");
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"last_insert_id\":2,\"rows_affected\":1},"
            + "{\"error\":\"UNIQUE constraint failed: foo.id\"}]}",
        http.post("/db/execute?transaction", body).body());
    assertEquals(0, http.node.number("SELECT count(*) FROM foo"));
  }

  @Test
  void mixesReadsAndWritesInOneRequest() throws Exception {
    http.execute(FOO);
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1},"
            + "{\"columns\":[\"n\"],\"types\":[\"integer\"],\"values\":[[1]]},"
            + "{\"columns\":[\"id\"],\"types\":[\"integer\"],\"values\":[[2]]}]}",
        http.post(
                "/db/request",
                "[[\"INSERT INTO foo(name) VALUES(:name)\", {\"name\":\"x\"}],"
                    + "\"SELECT count(*) AS n FROM foo\","
                    + "\"INSERT INTO foo(name) VALUES('y') RETURNING id\"]")
            .body());
    assertEquals("{\"results\":[{}]}", http.execute("SELECT * FROM foo"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"name\"],\"types\":[\"text\"],\"values\":[[\"z\"]]}]}",
        http.execute("INSERT INTO foo(name) VALUES('z') RETURNING name"));
  }

  @Test
  void answersTheLastOfSeveralStatementsInOneText() throws Exception {
    http.execute(FOO);
    assertEquals(
        "{\"results\":[{\"rows_affected\":1}]}",
        http.execute(
            "INSERT INTO foo(name) VALUES('a'); INSERT INTO foo(name) VALUES('b');"
                + "DELETE FROM foo WHERE name = 'a'"));
    assertEquals(
        "{\"results\":[{\"columns\":[\"2\"],\"types\":[\"integer\"],\"values\":[[2]]}]}",
        http.query("SELECT 1; SELECT 2"));
    assertEquals(
        "{\"results\":[{\"error\":\"no such table: nope\"}]}",
        http.query("SELECT * FROM nope; SELECT 2"));
  }

  @Test
  void keepsIntegersAndUnicodeWhole() throws Exception {
    assertEquals(
        "{\"results\":[{\"columns\":[\"a\",\"b\",\"c\"],"
            + "\"types\":[\"integer\",\"real\",\"text\"],"
            + "\"values\":[[9223372036854775807,0,"
            + "\"\\u003ca\\u0026\\u003e \\u2028\ud83d\ude00\"]]}]}",
        http.post(
                "/db/query",
                "[[\"SELECT ? AS a, 0.0 AS b, ? AS c\", 9223372036854775807,"
                    + " \"<a&> \\u2028\ud83d\ude00\"]]")
            .body());
  }

  @Test
  void carriesTheHeadersThatClientsLookAt() throws Exception {
    HttpResponse<String> response = http.postText("/db/execute", FOO);
    assertEquals(
        "application/json; charset=utf-8", response.headers().firstValue("Content-Type").get());
    assertEquals("v10.2.0", response.headers().firstValue("X-RQLITE-VERSION").get());
    assertEquals("127.0.0.1:7355", response.headers().firstValue("X-RQLITE-SERVED-BY").get());
    assertEquals("1", response.headers().firstValue("Peqlite-Seq").get());
    assertEquals(
        "OPTIONS, GET, POST", response.headers().firstValue("Access-Control-Allow-Methods").get());
    HttpResponse<String> query = http.get("/db/query?q=SELECT+1&seq&raft_index");
    assertEquals("1", query.headers().firstValue("Peqlite-Seq").get());
    assertTrue(query.body().endsWith("],\"raft_index\":1,\"seq\":1}"), query.body());
  }
}
