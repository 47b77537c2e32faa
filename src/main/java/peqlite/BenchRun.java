package peqlite;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

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
   * @param warmupRepeats whether that is repeated until the rate rises no more
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
      boolean warmupRepeats,
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
  void closedLoop(String name, int workers, BenchLoad.Operation operation) {
    warmUp(name, workers, operation);
    measure(name, workers, operation);
  }

  private void warmUp(String name, int workers, BenchLoad.Operation operation) {
    BenchWarmup repeats = new BenchWarmup();
    double rate;
    do {
      rate = BenchLoad.run(name, workers, plan.warmup(), plan.countMax(), operation).perSecond();
    } while (plan.warmupRepeats() && !repeats.isOver(rate));
  }

  private void measure(String name, int workers, BenchLoad.Operation operation) {
    results.add(BenchLoad.run(name, workers, plan.duration(), plan.countMax(), operation));
  }

  /** Makes the table anew, puts the plan's rows in, and waits until every target has them. */
  void fill(List<? extends BenchTarget> targets) throws IOException {
    BenchTarget first = targets.get(0);
    check(first.createTable());
    for (long firstId = 1; firstId <= plan.rows(); firstId += FILL_BATCH_ROWS) {
      int rows = (int) Math.min(FILL_BATCH_ROWS, plan.rows() - firstId + 1);
      check(first.insertBatch(firstId, rows));
    }
    for (BenchTarget target : targets) {
      check(target.catchUp());
    }
  }

  /**
   * Runs the plan's workloads through HTTP on the nodes of one cluster, with a table made anew.
   *
   * @param label stands before the names of the results
   * @throws IOException if the table cannot be made; later failures are in the results
   */
  void nodes(String label, List<NetworkAddress> addresses) throws IOException {
    List<BenchHttpTarget> targets = new ArrayList<>();
    try {
      for (NetworkAddress address : addresses) {
        targets.add(new BenchHttpTarget(address));
      }
      fill(targets);
      workloads(label, targets);
    } finally {
      targets.forEach(BenchHttpTarget::close);
    }
  }

  /**
   * Runs the plan's workloads on a table that was filled. Reads come first, because the others make
   * the table larger.
   *
   * @param label stands before the names of the results: {@code http}, {@code in-process}
   * @param targets the nodes of one cluster, over which the workers are spread; one worker alone
   *     asks the first
   */
  void workloads(String label, List<? extends BenchTarget> targets) {
    AtomicLong nextId = new AtomicLong(plan.rows() + 1L);
    BenchLoad.Operation insert =
        (worker, number) -> of(targets, worker).insert(nextId.getAndIncrement());
    BenchLoad.Operation read =
        (worker, number) ->
            of(targets, worker).read(ThreadLocalRandom.current().nextLong(plan.rows()) + 1);
    if (plan.has("read")) {
      closedLoop(label + " read", plan.readWorkers(), read);
    }
    if (plan.has("insert")) {
      inserts(label, targets, insert, nextId);
    }
    if (plan.has("batch")) {
      closedLoop(
          label + " batch of " + plan.batchSize(),
          plan.writeWorkers(),
          (worker, number) ->
              of(targets, worker)
                  .insertBatch(nextId.getAndAdd(plan.batchSize()), plan.batchSize()));
    }
    if (plan.has("mixed")) {
      closedLoop(
          label + " mixed",
          plan.writeWorkers(),
          (worker, number) ->
              (number % MIXED_INSERT_EVERY == 0 ? insert : read).send(worker, number));
    }
  }

  private static <T extends BenchTarget> T of(List<T> targets, int worker) {
    return targets.get(worker % targets.size());
  }

  /**
   * With all workers, and beside them the lag if there are several nodes, and then with one, which
   * by itself would take long to warm a node up.
   */
  private void inserts(
      String label,
      List<? extends BenchTarget> targets,
      BenchLoad.Operation insert,
      AtomicLong nextId) {
    String name = label + " insert";
    List<BenchHttpTarget> nodes = new ArrayList<>();
    for (BenchTarget target : targets) {
      if (target instanceof BenchHttpTarget node) {
        nodes.add(node);
      }
    }
    // With the same beside it, whose code would otherwise be compiled while is measured.
    try (BenchLag unused = BenchLag.beside(nodes, nextId::getAndIncrement)) {
      warmUp(name, plan.writeWorkers(), insert);
    }
    try (BenchLag lag = BenchLag.beside(nodes, nextId::getAndIncrement)) {
      measure(name, plan.writeWorkers(), insert);
      results.addAll(lag.results(label));
    }
    if (plan.writeWorkers() != 1) {
      measure(name, 1, insert);
    }
  }

  private static void check(CompletionStage<String> stage) throws IOException {
    String error = stage.toCompletableFuture().join();
    if (!error.isEmpty()) {
      throw new IOException(error);
    }
  }
}
