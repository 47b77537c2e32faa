package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import storage.PostgresServer;

/**
 * The benchmark of a cluster as a process of the complete jar: what it prints and leaves behind.
 */
@Timeout(300)
final class BenchClusterIT {

  private static final long END_MAX_SECONDS = 60;

  @TempDir private Path directory;

  private final List<ProcessHandle> started = new ArrayList<>();

  @AfterEach
  void endAll() {
    started.forEach(ProcessHandle::destroyForcibly);
  }

  @Test
  @Tag("long")
  void comparesThreeNodesWithOneAndLeavesNothingBehind() throws Exception {
    try (PostgresServer postgres = PostgresServer.start(directory)) {
      Process bench = bench(postgres, "--duration", "500ms", "--json");
      assertEquals(0, bench.waitFor(), this::said);
      JsonNode json = new ObjectMapper().readTree(Files.readString(out()));
      List<String> names = new ArrayList<>();
      for (JsonNode result : json.get("results")) {
        names.add(result.get("name").asText() + ", " + result.get("workers").asInt());
        assertTrue(result.get("count").asLong() > 0, result.toString());
        assertEquals(0, result.get("errors").asLong(), result.toString());
      }
      assertEquals(
          List.of(
              "yardstick: fsync, 1",
              "yardstick: raw inserts, synchronous=FULL, 1",
              "yardstick: PostgreSQL inserts, 1",
              "1 sqlite node insert, 6",
              "1 sqlite node insert, 1",
              "1 postgres node insert, 6",
              "1 postgres node insert, 1",
              "3 postgres nodes insert, 6",
              "3 postgres nodes lag, other nodes, 3",
              "3 postgres nodes lag, own node, 3",
              "3 postgres nodes insert, 1",
              "3 quorum nodes insert, 6",
              "3 quorum nodes lag, other nodes, 3",
              "3 quorum nodes lag, own node, 3",
              "3 quorum nodes insert, 1"),
          names);
      assertTrue(json.get("ratios").has("insert: 3 postgres nodes / 1 sqlite node"));
      assertTrue(json.get("ratios").has("insert: 3 quorum nodes / 3 postgres nodes"));
      assertNothingIsLeft(postgres);
    }
  }

  @Test
  @Tag("long")
  void whenItIsToldToStopItTakesEverythingAway() throws Exception {
    try (PostgresServer postgres = PostgresServer.start(directory)) {
      Process bench = bench(postgres, "--duration", "1s", "--no-yardsticks");
      while (schemas(postgres) == 0) {
        assertTrue(bench.isAlive(), this::said);
        TimeUnit.MILLISECONDS.sleep(20);
      }
      List<ProcessHandle> nodes = awaitNodes(bench);
      bench.destroy();
      assertTrue(bench.waitFor(END_MAX_SECONDS, TimeUnit.SECONDS), this::said);
      awaitEnd(nodes);
      assertNothingIsLeft(postgres);
    }
  }

  @Test
  @Tag("long")
  void whenItIsKilledItsNodesEnd() throws Exception {
    try (PostgresServer postgres = PostgresServer.start(directory)) {
      Process bench = bench(postgres, "--duration", "5m", "--no-yardsticks");
      List<ProcessHandle> nodes = awaitNodes(bench);
      bench.destroyForcibly();
      awaitEnd(nodes);
    }
  }

  private Process bench(PostgresServer postgres, String... more) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Its nodes get the same flags.
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"));
    command.addAll(List.of("-jar", System.getProperty("peqlite.jar", "target/peqlite.jar")));
    command.addAll(List.of("bench", "--cluster", "--workers", "6", "--warmup", "0ms"));
    command.addAll(List.of("--rows", "10", "--data-dir", directory.resolve("data").toString()));
    command.addAll(List.of(more));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(out().toFile())
            .redirectError(directory.resolve("err").toFile());
    builder.environment().put("PEQLITE_JOURNAL_URL", postgres.bareUrl());
    builder.environment().put("PEQLITE_JOURNAL_USER", PostgresServer.USER);
    builder.environment().put("PEQLITE_JOURNAL_PASSWORD", PostgresServer.PASSWORD);
    // A node must not take what is meant for others.
    builder.environment().put("PEQLITE_NODE_ID", "not for the benchmark's nodes");
    Process bench = builder.start();
    started.add(bench.toHandle());
    return bench;
  }

  private Path out() {
    return directory.resolve("out");
  }

  private String said() {
    try {
      return Files.readString(out()) + Files.readString(directory.resolve("err"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private List<ProcessHandle> awaitNodes(Process bench) throws Exception {
    while (true) {
      List<ProcessHandle> nodes = bench.children().toList();
      if (!nodes.isEmpty()) {
        started.addAll(nodes);
        return nodes;
      }
      assertTrue(bench.isAlive(), this::said);
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  private static void awaitEnd(List<ProcessHandle> nodes) throws Exception {
    for (ProcessHandle node : nodes) {
      node.onExit().get(END_MAX_SECONDS, TimeUnit.SECONDS);
    }
  }

  private void assertNothingIsLeft(PostgresServer postgres) throws Exception {
    try (Stream<Path> left = Files.list(directory.resolve("data").resolve("tmp"))) {
      assertEquals(List.of(), left.toList());
    }
    assertEquals(0, schemas(postgres));
  }

  private static int schemas(PostgresServer postgres) throws Exception {
    try (Connection connection = postgres.connect();
        Statement statement = connection.createStatement();
        ResultSet count =
            statement.executeQuery(
                "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'peqlite%'")) {
      assertTrue(count.next());
      return count.getInt(1);
    }
  }
}
