package peqlite;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;

/**
 * Runs workloads on one target after the other and keeps what they measured. Every workload is
 * warmed up first, on the same target; the warm-up is not in the results.
 */
final class BenchRun {

  /**
   * What is to be measured.
   *
   * @param workloads some of {@code insert, batch, read, mixed}
   * @param writeWorkers requests under way at once, for workloads that write
   * @param readWorkers the same for point reads
   * @param warmup how long each workload runs before it is measured
   * @param duration how long it is measured
   * @param countMax no more measured requests than this
   * @param batchSize rows in one request of {@code batch}
   * @param rows rows that are there before reads begin
   */
  record Plan(
      List<String> workloads,
      int writeWorkers,
      int readWorkers,
      Duration warmup,
      Duration duration,
      long countMax,
      int batchSize,
      int rows) {

    boolean has(String workload) {
      return workloads.contains(workload);
    }
  }

  /** Of the mixed workload, every so many requests one is an insert. */
  private static final int MIXED_INSERT_EVERY = 10;

  private static final int FILL_BATCH_ROWS = 1000;

  private final Plan plan;
  private final List<BenchResult> results = new ArrayList<>();

  BenchRun(Plan plan) {
    this.plan = plan;
  }

  /** What was measured so far, in order. */
  List<BenchResult> results() {
    return results;
  }

  /** Keeps a result that was measured elsewhere. */
  void add(BenchResult result) {
    results.add(result);
  }

  /** Repeats one operation, first to warm up and then to measure. */
  void closedLoop(String name, int workers, LongFunction<CompletionStage<String>> operation) {
    BenchLoad.run(name, workers, plan.warmup(), plan.countMax(), operation);
    results.add(BenchLoad.run(name, workers, plan.duration(), plan.countMax(), operation));
  }

  /** Makes the table anew and puts the plan's rows in. */
  void fill(BenchTarget target) throws IOException {
    check(target.createTable());
    for (long firstId = 1; firstId <= plan.rows(); firstId += FILL_BATCH_ROWS) {
      int rows = (int) Math.min(FILL_BATCH_ROWS, plan.rows() - firstId + 1);
      check(target.insertBatch(firstId, rows));
    }
  }

  /**
   * Runs the plan's workloads on a table that was filled. Reads come first, because the others make
   * the table larger.
   *
   * @param label stands before the names of the results: {@code http}, {@code in-process}
   */
  void workloads(String label, BenchTarget target) {
    AtomicLong nextId = new AtomicLong(plan.rows() + 1L);
    LongFunction<CompletionStage<String>> insert =
        number -> target.insert(nextId.getAndIncrement());
    LongFunction<CompletionStage<String>> read =
        number -> target.read(ThreadLocalRandom.current().nextLong(plan.rows()) + 1);
    if (plan.has("read")) {
      closedLoop(label + " read", plan.readWorkers(), read);
    }
    if (plan.has("insert")) {
      closedLoop(label + " insert", 1, insert);
      if (plan.writeWorkers() != 1) {
        closedLoop(label + " insert", plan.writeWorkers(), insert);
      }
    }
    if (plan.has("batch")) {
      closedLoop(
          label + " batch of " + plan.batchSize(),
          plan.writeWorkers(),
          number -> target.insertBatch(nextId.getAndAdd(plan.batchSize()), plan.batchSize()));
    }
    if (plan.has("mixed")) {
      closedLoop(
          label + " mixed",
          plan.writeWorkers(),
          number -> number % MIXED_INSERT_EVERY == 0 ? insert.apply(number) : read.apply(number));
    }
  }

  private static void check(CompletionStage<String> stage) throws IOException {
    String error = stage.toCompletableFuture().join();
    if (!error.isEmpty()) {
      throw new IOException(error);
    }
  }
}
