package peqlite;

import actors.Node;
import actors.ReadAdmission;
import actors.WriteAnswer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import peqlite.DatabaseException.Kind;
import sql.Column;
import sql.IdempotencyKey;
import sql.Position;
import sql.Statement;
import sql.StatementResult;
import sql.Value;
import sql.WriteOutcome;
import sql.WriteRequest;
import storage.ReadFailure;
import storage.ReadLimits;
import storage.ReadSnapshot;
import storage.RowSink;

/**
 * Reads and writes for an application in the same process. Thread-safe; nothing here blocks. Stages
 * fail with a {@link DatabaseException}, and complete on threads of the node, which must not be
 * blocked.
 */
final class DatabaseOperations {

  /** How much longer than its deadline a write is waited for, before its fate is called unknown. */
  private static final Duration SILENCE_MAX = Duration.ofSeconds(5);

  private final Node node;
  private final Settings settings;
  private final SqlCheck check;
  private volatile boolean closed;

  DatabaseOperations(Node node, Settings settings) {
    this.node = node;
    this.settings = settings;
    this.check = new SqlCheck(node.foreignKeys());
  }

  /** From now on everything is refused. */
  void close() {
    closed = true;
  }

  CompletionStage<WriteResult> write(
      List<Sql> statements, boolean transaction, WriteOptions options) {
    WriteRequest request;
    try {
      request =
          new WriteRequest(
              check.writes(statements),
              transaction,
              false,
              options.idempotencyKey().map(key -> new IdempotencyKey("", key)));
    } catch (DatabaseException invalid) {
      return CompletableFuture.failedFuture(invalid);
    }
    if (closed) {
      return CompletableFuture.failedFuture(
          new DatabaseException(Kind.NOT_APPLIED, "the node is stopping"));
    }
    Duration timeout = options.timeout().orElse(settings.http().timeout());
    return node.write(request, timeout, false)
        .toCompletableFuture()
        .completeOnTimeout(
            new WriteAnswer.Unknown("the node has stopped"),
            timeout.plus(SILENCE_MAX).toMillis(),
            TimeUnit.MILLISECONDS)
        .thenApply(answer -> result(answer, transaction));
  }

  private static WriteResult result(WriteAnswer answer, boolean transaction) {
    if (answer instanceof WriteAnswer.Applied applied) {
      return result(applied.position(), applied.outcome(), transaction, false);
    }
    if (answer instanceof WriteAnswer.Queued queued) {
      throw committed(queued.position());
    }
    if (answer instanceof WriteAnswer.Committed committed) {
      throw committed(committed.position());
    }
    if (answer instanceof WriteAnswer.NotApplied notApplied) {
      throw new DatabaseException(
          Kind.NOT_APPLIED, notApplied.reason(), 0, null, notApplied.retryAfter());
    }
    if (answer instanceof WriteAnswer.TooLarge tooLarge) {
      throw new DatabaseException(Kind.TOO_LARGE, tooLarge.reason());
    }
    throw new DatabaseException(Kind.UNKNOWN, ((WriteAnswer.Unknown) answer).reason());
  }

  private static DatabaseException committed(Position position) {
    return new DatabaseException(
        Kind.COMMITTED, "durable, but not applied here in time", 0, position, null);
  }

  private static WriteResult result(
      Position position, WriteOutcome outcome, boolean transaction, boolean duplicate) {
    if (outcome instanceof WriteOutcome.Executed executed) {
      if (executed.error().isPresent()) {
        throw new DatabaseException(Kind.SQL, executed.error().get(), 0, position, null);
      }
      return executed(position, executed.results(), transaction, duplicate);
    }
    if (outcome instanceof WriteOutcome.Duplicate again) {
      return again
          .outcome()
          .map(first -> result(again.original(), first, transaction, true))
          .orElseGet(() -> new WriteResult(again.original(), true, List.of()));
    }
    if (outcome instanceof WriteOutcome.KeyConflict conflict) {
      throw new DatabaseException(
          Kind.KEY_CONFLICT,
          "the idempotency key was used for another write",
          0,
          conflict.original(),
          null);
    }
    if (outcome instanceof WriteOutcome.Aborted aborted) {
      throw new DatabaseException(Kind.GIVEN_UP, aborted.reason(), 0, position, null);
    }
    throw new DatabaseException(
        Kind.NOT_APPLIED,
        "the store of idempotency keys is full",
        0,
        position,
        Duration.ofMinutes(1));
  }

  private static WriteResult executed(
      Position position, List<StatementResult> results, boolean transaction, boolean duplicate) {
    List<StatementOutcome> outcomes = new ArrayList<>(results.size());
    for (StatementResult result : results) {
      if (result instanceof StatementResult.Changed changed) {
        outcomes.add(new StatementOutcome.Changed(changed.rowsAffected(), changed.lastInsertId()));
      } else if (result instanceof StatementResult.Rows rows) {
        outcomes.add(new StatementOutcome.Returned(rows(rows, position.seq())));
      } else if (result instanceof StatementResult.Failed failed) {
        if (failed.isLeftOut()) {
          outcomes.add(new StatementOutcome.LeftOut(failed.message()));
        } else if (transaction) {
          throw new DatabaseException(Kind.SQL, failed.message(), failed.code(), position, null);
        } else {
          outcomes.add(new StatementOutcome.Failed(failed.message(), failed.code()));
        }
      }
    }
    return new WriteResult(position, duplicate, outcomes);
  }

  private static Rows rows(StatementResult.Rows result, long seq) {
    RowColumns columns = columns(result.columns());
    List<Row> rows = new ArrayList<>(result.rows().size());
    for (List<Value> values : result.rows()) {
      rows.add(new Row(columns, values));
    }
    return new Rows(columns.names(), rows, seq);
  }

  private static RowColumns columns(List<Column> columns) {
    List<String> names = new ArrayList<>(columns.size());
    for (Column column : columns) {
      names.add(column.name());
    }
    return new RowColumns(names);
  }

  CompletionStage<Rows> read(Sql sql, ReadOptions options) {
    Statement statement;
    try {
      statement = check.read(sql);
    } catch (DatabaseException invalid) {
      return CompletableFuture.failedFuture(invalid);
    }
    if (closed) {
      return CompletableFuture.failedFuture(unavailable("the node is stopping"));
    }
    Duration timeout = options.timeout().orElse(settings.http().timeout());
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    CompletionStage<ReadAdmission> admitted =
        node.admit(options.level(), options.freshness(), options.minSeq(), timeout);
    return admitted.thenCompose(
        admission -> {
          if (admission instanceof ReadAdmission.Refused refused) {
            throw unavailable(refused.reason());
          }
          if (admission instanceof ReadAdmission.Stale) {
            throw new DatabaseException(
                Kind.STALE, "this node's knowledge is older than the freshness asked for");
          }
          return query(statement, deadlineNanos);
        });
  }

  private CompletionStage<Rows> query(Statement statement, long deadlineNanos) {
    long longestNanos = System.nanoTime() + settings.read().timeMax().toNanos();
    ReadLimits limits =
        new ReadLimits(
            deadlineNanos - longestNanos < 0 ? deadlineNanos : longestNanos,
            settings.read().rowsMax(),
            settings.read().bytesMax());
    try {
      return node.reads()
          .submit(snapshot -> collected(snapshot, statement, limits))
          .exceptionally(
              failure -> {
                throw readFailure(failure);
              });
    } catch (RejectedExecutionException full) {
      throw unavailable(String.valueOf(full.getMessage()));
    }
  }

  private static Rows collected(ReadSnapshot snapshot, Statement statement, ReadLimits limits)
      throws ReadFailure {
    Collector collector = new Collector();
    snapshot.query(statement, limits, collector);
    return new Rows(collector.columns.names(), collector.rows, snapshot.seq());
  }

  private static DatabaseException readFailure(Throwable failure) {
    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
    if (cause instanceof ReadFailure read) {
      Kind kind =
          switch (read.kind()) {
            case STATEMENT, TOO_LARGE -> Kind.SQL;
            case WRITE -> Kind.INVALID;
            case TIMEOUT -> Kind.TIMEOUT;
            case ENVIRONMENT -> Kind.UNAVAILABLE;
          };
      return new DatabaseException(kind, read.text());
    }
    return unavailable(String.valueOf(cause));
  }

  private static DatabaseException unavailable(String reason) {
    return new DatabaseException(Kind.UNAVAILABLE, reason, 0, null, Duration.ofSeconds(1));
  }

  private static final class Collector implements RowSink {

    private RowColumns columns = new RowColumns(List.of());
    private final List<Row> rows = new ArrayList<>();

    @Override
    public void columns(List<Column> named) {
      columns = DatabaseOperations.columns(named);
    }

    @Override
    public void row(Value[] row) {
      rows.add(new Row(columns, List.of(row)));
    }
  }
}
