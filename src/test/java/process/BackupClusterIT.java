package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Backups of a cluster whose sequencer's nodes are killed and frozen while clients write: nothing
 * is missing in them, and what is restored is what the nodes hold.
 */
@Timeout(3600)
class BackupClusterIT {

  private static final Duration WAIT = Duration.ofSeconds(60);

  @RegisterExtension final Clusters clusters = new Clusters();
  @TempDir Path directory;

  @Test
  @Tag(Clusters.LONG)
  void theSequencersNodeIsKilledAndFrozen() throws Exception {
    Path place = Files.createDirectory(directory.resolve("place"));
    String url = place.toUri().toString();
    Cluster cluster = clusters.onQuorum(3);
    for (ClusterNode node : cluster.nodes()) {
      node.set("peqlite.backup.url", '"' + url + '"')
          .set("peqlite.backup.segment-interval", "1s")
          .set("peqlite.backup.full-interval", "5s")
          .set("peqlite.backup.verify", "true")
          .set("peqlite.snapshot.journal-bytes", "64KiB")
          .set("peqlite.snapshot.journal-events", "1000")
          .set("peqlite.snapshot.look-interval", "500ms");
    }
    cluster.startAll();
    Workload load = cluster.load(3);
    try (load) {
      awaitBackedUp(cluster, 1);
      for (int run = 0; run < Clusters.runs(); run++) {
        ClusterNode first = cluster.sequencerNode();
        first.kill9();
        load.awaitWrites(cluster.others(first), WAIT);
        ClusterNode next = cluster.sequencerNode(cluster.others(first), cluster.others(first));
        awaitBackedUp(cluster, head(next));
        first.start();
        cluster.awaitReady();
        ClusterNode frozen = cluster.sequencerNode();
        frozen.pause();
        load.awaitWrites(cluster.others(frozen), WAIT);
        frozen.resume();
        cluster.awaitReady();
        awaitBackedUp(cluster, head(cluster.node(0)));
      }
      load.stop();
      load.settleKeyed(cluster.node(0));
      cluster.awaitEven();
      awaitBackedUp(cluster, head(cluster.node(0)));
      cluster.finish(load);
    }

    Program listed = Program.run("backups", url, "--verify", "--directory", directory.toString());
    assertEquals(0, listed.exitCode(), listed::output);
    assertEquals(
        1, listed.output().lines().filter(line -> line.contains("can be restored: ")).count());
    Path restored = directory.resolve("restored.db");
    Program restore = Program.run("restore", "--from", url, "--output", restored.toString());
    assertEquals(0, restore.exitCode(), restore::output);
    Map<String, String> expected = contents(cluster.node(0).databaseFile());
    assertTrue(expected.size() > 1, expected::toString);
    assertEquals(expected, contents(restored));
  }

  /** Of the clients' tables. */
  private static Map<String, String> contents(Path file) throws Exception {
    Map<String, String> contents = DatabaseFile.contents(file);
    contents.keySet().removeAll(Set.of("schema", "_peqlite_keys"));
    return contents;
  }

  private static long head(ClusterNode node) {
    return number(node.status("head_seq"));
  }

  private static long number(String text) {
    return text.isEmpty() ? 0 : Long.parseLong(text);
  }

  /** The one that makes the backups has made them that far. */
  private static void awaitBackedUp(Cluster cluster, long seq) throws Exception {
    Eventually.eventually(
        "event " + seq + " is backed up",
        WAIT,
        () ->
            cluster.nodes().stream()
                .filter(ClusterNode::isAlive)
                .anyMatch(
                    node ->
                        node.status("backups.here").equals("true")
                            && number(node.status("backups.seq")) >= seq));
  }
}
