package storage;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** Which state of the past is meant: that after one event, or that at one time. */
public sealed interface PastTarget {

  /**
   * After an event.
   *
   * @param seq its number; 0 for the empty database before the first one
   */
  record AfterEvent(long seq) implements PastTarget {

    public AfterEvent {
      if (seq < 0) {
        throw new IllegalArgumentException("there is no event " + seq);
      }
    }

    @Override
    public String toString() {
      return "event " + seq;
    }
  }

  /**
   * At a time, by the clock that the events' times are of: after the last event that is not later.
   *
   * @param micros since 1970 UTC
   */
  record AtTime(long micros) implements PastTarget {

    @Override
    public String toString() {
      return PastTarget.text(micros);
    }
  }

  /** A time in microseconds since 1970 UTC, as text for people. */
  static String text(long micros) {
    return Instant.EPOCH.plus(micros, ChronoUnit.MICROS).toString();
  }
}
