package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.UnixOperatingSystemMXBean;
import java.io.EOFException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Throws bytes and damaged requests at a whole node: it answers or closes, never with a failure of
 * its own, and is as good as before when it is over.
 *
 * <p>Runs for {@code -Dpeqlite.fuzz.seconds}, 15 by default, from {@code -Dpeqlite.fuzz.seed},
 * which is printed. The seed makes the same requests again; how they meet each other is up to the
 * machine.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HttpFuzzTest {

  private static final int CLIENTS = 8;

  /** How long a node that waits for more is given before it hears that nothing more comes. */
  private static final int IDLE_MILLIS = 200;

  private static final Set<Integer> STATUSES =
      Set.of(200, 400, 404, 405, 408, 409, 411, 413, 414, 415, 417, 422, 431, 501, 503, 504, 505);

  /**
   * Pekko HTTP fails by itself at such a request, which cannot be: chunks came with HTTP/1.1. It
   * answers 500 before this program sees any of it.
   */
  private static final String CHUNKS_OF_OLD = "HTTP/1.0 requests must not have a chunked entity";

  /** How the one answer 500 of this program begins, as rqlite gives it: the leader stays. */
  private static final String NOT_MOVED = "stepdown: ";

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private RealNodeFixture node;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    node =
        RealNodeFixture.start(
            directory,
            "peqlite.apply.step-limit = 200000",
            "peqlite.http.timeout = 2s",
            "peqlite.http.timeout-max = 3s",
            "peqlite.read.time-max = 300ms");
    node.expectTrouble(CHUNKS_OF_OLD);
    node.mustExecute("CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)");
    node.mustExecute("CREATE TABLE kept (n INTEGER)");
    node.mustExecute("INSERT INTO kept VALUES (0)");
  }

  @AfterAll
  void stop() {
    node.close();
  }

  @Test
  void answersOrClosesWhateverItIsSent() throws Exception {
    long seconds = Long.getLong("peqlite.fuzz.seconds", 15);
    long seed = Long.getLong("peqlite.fuzz.seed", System.nanoTime());
    System.out.println("HttpFuzzTest: -Dpeqlite.fuzz.seed=" + seed);
    // First everything that is started only when it is needed.
    throwRequests(seed ^ 0x5eed, Duration.ofSeconds(2));
    awaitQuiet();
    int threads = ManagementFactory.getThreadMXBean().getThreadCount();
    long files = openFiles();

    long count = throwRequests(seed, Duration.ofSeconds(seconds));

    System.out.println("HttpFuzzTest: " + count + " connections");
    assertTrue(count > 0);
    awaitQuiet();
    RealNodeFixture.eventually("files are closed", () -> openFiles() <= files + 16);
    RealNodeFixture.eventually(
        "threads have ended",
        () -> ManagementFactory.getThreadMXBean().getThreadCount() <= threads + 16);
    assertEquals("[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok", node.get("/readyz").body());
    assertEquals(
        "{\"results\":[{\"rows_affected\":1}]}", node.execute("UPDATE kept SET n = n + 1"));
    assertEquals("[[1]]", node.rows("SELECT n FROM kept"));
    assertEquals("[[\"ok\"]]", node.rows("PRAGMA integrity_check"));
    assertEquals(List.of(), node.troubles());
  }

  /** Nothing of what was thrown is being worked on any more. */
  private void awaitQuiet() throws Exception {
    RealNodeFixture.eventually("no request is served", () -> node.number("http.requests") == 0);
    RealNodeFixture.eventually("no body is held", () -> node.number("http.body_bytes") == 0);
    RealNodeFixture.eventually("no answer is kept", () -> node.number("http.spool_bytes") == 0);
    RealNodeFixture.eventually("no write waits", () -> node.number("peqlite.pending_writes") == 0);
    RealNodeFixture.eventually("no read runs", () -> node.node().node().reads().active() == 0);
  }

  private static long openFiles() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
        ? system.getOpenFileDescriptorCount()
        : 0;
  }

  private long throwRequests(long seed, Duration time) throws Exception {
    long endNanos = System.nanoTime() + time.toNanos();
    AtomicLong count = new AtomicLong();
    ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
    try {
      List<CompletableFuture<Void>> done = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        RequestMutator requests = new RequestMutator(seed + i);
        Random crashes = new Random(seed + i);
        done.add(
            CompletableFuture.runAsync(
                () -> {
                  while (System.nanoTime() - endNanos < 0) {
                    exchange(requests.next(), crashes.nextInt(10) == 0);
                    count.incrementAndGet();
                  }
                },
                clients));
      }
      for (CompletableFuture<Void> client : done) {
        client.get();
      }
    } finally {
      clients.shutdownNow();
    }
    return count.get();
  }

  /**
   * Sends all of it and checks every answer, until the node closes the connection.
   *
   * @param crash whether to reset the connection instead of reading anything
   */
  private void exchange(byte[] sent, boolean crash) {
    try (RawHttp client = RawHttp.connect(node.node().httpAddress().port(), 64 * 1024)) {
      try {
        client.send(sent);
        if (crash) {
          client.crash();
          return;
        }
      } catch (SocketException closed) {
        // It may close at the first bytes that are no request.
        return;
      }
      // Silent, it may wait for the rest of what it takes for a request. Where several were sent it
      // is not told of the end before: Pekko HTTP then may leave the connection open until it
      // counts
      // as idle, when the end comes in the middle of a long answer.
      boolean several = text(sent).split("HTTP/1", -1).length > 2;
      boolean more = true;
      boolean asked = true;
      while (more && asked && client.speaks(IDLE_MILLIS)) {
        more = checkAnswer(client, sent);
        asked = several;
      }
      while (more) {
        client.endOutput();
        more = checkAnswer(client, sent);
      }
    } catch (AssertionError | IOException e) {
      throw new AssertionError(
          e.getMessage() + " after\n" + new String(sent, StandardCharsets.ISO_8859_1), e);
    }
  }

  /** Reads one answer; false when the connection is over. */
  private static boolean checkAnswer(RawHttp client, byte[] sent) throws IOException {
    Optional<RawHttp.Head> head;
    try {
      head = client.head();
    } catch (SocketException reset) {
      return false;
    }
    if (head.isEmpty()) {
      return false;
    }
    int status = head.get().status();
    boolean inLibrary = status == 500 && has(sent, "HTTP/1.0");
    boolean notMoved = status == 500 && has(sent, "/leader");
    assertTrue(STATUSES.contains(status) || inLibrary || notMoved, () -> "status " + status);
    if (has(sent, "HEAD ")) {
      // Which of the answers has no body for all its length is not known here.
      return false;
    }
    byte[] body;
    try {
      body = client.body();
    } catch (EOFException | SocketException cut) {
      // An answer may be cut, but only one that was too long to be sent whole.
      assertTrue(head.get().header("transfer-encoding").isPresent(), "a short answer is cut");
      return false;
    }
    if (notMoved && !inLibrary) {
      assertTrue(text(body).startsWith(NOT_MOVED), () -> "status 500 " + text(body));
    }
    if (head.get().isJson() && !head.get().untilClose()) {
      assertTrue(JSON.readTree(body).isContainerNode() || has(sent, "key="), () -> text(body));
    }
    return true;
  }

  private static boolean has(byte[] bytes, String part) {
    return text(bytes).contains(part);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }
}
