package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Readers that are always there do not let the write-ahead log grow without bounds. */
@Timeout(120)
class WriteAheadLogIT {

  private static final int MIB = 1 << 20;
  private static final int READERS = 6;
  private static final int WRITTEN_BYTES = 32 * MIB;
  private static final String SLOW =
      "SELECT count(*) FROM t a, (SELECT 1 FROM t LIMIT 3000) b WHERE length(a.v) > 0";

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void staysBoundedWhileReadersAreAlwaysBusy() throws Exception {
    NodeProcess node =
        nodes
            .at(directory.resolve("data"))
            .set("peqlite.apply.wal-bytes-max", "1MiB")
            .start()
            .awaitReady();
    assertTrue(node.execute("CREATE TABLE t (v TEXT)").succeeded());
    Path log = node.databaseFile().resolveSibling("database.db-wal");
    ExecutorService threads = Executors.newFixedThreadPool(READERS);
    AtomicBoolean stop = new AtomicBoolean();
    AtomicLong reads = new AtomicLong();
    List<Future<?>> readers = new ArrayList<>();
    try {
      for (int reader = 0; reader < READERS; reader++) {
        readers.add(
            threads.submit(
                () -> {
                  while (!stop.get()) {
                    Answer answer = node.query(SLOW, "none");
                    assertEquals(200, answer.status(), answer::text);
                    reads.incrementAndGet();
                  }
                  return null;
                }));
      }
      long largest = 0;
      String text = "x".repeat(100_000);
      for (int written = 0; written < WRITTEN_BYTES; written += 2 * text.length()) {
        Object insert = new Object[] {"INSERT INTO t VALUES (?)", text};
        assertTrue(node.execute(insert, insert).succeeded());
        largest = Math.max(largest, Files.exists(log) ? Files.size(log) : 0);
      }
      stop.set(true);
      for (Future<?> reader : readers) {
        reader.get(60, TimeUnit.SECONDS);
      }
      assertTrue(reads.get() > 0, "there were reads");
      long bytes = largest;
      assertTrue(bytes <= 8 * MIB, () -> "the log grew to " + bytes + " bytes");
    } finally {
      stop.set(true);
      threads.shutdownNow();
    }
  }
}
