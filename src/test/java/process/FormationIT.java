package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Nodes find each other however they are started, and never form two clusters. */
@Timeout(3600)
class FormationIT {

  private static final Duration WAIT = Duration.ofSeconds(20);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  void nodesStartInAnyOrder() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = clusters.onLoopback(3);
      List<ClusterNode> order = new ArrayList<>(cluster.nodes());
      Collections.shuffle(order, clusters.random());
      for (ClusterNode node : order) {
        node.start();
        cluster.pass(0, 1_500);
      }
      cluster.awaitReady();
      try (Workload load = cluster.load(1)) {
        load.awaitWrites(cluster.nodes(), WAIT);
        cluster.finish(load);
      }
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void nodesFindEachOtherThroughTheJournal() throws Exception {
    Cluster cluster = clusters.onPostgres(3);
    // Each names itself only, as if nobody knew the others' addresses yet.
    cluster.nodes().forEach(node -> node.join(node.clusterAddress()));
    cluster.startAll();
    try (Workload load = cluster.load(1)) {
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void theLastOneAliveIsJoinedByTheOthers() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        ClusterNode last = cluster.node(clusters.random().nextInt(3));
        for (ClusterNode node : cluster.others(last)) {
          if (clusters.random().nextBoolean()) {
            node.kill9();
          } else {
            assertEquals(0, node.terminate());
          }
        }
        if (cluster.survivesWithout(cluster.others(last).toArray(new ClusterNode[0]))) {
          load.awaitWrites(List.of(last), WAIT);
        } else {
          cluster.assertReadOnly(load, List.of(last));
        }
        cluster.startAll();
        load.awaitWrites(cluster.nodes(), WAIT);
      }
      cluster.finish(load);
    }
  }

  @Test
  void aNodeOfAnotherDatabaseIsRefused() throws Exception {
    Cluster cluster = clusters.onLoopback(2).startAll();
    Cluster other = clusters.onLoopback(1);
    other.startAll();
    other.stopAll();
    ClusterNode stranger = other.node(0);
    stranger.join(cluster.node(0).clusterAddress() + "," + stranger.clusterAddress());
    stranger.start();
    Eventually.eventually(
        "the node says that it does not belong there",
        WAIT,
        () -> !stranger.isAlive() || stranger.log().contains("another cluster"));
    assertFalse(stranger.isReady());
    for (ClusterNode node : cluster.nodes()) {
      assertEquals(2, node.members().size());
      assertTrue(node.isReady());
    }
  }
}
