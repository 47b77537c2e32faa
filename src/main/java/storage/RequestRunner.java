package storage;

import java.io.IOException;
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

    /** A statement has run for so long, and has an outcome. */
    void ran(Statement statement, long nanos);

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
  private long rowBytesMax;

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
   * @param rowBytesMax bytes of rows that are kept of a statement, 0 if nobody wants them
   * @param statementsCut whether each of its statements needs a transaction of its own
   * @param givenUp why the rest of a request is not run
   * @param runUpTo the first statement that is not run then, if those before it are not committed
   */
  WriteOutcome.Executed run(
      WriteRequest request,
      long rowBytesMax,
      boolean statementsCut,
      Optional<String> givenUp,
      int runUpTo)
      throws SQLException, FormatException, TransactionLost, EnvironmentFailure, StepLimitExceeded {
    this.rowBytesMax = rowBytesMax;
    WriteOutcome.Executed executed =
        statementsCut
            ? new WriteOutcome.Executed(runCut(request, givenUp, runUpTo), Optional.empty())
            : runWhole(request);
    settleSchema();
    return executed;
  }

  /**
   * Makes what the connection remembers of the schema what a connection that is opened now would
   * read: a running one keeps the statistics that it loaded, and replicas that restart would plan
   * otherwise and meet rows in another order.
   */
  private void settleSchema() throws SQLException {
    if (schemaChanged) {
      database.schemaChanged();
    }
    if (statisticsWritten || (schemaChanged && database.hasStatistics())) {
      database.statisticsTouched();
      database.reloadStatistics();
    }
    statisticsWritten = false;
    schemaChanged = false;
  }

  private WriteOutcome.Executed runWhole(WriteRequest request)
      throws SQLException, TransactionLost, EnvironmentFailure, StepLimitExceeded {
    TransactionLost refusedCommit = cut.known(COMMIT);
    if (refusedCommit != null) {
      state.digest = Digest.add(state.digest, StatementRunner.digestOf(refusedCommit.failure()));
      return new WriteOutcome.Executed(List.of(), Optional.of(refusedCommit.failure().message()));
    }
    if (database.mayReadCounters(request)) {
      database.runner().resetCounters();
    }
    if (request.foreignKeysDeferred()) {
      database.deferForeignKeys();
    }
    // Full-text tables write what they have gathered at each savepoint: without one it would depend
    // on the neighbours in the transaction what their hidden tables hold.
    boolean savepoint = request.transaction() || database.hasVirtualTables();
    if (savepoint) {
      database.savepoint();
    }
    List<StatementResult> results = new ArrayList<>();
    List<Statement> statements = request.statements();
    boolean failed = false;
    for (int i = 0; i < statements.size() && !failed; i++) {
      StatementResult result = runStatement(statements.get(i), i);
      if (StatementRunner.isFailure(result)) {
        results.add(result);
        failed = request.transaction();
        i = endOfGroup(statements, i);
      } else if (!statements.get(i).joinedToNext()) {
        results.add(result);
      }
    }
    if (savepoint) {
      if (failed) {
        database.rollbackToSavepoint();
      }
      database.releaseSavepoint();
    }
    return new WriteOutcome.Executed(results, Optional.empty());
  }

  /**
   * Runs the statements of a script as one: all of them or none.
   *
   * @return with the last statement's result, or the failure that undid all others
   * @throws IOException if the script cannot be read: nothing of it stays then
   */
  WriteOutcome.Executed runScript(LoadedScript.Reader script)
      throws SQLException, IOException, TransactionLost, EnvironmentFailure, StepLimitExceeded {
    TransactionLost refusedCommit = cut.known(COMMIT);
    if (refusedCommit != null) {
      state.digest = Digest.add(state.digest, StatementRunner.digestOf(refusedCommit.failure()));
      return new WriteOutcome.Executed(List.of(), Optional.of(refusedCommit.failure().message()));
    }
    database.runner().resetCounters();
    database.deferForeignKeys();
    database.savepoint();
    StatementResult last = null;
    try {
      int index = 0;
      for (Optional<String> text = script.next(); text.isPresent(); text = script.next()) {
        last = runStatement(new Statement(text.get(), List.of(), false), index);
        index++;
        if (last instanceof StatementResult.Failed failed && !failed.isLeftOut()) {
          last =
              new StatementResult.Failed(
                  "statement " + index + ": " + failed.message(), failed.code(), failed.nanos());
          database.rollbackToSavepoint();
          break;
        }
      }
    } catch (LoadPieces.IncompleteException incomplete) {
      database.rollbackToSavepoint();
      database.releaseSavepoint();
      throw incomplete;
    }
    database.releaseSavepoint();
    settleSchema();
    return new WriteOutcome.Executed(last == null ? List.of() : List.of(last), Optional.empty());
  }

  /**
   * Each statement in a transaction of its own; goes on where an earlier process was stopped. What
   * the statements before that returned is kept in the database until the request is done.
   */
  private List<StatementResult> runCut(WriteRequest request, Optional<String> givenUp, int runUpTo)
      throws SQLException, FormatException, TransactionLost, EnvironmentFailure, StepLimitExceeded {
    List<Statement> statements = request.statements();
    int next = state.statement;
    while (next < statements.size() && (givenUp.isEmpty() || next < runUpTo)) {
      database.begin();
      database.runner().resetCounters(state.lastRowid, state.lastChanges);
      StatementResult result = runStatement(statements.get(next), next);
      state.lastRowid = database.runner().lastInsertRowid();
      state.lastChanges = database.runner().changes();
      boolean failed = StatementRunner.isFailure(result);
      if (failed || !statements.get(next).joinedToNext()) {
        keep(next, result);
      }
      next = failed ? endOfGroup(statements, next) + 1 : next + 1;
      state.statement = next;
      settleSchema();
      cut.commit();
    }
    database.begin();
    List<StatementResult> results = kept();
    while (next < statements.size()) {
      StatementResult.Failed failed =
          new StatementResult.Failed("not applied: " + givenUp.orElse(""), 0, 0);
      state.digest = Digest.add(state.digest, StatementRunner.digestOf(failed));
      results.add(failed);
      next = endOfGroup(statements, next) + 1;
    }
    database.statements().internal("DELETE FROM _peqlite_results").execute();
    database.statements().internal("DELETE FROM _peqlite_rowid").execute();
    state.lastRowid = 0;
    state.lastChanges = 1;
    return results;
  }

  private StatementResult runStatement(Statement statement, int index)
      throws TransactionLost, EnvironmentFailure, StepLimitExceeded {
    TransactionLost known = cut.known(index);
    if (known != null) {
      state.digest = Digest.add(state.digest, StatementRunner.digestOf(known.failure()));
      return known.failure();
    }
    cut.at(index);
    Classification classification = database.runner().classify(statement);
    if (classification instanceof Classification.Write write) {
      boolean schema = write.traits().schemaChange();
      boolean data = write.traits().dataChange();
      boolean analyze = !schema && !data; // or REINDEX, which takes as long as reading it again
      if (analyze || (data && write.traits().mentionsStatistics())) {
        statisticsWritten = true;
        database.statisticsTouched();
      }
      schemaChanged |= schema;
    }
    long seed = Digest.add(Digest.add(event.seed(), position.index()), index);
    StatementResult result =
        database
            .runner()
            .run(statement, classification, event.timestampMicros(), seed, rowBytesMax);
    state.digest = Digest.add(state.digest, database.runner().lastDigest());
    cut.ran(statement, result.nanos());
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
