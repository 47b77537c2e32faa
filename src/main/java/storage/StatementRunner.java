package storage;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteUpdateListener;
import org.sqlite.core.CoreStatement;
import sql.Classification;
import sql.Column;
import sql.Statement;
import sql.StatementResult;
import sql.StatementRules;
import sql.Value;
import sql.WriteTraits;

/**
 * Runs one statement of a request on the applying connection and tells an outcome, which is the
 * same on every replica, from a failure of this node.
 *
 * <p>Runs inside the transaction that {@link EventApplier} holds. One thread, except {@link
 * StepCounter#stop()}.
 */
final class StatementRunner {

  /** The largest rowid: once it is used SQLite picks the following ones at random. */
  private static final long ROWID_MAX = Long.MAX_VALUE;

  private static final String LEFT_OUT =
      "applied, but its result is larger than peqlite.apply.result-bytes-max (";

  private final Connection connection;
  private final StatementCache statements;
  private final DeterministicFunctions functions;
  private final StepCounter steps;
  private final InsertListener inserts = new InsertListener();
  private StatementRules rules = new StatementRules(false);
  private long digest;

  StatementRunner(
      Connection connection,
      StatementCache statements,
      DeterministicFunctions functions,
      StepCounter steps) {
    this.connection = connection;
    this.statements = statements;
    this.functions = functions;
    this.steps = steps;
    ((SQLiteConnection) connection).addUpdateListener(inserts);
  }

  void useRules(boolean foreignKeys) {
    rules = new StatementRules(foreignKeys);
  }

  /** What the statement is; cheap to ask again. */
  Classification classify(Statement statement) {
    return rules.classify(statement.sql());
  }

  /** Result code and counts of the last run, for the event's digest. */
  long lastDigest() {
    return digest;
  }

  /**
   * Runs the statement.
   *
   * @param classification what {@link #classify} says of it
   * @param timestampMicros the time of the event
   * @param seed where the statement's random numbers start
   * @param rowBytesMax bytes of rows that are kept; beyond it they are left out. 0 if nobody wants
   *     them
   * @throws TransactionLost if it failed in a way that the whole transaction has to be done again
   *     without it
   * @throws EnvironmentFailure if the node could not run it
   * @throws StepLimitExceeded if its request has taken too many steps
   */
  StatementResult run(
      Statement statement,
      Classification classification,
      long timestampMicros,
      long seed,
      long rowBytesMax)
      throws TransactionLost, EnvironmentFailure, StepLimitExceeded {
    long start = System.nanoTime();
    if (classification instanceof Classification.Refused refused) {
      return failed(refused.reason(), 0, start);
    }
    if (classification instanceof Classification.DisallowedPragma) {
      return failed("disallowed pragma", 0, start);
    }
    if (classification instanceof Classification.Accepted
        || classification instanceof Classification.Empty) {
      digest = Digest.add(1, 0);
      return new StatementResult.Changed(0, OptionalLong.empty(), 0);
    }
    WriteTraits traits =
        classification instanceof Classification.Write write ? write.traits() : null;
    functions.begin(timestampMicros, seed);
    inserts.begin(traits == null ? Optional.empty() : traits.target());
    steps.count(true);
    try {
      return execute(statement, traits, rowBytesMax, start);
    } catch (SQLException e) {
      return failure(e, traits, start);
    } finally {
      steps.count(false);
    }
  }

  private StatementResult execute(
      Statement statement, @Nullable WriteTraits traits, long rowBytesMax, long start)
      throws SQLException, TransactionLost {
    PreparedStatement prepared = statements.take(statement.sql());
    StatementResult result;
    try {
      int wanted = prepared.getParameterMetaData().getParameterCount();
      if (wanted != statement.parameters().size()) {
        return failed(
            "not enough args to execute query: want "
                + wanted
                + " got "
                + statement.parameters().size(),
            0,
            start);
      }
      for (int i = 0; i < wanted; i++) {
        bind(prepared, i + 1, statement.parameters().get(i));
      }
      if (traits != null && traits.analyzesAll()) {
        analyzeAll();
        result = changed(traits, start);
      } else if (prepared.execute()) {
        try (ResultSet rows = prepared.getResultSet()) {
          result = rows(prepared, rows, traits != null, rowBytesMax, start);
        }
      } else {
        result = changed(traits, start);
      }
    } finally {
      statements.giveBack(statement.sql(), prepared);
    }
    refuseWhatDiffers(traits, start);
    return result;
  }

  /**
   * ANALYZE, without the internal tables and table by table in the order of their making. SQLite
   * would take all of them, in an order that depends on the connection's past, and what the
   * internal ones hold in the middle of a batch depends on where it was cut.
   */
  private void analyzeAll() throws SQLException {
    final long rowid = lastInsertRowid();
    final long changes = changes();
    try (java.sql.Statement statement = connection.createStatement()) {
      statement.execute("SAVEPOINT analyze");
      try {
        statement.execute("ANALYZE sqlite_schema"); // makes the tables if they are missing
        for (String table : names("sqlite\\_stat_")) {
          statement.execute("DELETE FROM " + table);
        }
        for (String table : names("%")) {
          if (!table.startsWith("sqlite_")
              && !table.toLowerCase(Locale.ROOT).startsWith(StatementRules.RESERVED_PREFIX)) {
            statement.execute("ANALYZE main.\"" + table.replace("\"", "\"\"") + "\"");
          }
        }
      } catch (SQLException e) {
        if (!SqliteErrors.isEnvironment(e)) {
          statement.execute("ROLLBACK TO analyze");
          statement.execute("RELEASE analyze");
        }
        throw e;
      }
      statement.execute("RELEASE analyze");
    }
    resetCounters(rowid, changes);
  }

  /** The names of real tables that are like this, in the order of their making. */
  private List<String> names(String like) throws SQLException {
    List<String> names = new ArrayList<>();
    PreparedStatement query =
        statements.internal(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
                + " AND name LIKE ? ESCAPE '\\' ORDER BY rowid");
    query.setString(1, like);
    try (ResultSet row = query.executeQuery()) {
      while (row.next()) {
        names.add(row.getString(1));
      }
    }
    return names;
  }

  /** What SQLite let pass and replicas would not agree on later. */
  private void refuseWhatDiffers(@Nullable WriteTraits traits, long start)
      throws SQLException, TransactionLost {
    if (inserts.sawLargestRowid) {
      throw lost("the rowid " + ROWID_MAX + " is refused: the next ones would be random", start);
    }
    if (traits == null) {
      return;
    }
    if (traits.storedDateFunction()) {
      Optional<String> reason = StoredExpressionGuard.check(connection);
      if (reason.isPresent()) {
        throw lost(reason.get(), start);
      }
    }
    if (traits.mentionsSequence()) {
      try (ResultSet row =
          statements
              .internal("SELECT 1 FROM sqlite_sequence WHERE CAST(seq AS INTEGER) >= " + ROWID_MAX)
              .executeQuery()) {
        if (row.next()) {
          throw lost("the sequence " + ROWID_MAX + " is refused: no rowid would be left", start);
        }
      }
    }
  }

  private StatementResult changed(@Nullable WriteTraits traits, long start) throws SQLException {
    long rowsAffected = 0;
    OptionalLong lastInsertId = OptionalLong.empty();
    if (traits != null && traits.dataChange()) {
      rowsAffected = changes();
      if (traits.insert() && rowsAffected > 0 && inserts.sawTarget) {
        lastInsertId = OptionalLong.of(lastInsertRowid());
      }
    }
    digest = Digest.add(Digest.add(Digest.add(1, 0), rowsAffected), lastInsertId.orElse(-1));
    return new StatementResult.Changed(rowsAffected, lastInsertId, System.nanoTime() - start);
  }

  /** Whether the statement failed, so that what comes after it may have to be left. */
  static boolean isFailure(StatementResult result) {
    return result instanceof StatementResult.Failed && !isLeftOut(result);
  }

  /** Whether the rows of a statement were too many to be kept; it was applied all the same. */
  static boolean isLeftOut(StatementResult result) {
    return result instanceof StatementResult.Failed failed && failed.isLeftOut();
  }

  /**
   * Makes last_insert_rowid() and changes() known numbers, whatever ran before.
   *
   * @param changes there is no other way than to change so many rows, so this takes time
   */
  void resetCounters(long rowid, long changes) throws SQLException {
    PreparedStatement reset =
        statements.internal(
            "INSERT OR REPLACE INTO _peqlite_rowid (id) WITH RECURSIVE n (i) AS"
                + " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) SELECT ?1 FROM n");
    reset.setLong(1, rowid);
    reset.setLong(2, changes);
    reset.execute();
    if (changes == 0) {
      statements.internal("DELETE FROM _peqlite_rowid WHERE id IS NULL").execute();
    }
  }

  /** Makes last_insert_rowid() 0 and changes() 1, as every request finds them. */
  void resetCounters() throws SQLException {
    statements.internal("INSERT OR REPLACE INTO _peqlite_rowid (id) VALUES (0)").execute();
  }

  /** What changes() says now. */
  long changes() throws SQLException {
    return ((SQLiteConnection) connection).getDatabase().changes();
  }

  /** What last_insert_rowid() says now. */
  long lastInsertRowid() throws SQLException {
    try (ResultSet row = statements.internal("SELECT last_insert_rowid()").executeQuery()) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  private StatementResult rows(
      PreparedStatement prepared, ResultSet rows, boolean write, long rowBytesMax, long start)
      throws SQLException {
    List<Column> columns = columns(prepared, rows.getMetaData());
    List<List<Value>> collected = new ArrayList<>();
    long bytes = 0;
    long count = 0;
    while (rows.next()) {
      count++;
      if (rowBytesMax > 0 && bytes <= rowBytesMax) {
        List<Value> row = new ArrayList<>(columns.size());
        for (int i = 1; i <= columns.size(); i++) {
          Value value = value(rows.getObject(i));
          bytes += size(value);
          row.add(value);
        }
        collected.add(row);
      }
    }
    // How many rows a query finds may rest on what differs between nodes, such as page layout.
    digest = Digest.add(Digest.add(Digest.add(2, 0), columns.size()), write ? count : 0);
    long nanos = System.nanoTime() - start;
    return bytes > rowBytesMax
        ? new StatementResult.Failed(
            LEFT_OUT + rowBytesMax + " bytes) and is not shown",
            StatementResult.Failed.LEFT_OUT,
            nanos)
        : new StatementResult.Rows(columns, collected, nanos);
  }

  private static List<Column> columns(PreparedStatement prepared, ResultSetMetaData metadata)
      throws SQLException {
    List<Column> columns = new ArrayList<>(metadata.getColumnCount());
    for (int i = 1; i <= metadata.getColumnCount(); i++) {
      columns.add(
          new Column(
              metadata.getColumnLabel(i), text(metadata.getTableName(i)), declared(prepared, i)));
    }
    return columns;
  }

  /** The type as declared: the driver's own type names lose the length and guess expressions. */
  private static String declared(PreparedStatement prepared, int column) throws SQLException {
    return text(
        ((CoreStatement) prepared)
            .pointer.safeRun((db, pointer) -> db.column_decltype(pointer, column - 1)));
  }

  private static String text(@Nullable String value) {
    return value == null ? "" : value;
  }

  private static Value value(@Nullable Object object) {
    if (object == null) {
      return Value.NULL;
    }
    if (object instanceof Number number) {
      return object instanceof Double
          ? new Value.Real(number.doubleValue())
          : new Value.Int64(number.longValue());
    }
    return object instanceof byte[] bytes
        ? new Value.Blob(bytes)
        : new Value.Text(object.toString());
  }

  private static long size(Value value) {
    if (value instanceof Value.Text text) {
      return 16L + 2L * text.value().length();
    }
    return value instanceof Value.Blob blob ? 16L + blob.value().length : 16L;
  }

  private static void bind(PreparedStatement prepared, int number, Value value)
      throws SQLException {
    if (value instanceof Value.Int64 integer) {
      prepared.setLong(number, integer.value());
    } else if (value instanceof Value.Text text) {
      prepared.setString(number, text.value());
    } else if (value instanceof Value.Real real) {
      prepared.setDouble(number, real.value());
    } else if (value instanceof Value.Blob blob) {
      prepared.setBytes(number, blob.value());
    } else {
      prepared.setObject(number, null);
    }
  }

  private StatementResult failure(SQLException e, @Nullable WriteTraits traits, long start)
      throws TransactionLost, EnvironmentFailure, StepLimitExceeded {
    Throwable accident = functions.takeFailure();
    if (steps.exceeded()) {
      throw new StepLimitExceeded();
    }
    if (accident != null) {
      throw new EnvironmentFailure(new SQLException(accident.toString(), accident));
    }
    // Virtual tables may give an interrupt another name, so a stop is never taken for an outcome.
    if (steps.stopped() || SqliteErrors.isEnvironment(e)) {
      throw new EnvironmentFailure(e);
    }
    StatementResult.Failed failed = failed(SqliteErrors.message(e), SqliteErrors.code(e), start);
    if (transactionIsLost()) {
      throw new TransactionLost(failed);
    }
    try {
      // OR FAIL and RAISE(FAIL) keep the rows before the failure.
      refuseWhatDiffers(traits, start);
    } catch (SQLException guard) {
      throw new EnvironmentFailure(guard);
    }
    digest = digestOf(failed);
    return failed;
  }

  /**
   * Whether SQLite ended the transaction, as OR ROLLBACK and RAISE(ROLLBACK) do. The driver's own
   * idea of it is stale, so SQLite is asked: a transaction can be begun only where none is.
   */
  private boolean transactionIsLost() throws EnvironmentFailure {
    try {
      statements.internal("BEGIN").execute();
      return true;
    } catch (SQLException e) {
      if (SqliteErrors.isEnvironment(e)) {
        throw new EnvironmentFailure(e);
      }
      return false;
    }
  }

  /** The digest of a failure that is known from an earlier attempt and not run again. */
  static long digestOf(StatementResult.Failed failure) {
    return Digest.add(Digest.add(3, 0), failure.code() & 0xFF);
  }

  private StatementResult.Failed failed(String message, int code, long start) {
    digest = Digest.add(Digest.add(3, 0), code & 0xFF);
    return new StatementResult.Failed(message, code, System.nanoTime() - start);
  }

  private TransactionLost lost(String message, long start) {
    return new TransactionLost(failed(message, 0, start));
  }

  /** Notices which rows a statement inserts. */
  private static final class InsertListener implements SQLiteUpdateListener {
    private String target = "";
    private boolean sawTarget;
    private boolean sawLargestRowid;

    void begin(Optional<String> target) {
      this.target = target.orElse("");
      sawTarget = false;
      sawLargestRowid = false;
    }

    @Override
    public void onUpdate(Type type, String database, String table, long rowid) {
      if (rowid == ROWID_MAX && type != Type.DELETE) {
        sawLargestRowid = true;
      }
      if (type == Type.INSERT && !sawTarget && table.equalsIgnoreCase(target)) {
        sawTarget = true;
      }
    }
  }
}
