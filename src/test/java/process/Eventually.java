package process;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Waits for what another process does, by asking again and again until a deadline. */
final class Eventually {

  /** What is waited for. */
  interface Question {
    boolean ask() throws Exception;
  }

  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private Eventually() {}

  /** Returns once the question is answered with true; an error names what was waited for. */
  static void eventually(String what, Duration timeMax, Question question) throws Exception {
    await(what, timeMax, question, PAUSE_NANOS);
  }

  /** The same without pauses, for what passes quickly. */
  static void busily(String what, Duration timeMax, Question question) throws Exception {
    await(what, timeMax, question, 0);
  }

  private static void await(String what, Duration timeMax, Question question, long pauseNanos)
      throws Exception {
    long deadlineNanos = System.nanoTime() + timeMax.toNanos();
    while (!question.ask()) {
      if (System.nanoTime() - deadlineNanos >= 0) {
        throw new AssertionError("not in " + timeMax.toSeconds() + " s: " + what);
      }
      if (pauseNanos > 0) {
        LockSupport.parkNanos(pauseNanos);
      }
    }
  }

  /** Lets a time pass that is part of the scenario, such as how long writers run before a kill. */
  static void pass(Duration time) {
    long deadlineNanos = System.nanoTime() + time.toNanos();
    while (System.nanoTime() - deadlineNanos < 0) {
      LockSupport.parkNanos(Math.max(1, deadlineNanos - System.nanoTime()));
    }
  }
}
