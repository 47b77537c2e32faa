package storage;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteLimits;
import sql.Classification;
import sql.StatementRules;

/**
 * A SQLite file from outside that is to become the database: looked through before anybody orders
 * it, and freed of what another cluster has left in it.
 *
 * <p>Everything that a replica would refuse is refused here, so that what is ordered can be applied
 * everywhere.
 */
public final class LoadFile {

  /** The file cannot become the database; the message says why, and what to do. */
  public static final class UnloadableException extends Exception {
    private static final long serialVersionUID = 1L;

    UnloadableException(String message) {
      super(message);
    }
  }

  private static final byte[] START = {
    'S', 'Q', 'L', 'i', 't', 'e', ' ', 'f', 'o', 'r', 'm', 'a', 't', ' ', '3', 0
  };

  private static final String RESERVED =
      " WHERE name LIKE '" + StatementRules.RESERVED_PREFIX.replace("_", "\\_") + "%' ESCAPE '\\'";

  private record Named(String type, String name) {}

  private LoadFile() {}

  /** Whether these are the first bytes of a SQLite file. */
  public static boolean isDatabase(byte[] beginning) {
    if (beginning.length < START.length) {
      return false;
    }
    for (int i = 0; i < START.length; i++) {
      if (beginning[i] != START[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Looks through a file and makes it one that can be loaded. Blocks, for as long as it takes to
   * read all of it.
   *
   * @param file is changed: nobody else may use it
   * @param foreignKeys whether the cluster enforces foreign keys
   * @throws UnloadableException if it cannot become the database
   * @throws IOException if it cannot be read or written here
   */
  public static void prepare(Path file, boolean foreignKeys)
      throws UnloadableException, IOException {
    try (Connection connection = open(file);
        Statement statement = connection.createStatement()) {
      checkEncoding(statement);
      checkPages(statement);
      checkSchema(connection, statement, new StatementRules(foreignKeys));
      dropReserved(statement);
      // A file that says that it is used with a write-ahead log would be opened with one.
      try (ResultSet row = statement.executeQuery("PRAGMA journal_mode=DELETE")) {
        if (!row.next() || !row.getString(1).equals("delete")) {
          throw new UnloadableException("the file cannot be taken out of WAL mode");
        }
      }
    } catch (SQLException e) {
      if (SqliteErrors.isEnvironment(e) && !SqliteErrors.isCorrupt(e)) {
        throw new IOException("the file cannot be looked through: " + SqliteErrors.message(e), e);
      }
      throw new UnloadableException(
          "the file is no sound SQLite database: " + SqliteErrors.message(e));
    }
  }

  /** With the functions that the schema will be read with here, and no others. */
  private static Connection open(Path file) throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    SQLiteConnection connection =
        config
            .createConnection("jdbc:sqlite:" + file.toAbsolutePath().toUri())
            .unwrap(SQLiteConnection.class);
    try {
      connection.setLimit(SQLiteLimits.SQLITE_LIMIT_ATTACHED, 0);
      MathFunctions.install(connection);
      try (Statement statement = connection.createStatement()) {
        statement.execute("PRAGMA foreign_keys=OFF");
        statement.execute("PRAGMA secure_delete=ON");
      }
      return connection;
    } catch (SQLException | RuntimeException e) {
      connection.close();
      throw e;
    }
  }

  private static void checkEncoding(Statement statement) throws SQLException, UnloadableException {
    try (ResultSet row = statement.executeQuery("PRAGMA encoding")) {
      String encoding = row.next() ? row.getString(1) : "";
      if (!encoding.equals("UTF-8")) {
        throw new UnloadableException(
            "the file keeps its texts in "
                + encoding
                + ", and only UTF-8 can be loaded: send what `sqlite3 FILE .dump` prints");
      }
    }
  }

  /**
   * An index over a function of mathematics may hold other values than this SQLite computes; then
   * it is made anew.
   */
  private static void checkPages(Statement statement) throws SQLException, UnloadableException {
    if (!integrity(statement).equals("ok")) {
      statement.execute("REINDEX");
      String found = integrity(statement);
      if (!found.equals("ok")) {
        throw new UnloadableException("the file is damaged: " + found);
      }
    }
  }

  private static String integrity(Statement statement) throws SQLException {
    try (ResultSet row = statement.executeQuery("PRAGMA integrity_check(1)")) {
      return row.next() ? row.getString(1).replace('\n', ' ') : "nothing is in it";
    }
  }

  /** What SQL could not have made here must not come in by a file. */
  private static void checkSchema(Connection connection, Statement statement, StatementRules rules)
      throws SQLException, UnloadableException {
    try (ResultSet row =
        statement.executeQuery(
            "SELECT s.type, s.name, s.sql FROM sqlite_schema AS s"
                + " LEFT JOIN pragma_table_list AS t"
                + " ON t.schema = 'main' AND t.name = s.name AND t.type = 'shadow'"
                + " WHERE s.sql IS NOT NULL AND t.name IS NULL"
                + " AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                + " AND s.tbl_name NOT LIKE '\\_peqlite%' ESCAPE '\\'"
                + " AND s.name NOT LIKE '\\_peqlite%' ESCAPE '\\'")) {
      while (row.next()) {
        Classification classification = rules.classify(row.getString(3));
        if (!(classification instanceof Classification.Write)) {
          String reason =
              classification instanceof Classification.Refused refused
                  ? refused.reason()
                  : "it is no statement that can be run here";
          throw new UnloadableException(
              "the file's " + row.getString(1) + " " + row.getString(2) + ": " + reason);
        }
      }
    }
    Optional<String> expression = StoredExpressionGuard.check(connection);
    if (expression.isPresent()) {
      throw new UnloadableException("the file's schema: " + expression.get());
    }
  }

  private static void dropReserved(Statement statement) throws SQLException {
    List<Named> reserved = reserved(statement);
    if (reserved.isEmpty()) {
      return;
    }
    statement.execute("BEGIN");
    for (Named one : reserved) {
      statement.execute(
          "DROP " + one.type() + " IF EXISTS \"" + one.name().replace("\"", "\"\"") + '"');
    }
    statement.execute("COMMIT");
  }

  /** What refers to a table before the table. */
  private static List<Named> reserved(Statement statement) throws SQLException {
    List<Named> reserved = new ArrayList<>();
    try (ResultSet row =
        statement.executeQuery(
            "SELECT type, name FROM sqlite_schema"
                + RESERVED
                + " ORDER BY type = 'table', type = 'index'")) {
      while (row.next()) {
        reserved.add(new Named(row.getString(1), row.getString(2)));
      }
    }
    return reserved;
  }
}
