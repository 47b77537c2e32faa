package storage;

import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import sql.Classification;
import sql.Position;
import sql.Statement;
import sql.StatementResult;
import sql.WriteOutcome;
import sql.WriteRequest;

/**
 * Runs the statements of one request, isolated from the requests around it: what one does never
 * changes another's outcome. Made for one request, inside {@link EventApplier}'s transaction.
 */
final class RequestRunner {

  /** What the request's place in the attempt tells and takes. */
  interface Cut {

    /** The failure of a statement, or of the commit (-1), that an earlier attempt met. */
    @Nullable TransactionLost known(int statement);

    /** From now on a loss of the transaction is that statement's failure. */
    void at(int statement);

    /** Commits what is applied so far, position included. */
    void commit() throws SQLException, TransactionLost, EnvironmentFailure;
  }

  private static final int COMMIT = -1;

  private final ReplicaDatabase database;
  private final ReplicaState state;
  private final Cut cut;
  private final Event event;
  private final Position position;
  private boolean statisticsWritten;
  private boolean schemaChanged;

  RequestRunner(
      ReplicaDatabase database, ReplicaState state, Cut cut, Event event, Position position) {
    this.database = database;
    this.state = state;
    this.cut = cut;
    this.event = event;
    this.position = position;
  }

  /**
   * Runs the request.
   *
   * @param collect whether somebody wants the rows
   * @param statementsCut whether each of its statements needs a transaction of its own
   */
  WriteOutcome.Executed run(WriteRequest request, boolean collect, boolean statementsCut)
      throws SQLException,
          FormatException,
          TransactionLost,
          EnvironmentFailure,
          StepLimitExceeded {
    WriteOutcome.Executed executed;
    if (statementsCut) {
      executed = new WriteOutcome.Executed(runCut(request, collect), Optional.empty());
    } else {
      executed = runWhole(request, collect);
    }
    if (statisticsWritten) {
      // A running connection keeps the statistics it loaded; replicas that restart would differ.
      database.reloadStatistics();
    }
    if (schemaChanged) {
      database.schemaChanged();
    }
    return executed;
  }

  private WriteOutcome.Executed runWhole(WriteRequest request, boolean collect)
      throws SQLException, TransactionLost, EnvironmentFailure, StepLimitExceeded {
    TransactionLost refusedCommit = cut.known(COMMIT);
    if (refusedCommit != null) {
      state.digest = Digest.add(state.digest, StatementRunner.digestOf(refusedCommit.failure()));
      return new WriteOutcome.Executed(
          List.of(), Optional.of(refusedCommit.failure().message()));
    }
    database.resetRowid(0);
    if (request.foreignKeysDeferred()) {
      database.deferForeignKeys();
    }
    if (request.transaction()) {
      database.savepoint();
    }
    List<StatementResult> results = new ArrayList<>();
    List<Statement> statements = request.statements();
    boolean failed = false;
    for (int i = 0; i < statements.size() && !failed; i++) {
      StatementResult result = runStatement(statements.get(i), i, collect);
      if (result instanceof StatementResult.Failed) {
        results.add(result);
        failed = request.transaction();
        i = endOfGroup(statements, i);
      } else if (!statements.get(i).joinedToNext()) {
        results.add(result);
      }
    }
    if (request.transaction()) {
      if (failed) {
        database.rollbackToSavepoint();
      }
      database.releaseSavepoint();
    }
    return new WriteOutcome.Executed(results, Optional.empty());
  }

  /**
   * Each statement in a transaction of its own; goes on where an earlier process was stopped. What
   * the statements before that returned is kept in the database until the request is done.
   */
  private List<StatementResult> runCut(WriteRequest request, boolean collect)
      throws SQLException,
          FormatException,
          TransactionLost,
          EnvironmentFailure,
          StepLimitExceeded {
    List<Statement> statements = request.statements();
    int next = state.statement;
    while (next < statements.size()) {
      database.begin();
      database.resetRowid(state.lastRowid);
      StatementResult result = runStatement(statements.get(next), next, collect);
      boolean failed = result instanceof StatementResult.Failed;
      if (failed || !statements.get(next).joinedToNext()) {
        keep(next, result);
      }
      state.lastRowid = database.runner().lastInsertRowid();
      next = failed ? endOfGroup(statements, next) + 1 : next + 1;
      state.statement = next;
      cut.commit();
    }
    database.begin();
    List<StatementResult> results = kept();
    database.statements().internal("DELETE FROM _peqlite_results").execute();
    database.statements().internal("DELETE FROM _peqlite_rowid").execute();
    state.lastRowid = 0;
    return results;
  }

  private StatementResult runStatement(Statement statement, int index, boolean collect)
      throws TransactionLost, EnvironmentFailure, StepLimitExceeded {
    TransactionLost known = cut.known(index);
    if (known != null) {
      state.digest = Digest.add(state.digest, StatementRunner.digestOf(known.failure()));
      return known.failure();
    }
    cut.at(index);
    Classification classification = database.runner().classify(statement);
    if (classification instanceof Classification.Write write) {
      boolean statistics = write.traits().mentionsStatistics() && write.traits().dataChange();
      statisticsWritten |= statistics;
      database.statisticsTouched(statistics);
      schemaChanged |= write.traits().schemaChange();
    }
    long seed = Digest.add(Digest.add(event.seed(), position.index()), index);
    StatementResult result =
        database
            .runner()
            .run(statement, classification, event.timestampMicros(), seed, collect);
    state.digest = Digest.add(state.digest, database.runner().lastDigest());
    return result;
  }

  private static int endOfGroup(List<Statement> statements, int index) {
    int end = index;
    while (end < statements.size() - 1 && statements.get(end).joinedToNext()) {
      end++;
    }
    return end;
  }

  private void keep(int statement, StatementResult result) throws SQLException {
    PreparedStatement write =
        database
            .statements()
            .internal("INSERT OR REPLACE INTO _peqlite_results (statement, result) VALUES (?, ?)");
    write.setInt(1, statement);
    write.setBytes(2, OutcomeCodec.encodeResult(result));
    write.execute();
  }

  private List<StatementResult> kept() throws SQLException, FormatException {
    List<StatementResult> results = new ArrayList<>();
    try (ResultSet row =
        database
            .statements()
            .internal("SELECT result FROM _peqlite_results ORDER BY statement")
            .executeQuery()) {
      while (row.next()) {
        results.add(OutcomeCodec.decodeResult(row.getBytes(1)));
      }
    }
    return results;
  }
}
