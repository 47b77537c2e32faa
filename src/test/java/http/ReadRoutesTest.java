package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.ReadAdmission;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Reads over HTTP: levels, limits, and answers that are sent while they are made. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReadRoutesTest {

  private static final String COUNT =
      "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT %d) SELECT x FROM c";

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
  void admitAgain() {
    http.node.admission = new ReadAdmission.Admitted();
  }

  private static String counting(int rows) {
    return ServerFixture.encoded(String.format(COUNT, rows));
  }

  @Test
  void answersAStaleReadAtTheTop() throws Exception {
    http.node.admission = new ReadAdmission.Stale();
    HttpResponse<String> response = http.get("/db/query?level=none&freshness=1s&q=SELECT+1");
    assertEquals(200, response.statusCode());
    assertEquals("{\"results\":[],\"error\":\"stale read\"}", response.body());
  }

  @Test
  void answersAReadThatIsNotAdmittedWith503() throws Exception {
    http.node.admission = new ReadAdmission.Refused("no sequencer");
    HttpResponse<String> response = http.get("/db/query?q=SELECT+1");
    assertEquals(503, response.statusCode());
    assertEquals("{\"results\":[],\"error\":\"no sequencer\"}", response.body());
    assertTrue(response.headers().firstValue("Retry-After").isPresent());
  }

  @Test
  void streamsAMillionRows() throws Exception {
    HttpResponse<InputStream> response =
        http.client()
            .send(
                http.request("/db/query?q=" + counting(1_000_000)).GET().build(),
                HttpResponse.BodyHandlers.ofInputStream());
    assertEquals(200, response.statusCode());
    assertTrue(response.headers().firstValue("Peqlite-Seq").isPresent());
    assertTrue(response.headers().firstValue("Content-Length").isEmpty());
    long sum = 0;
    try (JsonParser parser = new JsonFactory().createParser(response.body())) {
      for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
        sum += token == JsonToken.VALUE_NUMBER_INT ? parser.getLongValue() : 0;
      }
    }
    assertEquals(500_000_500_000L, sum);
  }

  @Test
  void streamsAPrettyAnswerThatIsTheSame() throws Exception {
    String plain = http.get("/db/query?q=" + counting(30_000)).body();
    String pretty = http.get("/db/query?pretty&q=" + counting(30_000)).body();
    assertTrue(plain.length() > AnswerStream.CHUNK_BYTES);
    assertTrue(pretty.startsWith("{\n    \"results\": [\n"));
    assertEquals(plain, pretty.replaceAll("\\s", ""));
  }

  @Test
  void endsALargeAnswerThatFailsWithTheError() throws Exception {
    String endless =
        ServerFixture.encoded(
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c)"
                + " SELECT x FROM c WHERE x < 50000");
    String body = http.get("/db/query?timeout=2s&q=" + endless).body();
    assertTrue(body.endsWith("]],\"error\":\"query timeout\"}]}"), body.substring(0, 100));
  }

  @Test
  void endsAtTheMostRowsThatAReadMayReturn() throws Exception {
    String body = http.get("/db/query?q=" + counting(2_000_001)).body();
    assertTrue(body.contains("peqlite.read.rows-max"), body.substring(body.length() - 200));
  }

  @Test
  void stopsReadingForAClientThatLeft() throws Exception {
    for (int i = 0; i < 4; i++) {
      try (Socket socket = http.connect()) {
        OutputStream out = socket.getOutputStream();
        String request = "GET /db/query?q=" + counting(1_900_000) + " HTTP/1.1\r\nHost: x\r\n\r\n";
        out.write(request.getBytes(StandardCharsets.US_ASCII));
        out.flush();
        assertEquals('H', socket.getInputStream().read());
      }
    }
    // Both reading threads are free again long before those reads' deadlines.
    assertTrue(http.get("/db/query?timeout=10s&q=SELECT+1").body().contains("[[1]]"));
  }

  @Test
  void cutsAClientThatStopsReading() throws Exception {
    // Rows so large that what the network holds back is full at once.
    String large =
        ServerFixture.encoded(
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT 9000)"
                + " SELECT hex(zeroblob(50000)) FROM c");
    try (Socket socket = http.connect()) {
      String request =
          "GET /db/query?timeout=2s&q="
              + large
              + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      socket.getOutputStream().flush();
      assertEquals('H', socket.getInputStream().read());
      // Nothing more is read until the node has given up; the answer then lacks its last chunk.
      while (http.get("/status?key=http.spool_bytes").body().equals("0")) {
        assertTrue(http.get("/db/query?q=SELECT+1").body().contains("[[1]]"));
      }
      while (!http.get("/status?key=http.spool_bytes").body().equals("0")) {
        assertTrue(http.get("/db/query?q=SELECT+1").body().contains("[[1]]"));
      }
      String all = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      assertTrue(!all.endsWith("0\r\n\r\n"));
    } catch (SocketException reset) {
      assertTrue(String.valueOf(reset.getMessage()).contains("reset"));
    }
  }

  @Test
  void readsAllStatementsFromOneSnapshotAndStopsWithATransaction() throws Exception {
    String body = "[\"SELECT 1 AS a\", \"SELECT * FROM nope\", \"SELECT 2 AS b\"]";
    String first = "{\"columns\":[\"a\"],\"types\":[\"integer\"],\"values\":[[1]]}";
    String error = "{\"error\":\"no such table: nope\"}";
    String last = "{\"columns\":[\"b\"],\"types\":[\"integer\"],\"values\":[[2]]}";
    assertEquals(
        "{\"results\":[" + first + "," + error + "," + last + "]}",
        http.post("/db/query", body).body());
    assertEquals(
        "{\"results\":[" + first + "," + error + "]}",
        http.post("/db/query?transaction", body).body());
    assertEquals(
        "{\"results\":[{\"rows\":[],\"error\":\"no such table: nope\"}]}",
        http.post("/db/query?associative", "[\"SELECT * FROM nope\"]").body());
  }

  @Test
  void addsTimesWhenAskedFor() throws Exception {
    String body = http.get("/db/query?timings&q=SELECT+1").body();
    assertTrue(
        body.matches(".*\"values\":\\[\\[1]],\"time\":[0-9.e-]+}],\"time\":[0-9.e-]+}"), body);
  }

  @Test
  void takesTextBodiesAndExplain() throws Exception {
    assertTrue(http.postText("/db/query", "SELECT 5").body().contains("[[5]]"));
    assertTrue(
        http.postText("/db/execute", "EXPLAIN QUERY PLAN SELECT * FROM foo")
            .body()
            .contains("SCAN foo"));
    assertTrue(http.query("EXPLAIN QUERY PLAN DELETE FROM foo").contains("\"columns\""));
  }

  @Test
  void answersHowASatementWouldBeRewritten() throws Exception {
    assertEquals(
        "{\"results\":[{\"original\":\"SELECT random()\",\"rewritten\":\"SELECT random()\"}]}",
        http.get("/db/sql?q=SELECT+random()").body());
    assertTrue(http.post("/db/sql", "[\"ATTACH 'x' AS y\"]").body().contains("\"error\":"));
  }

  @Test
  void answersAClosedPoolWith503(@TempDir Path other) throws Exception {
    try (ServerFixture closing = new ServerFixture(other)) {
      closing.node.reads().close();
      HttpResponse<String> response = closing.get("/db/query?q=SELECT+1");
      assertEquals(503, response.statusCode());
      assertEquals("1", response.headers().firstValue("Retry-After").get());
    }
  }
}
