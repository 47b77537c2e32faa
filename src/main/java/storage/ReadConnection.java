package storage;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.sqlite.ProgressHandler;
import org.sqlite.SQLiteConnection;
import org.sqlite.core.Codes;
import org.sqlite.core.DB;
import sql.Column;
import sql.Statement;
import sql.Value;
import storage.ReadFailure.Kind;
import storage.ReadStatements.Prepared;

/**
 * One read-only connection of the {@link ReadPool}, for the thread that has borrowed it.
 *
 * <p>It works on the driver's inner layer: that is faster than JDBC, can read the type of each
 * value and the columns of a statement that has none. After {@link #isBroken} it is to be closed.
 */
final class ReadConnection {

  /** How much rows and bytes the statements of one request have returned so far. */
  static final class Usage {
    private long rows;
    private long bytes;
  }

  // A few hundred thousand steps a second at the least, so a deadline is met within milliseconds,
  // and the call back from native code costs nothing that could be measured.
  private static final int STEPS_BETWEEN_CHECKS = 1000;

  // Rows that are worth a look at the clock, which also catches a sink that blocks.
  private static final int ROWS_BETWEEN_CHECKS = 16;

  private static final int ATTEMPTS_MAX = 50;
  private static final int KEPT_PARAMETER_MAX = 1000;

  private static final String SEQ = "SELECT seq FROM _peqlite_position";

  private final SQLiteConnection connection;
  private final DB database;
  private final ReadStatements statements;
  private final BooleanSupplier closing;
  private final int generation;
  private final long slowStatementNanos;
  private long deadlineNanos;
  private boolean broken;

  // Kept apart from the cache, because every snapshot needs them.
  private @Nullable Prepared begin;
  private @Nullable Prepared rollback;
  private @Nullable Prepared position;
  private @Nullable Prepared schemaVersion;

  private ReadConnection(
      SQLiteConnection connection, ReadSettings settings, int generation, BooleanSupplier closing) {
    this.connection = connection;
    this.database = connection.getDatabase();
    this.statements =
        new ReadStatements(connection, settings.statementsMax(), settings.statementCharactersMax());
    this.generation = generation;
    this.slowStatementNanos = settings.slowStatementNanos();
    this.closing = closing;
  }

  /**
   * Opens a connection.
   *
   * @param generation which file it reads, as the pool counts them
   * @param closing whether running statements are to be interrupted
   * @throws ReadFailure if the file cannot be opened
   */
  static ReadConnection open(
      Path file, ReadSettings settings, int generation, BooleanSupplier closing)
      throws ReadFailure {
    try {
      SQLiteConnection connection = DatabaseConnections.openReading(file, settings);
      ReadConnection reading = new ReadConnection(connection, settings, generation, closing);
      reading.database.register_progress_handler(
          STEPS_BETWEEN_CHECKS,
          new ProgressHandler() {
            @Override
            protected int progress() {
              return reading.mustStop() ? 1 : 0;
            }
          });
      return reading;
    } catch (SQLException e) {
      throw new ReadFailure(Kind.ENVIRONMENT, SqliteErrors.message(e));
    }
  }

  int generation() {
    return generation;
  }

  /** Whether the connection met an error of the environment, and is not to be used again. */
  boolean isBroken() {
    return broken;
  }

  /** Closes the connection with all of its statements. Errors do not matter any more. */
  void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      broken = true;
    }
  }

  /** Begins a read transaction and returns the position that it sees, 0 for an empty database. */
  long begin(long deadlineNanos) throws ReadFailure {
    this.deadlineNanos = deadlineNanos;
    try {
      for (int attempt = 1; ; attempt++) {
        try {
          beginTransaction();
          return position();
        } catch (SQLException e) {
          end();
          if (!mayTryAgain(e, attempt)) {
            throw e;
          }
        }
      }
    } catch (SQLException e) {
      throw failure(e);
    }
  }

  /** Ends the transaction, if there is one. A connection that kept it would show an old state. */
  void end() {
    try {
      Prepared statement = rollback;
      if (statement == null) {
        statement = statements.take("ROLLBACK");
        rollback = statement;
      }
      run(statement);
    } catch (SQLException e) {
      // That there is none is an ordinary error, and fine.
      broken |= SqliteErrors.isEnvironment(e);
    }
  }

  /** Runs a statement; in a transaction if one was begun, else by itself. */
  void query(
      Statement statement, ReadLimits limits, Usage usage, boolean inTransaction, RowSink sink)
      throws ReadFailure {
    if (slowStatementNanos == 0) {
      queryNow(statement, limits, usage, inTransaction, sink);
      return;
    }
    long began = System.nanoTime();
    try {
      queryNow(statement, limits, usage, inTransaction, sink);
    } finally {
      long nanos = System.nanoTime() - began;
      if (nanos >= slowStatementNanos) {
        new SlowStatement(statement.sql(), nanos, "read").log(limits.requestId());
      }
    }
  }

  private void queryNow(
      Statement statement, ReadLimits limits, Usage usage, boolean inTransaction, RowSink sink)
      throws ReadFailure {
    deadlineNanos = limits.deadlineNanos();
    if (mustStop()) {
      throw interrupted();
    }
    if (statement.sql().indexOf(0) >= 0) {
      // SQLite would silently stop reading there.
      throw new ReadFailure(Kind.STATEMENT, "the statement contains a NUL character");
    }
    for (int attempt = 1; ; attempt++) {
      Prepared prepared = null;
      boolean mayRepeat = true;
      try {
        prepared = take(statement);
        boolean hasRow = start(prepared, statement);
        mayRepeat = false;
        int columns = deliver(prepared, hasRow, limits, usage, sink);
        if (columns == 0) {
          guardTransaction(inTransaction);
        }
        return;
      } catch (SQLException e) {
        if (!mayRepeat || !mayTryAgain(e, attempt)) {
          throw failure(e);
        }
      } finally {
        if (prepared != null) {
          giveBack(prepared, isLarge(statement.parameters()));
        }
      }
    }
  }

  private Prepared take(Statement statement) throws SQLException, ReadFailure {
    Prepared prepared;
    try {
      prepared = statements.take(statement.sql());
    } catch (SQLException e) {
      if (SqliteErrors.code(e) == 0 && !connection.isClosed()) {
        // The driver's way to say that SQLite found nothing but blanks and comments.
        throw new ReadFailure(Kind.STATEMENT, "the statement is empty");
      }
      throw e;
    }
    int given = statement.parameters().size();
    if (given != prepared.parameters()) {
      giveBack(prepared, false);
      String amount = given < prepared.parameters() ? "not enough" : "too many";
      throw new ReadFailure(
          Kind.STATEMENT,
          amount + " args to execute query: want " + prepared.parameters() + " got " + given);
    }
    return prepared;
  }

  /** Binds and makes the first step; whether there is a row. */
  private boolean start(Prepared prepared, Statement statement) throws SQLException {
    if (statement.parameters().isEmpty()) {
      return step(prepared.address());
    }
    return database.execute(prepared.core(), bound(statement.parameters()));
  }

  /** Makes a step; whether there is a row. */
  private boolean step(long address) throws SQLException {
    int code = database.step(address);
    if (code != Codes.SQLITE_ROW && code != Codes.SQLITE_DONE) {
      database.throwex(code);
    }
    return code == Codes.SQLITE_ROW;
  }

  /** Gives columns and rows to the sink; returns the number of columns. */
  private int deliver(
      Prepared prepared, boolean hasRow, ReadLimits limits, Usage usage, RowSink sink)
      throws SQLException, ReadFailure {
    long address = prepared.address();
    int count = database.column_count(address);
    sink.columns(hasRow ? columnsNow(prepared, count) : columns(address, count));
    if (hasRow) {
      rows(address, new Value[count], limits, usage, sink);
    }
    return count;
  }

  /**
   * The columns of a statement that stands on a row. Another connection may have changed the
   * schema, and then SQLite has prepared the statement anew; but now that it holds a state of the
   * database still, the version of that state's schema tells whether what is known of it still
   * holds. To ask for that is much cheaper than to describe every column again.
   */
  private List<Column> columnsNow(Prepared prepared, int count) throws SQLException {
    long version = schemaVersion();
    List<Column> known = prepared.columns(version);
    if (known == null) {
      known = List.copyOf(columns(prepared.address(), count));
      prepared.remember(version, known);
    }
    return known;
  }

  private long schemaVersion() throws SQLException {
    Prepared statement = schemaVersion;
    if (statement == null) {
      statement = statements.take("PRAGMA schema_version");
      schemaVersion = statement;
    }
    return number(statement);
  }

  private List<Column> columns(long address, int count) throws SQLException {
    if (count == 0) {
      return List.of();
    }
    List<Column> columns = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      String table = database.column_table_name(address, i);
      String type = database.column_decltype(address, i);
      columns.add(
          new Column(
              String.valueOf(database.column_name(address, i)),
              table == null ? "" : table,
              type == null ? "" : type));
    }
    return columns;
  }

  private void rows(long address, Value[] row, ReadLimits limits, Usage usage, RowSink sink)
      throws SQLException, ReadFailure {
    do {
      usage.rows++;
      if (usage.rows > limits.rowsMax()) {
        throw tooLarge(limits.rowsMax() + " rows", "peqlite.read.rows-max");
      }
      for (int i = 0; i < row.length; i++) {
        row[i] = value(address, i, usage);
        if (usage.bytes > limits.bytesMax()) {
          throw tooLarge(limits.bytesMax() + " bytes", "peqlite.read.bytes-max");
        }
      }
      sink.row(row);
      if (usage.rows % ROWS_BETWEEN_CHECKS == 0 && mustStop()) {
        throw interrupted();
      }
    } while (step(address));
  }

  private Value value(long address, int column, Usage usage) throws SQLException {
    return switch (database.column_type(address, column)) {
      case Codes.SQLITE_INTEGER -> {
        usage.bytes += Long.BYTES;
        yield new Value.Int64(database.column_long(address, column));
      }
      case Codes.SQLITE_FLOAT -> {
        usage.bytes += Double.BYTES;
        yield new Value.Real(database.column_double(address, column));
      }
      case Codes.SQLITE_TEXT -> {
        String text = database.column_text(address, column);
        usage.bytes += encodedLength(text);
        yield new Value.Text(text);
      }
      case Codes.SQLITE_BLOB -> {
        byte[] blob = database.column_blob(address, column);
        byte[] bytes = blob == null ? new byte[0] : blob;
        usage.bytes += bytes.length;
        yield new Value.Blob(bytes);
      }
      default -> Value.NULL;
    };
  }

  /** The length of a text in UTF-8. A surrogate is half of a character of four bytes. */
  private static long encodedLength(String text) {
    int length = text.length();
    long bytes = length;
    for (int i = 0; i < length; i++) {
      char unit = text.charAt(i);
      if (unit >= 0x80) {
        bytes += unit < 0x800 || Character.isSurrogate(unit) ? 1 : 2;
      }
    }
    return bytes;
  }

  private static @Nullable Object[] bound(List<Value> parameters) {
    @Nullable Object[] bound = new @Nullable Object[parameters.size()];
    for (int i = 0; i < bound.length; i++) {
      Value value = parameters.get(i);
      if (value instanceof Value.Int64 number) {
        bound[i] = number.value();
      } else if (value instanceof Value.Text text) {
        bound[i] = text.value();
      } else if (value instanceof Value.Real number) {
        bound[i] = number.value();
      } else if (value instanceof Value.Blob blob) {
        bound[i] = blob.value();
      }
    }
    return bound;
  }

  /** Whether it would be a waste of memory to keep the values until the statement runs again. */
  private static boolean isLarge(List<Value> parameters) {
    for (Value value : parameters) {
      if ((value instanceof Value.Text text && text.value().length() > KEPT_PARAMETER_MAX)
          || (value instanceof Value.Blob blob && blob.value().length > KEPT_PARAMETER_MAX)) {
        return true;
      }
    }
    return false;
  }

  /** After a statement without columns, which may have been one that controls transactions. */
  private void guardTransaction(boolean inTransaction) throws SQLException, ReadFailure {
    if (!inTransaction) {
      end();
      return;
    }
    try {
      beginTransaction();
    } catch (SQLException e) {
      if (SqliteErrors.isEnvironment(e)) {
        throw e;
      }
      return; // A transaction within a transaction is refused: ours is still there.
    }
    throw new ReadFailure(Kind.STATEMENT, "a read cannot control its transaction");
  }

  private void giveBack(Prepared prepared, boolean forgetParameters) {
    try {
      if (!prepared.isClosed()) {
        database.reset(prepared.address());
        if (forgetParameters) {
          database.clear_bindings(prepared.address());
        }
      }
      statements.giveBack(prepared);
    } catch (SQLException e) {
      broken = true;
    }
  }

  private void beginTransaction() throws SQLException {
    Prepared statement = begin;
    if (statement == null) {
      statement = statements.take("BEGIN");
      begin = statement;
    }
    run(statement);
  }

  private void run(Prepared statement) throws SQLException {
    try {
      step(statement.address());
    } finally {
      database.reset(statement.address());
    }
  }

  private long position() throws SQLException {
    try {
      return readPosition();
    } catch (SQLException e) {
      if (!SqliteErrors.message(e).startsWith("no such table")) {
        throw e;
      }
    }
    // A failed preparation does not begin to read, so the state is held still by another read; and
    // the table may have come into being just before that.
    Prepared anyRead = statements.take("SELECT 1 FROM sqlite_schema LIMIT 1");
    try {
      step(anyRead.address());
    } finally {
      giveBack(anyRead, false);
    }
    try {
      return readPosition();
    } catch (SQLException e) {
      if (!SqliteErrors.message(e).startsWith("no such table")) {
        throw e;
      }
      return 0;
    }
  }

  private long readPosition() throws SQLException {
    Prepared statement = position;
    if (statement == null) {
      statement = statements.take(SEQ);
      position = statement;
    }
    return number(statement);
  }

  /** The only value of the only row, 0 if there is none. */
  private long number(Prepared statement) throws SQLException {
    try {
      return step(statement.address()) ? database.column_long(statement.address(), 0) : 0;
    } finally {
      database.reset(statement.address());
    }
  }

  private boolean mayTryAgain(SQLException error, int attempt) {
    return SqliteErrors.isPassing(error) && attempt < ATTEMPTS_MAX && !mustStop();
  }

  private boolean mustStop() {
    return closing.getAsBoolean() || System.nanoTime() - deadlineNanos > 0;
  }

  private ReadFailure interrupted() {
    return closing.getAsBoolean()
        ? new ReadFailure(Kind.ENVIRONMENT, "the database is being closed")
        : new ReadFailure(Kind.TIMEOUT, "query timeout");
  }

  private static ReadFailure tooLarge(String limit, String key) {
    return new ReadFailure(
        Kind.TOO_LARGE,
        "the result has more than " + limit + ", the most a read may return (" + key + ")");
  }

  private ReadFailure failure(SQLException error) {
    if (SqliteErrors.isInterrupt(error)) {
      return interrupted();
    }
    if (SqliteErrors.code(error) == SqliteErrors.READONLY) {
      return new ReadFailure(Kind.WRITE, "attempt to change database via query operation");
    }
    if (SqliteErrors.isEnvironment(error)) {
      broken = true;
      return new ReadFailure(Kind.ENVIRONMENT, SqliteErrors.message(error));
    }
    return new ReadFailure(Kind.STATEMENT, SqliteErrors.message(error));
  }
}
