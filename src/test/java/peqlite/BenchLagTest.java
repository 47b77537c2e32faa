package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Against servers that answer as nodes do: the position of a row is its id. */
@Timeout(60)
final class BenchLagTest {

  private static final long LAG_NANOS = TimeUnit.MILLISECONDS.toNanos(40);

  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final List<HttpServer> servers = new ArrayList<>();
  private final List<BenchHttpTarget> nodes = new ArrayList<>();
  private final AtomicLong nextId = new AtomicLong(1);

  /** Where each row was inserted: {@code id@port}. */
  private final Set<String> inserted = ConcurrentHashMap.newKeySet();

  private volatile String wrongAnswer = "";

  @AfterEach
  void stop() {
    nodes.forEach(BenchHttpTarget::close);
    servers.forEach(server -> server.stop(0));
    executor.shutdown();
  }

  @Test
  void takesTheTimeUntilTheOtherNodesHaveTheRow() throws Exception {
    start(3);
    List<BenchResult> results = measure(6);
    assertEquals(2, results.size());
    BenchResult others = results.get(0);
    BenchResult own = results.get(1);
    assertEquals("x lag, other nodes", others.name());
    assertEquals("x lag, own node", own.name());
    assertEquals("", others.firstError() + own.firstError());
    assertTrue(own.count() >= 6, own.toString());
    assertEquals(2 * own.count(), others.count());
    assertTrue(others.p50Nanos() >= LAG_NANOS, others.toString());
  }

  @Test
  void aRowThatIsNotThereIsAnError() throws Exception {
    start(2);
    wrongAnswer = "{\"results\":[{\"columns\":[\"ts\",\"name\"]}]}";
    List<BenchResult> results = measure(2);
    assertEquals("not the row that was asked for", results.get(0).firstError());
    assertEquals(results.get(0).count(), results.get(0).errors());
  }

  @Test
  void anInsertWithoutAPositionIsAnError() throws Exception {
    start(2);
    try (BenchHttpTarget node = nodes.get(0)) {
      assertEquals(
          new BenchHttpTarget.Receipt("an answer without its position: {\"results\":[{}]}", 0),
          node.insertForSeq(-1).toCompletableFuture().join());
    }
  }

  @Test
  void oneNodeHasNoLag() throws Exception {
    start(1);
    try (BenchLag lag = BenchLag.beside(nodes, nextId::getAndIncrement)) {
      assertEquals(List.of(), lag.results("x"));
    }
    assertEquals(1, nextId.get());
  }

  /** Measures until so many rows were inserted. */
  private List<BenchResult> measure(int rows) {
    try (BenchLag lag = BenchLag.beside(nodes, nextId::getAndIncrement)) {
      while (nextId.get() <= rows) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
      }
      return lag.results("x");
    }
  }

  private void start(int count) throws IOException {
    for (int number = 0; number < count; number++) {
      HttpServer server =
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      int port = server.getAddress().getPort();
      server.createContext("/db/execute", exchange -> insert(exchange, port));
      server.createContext("/db/query", exchange -> read(exchange, port));
      server.setExecutor(executor);
      server.start();
      servers.add(server);
      nodes.add(new BenchHttpTarget(new NetworkAddress("127.0.0.1", port)));
    }
  }

  private void insert(HttpExchange exchange, int port) throws IOException {
    String id = body(exchange).replaceFirst("^.*\",(-?[0-9]+),.*$", "$1");
    inserted.add(id + "@" + port);
    answer(
        exchange,
        id.startsWith("-") ? "{\"results\":[{}]}" : "{\"results\":[{}],\"seq\":" + id + "}");
  }

  private void read(HttpExchange exchange, int port) throws IOException {
    String seq = exchange.getRequestURI().getQuery().replaceFirst(".*min_seq=", "");
    assertTrue(body(exchange).contains("," + seq + "]"), "another row than the position's");
    if (!inserted.contains(seq + "@" + port)) {
      LockSupport.parkNanos(LAG_NANOS);
    }
    String row =
        "{\"results\":[{\"values\":[[1,\"" + BenchTable.name(Long.parseLong(seq)) + "\"]]}]}";
    answer(exchange, wrongAnswer.isEmpty() ? row : wrongAnswer);
  }

  private static String body(HttpExchange exchange) throws IOException {
    return new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
  }

  private static void answer(HttpExchange exchange, String text) throws IOException {
    try (exchange) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }
}
