package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import process.Operation.Fate;
import process.Operation.WriteOperation;

/** Nodes as pods: they find each other by the API server's word, under addresses that change. */
@Timeout(600)
class KubernetesIT {

  private static final Duration WAIT = Duration.ofSeconds(30);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  void podsFindEachOtherAndALostOneComesBackUnderAnotherAddress() throws Exception {
    StatefulSet set = clusters.inPods(3);
    Cluster cluster = set.cluster();
    ClusterNode.Ports ports = cluster.node(0).ports();
    // None of these is a node that can be asked.
    set.api().pending("node4", ports.management());
    set.api().terminating("node5", "127.0.1.250", ports.management());
    set.api().stranger("postgres-0", "127.0.1.251", ports.management());
    cluster.nodes().forEach(node -> node.set("peqlite.discovery.nodes-min", "3"));

    set.create(cluster.node(0));
    set.create(cluster.node(1));
    Eventually.eventually(
        "two of three know that one is missing",
        WAIT,
        () ->
            cluster.nodes().subList(0, 2).stream()
                .anyMatch(node -> node.log().contains("discovery shows 2 nodes of at least 3")));
    assertFalse(cluster.node(0).isReady() || cluster.node(1).isReady());

    set.create(cluster.node(2));
    set.awaitReady();
    assertTrue(set.api().answered() > 0);
    assertEquals(0, set.api().refused(), "every question had the token");
    // Pekko Management's own contact point says what the API server's word led to.
    String seeds = cluster.node(2).manage("/bootstrap/seed-nodes").text();
    for (ClusterNode node : cluster.nodes()) {
      assertTrue(seeds.contains("@" + node.clusterAddress() + "\""), seeds);
    }

    // From here on the API server is away.
    set.api().close();
    ClusterNode lost = cluster.sequencerNode();
    String before = lost.clusterAddress();
    set.lose(lost);
    set.awaitReady();
    assertFalse(before.equals(lost.clusterAddress()));
    assertTrue(lost.isAlive(), "its second process went on");
    String log = lost.process().log();
    assertFalse(log.contains("is in use"), log);
    for (ClusterNode node : cluster.nodes()) {
      assertEquals(Set.of("node1", "node2", "node3"), node.members().keySet());
    }
  }

  /** What an operator does to a StatefulSet, while clients write and read all the time. */
  @Test
  @Tag(Clusters.LONG)
  void scalingUpdatingAndDeletingFailsNoWrite() throws Exception {
    StatefulSet set = clusters.inPods(3);
    Cluster cluster = set.cluster();
    set.scale(1);
    try (Workload load = cluster.idle().through(set::serves).start(2)) {
      cluster.pass(500, 1_500);
      set.scale(3);
      load.awaitWrites(cluster.nodes(), WAIT);
      set.update();
      load.awaitWrites(cluster.nodes(), WAIT);
      set.delete(cluster.sequencerNode());
      set.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);
      set.scale(2);
      load.awaitWrites(cluster.nodes().subList(0, 2), WAIT);
      set.scale(3);
      load.awaitWrites(cluster.nodes(), WAIT);
      assertNoneFailed(cluster.finish(load));
    }
  }

  /** A pod that refused a connection took nothing; its client has turned to another one. */
  private static void assertNoneFailed(List<Operation> history) {
    List<Operation> failed =
        history.stream()
            .filter(
                operation ->
                    operation instanceof WriteOperation write
                        && !operation.succeeded()
                        && write.fate() != Fate.NOT_SENT)
            .toList();
    assertTrue(failed.isEmpty(), () -> failed.size() + " failed, such as " + failed.get(0));
  }
}
