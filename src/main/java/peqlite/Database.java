package peqlite;

import actors.ReadLevel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The database, for Java and Scala code in the node's own process. Immutable and thread-safe;
 * nothing here blocks.
 *
 * <p>Stages fail with a {@link DatabaseException}. They complete on threads of the node: what takes
 * long or blocks belongs to an executor of your own ({@code thenApplyAsync}).
 *
 * <p>Values are those of {@link Sql}. A statement is refused, with a reason, when not every node
 * would do the same with it; {@code random()} and {@code datetime('now')} are not among those.
 */
public final class Database {

  private final DatabaseOperations operations;
  private final WriteOptions writeOptions;
  private final ReadOptions readOptions;

  Database(DatabaseOperations operations, WriteOptions writeOptions, ReadOptions readOptions) {
    this.operations = operations;
    this.writeOptions = writeOptions;
    this.readOptions = readOptions;
  }

  /** The same database, whose reads and writes may take so long, failover included. */
  public Database withTimeout(Duration timeout) {
    return new Database(
        operations, writeOptions.withTimeout(timeout), readOptions.withTimeout(timeout));
  }

  /** The same database, whose writes have this key; see {@link WriteOptions#idempotencyKey}. */
  public Database withIdempotencyKey(String key) {
    return new Database(operations, writeOptions.withIdempotencyKey(key), readOptions);
  }

  /** The same database, read at another level; the first one is {@link ReadLevel#WEAK}. */
  public Database withReadLevel(ReadLevel level) {
    return new Database(operations, writeOptions, readOptions.withLevel(level));
  }

  /** The same database, read at level NONE with a bound; see {@link ReadOptions#freshness}. */
  public Database withFreshness(Duration freshness) {
    return new Database(
        operations, writeOptions, readOptions.withLevel(ReadLevel.NONE).withFreshness(freshness));
  }

  /**
   * The same database, whose reads see what was written up to there; see {@link
   * WriteResult#position}.
   */
  public Database withMinSeq(long seq) {
    return new Database(operations, writeOptions, readOptions.withMinSeq(seq));
  }

  /** Runs one statement that writes; its failure fails the stage. */
  public CompletionStage<WriteResult> execute(String sql, @Nullable Object... parameters) {
    return execute(Sql.of(sql, parameters));
  }

  /** Runs one statement that writes; its failure fails the stage. */
  public CompletionStage<WriteResult> execute(Sql statement) {
    return transaction(List.of(statement));
  }

  /**
   * Runs statements in one transaction: all or nothing. No other write comes between them, and
   * queries among them see what those before them did.
   */
  public CompletionStage<WriteResult> transaction(List<Sql> statements) {
    return operations.write(statements, true, writeOptions);
  }

  /** As {@link #transaction(List)}. */
  public CompletionStage<WriteResult> transaction(Sql... statements) {
    return transaction(List.of(statements));
  }

  /**
   * Runs statements at one place in the order, each standing for itself: one that fails is {@link
   * StatementOutcome.Failed} among the outcomes, and the others are applied.
   */
  public CompletionStage<WriteResult> batch(List<Sql> statements) {
    return operations.write(statements, false, writeOptions);
  }

  /** Reads from this node's database. */
  public CompletionStage<Rows> query(String sql, @Nullable Object... parameters) {
    return query(Sql.of(sql, parameters));
  }

  /** Reads from this node's database. */
  public CompletionStage<Rows> query(Sql statement) {
    return operations.read(statement, readOptions);
  }

  /** Reads from this node's database, and makes records of the rows as {@link Rows#as} does. */
  public <R extends Record> CompletionStage<List<R>> query(
      Class<R> type, String sql, @Nullable Object... parameters) {
    return query(sql, parameters).thenApply(rows -> rows.as(type));
  }

  /** Reads from this node's database, and makes something of each row. */
  public <T> CompletionStage<List<T>> query(
      Function<? super Row, ? extends T> mapper, String sql, @Nullable Object... parameters) {
    return query(sql, parameters)
        .thenApply(
            rows -> {
              List<T> made = new ArrayList<>(rows.rows().size());
              rows.forEach(row -> made.add(mapper.apply(row)));
              return made;
            });
  }
}
