package peqlite;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A closed loop: every worker sends its next request when the last one is answered. A worker is not
 * a thread; it goes on in whatever thread completes its request, so that many workers cost the
 * measured node nothing.
 */
final class BenchLoad {

  /** What the workers repeat. */
  interface Operation {

    /**
     * Sends a request. The stage completes with what went wrong or with an empty text, and never
     * exceptionally.
     *
     * @param worker whose request it is, from 0; each has one under way
     * @param number how many requests of all workers were before it
     */
    CompletionStage<String> send(int worker, long number);
  }

  private final int workers;
  private final long countMax;
  private final long endNanos;
  private final Operation operation;
  private final LatencyHistogram latencies = new LatencyHistogram();
  private final AtomicLong started = new AtomicLong();
  private final BenchErrors errors = new BenchErrors();
  private final AtomicInteger running;
  private final CompletableFuture<Void> done = new CompletableFuture<>();

  private BenchLoad(int workers, Duration duration, long countMax, Operation operation) {
    this.workers = workers;
    this.countMax = countMax;
    this.endNanos = System.nanoTime() + duration.toNanos();
    this.operation = operation;
    this.running = new AtomicInteger(workers);
  }

  /**
   * Runs a load and returns what it measured.
   *
   * @param duration no request begins after it
   * @param countMax no more requests than this
   */
  static BenchResult run(
      String name, int workers, Duration duration, long countMax, Operation operation) {
    BenchLoad load = new BenchLoad(workers, duration, countMax, operation);
    long startNanos = System.nanoTime();
    for (int worker = 0; worker < workers; worker++) {
      load.next(worker);
    }
    load.done.join();
    return load.result(name, System.nanoTime() - startNanos);
  }

  private BenchResult result(String name, long nanos) {
    return new BenchResult(
        name,
        workers,
        latencies.count() / (nanos / 1e9),
        latencies.percentileNanos(0.5),
        latencies.percentileNanos(0.99),
        latencies.maxNanos(),
        latencies.count(),
        errors.count(),
        errors.first());
  }

  /** One worker's loop; a loop and not a recursion, because many stages are complete at once. */
  private void next(int worker) {
    while (true) {
      long number = started.getAndIncrement();
      if (number >= countMax || System.nanoTime() >= endNanos) {
        if (running.decrementAndGet() == 0) {
          done.complete(null);
        }
        return;
      }
      long sentNanos = System.nanoTime();
      CompletableFuture<String> answer = operation.send(worker, number).toCompletableFuture();
      if (!answer.isDone()) {
        CompletableFuture<Void> unused =
            answer.thenAccept(
                error -> {
                  record(sentNanos, error);
                  next(worker);
                });
        return;
      }
      record(sentNanos, answer.join());
    }
  }

  private void record(long sentNanos, String error) {
    latencies.record(System.nanoTime() - sentNanos);
    errors.add(error);
  }
}
