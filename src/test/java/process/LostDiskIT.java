package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A node's disk forgets, is empty, or is full, while the others go on. */
@Timeout(3600)
class LostDiskIT {

  private static final Duration WAIT = Duration.ofSeconds(30);
  private static final String POISON =
      "[\"INSERT INTO filler (bytes) VALUES (zeroblob(100000000))\"]";

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void unsyncedWritesAreLost() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        cluster.pass(500, 1_500);
        ClusterNode node = run % 2 == 0 ? cluster.anotherNode() : cluster.sequencerNode();
        node.kill9();
        // What the disk would hold if everything after this had never been synced.
        Path earlier =
            DatabaseFile.copy(node.databaseFile(), clusters.directory().resolve("run" + run));
        node.start();
        cluster.awaitReady();
        cluster.pass(1_500, 3_000);
        node.kill9();
        DatabaseFile.delete(node.databaseFile());
        DatabaseFile.copy(earlier, node.dataDirectory());
        node.start();
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aNodeWithAnEmptyDiskJoins() throws Exception {
    Cluster cluster = clusters.onLoopback(3, 1);
    ClusterNode late = cluster.node(3);
    for (ClusterNode node : cluster.others(late)) {
      node.start();
    }
    cluster.awaitReady();
    try (Workload load = cluster.load(1)) {
      cluster.pass(2_000, 3_000);
      late.start();
      cluster.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);

      ClusterNode replaced = cluster.sequencerNode();
      replaced.kill9();
      FileTree.delete(replaced.dataDirectory());
      replaced.start();
      cluster.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aRequestFitsOnNoDisk() throws Exception {
    Cluster cluster = clusters.onLoopback(3);
    for (ClusterNode node : cluster.nodes()) {
      node.set("peqlite.apply.database-bytes-max", "40MiB")
          .set("peqlite.apply.hold-after", "500ms");
    }
    cluster.startAll();
    try (Workload load = cluster.load(1)) {
      ClusterNode asked = cluster.anotherNode();
      assertTrue(asked.post("/db/execute", "[\"CREATE TABLE filler (bytes BLOB)\"]").succeeded());
      Answer answer = asked.post("/db/execute?timeout=60s", POISON);
      assertEquals(200, answer.status(), answer::text);
      assertTrue(answer.error().contains("full"), answer::text);
      cluster.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aRequestFitsOnAllDisksButOne() throws Exception {
    Cluster cluster = clusters.onLoopback(3);
    ClusterNode small = cluster.node(2);
    small.set("peqlite.apply.database-bytes-max", "40MiB").set("peqlite.apply.hold-after", "500ms");
    cluster.startAll();
    try (Workload load = cluster.load(1)) {
      List<ClusterNode> others = cluster.others(small);
      ClusterNode asked = others.get(0);
      assertTrue(asked.post("/db/execute", "[\"CREATE TABLE filler (bytes BLOB)\"]").succeeded());
      Answer answer = asked.post("/db/execute?timeout=60s", POISON);
      assertTrue(answer.succeeded(), answer::text);
      Eventually.eventually(
          "the node without space says so",
          WAIT,
          () -> !small.isReady() && small.readiness().contains("full"));
      load.awaitWrites(others, WAIT);
      cluster.pass(2_000, 3_000);
      load.awaitWrites(others, WAIT);
      assertFalse(small.isReady(), () -> cluster.describe() + small.process().log());

      assertEquals(0, small.terminate());
      small.set("peqlite.apply.database-bytes-max", "0B").start();
      cluster.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }
}
