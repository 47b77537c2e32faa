package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Against the JDK's own server, which answers with what it was sent. */
@Timeout(60)
final class BenchHttpClientTest {

  private final ExecutorService executor = Executors.newFixedThreadPool(2);
  private HttpServer server;
  private BenchHttpClient client;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/length", exchange -> answer(exchange, false));
    server.createContext("/chunked", exchange -> answer(exchange, true));
    server.setExecutor(executor);
    server.start();
    client = new BenchHttpClient(new NetworkAddress("127.0.0.1", server.getAddress().getPort()));
  }

  @AfterEach
  void stop() {
    client.close();
    server.stop(0);
    executor.shutdown();
  }

  @Test
  void readsAnAnswerWithALength() {
    assertEquals(
        new BenchHttpClient.Answer(200, "[\"\u00e4\"]"),
        client.post("/length?x=1", "[\"\u00e4\"]").join());
  }

  @Test
  void readsAnAnswerInChunks() {
    String large = "x".repeat(300_000);
    assertEquals(large, client.post("/chunked", large).join().body());
  }

  @Test
  void sendsAndReadsMoreThanOneBufferHolds() {
    String large = "y".repeat(3_000_000);
    assertEquals(large, client.post("/length", large).join().body());
  }

  @Test
  void readsAnotherStatus() {
    assertEquals(404, client.post("/nowhere", "[]").join().status());
  }

  @Test
  void manyRequestsAtOnceGetTheirOwnAnswers() {
    BenchResult result =
        BenchLoad.run(
            "x",
            16,
            Duration.ofHours(1),
            2_000,
            (worker, number) ->
                client
                    .post("/length", "n" + number)
                    .thenApply(answer -> answer.body().equals("n" + number) ? "" : answer.body()));
    assertEquals(2_000, result.count());
    assertEquals("", result.firstError());
  }

  @Test
  void aServerThatIsGoneFailsTheRequest() throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    try (BenchHttpClient lost = new BenchHttpClient(new NetworkAddress("127.0.0.1", port))) {
      CompletionException failed =
          assertThrows(CompletionException.class, () -> lost.post("/", "").join());
      assertInstanceOf(IOException.class, failed.getCause());
    }
  }

  @Test
  void afterCloseRequestsFail() {
    client.close();
    CompletionException failed =
        assertThrows(CompletionException.class, () -> client.post("/length", "").join());
    assertTrue(failed.getMessage().contains("closed"));
  }

  private static void answer(HttpExchange exchange, boolean chunked) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readAllBytes();
      if (body.length == 0) {
        body = "empty".getBytes(StandardCharsets.UTF_8);
      }
      exchange.sendResponseHeaders(200, chunked ? 0 : body.length);
      exchange.getResponseBody().write(body);
    }
  }
}
