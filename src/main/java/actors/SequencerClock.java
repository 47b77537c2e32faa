package actors;

import java.util.function.LongSupplier;

/**
 * The time that events carry: microseconds since 1970, strictly increasing. It is set by the clock
 * of the journal, which all nodes share, and runs by the monotonic clock in between, so that no
 * node's wall clock has a say. One thread.
 */
final class SequencerClock {

  private final LongSupplier monotonicNanos;
  private long anchorMicros;
  private long anchorNanos;
  private long last;

  SequencerClock(LongSupplier monotonicNanos) {
    this.monotonicNanos = monotonicNanos;
    this.anchorNanos = monotonicNanos.getAsLong();
  }

  /**
   * Takes the time anew.
   *
   * @param micros what the journal's clock said
   * @param atNanos when it said so, by the monotonic clock
   * @return how far this clock was off, in microseconds
   */
  long set(long micros, long atNanos) {
    long difference = micros - (anchorMicros + (atNanos - anchorNanos) / 1000);
    anchorMicros = micros;
    anchorNanos = atNanos;
    return difference;
  }

  /** Nothing at or before this will be given. */
  void startAfter(long micros) {
    last = Math.max(last, micros);
  }

  /** The next event's time. */
  long next() {
    last = Math.max(last + 1, running());
    return last;
  }

  /** The time now, not before the last event's. */
  long now() {
    return Math.max(last, running());
  }

  private long running() {
    return anchorMicros + (monotonicNanos.getAsLong() - anchorNanos) / 1000;
  }
}
