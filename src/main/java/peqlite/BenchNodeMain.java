package peqlite;

import java.io.IOException;

/**
 * The program of a node that a benchmark has started: as {@link Main}, but it ends when its
 * standard input does, so that no node outlives a benchmark that was killed.
 */
public final class BenchNodeMain {

  private BenchNodeMain() {}

  /** Ends the process. */
  public static void main(String[] arguments) {
    Thread watch = new Thread(BenchNodeMain::endWithInput, "bench-end-of-input");
    watch.setDaemon(true);
    watch.start();
    Main.main(arguments);
  }

  private static void endWithInput() {
    try {
      while (System.in.read() >= 0) {
        // Nobody writes; only the end tells something.
      }
    } catch (IOException e) {
      // Nobody is there any more, in another way.
    }
    // Without an orderly stop: nobody will ever want the data.
    Runtime.getRuntime().halt(1);
  }
}
