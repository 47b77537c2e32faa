package storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import org.sqlite.SQLiteConfig;
import sql.Position;

/**
 * Makes the file that takes the database's place when one is loaded, or when this one is written
 * anew to give back its free pages. It is complete and synced when it is done: nothing of the old
 * file is needed for it any more. One thread.
 */
final class LoadedDatabase {

  private static final int BUFFER_BYTES = 1 << 20;

  /** Asked between two portions of work. */
  interface Pause {
    /** Returns, or throws what ends the work. */
    void look() throws EnvironmentFailure, StepLimitExceeded;
  }

  private LoadedDatabase() {}

  /**
   * Writes what has been loaded to a file.
   *
   * @throws LoadPieces.IncompleteException if it is not what was meant; the same on every replica
   * @throws IOException if it cannot be read or written here
   */
  static void write(InputStream content, Path target, Pause pause)
      throws IOException, EnvironmentFailure, StepLimitExceeded {
    try (SyncedOutput out = SyncedOutput.fast(target)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      for (int read = content.read(buffer); read >= 0; read = content.read(buffer)) {
        out.write(buffer, 0, read);
        pause.look();
      }
      out.finish();
    }
  }

  /**
   * Gives a loaded file the internal tables of the replica whose database it is to be.
   *
   * @param from the replica's connection, which sees them as they are to be
   * @param session in which the load came whose pieces are not needed any more
   */
  static void adopt(Path file, Connection from, ReplicaState state, Position session, String load)
      throws SQLException, IOException {
    try (Connection connection = open(file)) {
      InternalTables.create(connection);
      begin(connection);
      InternalTables.copy(from, connection, session, load);
      savePosition(connection, state);
      commit(connection);
    }
    Durability.sync(file);
  }

  /**
   * Writes a database anew, without its free pages. Rowids stay as they are, unlike with VACUUM in
   * place (sqlite.org, "VACUUM", says that it "may change the ROWIDs"; with INTO this SQLite was
   * seen to keep them, and a test holds it to that).
   *
   * @param database nobody writes to it meanwhile
   * @param target does not exist
   * @param state the position that the new file has
   */
  static void writeAnew(Path database, Path target, ReplicaState state)
      throws SQLException, IOException {
    try (Connection connection = open(database);
        PreparedStatement vacuum = connection.prepareStatement("VACUUM INTO ?")) {
      vacuum.setString(1, target.toAbsolutePath().toString());
      vacuum.execute();
    }
    try (Connection connection = open(target)) {
      begin(connection);
      savePosition(connection, state);
      commit(connection);
    }
    Durability.sync(target);
  }

  /** With the functions that values in indexes rest on; nothing is synced before the end. */
  private static Connection open(Path file) throws SQLException {
    Connection connection =
        new SQLiteConfig().createConnection("jdbc:sqlite:" + file.toAbsolutePath().toUri());
    try {
      MathFunctions.install(connection.unwrap(org.sqlite.SQLiteConnection.class));
      return connection;
    } catch (SQLException | RuntimeException e) {
      connection.close();
      throw e;
    }
  }

  private static void begin(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA journal_mode=MEMORY");
      statement.execute("PRAGMA synchronous=OFF");
      statement.execute("PRAGMA foreign_keys=OFF");
      statement.execute("BEGIN");
    }
  }

  private static void savePosition(Connection connection, ReplicaState state) throws SQLException {
    try (StatementCache statements = new StatementCache(connection, 0)) {
      InternalTables.savePosition(statements, state);
    }
  }

  private static void commit(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("COMMIT");
      // So that no reader can be in the way of who would change it later.
      statement.execute("PRAGMA journal_mode=WAL");
    }
  }
}
