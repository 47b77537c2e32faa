package storage;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.core.Codes;

/**
 * A copy of the database as of one position, of its pages or as SQL text, taken beside whoever
 * writes and reads.
 *
 * <p>The source is read in one transaction: neither does the copy begin anew when somebody writes,
 * nor do writers wait; until it is done the write-ahead log is not cut.
 */
public final class DatabaseCopy {

  /** Of pages, between two looks at whether the copy is still wanted. */
  private static final int PAGES_AT_ONCE = 1_024;

  private static final int BUSY_MILLIS = 100;
  private static final int BUSY_TIMES_MAX = 100;

  /**
   * In the file's header: which of rollback journal (1) and write-ahead log (2) it is used with.
   */
  private static final long MODE_OFFSET = 18;

  private static final byte[] WRITE_AHEAD_LOG = {2, 2};

  private static final Logger LOG = LoggerFactory.getLogger(DatabaseCopy.class);

  private DatabaseCopy() {}

  /**
   * Copies all pages.
   *
   * @param source a connection to the database that is used for nothing else
   * @param target the file to make; what is there is overwritten
   * @return the sequence number of the last event that the copy contains in full
   * @throws SQLException if the source cannot be read or the target not be written; the target is
   *     to be deleted then
   */
  public static long take(Connection source, Path target) throws SQLException {
    try (Statement statement = source.createStatement()) {
      statement.execute("BEGIN");
      try {
        long seq = seq(statement);
        copyPages(source, target);
        return seq;
      } finally {
        statement.execute("ROLLBACK");
      }
    }
  }

  /**
   * Copies all pages, for a snapshot.
   *
   * @param nodeId whose replica it is
   * @return what the copy is of; empty if nothing was applied yet
   * @throws SQLException as {@link #take} does
   */
  public static Optional<SnapshotHeader> takeForSnapshot(
      Connection source, Path target, String nodeId) throws SQLException, IOException {
    try (Statement statement = source.createStatement()) {
      statement.execute("BEGIN");
      try {
        ReplicaState state = InternalTables.loadPosition(source);
        if (state.seq == 0) {
          return Optional.empty();
        }
        copyPages(source, target);
        return Optional.of(
            new SnapshotHeader(
                state.journalId,
                state.seq,
                state.hash,
                state.timestampMicros,
                state.digests,
                Files.size(target),
                nodeId,
                DatabaseConnections.sqliteVersion()));
      } finally {
        statement.execute("ROLLBACK");
      }
    }
  }

  /** Syncs the copy as it grows, for the reason that {@link SyncedOutput} gives. */
  private static void copyPages(Connection source, Path target) throws SQLException {
    int code =
        source
            .unwrap(SQLiteConnection.class)
            .getDatabase()
            .backup(
                "main",
                target.toAbsolutePath().toString(),
                (remaining, all) -> sync(target),
                BUSY_MILLIS,
                BUSY_TIMES_MAX,
                PAGES_AT_ONCE);
    if (code != Codes.SQLITE_OK && code != Codes.SQLITE_DONE) {
      throw new SQLException("the database could not be copied (SQLite's code " + code + ")");
    }
  }

  /**
   * Writes the content of the database as SQL text.
   *
   * @param source a connection to the database that is used for nothing else
   * @param tables which; none for everything
   * @return the sequence number of the last event that the text contains in full
   * @throws SqlDump.UndumpableException if a table is not there, or cannot be written as text
   */
  public static long takeAsSql(Connection source, Set<String> tables, OutputStream out)
      throws SQLException, IOException, SqlDump.UndumpableException {
    try (Statement statement = source.createStatement()) {
      statement.execute("BEGIN");
      try {
        long seq = seq(statement);
        SqlDump.write(source, tables, out);
        return seq;
      } finally {
        statement.execute("ROLLBACK");
      }
    }
  }

  /** Nothing rests on it: a copy is only read, and what is made of it is synced by itself. */
  private static void sync(Path growing) {
    try {
      Durability.sync(growing);
    } catch (IOException e) {
      LOG.debug("a growing copy could not be synced", e);
    }
  }

  private static long seq(Statement statement) throws SQLException {
    try (ResultSet row = statement.executeQuery("SELECT seq FROM _peqlite_position")) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  /** How large a copy would be now. */
  public static long bytes(Connection source) throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  /**
   * Looks through a copy that nobody changes, as far as SQLite's quick_check does.
   *
   * @throws DatabaseDamagedException if it is not what a database must be
   */
  public static void check(Path copy) throws SQLException, DatabaseDamagedException {
    try (Connection connection =
        DriverManager.getConnection(
            "jdbc:sqlite:" + copy.toAbsolutePath().toUri() + "?immutable=1")) {
      check(connection);
    } catch (SQLException e) {
      if (SqliteErrors.isCorrupt(e)) {
        throw new DatabaseDamagedException("the database is damaged: " + SqliteErrors.message(e));
      }
      throw e;
    }
  }

  /** The same of what a connection sees; damage may also come as an exception of SQLite's. */
  static void check(Connection connection) throws SQLException, DatabaseDamagedException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("PRAGMA quick_check(1)")) {
      String found = row.next() ? row.getString(1) : "nothing is in it";
      if (!found.equals("ok")) {
        throw new DatabaseDamagedException("the database is damaged: " + found.replace('\n', ' '));
      }
    }
  }

  /**
   * Makes a copy one for the outside: without the internal tables, of which nothing is left to be
   * read in it, and in one file.
   *
   * @param vacuumed whether to write it anew without its free pages
   * @param writeAheadLog whether it says that it is used with a write-ahead log
   */
  public static void prepareForOutside(Path copy, boolean vacuumed, boolean writeAheadLog)
      throws SQLException, IOException {
    SQLiteConfig config = new SQLiteConfig();
    try (Connection connection =
            config.createConnection("jdbc:sqlite:" + copy.toAbsolutePath().toUri());
        Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA journal_mode=DELETE");
      statement.execute("PRAGMA secure_delete=ON");
      statement.execute("PRAGMA foreign_keys=OFF");
      statement.execute("BEGIN");
      for (String table : internalTables(statement)) {
        statement.execute("DROP TABLE \"" + table + '"');
      }
      statement.execute("COMMIT");
      if (vacuumed) {
        statement.execute("VACUUM");
      }
    }
    if (writeAheadLog) {
      try (FileChannel file = FileChannel.open(copy, StandardOpenOption.WRITE)) {
        int unused = file.write(ByteBuffer.wrap(WRITE_AHEAD_LOG), MODE_OFFSET);
      }
    }
    for (String suffix : List.of("-wal", "-shm", "-journal")) {
      Files.deleteIfExists(copy.resolveSibling(copy.getFileName() + suffix));
    }
  }

  private static List<String> internalTables(Statement statement) throws SQLException {
    List<String> names = new ArrayList<>();
    try (ResultSet row =
        statement.executeQuery(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
                + " AND substr(name, 1, 8) = '_peqlite'")) {
      while (row.next()) {
        names.add(row.getString(1));
      }
    }
    return names;
  }
}
