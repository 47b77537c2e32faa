package peqlite;

import java.io.PrintWriter;
import java.util.Locale;

/**
 * A line on a terminal that says what is being done; nothing where standard error is no terminal.
 * One thread.
 */
final class Steps {

  private static final int WIDTH = 70;

  private final PrintWriter out;
  private final boolean shown = System.console() != null;
  private boolean begun;

  Steps(PrintWriter out) {
    this.out = out;
  }

  /** This is done now. */
  void show(String step) {
    if (shown) {
      begun = true;
      out.print(String.format(Locale.ROOT, "\r%-" + WIDTH + "s", step));
      out.flush();
    }
  }

  /** Leaves the line. */
  void end() {
    if (begun) {
      out.println();
    }
  }
}
