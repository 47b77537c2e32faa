package storage;

import java.util.concurrent.TimeUnit;

/**
 * Cuts a journal from its beginning on, in steps that are short enough for appends to pass between
 * them. Whatever ends it in the middle leaves a journal that begins at some smaller number.
 */
public final class TrimSteps {

  /** Events of one step at most. */
  public static final int EVENTS_MAX = 500;

  /** A step ends with the event whose payload reaches this sum. */
  public static final long BYTES_MAX = 1 << 20;

  /**
   * Who waits for a lock looks for it now and then only, so that it must be free for longer than it
   * is taken.
   */
  private static final int PAUSE_FACTOR = 2;

  private static final long PAUSE_MIN_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /** Longer than a step, which may itself have waited for long. */
  private static final long PAUSE_MAX_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  /** One step, which is done as a whole or not at all. */
  public interface Step {

    /**
     * Takes the first events away.
     *
     * @param from the first one that is there
     * @param to the last one that may go
     * @return the last one that is gone now, not below {@code from}
     */
    long cut(long from, long to) throws JournalException;
  }

  private TrimSteps() {}

  /**
   * Takes step after step, with pauses, until everything up to {@code to} is gone except for the
   * journal's last event.
   *
   * @throws JournalException if a step fails, or the thread was interrupted
   */
  public static void run(Journal journal, long to, Step step) throws JournalException {
    // First the head: it only grows, so that what is below it now is never the last event.
    long last = Math.min(to, journal.head() - 1);
    long next = journal.first();
    while (next <= last) {
      long beganNanos = System.nanoTime();
      next = step.cut(next, last) + 1;
      if (next <= last) {
        long wished = PAUSE_FACTOR * (System.nanoTime() - beganNanos);
        pause(Math.max(PAUSE_MIN_NANOS, Math.min(wished, PAUSE_MAX_NANOS)));
      }
    }
  }

  static void pause(long nanos) throws JournalException {
    try {
      TimeUnit.NANOSECONDS.sleep(nanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted while the journal was cut", e);
    }
  }
}
