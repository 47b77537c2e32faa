package actors;

import java.util.function.LongSupplier;

/**
 * The time that events carry: microseconds since 1970, strictly increasing. Between two settings it
 * runs by the monotonic clock, so that a jump of the wall clock is not seen at once. One thread.
 */
final class SequencerClock {

  private final LongSupplier wallMicros;
  private final LongSupplier monotonicNanos;
  private long anchorMicros;
  private long anchorNanos;
  private long last;

  SequencerClock(LongSupplier wallMicros, LongSupplier monotonicNanos) {
    this.wallMicros = wallMicros;
    this.monotonicNanos = monotonicNanos;
    set();
  }

  /** Takes the time of the wall clock again. Returns how far it was off, in microseconds. */
  long set() {
    long nanos = monotonicNanos.getAsLong();
    long wall = wallMicros.getAsLong();
    long difference = wall - (anchorMicros + (nanos - anchorNanos) / 1000);
    anchorMicros = wall;
    anchorNanos = nanos;
    return difference;
  }

  /** Nothing at or before this will be given. */
  void startAfter(long micros) {
    last = Math.max(last, micros);
  }

  /** The next event's time. */
  long next() {
    long now = anchorMicros + (monotonicNanos.getAsLong() - anchorNanos) / 1000;
    last = Math.max(last + 1, now);
    return last;
  }
}
