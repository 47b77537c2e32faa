package http;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.Done;

/**
 * Counts what was taken and is not finished, so that the server can finish it before it stops.
 * Thread-safe.
 */
final class InFlight {

  private final AtomicInteger count = new AtomicInteger();
  private final CompletableFuture<Done> finished = new CompletableFuture<>();
  private volatile boolean closing;
  private volatile boolean stopping;

  /**
   * Counts one more piece of work, each to be ended by {@link #end}.
   *
   * @return false once the server is stopping: then nothing was counted and nothing new is taken
   */
  boolean begin() {
    // Counted before asking, so that what is let in after the question cannot be missed.
    count.incrementAndGet();
    if (stopping) {
      end();
      return false;
    }
    return true;
  }

  /** Counts work that belongs to a request which was taken, even while the server is stopping. */
  void beginMore() {
    count.incrementAndGet();
  }

  /** Counts one piece of work less. */
  void end() {
    if (count.decrementAndGet() == 0 && stopping) {
      finished.complete(Done.getInstance());
    }
  }

  /** Whether connections are to be closed with their next answer. */
  boolean closing() {
    return closing;
  }

  /** From now on each answer tells its client to use another connection for the next request. */
  void close() {
    closing = true;
  }

  /** Lets nothing new in; the stage completes when everything that was taken is finished. */
  CompletionStage<Done> stop() {
    closing = true;
    stopping = true;
    if (count.get() == 0) {
      finished.complete(Done.getInstance());
    }
    return finished.copy();
  }
}
