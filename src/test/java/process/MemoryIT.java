package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What a node holds in memory does not grow with what it stores or returns. */
@Timeout(900)
class MemoryIT {

  private static final int MILLION = 1_000_000;

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void streamsAMillionRowsFromASmallHeap() throws Exception {
    NodeProcess node = nodes.at(directory.resolve("data")).jvm("-Xmx96m").start().awaitReady();
    assertTrue(node.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)").succeeded());
    assertTrue(
        node.execute(
                "INSERT INTO t WITH RECURSIVE n (i) AS"
                    + " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
                    + " SELECT i, printf('%0100d', i) FROM n")
            .succeeded());
    HttpResponse<InputStream> response = node.stream("SELECT id, v FROM t ORDER BY id");
    assertEquals(200, response.statusCode());
    assertEquals(MILLION, rows(response.body()));
    assertEquals(200, node.get("/readyz").status());
    assertTrue(node.execute("INSERT INTO t VALUES (0, 'after')").succeeded());
    report(node, "a million rows read with a heap of 96 MiB");
  }

  /** Takes a minute or so. */
  @Test
  @EnabledIfSystemProperty(named = "peqlite.long", matches = "true")
  void takesAMillionRowsWithTheDefaultHeap() throws Exception {
    NodeProcess node = nodes.start(directory.resolve("data")).awaitReady();
    assertTrue(node.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)").succeeded());
    int batch = 1_000;
    for (int first = 1; first <= MILLION; first += batch) {
      Object[] inserts = new Object[batch];
      int from = first;
      Arrays.setAll(
          inserts,
          i ->
              new Object[] {"INSERT INTO t VALUES (?, ?)", from + i, "value of row " + (from + i)});
      assertTrue(node.post("/db/execute?transaction", inserts).succeeded());
    }
    assertEquals(MILLION, node.query("SELECT count(*) FROM t").value().asLong());
    assertEquals("ok", node.query("PRAGMA integrity_check").value().asText());
    report(node, "a million rows written with the default heap");
    assertEquals(0, node.terminate());
  }

  /** Counts rows by the bracket that opens each, without keeping them. */
  private static long rows(InputStream body) throws IOException {
    long brackets = 0;
    int depth = 0;
    boolean inText = false;
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8), 1 << 16)) {
      for (int character = reader.read(); character >= 0; character = reader.read()) {
        if (character == '"') {
          inText = !inText;
        } else if (!inText && character == '[') {
          depth++;
          brackets += depth == 3 ? 1 : 0;
        } else if (!inText && character == ']') {
          depth--;
        }
      }
    }
    return brackets;
  }

  /** Prints the largest resident memory that the process had, where the system tells it. */
  private static void report(NodeProcess node, String what) throws IOException {
    Path status = Path.of("/proc/" + node.pid() + "/status");
    if (Files.exists(status)) {
      for (String line : Files.readAllLines(status)) {
        if (line.startsWith("VmHWM")) {
          System.out.println(what + ": " + line.replaceAll("\\s+", " "));
        }
      }
    }
  }
}
