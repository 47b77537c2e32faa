package sql;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sqlite.SQLiteConfig;

/** What the rules let through, tried on real SQLite: a read changes nothing, anywhere. */
class StatementRulesSafetyTest {

  private static final StatementRules RULES = new StatementRules(false);

  private static final List<String> SETTINGS =
      List.of(
          "application_id",
          "auto_vacuum",
          "automatic_index",
          "busy_timeout",
          "cache_size",
          "cache_spill",
          "cell_size_check",
          "database_list",
          "defer_foreign_keys",
          "encoding",
          "foreign_keys",
          "ignore_check_constraints",
          "journal_mode",
          "journal_size_limit",
          "legacy_alter_table",
          "locking_mode",
          "max_page_count",
          "page_count",
          "page_size",
          "query_only",
          "read_uncommitted",
          "recursive_triggers",
          "reverse_unordered_selects",
          "schema_version",
          "secure_delete",
          "synchronous",
          "temp_store",
          "threads",
          "trusted_schema",
          "user_version",
          "wal_autocheckpoint",
          "writable_schema");

  /** Statements of every kind, allowed and not, to be mutated. */
  private static final List<String> SEEDS =
      List.of(
          "SELECT a, b FROM t WHERE a = 1 ORDER BY b LIMIT 2",
          "SELECT * FROM t JOIN u USING(a), 't' WHERE b IN (SELECT 1)",
          "WITH x(y) AS (SELECT 1), z AS MATERIALIZED (SELECT 2) SELECT * FROM x, z",
          "WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 2 FROM x RETURNING a",
          "WITH replace AS (SELECT 1) DELETE FROM t WHERE a IN replace",
          "INSERT OR REPLACE INTO t(a, b) VALUES(1, 'x''y'), (?, :n) ON CONFLICT DO NOTHING",
          "UPDATE t SET a = 1, b = (SELECT max(a) FROM u) WHERE a IS NOT NULL",
          "DELETE FROM t WHERE a = 5",
          "REPLACE INTO t VALUES(1, 2)",
          "CREATE TABLE IF NOT EXISTS n(a INTEGER PRIMARY KEY, b AS (date(a)))",
          "CREATE TEMP TABLE n(a)",
          "CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM u; END",
          "CREATE VIRTUAL TABLE f2 USING fts5(a)",
          "DROP TABLE t",
          "ALTER TABLE t RENAME TO w",
          "ANALYZE main.t",
          "REINDEX",
          "EXPLAIN QUERY PLAN SELECT 1",
          "EXPLAIN DELETE FROM t",
          "PRAGMA foreign_keys = ON",
          "PRAGMA main.journal_mode = WAL",
          "PRAGMA writable_schema(1)",
          "PRAGMA cache_size = 5",
          "PRAGMA user_version",
          "PRAGMA table_info(t)",
          "EXPLAIN PRAGMA query_only = 1",
          "BEGIN IMMEDIATE",
          "SAVEPOINT s",
          "ATTACH 'other.db' AS o",
          "VACUUM INTO 'other.db'",
          "SELECT * FROM pragma_cache_size, pragma_user_version");

  @TempDir private Path directory;
  private Path file;
  private Connection readOnly;
  private Connection writable;

  @BeforeEach
  void open() throws SQLException {
    file = directory.resolve("reads.db");
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
      fill(connection);
    }
    SQLiteConfig readOnlyConfig = new SQLiteConfig();
    readOnlyConfig.setReadOnly(true);
    readOnlyConfig.setPragma(SQLiteConfig.Pragma.LIMIT_ATTACHED, "0");
    readOnly = DriverManager.getConnection("jdbc:sqlite:" + file, readOnlyConfig.toProperties());
    SQLiteConfig writableConfig = new SQLiteConfig();
    writableConfig.setPragma(SQLiteConfig.Pragma.LIMIT_ATTACHED, "0");
    writable = DriverManager.getConnection("jdbc:sqlite::memory:", writableConfig.toProperties());
    fill(writable);
  }

  @AfterEach
  void close() throws SQLException {
    readOnly.close();
    writable.close();
  }

  @Test
  void letsNoMutantThatIsAReadChangeAnything() throws SQLException, IOException {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    byte[] before = Files.readAllBytes(file);
    List<String> settings = state(readOnly);
    List<String> writableState = state(writable);
    int run = 0;
    for (int i = 0; i < 4_000; i++) {
      String original = SEEDS.get(random.nextInt(SEEDS.size()));
      String sql = i % 4 == 0 ? original : TokenSoup.mutated(random, original);
      for (String statement : SqlText.split(sql)) {
        if (!(RULES.classify(statement) instanceof Classification.Read)) {
          continue;
        }
        run++;
        tryToRun(readOnly, statement);
        tryToRun(writable, statement);
        assertEquals(settings, state(readOnly), () -> "seed " + seed + ": " + statement);
        assertEquals(writableState, state(writable), () -> "seed " + seed + ": " + statement);
        assertArrayEquals(
            before, Files.readAllBytes(file), () -> "seed " + seed + ": " + statement);
      }
    }
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(List.of(file), files.toList(), "seed " + seed);
    }
    assertTrue(run > 300, "too few reads, seed " + seed);
  }

  @Test
  void letsNoPragmaThatIsAReadChangeAnything() throws SQLException {
    List<String> names = new ArrayList<>();
    try (PreparedStatement list = readOnly.prepareStatement("PRAGMA pragma_list");
        ResultSet rows = list.executeQuery()) {
      while (rows.next()) {
        names.add(rows.getString(1));
      }
    }
    assertTrue(names.size() > 50);
    List<String> settings = state(readOnly);
    List<String> writableState = state(writable);
    String[] values = {
      "", "=0", "=1", "(1)", "=2", "=on", "(off)", "='wal'", "=t", "(t)", "=-1", "(", "=1 x"
    };
    for (String name : names) {
      for (String value : values) {
        for (String schema : List.of("", "main.", "temp.", "\"MAIN\" . ")) {
          for (String before : List.of("", "EXPLAIN ", "EXPLAIN QUERY PLAN ")) {
            String sql = before + "PRAGMA " + schema + name + value;
            if (RULES.classify(sql) instanceof Classification.Read) {
              tryToRun(readOnly, sql);
              tryToRun(writable, sql);
            }
          }
        }
      }
      assertEquals(settings, state(readOnly), name);
      assertEquals(writableState, state(writable), name);
    }
  }

  @Test
  void throwsOnNoText() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 30_000; i++) {
      String sql =
          switch (i % 3) {
            case 0 -> TokenSoup.characters(random, 40);
            case 1 -> TokenSoup.pieces(random, 25);
            default -> TokenSoup.mutated(random, SEEDS.get(random.nextInt(SEEDS.size())));
          };
      try {
        assertFalse(RULES.classify(sql).toString().isEmpty());
        for (String statement : SqlText.split(sql)) {
          assertFalse(RULES.classify(statement) instanceof Classification.Empty);
          assertFalse(
              RULES.classify(statement) instanceof Classification.Refused refused
                  && refused.reason().equals(StatementRules.SEVERAL_REASON),
              () -> "split in two: " + statement);
        }
        bindIfPossible(sql);
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ": " + sql, e);
      }
    }
  }

  /** SQLite has an error of its own for every text that begins with a word it does not know. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "blah",
        "EXPLAIN blah",
        "(SELECT 1)",
        "\"INSERT\" INTO t VALUES(1, 2)",
        "EXPLAIN",
        "EXPLAIN EXPLAIN SELECT 1",
        "'DELETE' FROM t",
        "[DROP] TABLE t",
        "INSER\u0130 INTO t",
        "WITH a AS (SELECT 1), INSERT INTO t VALUES(1, 2)",
        "#a",
        "WITH a AS (SELECT 1) DROP TABLE t"
      })
  void leavesOnlySyntaxErrorsToSqlite(String sql) {
    assertEquals(new Classification.Read(), RULES.classify(sql));
    assertThrows(SQLException.class, () -> writable.prepareStatement(sql));
  }

  /** Every keyword of SQLite that can begin a statement is one that the rules know. */
  @Test
  void knowsEveryWordThatBeginsAStatement() throws SQLException {
    List<String> words =
        List.of(
            "ALTER TABLE t RENAME TO w",
            "ANALYZE",
            "ATTACH 'x' AS x",
            "BEGIN",
            "COMMIT",
            "CREATE TABLE w(a)",
            "DELETE FROM t",
            "DETACH x",
            "DROP TABLE t",
            "END",
            "INSERT INTO t VALUES(1, 2)",
            "PRAGMA user_version = 1",
            "REINDEX",
            "RELEASE x",
            "REPLACE INTO t VALUES(1, 2)",
            "ROLLBACK",
            "SAVEPOINT x",
            "UPDATE t SET a = 1",
            "VACUUM");
    for (String sql : words) {
      assertFalse(RULES.classify(sql) instanceof Classification.Read, sql);
    }
  }

  /** What is refused as a stored clock, SQLite's own functions refuse too, at the latest on use. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "date()",
        "datetime('now')",
        "time('NOW')",
        "julianday(\"now\")",
        "unixepoch(x'6e6f77')",
        "strftime('%s')",
        "strftime('%s', 'now')",
        "timediff(a, 'now')",
        "date('subsec')",
        "datetime(0, 'localtime')",
        "datetime(0, 'utc')"
      })
  void refusesTheClockWhereSqliteDoes(String expression) throws SQLException {
    String index = "CREATE INDEX i ON t(" + expression + ")";
    assertInstanceOf(Classification.Refused.class, RULES.classify(index));
    assertThrows(
        SQLException.class,
        () -> {
          run(writable, index);
          run(writable, "INSERT INTO t VALUES(0, 0)");
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "date(a)",
        "datetime(a, '+1 day')",
        "unixepoch(a, 'subsec')",
        "strftime('%f', a, 'subsec')",
        "timediff(a, b)",
        "julianday(coalesce(a, 0))"
      })
  void takesTheDatesThatSqliteTakes(String expression) throws SQLException {
    String index = "CREATE INDEX i ON t(" + expression + ")";
    assertInstanceOf(Classification.Write.class, RULES.classify(index));
    run(writable, index);
    run(writable, "INSERT INTO t VALUES(0, 0)");
  }

  private static void fill(Connection connection) throws SQLException {
    run(connection, "CREATE TABLE t(a, b)");
    run(connection, "CREATE TABLE u(a INTEGER PRIMARY KEY, c)");
    run(connection, "INSERT INTO t VALUES(1, 'x'), (2, 'y'), (5, NULL)");
    run(connection, "INSERT INTO u VALUES(1, 2), (3, 4)");
    run(connection, "CREATE VIEW v AS SELECT a FROM t");
    run(connection, "CREATE VIRTUAL TABLE f USING fts5(a)");
  }

  private static void run(Connection connection, String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      assertFalse(statement.execute());
    }
  }

  /** Runs what SQLite can run of it; a few rows are enough. */
  private static void tryToRun(Connection connection, String sql) {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      if (statement.execute()) {
        try (ResultSet rows = statement.getResultSet()) {
          int read = 0;
          while (read < 50 && rows.next()) {
            read++;
          }
        }
      }
    } catch (SQLException e) {
      assertFalse(e.getMessage().isEmpty());
    }
  }

  /** Settings, schema and contents, as far as a connection can tell. */
  private static List<String> state(Connection connection) throws SQLException {
    List<String> state = new ArrayList<>();
    for (String setting : SETTINGS) {
      state.add(setting + " " + firstRow(connection, "PRAGMA " + setting));
    }
    state.add("changes " + firstRow(connection, "SELECT total_changes()"));
    state.add("temporary " + firstRow(connection, "SELECT count(*) FROM sqlite_temp_schema"));
    state.add("like " + firstRow(connection, "SELECT 'A' LIKE 'a'"));
    return state;
  }

  private static String firstRow(Connection connection, String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql);
        ResultSet row = statement.executeQuery()) {
      return row.next() ? row.getString(1) : "";
    }
  }

  private static void bindIfPossible(String sql) {
    List<Value> values = List.of(Value.NULL, Value.NULL);
    for (String name : List.of("", "a")) {
      try {
        Map<String, Value> named = name.isEmpty() ? Map.of() : Map.of(name, Value.NULL);
        assertEquals(1, Parameters.bind(List.of(sql), values, named).size());
      } catch (ParameterException e) {
        assertFalse(e.text().isEmpty());
      }
    }
  }
}
