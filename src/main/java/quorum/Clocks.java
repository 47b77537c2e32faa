package quorum;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** This machine's clock. */
final class Clocks {

  private Clocks() {}

  /** Microseconds since 1970. */
  static long micros() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }
}
