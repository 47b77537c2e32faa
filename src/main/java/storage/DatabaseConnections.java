package storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteLimits;

/**
 * Opens the replica's file: once to apply events, and any number of times to read beside that.
 *
 * <p>Functions are installed and limits set before the schema is first read, so that stored
 * expressions never meet SQLite's own versions. Nothing can be attached to these connections, which
 * also rules out VACUUM INTO.
 */
public final class DatabaseConnections {

  /**
   * How the connection that applies events is opened.
   *
   * @param foreignKeys whether foreign keys are enforced; decides outcomes, so it must be the same
   *     on every node
   * @param cacheBytes memory for pages; too little makes updates of large indexes slow
   * @param databaseBytesMax the largest the database file may get, 0 for no limit; beyond it writes
   *     fail as on a full disk
   */
  public record ApplyingSettings(boolean foreignKeys, long cacheBytes, long databaseBytesMax) {}

  /**
   * The longest text, blob, row or statement in bytes that can be applied. It decides outcomes, so
   * it is no setting: to change it is to change the determinism rules.
   */
  public static final int LENGTH_MAX = 256 << 20;

  /** How long the applying connection waits for another's lock. */
  static final int BUSY_TIMEOUT_MILLIS = 2_000;

  /**
   * How long a reading connection sleeps for another's lock at a time. The sleep cannot be
   * interrupted, so it is short, and the read tries again until its deadline.
   */
  static final int READ_BUSY_MILLIS = 100;

  // The size of nearly all file systems' blocks and memory pages.
  private static final int PAGE_BYTES = 4096;

  /** What the write-ahead log is cut down to when it is started anew. */
  private static final int WAL_BYTES_KEPT = 16 << 20;

  private static final int BYTES_PER_KIB = 1024;

  private DatabaseConnections() {}

  /** The version of the SQLite that this process runs, such as {@code 3.54.1}. */
  public static String sqliteVersion() {
    return Version.TEXT;
  }

  private static final class Version {
    private static final String TEXT = read();

    private static String read() {
      try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:");
          Statement statement = connection.createStatement();
          ResultSet row = statement.executeQuery("SELECT sqlite_version()")) {
        return row.next() ? row.getString(1) : "";
      } catch (SQLException e) {
        throw new IllegalStateException("SQLite does not run here: " + e.getMessage(), e);
      }
    }
  }

  /**
   * Opens the file to apply events to it, and makes it and its folder if they are missing. It is in
   * WAL mode with {@code synchronous=NORMAL}, and never checkpoints by itself.
   *
   * @param functions are installed on the connection, as are {@link MathFunctions}; the caller
   *     closes them after the connection
   */
  public static SQLiteConnection openApplying(
      Path file, ApplyingSettings settings, DeterministicFunctions functions) throws SQLException {
    makeFolder(file);
    SQLiteConfig config = new SQLiteConfig();
    config.setGetGeneratedKeys(false);
    config.setBusyTimeout(BUSY_TIMEOUT_MILLIS);
    SQLiteConnection connection = connect(file, config, LENGTH_MAX);
    try {
      functions.install(connection);
      MathFunctions.install(connection);
      try (Statement statement = connection.createStatement()) {
        // The page size counts only before WAL mode, and only for a database that is still empty.
        statement.executeUpdate("PRAGMA page_size=" + PAGE_BYTES);
        requireWal(statement);
        statement.executeUpdate("PRAGMA synchronous=NORMAL");
        statement.executeUpdate("PRAGMA wal_autocheckpoint=0");
        statement.executeUpdate("PRAGMA journal_size_limit=" + WAL_BYTES_KEPT);
        limitSize(statement, settings.databaseBytesMax());
        common(statement, settings.cacheBytes(), settings.foreignKeys());
        // While the driver believes in autocommit it tries to begin and commit a transaction after
        // every statement. It is told otherwise and begins one, which is ended here; all others are
        // begun and ended by SQL, of which it takes no notice.
        connection.setAutoCommit(false);
        statement.executeUpdate("ROLLBACK");
      }
      return connection;
    } catch (SQLException | RuntimeException e) {
      connection.close();
      throw e;
    }
  }

  /** Opens the file, which must exist, to read only. */
  static SQLiteConnection openReading(Path file, ReadSettings settings) throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.setReadOnly(true);
    config.setGetGeneratedKeys(false);
    config.setBusyTimeout(READ_BUSY_MILLIS);
    SQLiteConnection connection = connect(file, config, settings.lengthMax());
    try {
      MathFunctions.install(connection);
      try (Statement statement = connection.createStatement()) {
        common(statement, settings.cacheBytes(), settings.foreignKeys());
        // A read-only file leaves temporary tables possible, which would stay and shadow real ones.
        statement.executeUpdate("PRAGMA query_only=ON");
      }
      return connection;
    } catch (SQLException | RuntimeException e) {
      connection.close();
      throw e;
    }
  }

  private static SQLiteConnection connect(Path file, SQLiteConfig config, int lengthMax)
      throws SQLException {
    // As a URI, because the driver would take a question mark in a path for the start of options.
    String url = "jdbc:sqlite:" + file.toAbsolutePath().toUri();
    SQLiteConnection connection = config.createConnection(url).unwrap(SQLiteConnection.class);
    try {
      connection.setLimit(SQLiteLimits.SQLITE_LIMIT_ATTACHED, 0);
      connection.setLimit(SQLiteLimits.SQLITE_LIMIT_LENGTH, lengthMax);
      connection.setLimit(SQLiteLimits.SQLITE_LIMIT_SQL_LENGTH, lengthMax);
      return connection;
    } catch (SQLException | RuntimeException e) {
      connection.close();
      throw e;
    }
  }

  private static void common(Statement statement, long cacheBytes, boolean foreignKeys)
      throws SQLException {
    // A negative size counts KiB instead of pages.
    statement.executeUpdate("PRAGMA cache_size=-" + cacheBytes / BYTES_PER_KIB);
    statement.executeUpdate("PRAGMA foreign_keys=" + (foreignKeys ? "ON" : "OFF"));
  }

  private static void makeFolder(Path file) throws SQLException {
    Path folder = file.toAbsolutePath().getParent();
    try {
      if (folder != null) {
        Files.createDirectories(folder);
      }
    } catch (IOException e) {
      throw new SQLException("cannot make the folder " + folder, e);
    }
  }

  private static void limitSize(Statement statement, long databaseBytesMax) throws SQLException {
    if (databaseBytesMax > 0) {
      try (ResultSet row = statement.executeQuery("PRAGMA page_size")) {
        long pageBytes = row.next() ? row.getLong(1) : PAGE_BYTES;
        statement.executeUpdate(
            "PRAGMA max_page_count=" + Math.max(1, databaseBytesMax / pageBytes));
      }
    }
  }

  private static void requireWal(Statement statement) throws SQLException {
    try (ResultSet row = statement.executeQuery("PRAGMA journal_mode=WAL")) {
      String mode = row.next() ? row.getString(1) : "";
      if (!"wal".equals(mode)) {
        throw new SQLException("the database cannot be put into WAL mode, it stays in: " + mode);
      }
    }
  }
}
