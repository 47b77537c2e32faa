package process;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Messages between nodes are lost without a sign, as Pekko may do at any time. */
@Timeout(3600)
class MessageLossIT {

  private static final Duration WAIT = Duration.ofSeconds(20);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void oneMessageOfEachKindIsLost() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = clusters.onLoopback(3);
      for (ClusterNode node : cluster.nodes()) {
        // The first of each kind at one node, and one in the middle at the others.
        int which = node.number() == 0 ? 1 : 2 + clusters.random().nextInt(40);
        node.withTestClasses("-Dprocess.lost=" + which)
            .set("pekko.actor.serializers.jackson-cbor", DroppingSerializer.class.getName())
            .set("pekko.serialization.jackson.allowed-class-prefix", "[\"actors.\"]");
      }
      cluster.startAll();
      try (Workload load = cluster.load(1)) {
        cluster.pass(4_000, 6_000);
        Answer moved = cluster.sequencerNode().post("/leader", "");
        assertTrue(moved.status() == 200 || moved.status() == 503, moved::text);
        cluster.pass(2_000, 3_000);
        load.awaitWrites(cluster.nodes(), WAIT);
        List<Operation> history = cluster.finish(load);
        Cluster.assertNoFailures(history, cluster.nodes());
      }
      Set<String> lost =
          cluster.nodes().stream()
              .flatMap(node -> node.log().lines())
              .filter(line -> line.startsWith(DroppingSerializer.LOST))
              .map(line -> line.substring(line.lastIndexOf('$') + 1))
              .collect(Collectors.toCollection(TreeSet::new));
      System.out.println("lost one message of each of: " + lost);
      // Of which others there are enough depends on where the sequencer is.
      assertTrue(
          lost.containsAll(List.of("Submit", "Ordered", "Push", "Head", "Progress")),
          lost::toString);
    }
  }
}
