package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A SQLite file becomes the database of a cluster whose nodes are killed meanwhile: each node has
 * the one or the other, all have the same, and a client that asks again with its key has loaded it
 * once.
 */
@Timeout(1800)
class LoadIT {

  private static final Duration WAIT = Duration.ofSeconds(90);
  private static final int BALLAST_ROWS = 24;
  private static final int BALLAST_BYTES = 500_000;

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  void aFileBecomesTheDatabaseOfEveryNode() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    loadAndKill(cluster, 1, new TreeMap<>());
    finish(cluster, 1);
  }

  @Test
  @Tag(Clusters.LONG)
  void manyTimes() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    TreeMap<String, Integer> met = new TreeMap<>();
    int rounds = 12 * Clusters.runs();
    loadAndKill(cluster, rounds, met);
    System.out.println("LoadIT: " + rounds + " loads, of which when a node was killed " + met);
    finish(cluster, rounds);
  }

  private static void finish(Cluster cluster, int rounds) throws Exception {
    for (ClusterNode node : cluster.nodes()) {
      assertEquals(rounds, generation(node));
    }
    cluster.awaitEven();
    cluster.stopAll();
    cluster.check(List.of());
  }

  private void loadAndKill(Cluster cluster, int rounds, TreeMap<String, Integer> met)
      throws Exception {
    Random random = clusters.random();
    for (int round = 1; round <= rounds; round++) {
      Path file = database(round, random);
      ClusterNode asked = cluster.anotherNode();
      ClusterNode victim = random.nextBoolean() ? cluster.anotherNode() : cluster.sequencerNode();
      String key = "load-" + round;
      CompletableFuture<Answer> first = CompletableFuture.supplyAsync(() -> load(asked, key, file));
      cluster.pass(0, 2_500);
      met.merge(step(victim, first), 1, Integer::sum);
      victim.kill9();
      Answer answer = answerOf(first);
      victim.start();
      cluster.awaitReady();
      boolean told = answer != null && answer.succeeded();
      for (ClusterNode node : told ? cluster.nodes() : List.<ClusterNode>of()) {
        assertEquals(round, generation(node), () -> node + " after " + answer);
      }
      ClusterNode other = cluster.anotherNode();
      Eventually.eventually(
          "the file is loaded, or known to be",
          WAIT,
          () -> {
            Answer again = load(other, key, file);
            return again != null && again.succeeded();
          });
      int expected = round;
      for (ClusterNode node : cluster.nodes()) {
        assertEquals(expected, generation(node));
        Answer written =
            node.post("/db/execute", "[\"INSERT INTO written VALUES ('" + node.id() + "')\"]");
        assertTrue(written.succeeded(), written::text);
      }
      assertEquals(
          cluster.nodes().size(),
          cluster
              .node(0)
              .get("/db/query?level=linearizable&q=SELECT+count(*)+FROM+written")
              .value()
              .asInt());
    }
  }

  /** What the files say the node is at. */
  private static String step(ClusterNode node, CompletableFuture<Answer> load) throws Exception {
    if (load.isDone()) {
      return "done";
    }
    if (Files.exists(node.dataDirectory().resolve("database.db.loaded"))) {
      return "replacing";
    }
    return Files.exists(node.dataDirectory().resolve("database.db.loading"))
        ? "assembling"
        : "sending";
  }

  /** Null if the connection was lost. */
  private static Answer load(ClusterNode node, String key, Path file) {
    try {
      return node.postFile("/db/load?timeout=60s", key, file);
    } catch (Exception lost) {
      return null;
    }
  }

  private static Answer answerOf(CompletableFuture<Answer> load) throws Exception {
    return load.get(WAIT.toSeconds(), TimeUnit.SECONDS);
  }

  private static int generation(ClusterNode node) throws Exception {
    Answer answer = node.get("/db/query?level=linearizable&q=SELECT+n+FROM+generation");
    assertTrue(answer.succeeded(), answer::text);
    return answer.value().asInt();
  }

  private Path database(int generation, Random random) throws SQLException {
    Path file = clusters.directory().resolve("generation" + generation + ".db");
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE generation (n)");
      statement.execute("INSERT INTO generation VALUES (" + generation + ")");
      statement.execute("CREATE TABLE written (node)");
      statement.execute("CREATE TABLE ballast (bytes)");
      for (int i = 0; i < BALLAST_ROWS; i++) {
        statement.execute(
            "INSERT INTO ballast VALUES (randomblob("
                + (BALLAST_BYTES + random.nextInt(1_000))
                + "))");
      }
    }
    return file;
  }
}
