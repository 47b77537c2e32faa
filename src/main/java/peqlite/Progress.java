package peqlite;

import java.io.PrintWriter;
import java.util.Locale;

/**
 * A line on a terminal that says how far something has come, a few times a second; nothing where
 * standard error is no terminal. One thread.
 */
final class Progress {

  private static final long INTERVAL_NANOS = 200_000_000;
  private static final int BAR_WIDTH = 30;

  private final PrintWriter out;
  private final long all;
  private final boolean shown = System.console() != null;
  private final long beganNanos = System.nanoTime();
  private long lastNanos = beganNanos;
  private boolean begun;

  /**
   * At the beginning.
   *
   * @param all bytes, negative if nobody knows
   */
  Progress(PrintWriter out, long all) {
    this.out = out;
    this.all = all;
  }

  /** So many bytes are done. */
  void show(long bytes) {
    long now = System.nanoTime();
    if (!shown || now - lastNanos < INTERVAL_NANOS) {
      return;
    }
    lastNanos = now;
    begun = true;
    double seconds = (now - beganNanos) / 1e9;
    String rate =
        String.format(Locale.ROOT, "%,d MiB, %.0f MiB/s", bytes >> 20, bytes / seconds / (1 << 20));
    if (all <= 0) {
      out.print("\r" + rate);
    } else {
      int done = (int) (bytes * BAR_WIDTH / all);
      out.print(
          String.format(
              Locale.ROOT,
              "\r[%s%s] %3d %% %s",
              "#".repeat(done),
              ".".repeat(BAR_WIDTH - done),
              bytes * 100 / all,
              rate));
    }
    out.flush();
  }

  /** Leaves the line. */
  void end() {
    if (begun) {
      out.println();
    }
  }
}
