package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.net.SocketException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import storage.ReadPool;

/**
 * Answers that are larger than memory should hold, to clients that are slow or leave: from a whole
 * node with the default number of read connections, and with deadlines so long that nothing here
 * can be due to them.
 */
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StreamingOnARealNodeTest {

  private static final int ROWS = 1_000_000;
  private static final int SMALL_BUFFER = 4 * 1024;
  private static final long MEBIBYTE = 1L << 20;
  private static final String ALL = "/db/query?timeout=5m&q=SELECT+*+FROM+big";

  private RealNodeFixture node;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    node =
        RealNodeFixture.start(
            directory,
            "peqlite.read.time-max = 5m",
            "peqlite.read.rows-max = 10000000",
            "peqlite.http.timeout = 5m",
            "peqlite.http.spool-bytes-max = 100MiB");
    node.mustExecute("CREATE TABLE big (id INTEGER PRIMARY KEY, text TEXT)");
    node.mustExecute(
        "INSERT INTO big WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT "
            + ROWS
            + ") SELECT x, printf('%060d~', x) FROM c");
    node.mustExecute("CREATE TABLE small (n INTEGER)");
    node.mustExecute("INSERT INTO small VALUES (0)");
  }

  @AfterAll
  void stop() {
    node.close();
  }

  @Test
  void readsAMillionRowsWhileTheHeapStaysFlat() throws Exception {
    try (RawHttp client = connect()) {
      client.sendGet(ALL);
      assertEquals(200, client.head().orElseThrow().status());
      MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
      long highest = 0;
      long lowest = Long.MAX_VALUE;
      long bytes = 0;
      int rows = 0;
      for (int b = client.next(); b >= 0; b = client.next()) {
        bytes++;
        if (b == '~') {
          rows++;
          if (rows % (ROWS / 10) == 1) {
            memory.gc();
            long used = memory.getHeapMemoryUsage().getUsed();
            highest = Math.max(highest, used);
            lowest = Math.min(lowest, used);
          }
        }
      }
      assertEquals(ROWS, rows);
      assertTrue(bytes > 64 * MEBIBYTE, bytes + " bytes");
      assertTrue(highest - lowest < 16 * MEBIBYTE, highest - lowest + " bytes more");
    }
    awaitNothingHeld();
  }

  @Test
  void aClientThatLeavesInTheMiddleFreesItsConnection() throws Exception {
    for (int i = 0; i < 12; i++) {
      try (RawHttp client = connect()) {
        client.sendGet(ALL);
        assertEquals(200, client.head().orElseThrow().status());
        for (int read = 0; read < 100_000 * (i % 3); read++) {
          assertTrue(client.next() >= 0);
        }
        if (i % 2 == 0) {
          client.crash();
        }
      }
    }
    awaitNothingHeld();
    assertOthersAreServed();
  }

  @Test
  void fiftySlowReadersDoNotStopOthers() throws Exception {
    List<RawHttp> slow = new ArrayList<>();
    try {
      for (int i = 0; i < 50; i++) {
        RawHttp client = connect();
        slow.add(client);
        client.sendGet(ALL);
      }
      // More than the spool holds: a few wait on their connections and have to give way.
      node.expectTrouble("the client is slow, the spool is full, and others wait");
      assertOthersAreServed();
      try (RawHttp fast = RawHttp.connect(node.node().httpAddress().port(), 1 << 20)) {
        fast.sendGet("/db/query?q=" + RealNodeFixture.encoded("SELECT * FROM big LIMIT 100000"));
        assertEquals(200, fast.head().orElseThrow().status());
        assertEquals(100_000, rows(fast));
      }
      int whole = 0;
      for (RawHttp client : slow) {
        whole += isWhole(client) ? 1 : 0;
      }
      assertTrue(whole > 0, "no slow reader got its answer");
    } finally {
      for (RawHttp client : slow) {
        client.close();
      }
    }
    awaitNothingHeld();
  }

  @Test
  void anAnswerLargerThanTheSpoolReachesAClientThatIsSlowAtFirst() throws Exception {
    String twice = "SELECT * FROM big UNION ALL SELECT * FROM big UNION ALL SELECT * FROM big";
    try (RawHttp client = connect()) {
      client.sendGet("/db/query?timeout=5m&q=" + RealNodeFixture.encoded(twice));
      // Nothing is taken until the spool is full and the reading has to wait.
      RealNodeFixture.eventually(
          "the spool is full", () -> node.number("http.spool_bytes") > 95 * MEBIBYTE);
      assertEquals(200, client.head().orElseThrow().status());
      assertEquals(3 * ROWS, rows(client));
    }
    awaitNothingHeld();
  }

  /** Small reads at every level and writes, more of them than there are connections. */
  private void assertOthersAreServed() throws Exception {
    List<CompletableFuture<String>> answers = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      String level = List.of("none", "weak", "linearizable", "strong").get(i % 4);
      answers.add(
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  String read =
                      node.get("/db/query?q=SELECT+count(*)+FROM+small&level=" + level).body();
                  return read + node.execute("UPDATE small SET n = n + 1");
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
              }));
    }
    for (CompletableFuture<String> answer : answers) {
      assertEquals(
          "{\"results\":[{\"columns\":[\"count(*)\"],\"types\":[\"integer\"],\"values\":[[1]]}]}"
              + "{\"results\":[{\"rows_affected\":1}]}",
          answer.get(60, TimeUnit.SECONDS));
    }
  }

  private RawHttp connect() throws IOException {
    return RawHttp.connect(node.node().httpAddress().port(), SMALL_BUFFER);
  }

  /** Whether all rows come; a client that had to give way finds its answer cut. */
  private static boolean isWhole(RawHttp client) throws IOException {
    try {
      return client.head().isPresent() && rows(client) == ROWS;
    } catch (EOFException | SocketException cut) {
      return false;
    }
  }

  /** Reads a whole answer, which must be one; its rows each have one tilde. */
  private static int rows(RawHttp client) throws IOException {
    int rows = 0;
    StringBuilder end = new StringBuilder();
    for (int b = client.next(); b >= 0; b = client.next()) {
      rows += b == '~' ? 1 : 0;
      end.append((char) b);
      if (end.length() > 1_000) {
        end.delete(0, 500);
      }
    }
    assertTrue(end.toString().endsWith("]]}]}"), () -> "ends with " + end);
    return rows;
  }

  private void awaitNothingHeld() throws Exception {
    ReadPool reads = node.node().node().reads();
    RealNodeFixture.eventually("no read waits", () -> reads.queued() == 0);
    RealNodeFixture.eventually("no read runs", () -> reads.active() == 0);
    RealNodeFixture.eventually("the spool is empty", () -> node.number("http.spool_bytes") == 0);
  }
}
