package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class NodeMetricsTest {

  private final NodeMetrics metrics = new NodeMetrics();
  private final SimpleMeterRegistry shown = new SimpleMeterRegistry();

  @BeforeEach
  void show() {
    metrics.registry().add(shown);
  }

  @Test
  void showsHowFarTheNodesAreWhileASequencerIsHere() {
    metrics.sequencer(sequencer(Map.of("a", 0L, "b", 7L)));
    assertEquals(Map.of("a", 0.0, "b", 7.0), lags());
    metrics.sequencer(sequencer(Map.of("a", 1L, "b", 6L)));
    assertEquals(Map.of("a", 1.0, "b", 6.0), lags());
    metrics.sequencer(sequencer(Map.of("a", 1L, "c", 2L)));
    assertEquals(Map.of("a", 1.0, "c", 2.0), lags());
    assertEquals(1, shown.get("peqlite.sequencer.here").gauge().value());
    metrics.sequencer(NodeMetrics.SequencerReading.NONE);
    assertEquals(Map.of(), lags());
    assertEquals(0, shown.get("peqlite.sequencer.here").gauge().value());
  }

  @Test
  void theNextSequencerOfTheProcessIsShownInThePlaceOfTheOneBefore() {
    for (int life = 1; life <= 3; life++) {
      metrics.clusterStarted();
      metrics.sequencerOpened();
      metrics.sequencer(sequencer(Map.of("a", (long) life)));
      assertEquals(Map.of("a", (double) life), lags());
      metrics.sequencer(NodeMetrics.SequencerReading.NONE);
    }
    assertEquals(3, shown.get("peqlite.sequencer.openings").functionCounter().count());
    assertEquals(1, shown.find("peqlite.sequencer.openings").functionCounters().size());
    assertEquals(3, shown.get("peqlite.cluster.starts").functionCounter().count());
  }

  @Test
  void aWriteIsCountedByWhatItsClientWasTold() {
    metrics.writeEnded(NodeMetrics.WriteEnd.APPLIED, 1_000_000);
    metrics.writeEnded(NodeMetrics.WriteEnd.UNKNOWN, 2_000_000);
    metrics.writeEnded(NodeMetrics.WriteEnd.UNKNOWN, 2_000_000);
    assertEquals(1, shown.get("peqlite.write").tag("outcome", "applied").timer().count());
    assertEquals(2, shown.get("peqlite.write").tag("outcome", "unknown").timer().count());
    assertEquals(0, shown.get("peqlite.write").tag("outcome", "committed").timer().count());
  }

  private static NodeMetrics.SequencerReading sequencer(Map<String, Long> lags) {
    return new NodeMetrics.SequencerReading(true, 3, 100, lags);
  }

  private Map<String, Double> lags() {
    Collection<Gauge> gauges = shown.find("peqlite.sequencer.replica.lag").gauges();
    Map<String, Double> lags = new TreeMap<>();
    gauges.forEach(gauge -> lags.put(gauge.getId().getTag("node"), gauge.value()));
    return lags;
  }
}
