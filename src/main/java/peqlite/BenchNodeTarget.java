package peqlite;

import actors.Node;
import actors.WriteAnswer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import sql.Column;
import sql.Statement;
import sql.StatementResult;
import sql.Value;
import sql.WriteOutcome;
import sql.WriteRequest;
import storage.ReadFailure;
import storage.ReadLimits;
import storage.RowSink;

/** Puts the load on a node in this process, without HTTP. */
final class BenchNodeTarget implements BenchTarget {

  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  private final Node node;

  BenchNodeTarget(Node node) {
    this.node = node;
  }

  @Override
  public CompletionStage<String> createTable() {
    return write(
        WriteRequest.of(false, Statement.of(BenchTable.DROP), Statement.of(BenchTable.CREATE)));
  }

  @Override
  public CompletionStage<String> insert(long id) {
    return write(WriteRequest.of(false, row(id)));
  }

  @Override
  public CompletionStage<String> insertBatch(long firstId, int rows) {
    List<Statement> statements = new ArrayList<>(rows);
    for (int row = 0; row < rows; row++) {
      statements.add(row(firstId + row));
    }
    return write(WriteRequest.of(true, statements.toArray(Statement[]::new)));
  }

  @Override
  public CompletionStage<String> read(long id) {
    OneRow sink = new OneRow();
    try {
      return node.reads()
          .submit(
              snapshot -> {
                snapshot.query(point(id), limits(), sink);
                return sink.problem();
              })
          .exceptionally(Throwable::toString);
    } catch (RejectedExecutionException e) {
      return CompletableFuture.completedFuture(e.toString());
    }
  }

  /** The node is the only one, and what it acknowledges it has applied. */
  @Override
  public CompletionStage<String> catchUp() {
    return CompletableFuture.completedFuture("");
  }

  /** Reads one row on the calling thread, and says what went wrong, or nothing. */
  String readHere(long id) {
    OneRow sink = new OneRow();
    try {
      node.reads().query(point(id), limits(), sink);
      return sink.problem();
    } catch (ReadFailure e) {
      return e.text();
    }
  }

  /** The node belongs to whoever started it. */
  @Override
  public void close() {}

  private CompletionStage<String> write(WriteRequest request) {
    return node.write(request, TIMEOUT, false).thenApply(BenchNodeTarget::problem);
  }

  private static String problem(WriteAnswer answer) {
    if (answer instanceof WriteAnswer.Applied applied
        && applied.outcome() instanceof WriteOutcome.Executed executed
        && executed.error().isEmpty()
        && executed.results().stream().noneMatch(StatementResult.Failed.class::isInstance)) {
      return "";
    }
    return answer.toString();
  }

  private static Statement row(long id) {
    return Statement.of(
        BenchTable.INSERT,
        new Value.Int64(id),
        new Value.Int64(BenchTable.ts(id)),
        new Value.Text(BenchTable.name(id)));
  }

  private static Statement point(long id) {
    return Statement.of(BenchTable.READ, new Value.Int64(id));
  }

  private static ReadLimits limits() {
    return new ReadLimits(System.nanoTime() + TimeUnit.SECONDS.toNanos(30), 10, 1 << 20);
  }

  /** Expects the one row that a point read finds. */
  private static final class OneRow implements RowSink {

    private int rows;

    @Override
    public void columns(List<Column> columns) {}

    @Override
    public void row(Value[] row) {
      rows++;
    }

    String problem() {
      return rows == 1 ? "" : rows + " rows where there should be one";
    }
  }
}
