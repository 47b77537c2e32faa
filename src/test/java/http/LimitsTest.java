package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.WriteAnswer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;

/** What is too large or too much is refused, and what was taken is finished. */
@Timeout(60)
class LimitsTest {

  private static final HttpSettings SETTINGS = HttpSettings.of("127.0.0.1", 0, "0.1.0");
  private static final String INSERT = "[\"INSERT INTO foo(name) VALUES('x')\"]";

  @TempDir Path directory;
  private ServerFixture http;

  @AfterEach
  void stop() throws Exception {
    http.close();
  }

  private void start(HttpSettings settings) throws Exception {
    http = new ServerFixture(directory, settings, false);
    http.execute("CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)");
    http.node.written.clear();
  }

  private static String insert(int bytes) {
    return "[[\"INSERT INTO foo(name) VALUES(?)\", \"" + "a".repeat(bytes) + "\"]]";
  }

  /** Sends the head and the pieces one by one; returns the status line and the last line. */
  private String[] raw(String head, String... pieces) throws IOException {
    try (Socket socket = http.connect()) {
      OutputStream out = socket.getOutputStream();
      out.write((head + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
      try {
        for (String piece : pieces) {
          out.write(piece.getBytes(StandardCharsets.US_ASCII));
          out.flush();
        }
      } catch (IOException closed) {
        // The node need not wait for the rest of what it refuses.
      }
      BufferedReader in =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String status = String.valueOf(in.readLine());
      int length = 0;
      for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
        if (line.startsWith("Content-Length: ")) {
          length = Integer.parseInt(line.substring("Content-Length: ".length()));
        }
      }
      char[] body = new char[length];
      int read = 0;
      while (read < length) {
        int more = in.read(body, read, length - read);
        if (more < 0) {
          break;
        }
        read += more;
      }
      return new String[] {status, new String(body, 0, read)};
    }
  }

  @Test
  void takesABodyUpToTheLimit() throws Exception {
    start(SETTINGS.withBodies(100_000, 1_000_000));
    assertEquals(200, http.post("/db/execute", insert(90_000)).statusCode());
    assertEquals(1, http.node.written.size());
  }

  @Test
  void refusesALargerBodyByItsLength() throws Exception {
    start(SETTINGS.withBodies(100_000, 1_000_000));
    String[] answer =
        raw("POST /db/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 100001", "[\"SEL");
    assertTrue(answer[0].startsWith("HTTP/1.1 413 "), answer[0]);
    assertEquals(
        "{\"results\":[],\"error\":\"body too large: at most 100000 bytes are taken\"}", answer[1]);
    assertEquals(0, http.node.written.size());
    assertEquals(200, http.post("/db/execute", INSERT).statusCode());
  }

  @Test
  void refusesALargerBodyThatComesInChunks() throws Exception {
    start(SETTINGS.withBodies(100_000, 1_000_000));
    String chunk = "2710\r\n" + "a".repeat(10_000) + "\r\n";
    String[] chunks = new String[40];
    Arrays.fill(chunks, chunk);
    String[] answer =
        raw("POST /db/execute HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", chunks);
    assertTrue(answer[0].startsWith("HTTP/1.1 413 "), answer[0]);
    assertTrue(answer[1].contains("body too large"), answer[1]);
    assertEquals(0, http.node.written.size());
    assertEquals(200, http.post("/db/execute", INSERT).statusCode());
  }

  @Test
  void takesABodyInChunks() throws Exception {
    start(SETTINGS);
    HttpResponse<String> response =
        http.send(
            http.request("/db/execute")
                .POST(
                    HttpRequest.BodyPublishers.fromPublisher(
                        HttpRequest.BodyPublishers.ofString(insert(500_000)))));
    assertEquals(200, response.statusCode());
    assertEquals(500_000, http.node.number("SELECT length(name) FROM foo"));
  }

  @Test
  void refusesWhatAllBodiesTogetherMayNotTake() throws Exception {
    start(SETTINGS.withBodies(100_000, 150_000));
    CountDownLatch taken = new CountDownLatch(1);
    CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
    http.node.writeAnswer =
        request -> {
          taken.countDown();
          return answer;
        };
    CompletableFuture<HttpResponse<String>> first = later(insert(90_000));
    assertTrue(taken.await(20, TimeUnit.SECONDS));
    assertEquals(503, http.post("/db/execute", insert(90_000)).statusCode());
    answer.complete(new WriteAnswer.Queued(new Position(1, 0)));
    assertEquals(200, first.get(20, TimeUnit.SECONDS).statusCode());
    assertEquals(200, http.post("/db/execute", insert(90_000)).statusCode());
  }

  @Test
  void refusesMoreRequestsThanAreServedAtOnce() throws Exception {
    start(SETTINGS.withRequestsMax(1));
    CountDownLatch taken = new CountDownLatch(1);
    CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
    http.node.writeAnswer =
        request -> {
          taken.countDown();
          return answer;
        };
    CompletableFuture<HttpResponse<String>> first = later(INSERT);
    assertTrue(taken.await(20, TimeUnit.SECONDS));
    HttpResponse<String> second = http.post("/db/execute", INSERT);
    assertEquals(503, second.statusCode());
    assertEquals("1", second.headers().firstValue("Retry-After").get());
    assertEquals(200, http.get("/health").statusCode());
    answer.complete(new WriteAnswer.Queued(new Position(1, 0)));
    assertEquals(200, first.get(20, TimeUnit.SECONDS).statusCode());
    assertEquals(200, http.post("/db/execute", INSERT).statusCode());
  }

  @Test
  void givesUpABodyThatDoesNotArrive() throws Exception {
    start(SETTINGS);
    String[] answer =
        raw(
            "POST /db/execute?timeout=200ms HTTP/1.1\r\nHost: x\r\nContent-Length: 100",
            "[\"SELECT");
    assertTrue(answer[0].startsWith("HTTP/1.1 408 "), answer[0]);
  }

  @Test
  void finishesWhatItTookBeforeItStops() throws Exception {
    start(SETTINGS);
    CountDownLatch taken = new CountDownLatch(1);
    CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
    http.node.writeAnswer =
        request -> {
          taken.countDown();
          return answer;
        };
    CompletableFuture<HttpResponse<String>> first = later(INSERT);
    assertTrue(taken.await(20, TimeUnit.SECONDS));
    var stopped = http.server.stop(Duration.ofSeconds(20)).toCompletableFuture();
    assertTrue(!stopped.isDone());
    answer.complete(new WriteAnswer.Queued(new Position(1, 0)));
    assertEquals(200, first.get(20, TimeUnit.SECONDS).statusCode());
    stopped.get(20, TimeUnit.SECONDS);
  }

  @Test
  void finishesALargeAnswerBeforeItStops() throws Exception {
    start(SETTINGS);
    String sql =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT 1000000)"
            + " SELECT x FROM c";
    HttpResponse<InputStream> response =
        http.client()
            .send(
                http.request("/db/query?q=" + ServerFixture.encoded(sql)).GET().build(),
                HttpResponse.BodyHandlers.ofInputStream());
    var stopped = http.server.stop(Duration.ofSeconds(20)).toCompletableFuture();
    String body = new String(response.body().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(body.endsWith(",[1000000]]}]}"), body.substring(body.length() - 100));
    stopped.get(20, TimeUnit.SECONDS);
  }

  @Test
  void readsPipelinedRequestsOnOneConnection() throws Exception {
    start(SETTINGS);
    String get = "GET /db/query?q=SELECT+1 HTTP/1.1\r\nHost: x\r\n\r\n";
    try (Socket socket = http.connect()) {
      socket
          .getOutputStream()
          .write(
              (get + get + get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
                  .getBytes(StandardCharsets.US_ASCII));
      String all = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      assertEquals(4, all.split("HTTP/1.1 200", -1).length);
    }
  }

  private CompletableFuture<HttpResponse<String>> later(String body) {
    return http.client()
        .sendAsync(
            http.request("/db/execute").POST(HttpRequest.BodyPublishers.ofString(body)).build(),
            HttpResponse.BodyHandlers.ofString());
  }
}
