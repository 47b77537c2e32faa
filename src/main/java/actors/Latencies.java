package actors;

import java.time.Duration;

/**
 * The bounds by which times are counted in histograms, the same for everything that is measured.
 */
public final class Latencies {

  private Latencies() {}

  /**
   * From half a millisecond, below which nothing durable is done, to the longest usual deadline.
   */
  public static Duration[] bounds() {
    return new Duration[] {
      Duration.ofNanos(500_000),
      Duration.ofMillis(1),
      Duration.ofNanos(2_500_000),
      Duration.ofMillis(5),
      Duration.ofMillis(10),
      Duration.ofMillis(25),
      Duration.ofMillis(50),
      Duration.ofMillis(100),
      Duration.ofMillis(250),
      Duration.ofMillis(500),
      Duration.ofSeconds(1),
      Duration.ofMillis(2_500),
      Duration.ofSeconds(5),
      Duration.ofSeconds(10),
      Duration.ofSeconds(30)
    };
  }
}
