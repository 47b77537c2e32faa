package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import storage.EventCodec;

/** The wall clock of a node is wrong. Events carry the right time, and nothing ages early. */
@Timeout(3600)
class ClockIT {

  private static final Duration WAIT = Duration.ofSeconds(20);

  @RegisterExtension final Clusters clusters = new Clusters();

  @Test
  @Tag(Clusters.LONG)
  void clocksJump() throws Exception {
    Cluster cluster = clusters.onLoopback(3);
    List<WallClock> clocks = new ArrayList<>();
    for (ClusterNode node : cluster.nodes()) {
      WallClock clock = WallClock.create(clusters.directory(), node.id());
      clocks.add(clock);
      node.environment(clock.environment());
    }
    Instant began = Instant.now();
    cluster.startAll();
    try (Workload load = cluster.load(1)) {
      cluster.pass(500, 1_500);
      ClusterNode sequencer = cluster.sequencerNode();
      clocks.get(sequencer.number()).move(Duration.ofHours(1));
      cluster.pass(3_000, 4_000);
      clocks.get(sequencer.number()).move(Duration.ofHours(-1));
      cluster.pass(3_000, 4_000);

      // Whoever takes over is a year ahead, as far as the journal does not go by these clocks.
      List<ClusterNode> others = cluster.others(sequencer);
      int wrong = Math.min(others.size(), cluster.nodes().size() - cluster.livingMin());
      for (ClusterNode other : others.subList(0, Math.max(1, wrong))) {
        clocks.get(other.number()).move(Duration.ofDays(365));
      }
      cluster.pass(1_500, 2_000);
      sequencer.kill9();
      load.awaitWrites(cluster.others(sequencer), WAIT);
      cluster.pass(1_000, 2_000);
      clocks.get(sequencer.number()).move(Duration.ZERO);
      List<Operation> history = cluster.finish(load);
      Cluster.assertAnsweredInTime(history, cluster.nodes());
    }
    assertTimes(cluster, began.minusSeconds(60), Instant.now().plusSeconds(60));
  }

  /** A key that was used before a sequencer with a wrong clock is still known after it. */
  @Test
  @Tag(Clusters.LONG)
  void noKeyIsForgotten() throws Exception {
    Cluster cluster = clusters.thatSurvives(1);
    List<WallClock> clocks = new ArrayList<>();
    for (ClusterNode node : cluster.nodes()) {
      WallClock clock = WallClock.create(clusters.directory(), node.id());
      clocks.add(clock);
      node.environment(clock.environment());
    }
    cluster.startAll();
    String insert = "[\"INSERT INTO keyed VALUES (1)\"]";
    ClusterNode sequencer = cluster.sequencerNode();
    ClusterNode other = cluster.others(sequencer).get(0);
    assertTrue(sequencer.post("/db/execute", "[\"CREATE TABLE keyed (x)\"]").succeeded());
    assertTrue(other.post("/db/execute", "key", insert).succeeded());
    clocks.get(other.number()).move(Duration.ofDays(365));
    cluster.pass(1_500, 2_000);
    sequencer.kill9();
    for (int i = 0; i < 20; i++) {
      assertTrue(other.post("/db/execute", "[\"INSERT INTO keyed VALUES (2)\"]").succeeded());
    }
    Answer again = other.post("/db/execute", "key", insert);
    assertTrue(again.succeeded() && again.duplicate(), again::toString);
    cluster.startAll();
    assertEquals(
        1,
        sequencer
            .get("/db/query?level=strong&q=SELECT%20count(*)%20FROM%20keyed%20WHERE%20x%3D1")
            .value()
            .asLong());
  }

  private static void assertTimes(Cluster cluster, Instant from, Instant to) throws Exception {
    AtomicLong last = new AtomicLong();
    cluster
        .journal()
        .forEach(
            event -> {
              long micros = EventCodec.decode(event).timestampMicros();
              assertTrue(micros > last.getAndSet(micros), "time goes forward");
              Instant time = Instant.EPOCH.plusNanos(micros * 1_000);
              assertTrue(
                  time.isAfter(from) && time.isBefore(to),
                  () -> "event " + event.seq() + " is of " + time);
            });
  }
}
