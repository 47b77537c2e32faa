package peqlite;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/**
 * Measures replication lag beside a load: inserts a row at one node after the other, and from the
 * moment of its acknowledgement takes the time until each other node has answered a read that had
 * to wait for it ({@code level=none&min_seq}). The same read goes to the node that acknowledged
 * too, which never has to wait: its time is what a read takes under this load without any lag.
 *
 * <p>One sample at a time, with pauses, so that the load remains the load. With fewer than two
 * nodes there is nothing to measure, and nothing is sent.
 */
final class BenchLag implements AutoCloseable {

  /** Tens of samples in a second: enough for a 99th percentile, and too few to be a load. */
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final List<BenchHttpTarget> nodes;
  private final LongSupplier nextId;
  private final List<Thread> threads = new ArrayList<>();
  private final Readings others = new Readings();
  private final Readings own = new Readings();
  private final long startNanos = System.nanoTime();
  private volatile boolean stopped;

  /** What was measured of one kind of read; thread-safe. */
  private static final class Readings {

    private final LatencyHistogram latencies = new LatencyHistogram();
    private final BenchErrors errors = new BenchErrors();

    void add(long nanos, String error) {
      latencies.record(nanos);
      errors.add(error);
    }

    BenchResult result(String name, int workers, long nanos) {
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
  }

  private BenchLag(List<BenchHttpTarget> nodes, LongSupplier nextId) {
    this.nodes = List.copyOf(nodes);
    this.nextId = nextId;
  }

  /**
   * Begins to measure.
   *
   * @param nodes of one cluster
   * @param nextId gives ids that no other row has; thread-safe
   */
  static BenchLag beside(List<BenchHttpTarget> nodes, LongSupplier nextId) {
    BenchLag lag = new BenchLag(nodes, nextId);
    if (nodes.size() > 1) {
      nodes.forEach(lag::start);
    }
    return lag;
  }

  private void start(BenchHttpTarget writer) {
    Thread thread = new Thread(() -> run(writer), "bench-lag");
    thread.setDaemon(true);
    thread.start();
    threads.add(thread);
  }

  /** Ends the measurement and says what it gave; empty if there were fewer than two nodes. */
  List<BenchResult> results(String label) {
    if (nodes.size() < 2) {
      return List.of();
    }
    close();
    long nanos = System.nanoTime() - startNanos;
    return List.of(
        others.result(label + " lag, other nodes", nodes.size(), nanos),
        own.result(label + " lag, own node", nodes.size(), nanos));
  }

  /** Waits for the samples that are being taken. */
  @Override
  public void close() {
    stopped = true;
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run(BenchHttpTarget writer) {
    while (!stopped) {
      sample(writer).join();
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  private CompletableFuture<Void> sample(BenchHttpTarget writer) {
    long id = nextId.getAsLong();
    return writer
        .insertForSeq(id)
        .toCompletableFuture()
        .thenCompose(
            receipt -> {
              // On the thread that has read the acknowledgement, so that no time is lost.
              long acknowledgedNanos = System.nanoTime();
              if (!receipt.error().isEmpty()) {
                others.errors.add(receipt.error());
                return CompletableFuture.completedFuture(null);
              }
              return readEverywhere(writer, receipt.seq(), id, acknowledgedNanos);
            });
  }

  private CompletableFuture<Void> readEverywhere(
      BenchHttpTarget writer, long seq, long id, long acknowledgedNanos) {
    List<CompletableFuture<Void>> reads = new ArrayList<>();
    for (BenchHttpTarget node : nodes) {
      Readings readings = node == writer ? own : others;
      reads.add(
          node.readFrom(seq, id)
              .thenAccept(error -> readings.add(System.nanoTime() - acknowledgedNanos, error))
              .toCompletableFuture());
    }
    return CompletableFuture.allOf(reads.toArray(CompletableFuture[]::new));
  }
}
