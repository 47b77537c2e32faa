package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;
import org.sqlite.SQLiteLimits;
import org.sqlite.core.DB;

class SqliteErrorsTest {

  private Connection connection;

  @BeforeEach
  void open() throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.enforceForeignKeys(true);
    connection = config.createConnection("jdbc:sqlite::memory:");
    for (String sql :
        new String[] {
          "CREATE TABLE foo (id INTEGER PRIMARY KEY, x TEXT NOT NULL, u UNIQUE, c CHECK (c > 0))",
          "CREATE TABLE \"odd (name)\" (\"a (b)\" UNIQUE)",
          "CREATE TABLE child (p REFERENCES foo (id))",
          "CREATE TABLE s (data BLOB, n INT) STRICT",
          "CREATE TABLE blocked (x)",
          "CREATE TABLE typed (id INTEGER PRIMARY KEY)",
          "CREATE VIEW v AS SELECT 1 AS one",
          "CREATE TRIGGER stop BEFORE INSERT ON blocked BEGIN"
              + " SELECT RAISE(ABORT, 'no (really) [no]'); END",
          "INSERT INTO foo VALUES (1, 'a', 1, 1)",
          "INSERT INTO \"odd (name)\" VALUES (1)"
        }) {
      run(sql);
    }
  }

  @AfterEach
  void close() throws SQLException {
    connection.close();
  }

  // The texts are those of the sqlite3 shell.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          SELECT * FROM bar                               | no such table: bar | 1
          blah                                            | near "blah": syntax error | 1
          SELECT nope FROM foo                            | no such column: nope | 1
          SELECT nope(1)                                  | no such function: nope | 1
          SELECT abs(1, 2) | wrong number of arguments to function abs() | 1
          CREATE TABLE foo (id)                           | table foo already exists | 1
          SELECT (1                                       | incomplete input | 1
          INSERT INTO foo (id) VALUES (1, 2)              | 2 values for 1 columns | 1
          INSERT INTO v VALUES (1)                        | cannot modify v because it is a view | 1
          SELECT json('{')                                | malformed JSON | 1
          SELECT abs(-9223372036854775808)                | integer overflow | 1
          INSERT INTO foo VALUES (1, 'b', 2, 1)           | UNIQUE constraint failed: foo.id | 1555
          INSERT INTO foo VALUES (2, 'b', 1, 1)           | UNIQUE constraint failed: foo.u | 2067
          INSERT INTO foo VALUES (2, NULL, 2, 1)          | NOT NULL constraint failed: foo.x | 1299
          INSERT INTO foo VALUES (2, 'b', 2, 0)           | CHECK constraint failed: c > 0 | 275
          INSERT INTO child VALUES (77)                   | FOREIGN KEY constraint failed | 787
          INSERT INTO s VALUES ('t', 1) | cannot store TEXT value in BLOB column s.data | 3091
          INSERT INTO blocked VALUES (1)                  | no (really) [no] | 1811
          INSERT INTO "odd (name)" VALUES (1) | UNIQUE constraint failed: odd (name).a (b) | 2067
          INSERT INTO typed VALUES ('text')               | datatype mismatch | 20
          SELECT zeroblob(2147483647)                     | string or blob too big | 18
          """)
  void givesSqlitesOwnWordsAndCode(String sql, String message, int code) {
    SQLException error = assertThrows(SQLException.class, () -> run(sql));
    assertEquals(message, SqliteErrors.message(error));
    assertEquals(code, SqliteErrors.code(error));
    assertFalse(SqliteErrors.isEnvironment(error));
  }

  @Test
  void takesAnErrorOfAParameterForTheStatements() throws SQLException {
    connection.unwrap(SQLiteConnection.class).setLimit(SQLiteLimits.SQLITE_LIMIT_LENGTH, 1000);
    try (PreparedStatement statement = connection.prepareStatement("SELECT ?")) {
      statement.setString(1, "x".repeat(2000));
      SQLException error = assertThrows(SQLException.class, statement::execute);
      assertEquals("string or blob too big", SqliteErrors.message(error));
      assertFalse(SqliteErrors.isEnvironment(error));
    }
  }

  @Test
  void blamesTheNodeForAFullDatabase() throws SQLException {
    run("PRAGMA max_page_count=30");
    SQLException error =
        assertThrows(SQLException.class, () -> run("INSERT INTO s VALUES (zeroblob(900000), 1)"));
    assertTrue(SqliteErrors.isFull(error));
    assertTrue(SqliteErrors.isEnvironment(error));
    assertEquals("database or disk is full", SqliteErrors.message(error));
  }

  @Test
  void blamesTheNodeForALock(@TempDir Path folder) throws SQLException {
    String url = "jdbc:sqlite:" + folder.resolve("a.db");
    SQLiteConfig config = new SQLiteConfig();
    config.setBusyTimeout(0);
    try (Connection one = config.createConnection(url);
        Connection two = config.createConnection(url);
        Statement first = one.createStatement();
        Statement second = two.createStatement()) {
      first.execute("BEGIN EXCLUSIVE");
      SQLException error =
          assertThrows(SQLException.class, () -> second.execute("CREATE TABLE t (x)"));
      assertTrue(SqliteErrors.isEnvironment(error));
      assertTrue(SqliteErrors.isPassing(error));
      assertEquals("database is locked", SqliteErrors.message(error));
    }
  }

  @Test
  void blamesTheNodeForAFileThatIsNoDatabase(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("a.db");
    Files.write(file, "this is not a database".repeat(100).getBytes(StandardCharsets.US_ASCII));
    try (Connection broken = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = broken.createStatement()) {
      SQLException error =
          assertThrows(SQLException.class, () -> statement.execute("SELECT * FROM sqlite_schema"));
      assertTrue(SqliteErrors.isCorrupt(error));
      assertTrue(SqliteErrors.isEnvironment(error));
      assertEquals("file is not a database", SqliteErrors.message(error));
    }
  }

  @Test
  void blamesTheNodeForAReadOnlyFile(@TempDir Path folder) throws Exception {
    String url = "jdbc:sqlite:" + folder.resolve("a.db");
    try (Connection writing = DriverManager.getConnection(url);
        Statement statement = writing.createStatement()) {
      statement.execute("CREATE TABLE t (x)");
    }
    SQLiteConfig config = new SQLiteConfig();
    config.setReadOnly(true);
    try (Connection reading = config.createConnection(url);
        Statement statement = reading.createStatement()) {
      SQLException error =
          assertThrows(SQLException.class, () -> statement.execute("INSERT INTO t VALUES (1)"));
      assertTrue(SqliteErrors.isReadOnly(error));
      assertTrue(SqliteErrors.isEnvironment(error));
      assertEquals("attempt to write a readonly database", SqliteErrors.message(error));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, false",
    "257, false",
    "18, false",
    "19, false",
    "2067, false",
    "3091, false",
    "20, false",
    "25, false",
    "4, true",
    "5, true",
    "517, true",
    "6, true",
    "7, true",
    "8, true",
    "9, true",
    "10, true",
    "266, true",
    "11, true",
    "13, true",
    "14, true",
    "15, true",
    "17, true",
    "21, true",
    "26, true",
    "4711, true"
  })
  void tellsOutcomesFromTheEnvironmentByTheCode(int code, boolean environment) {
    SQLException error = DB.newSQLException(code, "a (b) c");
    assertEquals(environment, SqliteErrors.isEnvironment(error));
    assertEquals(code, SqliteErrors.code(error));
    assertEquals("a (b) c", SqliteErrors.message(error));
  }

  @Test
  void neverTakesTheDriversOwnErrorsForOutcomes() {
    SQLException error = new SQLException("statement is not executing");
    assertEquals(0, SqliteErrors.code(error));
    assertTrue(SqliteErrors.isEnvironment(error));
    assertEquals("statement is not executing", SqliteErrors.message(error));
  }

  @Test
  void hasAMessageEvenWithoutOne() {
    assertEquals("SQLException", SqliteErrors.message(new SQLException()));
    assertEquals(
        "plain", SqliteErrors.message(new SQLiteException("plain", SQLiteErrorCode.SQLITE_ERROR)));
  }

  private void run(String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      if (statement.execute()) {
        statement.getResultSet().getObject(1);
      }
    }
  }
}
