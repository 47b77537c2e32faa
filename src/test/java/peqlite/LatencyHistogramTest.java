package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class LatencyHistogramTest {

  private final LatencyHistogram histogram = new LatencyHistogram();

  @Test
  void isZeroWhenEmpty() {
    assertEquals(0, histogram.count());
    assertEquals(0, histogram.percentileNanos(0.99));
    assertEquals(0, histogram.maxNanos());
  }

  @Test
  void isExactForSmallValues() {
    for (int nanos = 1; nanos <= 100; nanos++) {
      histogram.record(nanos % 60);
    }
    assertEquals(100, histogram.count());
    assertEquals(59, histogram.maxNanos());
    assertEquals(59, histogram.percentileNanos(1));
    assertEquals(0, histogram.percentileNanos(0.01));
  }

  @Test
  void isNeverBelowAndAtMostSixteenThousandthsAboveTheTruth() {
    Random random = new Random(42);
    long[] values = new long[10_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextLong() >>> (1 + random.nextInt(62));
      histogram.record(values[i]);
    }
    Arrays.sort(values);
    for (double share : new double[] {0.01, 0.5, 0.9, 0.99, 0.999, 1}) {
      long truth = values[(int) Math.ceil(share * values.length) - 1];
      long found = histogram.percentileNanos(share);
      assertTrue(found >= truth && found <= truth + truth * 0.016 + 1, share + ": " + found);
    }
    assertEquals(values[values.length - 1], histogram.maxNanos());
  }

  @Test
  void takesTheExtremes() {
    histogram.record(Long.MAX_VALUE);
    histogram.record(-5);
    assertEquals(Long.MAX_VALUE, histogram.maxNanos());
    assertEquals(0, histogram.percentileNanos(0.5));
    assertEquals(Long.MAX_VALUE, histogram.percentileNanos(1));
  }
}
