package process;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Waits for what another process does, by asking again and again until a deadline. */
final class Eventually {

  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private Eventually() {}

  /** Returns once the question is answered with true; an error names what was waited for. */
  static void eventually(String what, Duration timeMax, Callable<Boolean> question)
      throws Exception {
    Boolean yes =
        found(what, timeMax, () -> question.call() ? Optional.of(true) : Optional.empty());
    if (!yes) {
      throw new IllegalStateException("unreachable");
    }
  }

  /** Returns the first answer that is present; an error names what was waited for. */
  static <T> T found(String what, Duration timeMax, Callable<Optional<T>> question)
      throws Exception {
    long deadlineNanos = System.nanoTime() + timeMax.toNanos();
    while (true) {
      Optional<T> answer = question.call();
      if (answer.isPresent()) {
        return answer.get();
      }
      if (System.nanoTime() - deadlineNanos >= 0) {
        throw new AssertionError("not in " + timeMax.toSeconds() + " s: " + what);
      }
      pause(PAUSE_NANOS);
    }
  }

  /** Lets a time pass that is part of the scenario, such as how long writers run before a kill. */
  static void pass(Duration time) {
    long deadlineNanos = System.nanoTime() + time.toNanos();
    while (System.nanoTime() - deadlineNanos < 0) {
      pause(Math.max(1, deadlineNanos - System.nanoTime()));
    }
  }

  private static void pause(long nanos) {
    LockSupport.parkNanos(nanos);
  }
}
