package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DatabaseConnectionsTest {

  private static final ReadSettings READING = new ReadSettings(1, 1, true, 1 << 20, 1 << 20);

  @TempDir private Path folder;
  private DeterministicFunctions functions;

  @BeforeEach
  void open() throws SQLException {
    functions = new DeterministicFunctions();
  }

  @AfterEach
  void close() throws SQLException {
    functions.close();
  }

  @Test
  void opensTheApplyingConnectionAsTheReplicaNeedsIt() throws SQLException {
    Map<String, Object> expected = new LinkedHashMap<>();
    expected.put("journal_mode", "wal");
    expected.put("synchronous", 1);
    expected.put("page_size", 4096);
    expected.put("cache_size", -2048);
    expected.put("foreign_keys", 1);
    expected.put("wal_autocheckpoint", 0);
    expected.put("journal_size_limit", 16 << 20);
    expected.put("busy_timeout", 2000);
    expected.put("max_page_count", 256);
    try (Connection connection = applying("a.db", true, 1 << 20)) {
      Map<String, Object> actual = new LinkedHashMap<>();
      for (String name : expected.keySet()) {
        actual.put(name, value(connection, "PRAGMA " + name));
      }
      assertEquals(expected, actual);
    }
  }

  @Test
  void makesMissingFoldersAndTakesStrangeNames() throws SQLException {
    for (String name : new String[] {"x/y/a.db", "a b?c=d&e#f%20g.db", "\u00e4.db"}) {
      try (Connection connection = applying(name, false, 0)) {
        assertEquals(0, value(connection, "PRAGMA foreign_keys"));
        run(connection, "CREATE TABLE t (x)");
      }
      assertTrue(Files.exists(folder.resolve(name)), name);
      try (Connection reading = DatabaseConnections.openReading(folder.resolve(name), READING)) {
        assertEquals(0, value(reading, "SELECT count(*) FROM t"));
      }
    }
  }

  @Test
  void saysThatTheDiskIsFullAtTheLimitOfTheDatabase() throws SQLException {
    try (Connection connection = applying("a.db", false, 1 << 20)) {
      run(connection, "CREATE TABLE t (x)");
      SQLException error =
          assertThrows(
              SQLException.class,
              () -> run(connection, "INSERT INTO t VALUES (zeroblob(2000000))"));
      assertTrue(SqliteErrors.isFull(error));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ATTACH ':memory:' AS other", "VACUUM INTO 'copy.db'", "VACUUM"})
  void attachesNothing(String sql) throws SQLException {
    try (Connection connection = applying("a.db", false, 0);
        Connection reading = DatabaseConnections.openReading(folder.resolve("a.db"), READING)) {
      assertThrows(SQLException.class, () -> run(connection, sql));
      assertThrows(SQLException.class, () -> run(reading, sql));
      assertFalse(Files.exists(Path.of("copy.db")));
    }
  }

  @Test
  void limitsLengthsOnBothKindsOfConnections() throws SQLException {
    try (Connection connection = applying("a.db", false, 0);
        Connection reading = DatabaseConnections.openReading(folder.resolve("a.db"), READING)) {
      long most = DatabaseConnections.LENGTH_MAX;
      assertEquals(
          "string or blob too big",
          assertTooBig(connection, "SELECT randomblob(" + (most + 1) + ")"));
      assertEquals(
          "string or blob too big", assertTooBig(reading, "SELECT zeroblob((1 << 20) + 1)"));
      assertEquals(1 << 20, value(reading, "SELECT length(zeroblob(1 << 20))"));
    }
  }

  @Test
  void agreesWithReadersOnIndexesOverFunctions() throws SQLException {
    try (Connection connection = applying("a.db", false, 0)) {
      functions.begin(1, 1);
      run(connection, "CREATE TABLE t (x, d, g AS (cos(x)) STORED)");
      run(connection, "CREATE INDEX i ON t (sin(x), date(d))");
      run(
          connection,
          "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000)"
              + " INSERT INTO t SELECT i * 0.1, i FROM n");
      try (Connection reading = DatabaseConnections.openReading(folder.resolve("a.db"), READING)) {
        assertEquals("ok", value(reading, "PRAGMA integrity_check"));
        assertEquals(1000, value(reading, "SELECT count(*) FROM t WHERE g = cos(x)"));
        assertEquals(
            1000,
            value(
                reading,
                "SELECT count(*) FROM t a JOIN t b INDEXED BY i ON sin(b.x) = sin(a.x)"
                    + " AND date(b.d) = date(a.d)"));
      }
    }
  }

  private Connection applying(String name, boolean foreignKeys, long bytesMax) throws SQLException {
    return DatabaseConnections.openApplying(
        folder.resolve(name),
        new DatabaseConnections.ApplyingSettings(foreignKeys, 2 << 20, bytesMax),
        functions);
  }

  private static String assertTooBig(Connection connection, String sql) {
    return SqliteErrors.message(assertThrows(SQLException.class, () -> value(connection, sql)));
  }

  private static Object value(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      assertTrue(row.next());
      return row.getObject(1);
    }
  }

  private static void run(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
