package storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import sql.Classification;
import sql.Statement;
import sql.StatementResult;
import sql.WriteRequest;

/**
 * The applying connection: its transactions, its prepared statements and the functions that stand
 * in for SQLite's own. Knows nothing of events. One thread, except {@link StepCounter#stop()}.
 */
final class ReplicaDatabase {

  /** How long a checkpoint waits for readers; they go on while it waits. */
  private static final int CHECKPOINT_WAIT_MILLIS = 50;

  private static final int SPACE_PROBE_BYTES = 1 << 20;

  private final Path file;
  private final StepCounter steps = new StepCounter();
  private final DeterministicFunctions functions;
  private final Connection connection;
  private final StatementCache statements;
  private final StatementRunner runner;
  private boolean inTransaction;
  private boolean statisticsTouched;
  private @Nullable Boolean schemaHasDeferred;
  private @Nullable Boolean schemaHasVirtual;
  private @Nullable Boolean schemaReadsCounters;

  private ReplicaDatabase(Path file, ApplySettings settings) throws SQLException {
    this.file = file;
    functions = new DeterministicFunctions();
    try {
      connection =
          DatabaseConnections.openApplying(
              file,
              new DatabaseConnections.ApplyingSettings(
                  settings.foreignKeys(), settings.cacheBytes(), settings.databaseBytesMax()),
              functions);
    } catch (SQLException e) {
      functions.close();
      throw e;
    }
    try {
      steps.install(connection);
      statements = new StatementCache(connection, settings.statementCacheMax());
      runner = new StatementRunner(connection, statements, functions, steps);
      InternalTables.create(connection);
    } catch (SQLException e) {
      connection.close();
      functions.close();
      throw e;
    }
  }

  static ReplicaDatabase open(Path file, ApplySettings settings) throws ReplicaException {
    try {
      return new ReplicaDatabase(file, settings);
    } catch (SQLException e) {
      throw new ReplicaException("cannot open " + file + ": " + SqliteErrors.message(e), e);
    }
  }

  Connection connection() {
    return connection;
  }

  StatementCache statements() {
    return statements;
  }

  StatementRunner runner() {
    return runner;
  }

  StepCounter steps() {
    return steps;
  }

  ReplicaState loadState() throws SQLException {
    return InternalTables.loadPosition(connection);
  }

  void useForeignKeys(boolean foreignKeys) {
    runner.useRules(foreignKeys);
  }

  boolean inTransaction() {
    return inTransaction;
  }

  /** Begins a transaction unless one is open. */
  void begin() throws SQLException {
    if (!inTransaction) {
      statements.internal("BEGIN IMMEDIATE").execute();
      inTransaction = true;
    }
  }

  /**
   * Commits.
   *
   * @throws TransactionLost if a deferred foreign key is violated; that is an outcome
   */
  void commit() throws SQLException, TransactionLost {
    try {
      statements.internal("COMMIT").execute();
      inTransaction = false;
      statisticsTouched = false;
    } catch (SQLException e) {
      if (SqliteErrors.isEnvironment(e)) {
        throw e;
      }
      throw new TransactionLost(
          new StatementResult.Failed(SqliteErrors.message(e), SqliteErrors.code(e), 0));
    }
  }

  /** Undoes everything since the last commit, the connection's own memory included. */
  void rollback() throws SQLException {
    schemaChanged();
    if (inTransaction) {
      inTransaction = false;
      // SQLite may have ended the transaction by itself; then there is nothing to roll back.
      try {
        statements.internal("ROLLBACK").execute();
      } catch (SQLException e) {
        if (SqliteErrors.isEnvironment(e)) {
          throw e;
        }
      }
    }
    if (statisticsTouched) {
      statisticsTouched = false;
      reloadStatistics();
    }
  }

  /** Leaves no transaction behind, whatever happened before. */
  void abandon() {
    try {
      rollback();
    } catch (SQLException ignored) {
      // Whoever asked is told of the failure that led here and opens the database anew.
      inTransaction = false;
    }
  }

  void savepoint() throws SQLException {
    statements.internal("SAVEPOINT request").execute();
  }

  void rollbackToSavepoint() throws SQLException {
    statements.internal("ROLLBACK TO request").execute();
  }

  void releaseSavepoint() throws SQLException {
    statements.internal("RELEASE request").execute();
  }

  /** Checks foreign keys at the end of this transaction only. */
  void deferForeignKeys() throws SQLException {
    statements.internal("PRAGMA defer_foreign_keys = ON").execute();
  }

  /**
   * Tells that a statement may have written the tables of the query planner, or read them for what
   * it made: the connection must read them anew before it runs another request.
   */
  void statisticsTouched() {
    statisticsTouched = true;
  }

  /**
   * Makes the connection read the schema and the query planner's tables again, as a connection that
   * is opened now would (sqlite.org, PRAGMA writable_schema=RESET: "the schema is reloaded").
   * ANALYZE sqlite_schema would do too, were it not for the tables that it creates.
   */
  void reloadStatistics() throws SQLException {
    // Full-text tables lose what they have gathered when the schema is read again; a savepoint
    // makes
    // them write it.
    savepoint();
    releaseSavepoint();
    try (java.sql.Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA writable_schema = RESET");
    }
  }

  void schemaChanged() {
    schemaHasDeferred = null;
    schemaHasVirtual = null;
    schemaReadsCounters = null;
  }

  /** Whether the query planner has tables: only then does it matter when they are read. */
  boolean hasStatistics() throws SQLException {
    return exists("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'");
  }

  /**
   * Whether the request must be alone in its transaction: SQLite checks deferred foreign keys at
   * COMMIT only, so that a neighbour would be blamed for it.
   */
  boolean needsOwnTransaction(WriteRequest request, boolean foreignKeys) throws SQLException {
    if (!foreignKeys) {
      return false;
    }
    if (request.foreignKeysDeferred() || schemaHasDeferred()) {
      return true;
    }
    for (Statement statement : request.statements()) {
      if (runner.classify(statement) instanceof Classification.Write write
          && write.traits().mentionsDeferred()) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether every replica would tell the same of the request. What a query among its statements
   * finds may rest on page layout, and must not get into the replicated store of keys.
   */
  boolean isRepeatable(WriteRequest request) {
    return request.statements().stream()
        .noneMatch(statement -> runner.classify(statement) instanceof Classification.Read);
  }

  private boolean schemaHasDeferred() throws SQLException {
    Boolean known = schemaHasDeferred;
    if (known == null) {
      known = exists("SELECT 1 FROM sqlite_schema WHERE sql LIKE '%DEFERRED%' LIMIT 1");
      schemaHasDeferred = known;
    }
    return known;
  }

  /** Whether there is a table of a module, such as a full-text index. */
  boolean hasVirtualTables() throws SQLException {
    Boolean known = schemaHasVirtual;
    if (known == null) {
      known = exists("SELECT 1 FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%' LIMIT 1");
      schemaHasVirtual = known;
    }
    return known;
  }

  /**
   * Whether something in the request, or a trigger, view or default that it may set off, can ask
   * for last_insert_rowid() or changes(). If not, nobody can see what they say.
   */
  boolean mayReadCounters(WriteRequest request) throws SQLException {
    Boolean known = schemaReadsCounters;
    if (known == null) {
      known =
          exists(
              "SELECT 1 FROM sqlite_schema"
                  + " WHERE (sql LIKE '%last_insert_rowid%' OR sql LIKE '%changes%')"
                  + " AND substr(name, 1, 8) <> '_peqlite' LIMIT 1");
      schemaReadsCounters = known;
    }
    if (known) {
      return true;
    }
    for (Statement statement : request.statements()) {
      if (containsAnyCase(statement.sql(), "changes")
          || containsAnyCase(statement.sql(), "last_insert_rowid")) {
        return true;
      }
    }
    return false;
  }

  /** Whether a text contains a word of ASCII letters, in any case. */
  private static boolean containsAnyCase(String text, String word) {
    char first = word.charAt(0);
    char firstUpperCase = Character.toUpperCase(first);
    for (int i = 0; i <= text.length() - word.length(); i++) {
      char c = text.charAt(i);
      if ((c == first || c == firstUpperCase)
          && text.regionMatches(true, i, word, 0, word.length())) {
        return true;
      }
    }
    return false;
  }

  private boolean exists(String query) throws SQLException {
    try (ResultSet row = statements.internal(query).executeQuery()) {
      return row.next();
    }
  }

  EventApplier.Pages pages() throws SQLException {
    try (ResultSet row =
        statements
            .internal(
                "SELECT page_count * page_size, freelist_count * page_size"
                    + " FROM pragma_page_count, pragma_page_size, pragma_freelist_count")
            .executeQuery()) {
      return row.next()
          ? new EventApplier.Pages(row.getLong(1), row.getLong(2))
          : new EventApplier.Pages(0, 0);
    }
  }

  long walBytes() {
    return size(file.resolveSibling(file.getFileName() + "-wal"));
  }

  static long size(Path file) {
    try {
      return Files.exists(file) ? Files.size(file) : 0;
    } catch (IOException e) {
      return 0; // it went away between the two questions
    }
  }

  /** Moves the whole write-ahead log into the file and cuts it, unless readers prevent it. */
  boolean checkpoint() {
    try (java.sql.Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA busy_timeout = " + CHECKPOINT_WAIT_MILLIS);
      try (ResultSet row = statement.executeQuery("PRAGMA wal_checkpoint(TRUNCATE)")) {
        return row.next() && row.getInt(1) == 0;
      } finally {
        statement.execute("PRAGMA busy_timeout = " + DatabaseConnections.BUSY_TIMEOUT_MILLIS);
      }
    } catch (SQLException e) {
      return false; // readers were in the way, or the disk is: the next one will show
    }
  }

  /** Commits a megabyte and takes it back. */
  boolean hasSpace() {
    try {
      for (String sql :
          List.of(
              "INSERT INTO _peqlite_space (bytes) VALUES (zeroblob(" + SPACE_PROBE_BYTES + "))",
              "DELETE FROM _peqlite_space")) {
        statements.internal(sql).execute();
      }
      return true;
    } catch (SQLException e) {
      return false;
    }
  }

  void close() {
    for (AutoCloseable part : List.<AutoCloseable>of(statements, connection, functions)) {
      try {
        part.close();
      } catch (Exception ignored) {
        // What is committed is committed; the rest comes from the journal again.
      }
    }
  }
}
