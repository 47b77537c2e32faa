package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteLimits;

class DeterministicFunctionsTest {

  /** 2024-02-29 23:59:58.765432 UTC. */
  private static final long LEAP_DAY = 1_709_251_198_765_432L;

  private DeterministicFunctions functions;
  private Connection ours;
  private Connection builtIn;

  @BeforeEach
  void open() throws SQLException {
    functions = new DeterministicFunctions();
    ours = DriverManager.getConnection("jdbc:sqlite::memory:");
    functions.install(ours);
    functions.begin(LEAP_DAY, 42);
    builtIn = DriverManager.getConnection("jdbc:sqlite::memory:");
  }

  @AfterEach
  void close() throws SQLException {
    ours.close();
    builtIn.close();
    functions.close();
  }

  @Test
  void takesTheTimeFromTheEvent() throws SQLException {
    assertEquals("2024-02-29 23:59:58", value("CURRENT_TIMESTAMP"));
    assertEquals("2024-02-29", value("CURRENT_DATE"));
    assertEquals("23:59:58", value("CURRENT_TIME"));
    assertEquals("2024-02-29", value("date()"));
    assertEquals("23:59:58", value("time('now')"));
    assertEquals("2024-02-29 23:59:58", value("datetime('NoW')"));
    assertEquals("2024-02-29 23:59:58.765", value("datetime('now', 'subsec')"));
    assertEquals("2024-02-29 23:59:58.765", value("datetime('subsecond')"));
    assertEquals("2024-03-01 23:59:58.765", value("datetime('Subsec', '+1 day')"));
    assertEquals("2024-02-29 23:59:58.765", value("datetime('subsec', 'auto')"));
    assertEquals("2024-02-29", value("date(x'6e6f77')"));
    assertEquals("2024-02-29", value("date('now' || char(0) || 'rubbish')"));
    assertEquals("2024-02-29 23:59:58", value("datetime('now', 'localtime', 'UTC')"));
    assertEquals("2024", value("strftime('%Y')"));
    assertEquals("58.765", value("strftime('%f', 'now')"));
    assertEquals(1_709_251_198, value("unixepoch()"));
    assertEquals(1_709_251_198.765, value("unixepoch('subsec')"));
    assertEquals(2460370.49998571, (double) value("julianday('now')"), 1e-7);
    assertEquals("+0000-00-01 00:00:00.000", value("timediff('now', '2024-02-28 23:59:58.765')"));
    assertEquals("+0000-00-00 00:00:00.000", value("timediff('now', 'subsec')"));
  }

  @Test
  void takesTheNewTimeWhenACachedStatementRunsAgain() throws SQLException {
    try (PreparedStatement statement =
        ours.prepareStatement("SELECT datetime('now') || CURRENT_TIME")) {
      assertEquals("2024-02-29 23:59:5823:59:58", only(statement));
      functions.begin(LEAP_DAY + 2_000_000, 42);
      assertEquals("2024-03-01 00:00:0000:00:00", only(statement));
      functions.begin(-1, 42);
      assertEquals("1969-12-31 23:59:5923:59:59", only(statement));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "date('rubbish')",
        "date(NULL)",
        "datetime('2024-02-30')",
        "datetime(0)",
        "datetime(1709251198, 'unixepoch')",
        "datetime(1e20)",
        "date('2024-01-31', '+1 month')",
        "date('2024-01-31', '+1 month', 'ceiling')",
        "date('2024-01-31', 'nonsense')",
        "date('2024-01-31', NULL)",
        "date(' now')",
        "date('2024-01-31', 'now')",
        "date('')",
        "time('12:00', 'subsec')",
        "time('12:00:00.129')",
        "date(2460370.5)",
        "date('2460370.5')",
        "datetime('2024-01-01T10:00:00+05:30', 'utc')",
        "datetime('2024-02-31', 'localtime')",
        "datetime(1709251198, 'auto', 'localtime')",
        "datetime(0, 'localtime', 'unixepoch')",
        "julianday('2000-01-01')",
        "julianday('x')",
        "unixepoch('2000-01-01', 'subsec')",
        "unixepoch('1e')",
        "strftime()",
        "strftime(NULL)",
        "strftime('%Q', 0)",
        "strftime('', 0)",
        "strftime('%Y-%m-%d %H:%M:%f %j %J %s %w %W %% %e %k %I %p %R %T %u %G %V', 0)",
        "strftime('%Y', '2000-01-01', '+1 year', 'start of year')",
        "strftime(2, 0)",
        "strftime(x'2559', 0)",
        "timediff('2000-01-01', '2001-02-03')",
        "timediff(NULL, 0)",
        "timediff(0, 'x')",
        "timediff(1)",
        "timediff()",
        "date('2024-01-01', 5)",
        "date(x'00')",
        "typeof(date(0))",
        "typeof(unixepoch(0))",
        "typeof(julianday(0))",
        "random(1)",
        "randomblob()",
        "typeof(random())",
        "length(randomblob(5))",
        "length(randomblob(0))",
        "length(randomblob(-5))",
        "length(randomblob(NULL))",
        "length(randomblob('7 lives'))",
        "typeof(randomblob(1))",
        "randomblob(2147483648)",
        "current_date(1)",
        "load_extension()"
      })
  void agreesWithTheBuiltInWhereTimeAndChanceDoNotMatter(String expression) {
    assertEquals(outcome(builtIn, expression), outcome(ours, expression));
  }

  @Test
  void takesAsManyArgumentsAsTheBuiltIn() {
    String most = "datetime('subsec'" + ", '+1 day'".repeat(99) + ")";
    assertEquals("2024-06-07 23:59:58.765", outcome(ours, most));
    String tooMany = "datetime('subsec'" + ", '+1 day'".repeat(100) + ")";
    assertEquals(outcome(builtIn, tooMany), outcome(ours, tooMany));
  }

  @Test
  void keepsToTheLimitOnLengths() throws SQLException {
    try (Connection limited = DriverManager.getConnection("jdbc:sqlite::memory:");
        DeterministicFunctions limitedFunctions = new DeterministicFunctions()) {
      limited.unwrap(SQLiteConnection.class).setLimit(SQLiteLimits.SQLITE_LIMIT_LENGTH, 1000);
      limitedFunctions.install(limited);
      assertEquals(1000, outcome(limited, "length(randomblob(1000))"));
      assertEquals("string or blob too big", outcome(limited, "randomblob(1001)"));
      assertEquals(
          "string or blob too big",
          outcome(limited, "strftime(replace(hex(zeroblob(200)), '00', '%f'), 0)"));
      assertNull(limitedFunctions.takeFailure());
    }
  }

  @Test
  void repeatsTheRandomNumbersOfASeed() throws SQLException {
    List<Object> first = sample();
    functions.begin(LEAP_DAY + 1, 42);
    assertEquals(first, sample());
    functions.begin(LEAP_DAY, 43);
    assertNotEquals(first, sample());
  }

  @Test
  void givesTheKnownSequence() {
    // The published values of SplitMix64 for the seed 1234567.
    RequestRandom random = new RequestRandom(1234567);
    assertEquals(6457827717110365317L, random.next());
    assertEquals(3203168211198807973L, random.next());
    random.restart(1234567);
    byte[] bytes = new byte[9];
    random.fill(bytes);
    byte[] expected = new byte[9];
    for (int i = 0; i < 8; i++) {
      expected[i] = (byte) (6457827717110365317L >>> (8 * i));
    }
    expected[8] = (byte) 3203168211198807973L;
    assertArrayEquals(expected, bytes);
  }

  @Test
  void givesEachRowItsOwnRandomNumber() throws SQLException {
    run("CREATE TABLE t (x INTEGER DEFAULT (random()), y)");
    run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000)"
            + " INSERT INTO t (y) SELECT abs(random()) FROM n");
    assertEquals(1000, value("(SELECT count(DISTINCT x) FROM t)"));
    assertEquals(1000, value("(SELECT count(DISTINCT y) FROM t)"));
    assertTrue((int) value("(SELECT sum(x > 0) FROM t)") > 400);
    assertTrue((int) value("(SELECT sum(x < 0) FROM t)") > 400);
  }

  @Test
  void worksInDefaultsTriggersViewsAndGeneratedColumns() throws SQLException {
    run("PRAGMA trusted_schema=OFF");
    run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a DEFAULT CURRENT_TIMESTAMP,"
            + " b DEFAULT (unixepoch('subsec')), c CHECK (c <= datetime('now')),"
            + " d AS (date(a, '+1 day')) STORED)");
    run("CREATE TABLE log (at)");
    run("CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (datetime('now')); END");
    run("CREATE VIEW v AS SELECT time('now') AS now");
    run("CREATE INDEX i ON t (date(a)) WHERE date(a) > '2000'");
    run("INSERT INTO t (c) VALUES ('2000-01-01')");
    assertEquals("2024-02-29 23:59:58", value("(SELECT a FROM t)"));
    assertEquals(1_709_251_198.765, value("(SELECT b FROM t)"));
    assertEquals("2024-03-01", value("(SELECT d FROM t)"));
    assertEquals("2024-02-29 23:59:58", value("(SELECT at FROM log)"));
    assertEquals("23:59:58", value("(SELECT now FROM v)"));
    functions.begin(LEAP_DAY + 86_400_000_000L, 1);
    assertEquals("ok", only("PRAGMA integrity_check"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE INDEX i ON t (random())",
        "CREATE INDEX i ON t (CURRENT_DATE)",
        "CREATE TABLE u (x, g AS (hex(randomblob(4))))",
        "ALTER TABLE t ADD COLUMN y DEFAULT CURRENT_TIMESTAMP"
      })
  void isRefusedWhereSqliteRefusesTheBuiltIn(String sql) throws SQLException {
    run("CREATE TABLE t (x)");
    run("INSERT INTO t VALUES (1)");
    try (Statement statement = builtIn.createStatement()) {
      statement.execute("CREATE TABLE t (x)");
      statement.execute("INSERT INTO t VALUES (1)");
      SQLException expected = assertThrows(SQLException.class, () -> statement.execute(sql));
      SQLException actual = assertThrows(SQLException.class, () -> run(sql));
      assertEquals(SqliteErrors.message(expected), SqliteErrors.message(actual));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "total_changes()",
        "sqlite_version()",
        "sqlite_source_id()",
        "sqlite_compileoption_get(1)",
        "sqlite_compileoption_used('X')",
        "load_extension('x')",
        "load_extension('x', 'y')",
        "sqlite_log(1, 'x')",
        "fts5_source_id()"
      })
  void refusesWhatDiffersBetweenNodes(String call) {
    String name = call.substring(0, call.indexOf('('));
    assertEquals(
        name + "() is not allowed in a write: it is not the same on every node",
        outcome(ours, call));
    assertNull(functions.takeFailure());
  }

  @Test
  void tellsAnAccidentFromAnError() throws SQLException {
    functions.close();
    assertInstanceOf(String.class, outcome(ours, "date('2000-01-01')"));
    assertInstanceOf(SQLException.class, functions.takeFailure());
    assertNull(functions.takeFailure());
  }

  @Test
  void letsFilesWithDateIndexesBeOpened(@TempDir Path folder) throws SQLException {
    Path file = folder.resolve("a.db");
    try (Connection plain = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = plain.createStatement()) {
      statement.execute("CREATE TABLE t (x)");
      statement.execute("CREATE INDEX i ON t (date(x), fts5_source_id(), sin(length(x)))");
      statement.execute("CREATE TABLE other (x)");
      statement.execute("INSERT INTO t VALUES ('2000-01-01')");
    }
    try (Connection applying =
            DatabaseConnections.openApplying(
                file, new DatabaseConnections.ApplyingSettings(false, 1 << 20, 0), functions);
        Statement statement = applying.createStatement()) {
      assertEquals(1, statement.executeUpdate("INSERT INTO other VALUES (1)"));
      assertThrows(SQLException.class, () -> statement.executeUpdate("INSERT INTO t VALUES ('x')"));
    }
  }

  private List<Object> sample() throws SQLException {
    List<Object> sample = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      sample.add(value("random()"));
      sample.add(value("hex(randomblob(" + i + "))"));
    }
    return sample;
  }

  private static Object outcome(Connection connection, String expression) {
    try (PreparedStatement statement = connection.prepareStatement("SELECT " + expression)) {
      Object value = only(statement);
      return value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : value;
    } catch (SQLException e) {
      return SqliteErrors.message(e);
    }
  }

  private Object value(String expression) throws SQLException {
    return only("SELECT " + expression);
  }

  private Object only(String sql) throws SQLException {
    try (PreparedStatement statement = ours.prepareStatement(sql)) {
      return only(statement);
    }
  }

  private static Object only(PreparedStatement statement) throws SQLException {
    try (ResultSet row = statement.executeQuery()) {
      assertTrue(row.next());
      return row.getObject(1);
    }
  }

  private void run(String sql) throws SQLException {
    try (Statement statement = ours.createStatement()) {
      statement.executeUpdate(sql);
    }
  }
}
