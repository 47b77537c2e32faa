package backup;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP endpoint that keeps what is sent to its one path, as those do that people write for
 * backups. It takes an upload only when all of it has come.
 */
final class HttpObjectServer implements AutoCloseable {

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<String> requests = new CopyOnWriteArrayList<>();

  /** What is kept; null for nothing. */
  volatile byte @Nullable [] content;

  /** Whether it gives an ETag and the rest of an object. */
  volatile boolean ranges = true;

  /** The value of Authorization that it asks for; null for none. */
  volatile @Nullable String authorization;

  /** The method by which it takes objects. */
  volatile String upload = "POST";

  /** Called for each answer before its body is sent. */
  volatile Runnable beforeBody = () -> {};

  HttpObjectServer() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/keep/database.db", this::handle);
    server.createContext(
        "/moved",
        exchange -> {
          exchange.getResponseHeaders().set("Location", "/keep/database.db");
          answer(exchange, 302);
        });
    server.start();
  }

  int port() {
    return server.getAddress().getPort();
  }

  /** Methods and ranges of all requests so far. */
  List<String> requests() {
    return requests;
  }

  private void handle(HttpExchange exchange) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    requests.add(exchange.getRequestMethod() + (range == null ? "" : " " + range));
    String given = exchange.getRequestHeaders().getFirst("Authorization");
    if (authorization != null && !authorization.equals(given)) {
      answer(exchange, 401);
    } else if (exchange.getRequestMethod().equals(upload)) {
      take(exchange);
    } else if (exchange.getRequestMethod().equals("DELETE")) {
      answer(exchange, content == null ? 404 : 204);
      content = null;
    } else if (exchange.getRequestMethod().equals("GET")) {
      give(exchange, range);
    } else {
      answer(exchange, 405);
    }
  }

  private void take(HttpExchange exchange) throws IOException {
    int announced = Integer.parseInt(exchange.getRequestHeaders().getFirst("Content-Length"));
    byte[] bytes = exchange.getRequestBody().readAllBytes();
    if (bytes.length != announced) {
      throw new IOException("the upload broke off after " + bytes.length + " bytes");
    }
    content = bytes;
    answer(exchange, 200);
  }

  private void give(HttpExchange exchange, @Nullable String range) throws IOException {
    byte[] bytes = content;
    if (bytes == null) {
      answer(exchange, 404);
      return;
    }
    String tag = "\"" + Arrays.hashCode(bytes) + '"';
    int offset = 0;
    if (ranges) {
      exchange.getResponseHeaders().set("ETag", tag);
      exchange.getResponseHeaders().set("Last-Modified", "Sun, 22 Nov 2026 04:00:00 GMT");
      if (range != null && tag.equals(exchange.getRequestHeaders().getFirst("If-Range"))) {
        offset = Integer.parseInt(range.replaceAll("\\D", ""));
        exchange
            .getResponseHeaders()
            .set(
                "Content-Range", "bytes " + offset + '-' + (bytes.length - 1) + '/' + bytes.length);
      }
    }
    int length = bytes.length - offset;
    // To this server 0 means chunks, and -1 an empty body.
    exchange.sendResponseHeaders(offset > 0 ? 206 : 200, length == 0 ? -1 : length);
    beforeBody.run();
    try (OutputStream body = exchange.getResponseBody()) {
      body.write(bytes, offset, length);
    }
  }

  private static void answer(HttpExchange exchange, int status) throws IOException {
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
