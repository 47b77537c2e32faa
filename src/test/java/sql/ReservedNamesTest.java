package sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** SQL cannot read, write, drop or shadow an internal table; tried on real SQLite. */
class ReservedNamesTest {

  private static final StatementRules RULES = new StatementRules(false);

  private static final String SECRET = "kept-inside";

  private static final List<String> NAMES =
      List.of(
          "_peqlite_x",
          "\"_peqlite_x\"",
          "[_PEQLITE_X]",
          "`_Peqlite_x`",
          "'_peqlite_x'",
          "main.'_peqlite_x'",
          "'main'.\"_peqlite_x\"");

  /** Statements with a place for the name of a table. */
  private static final List<String> SEEDS =
      List.of(
          "SELECT * FROM N",
          "SELECT * FROM t, N",
          "SELECT * FROM t AS a, u AS b, N AS c",
          "SELECT * FROM (N)",
          "SELECT * FROM (t, N) WHERE 1",
          "SELECT * FROM ((t), (N))",
          "SELECT * FROM t JOIN (u CROSS JOIN N)",
          "SELECT * FROM t LEFT JOIN u ON t.a = u.a AND t.a IN (1, 2), N",
          "SELECT * FROM t JOIN u USING(a), N",
          "SELECT * FROM t, json_each('[1, 2]') AS j, N",
          "SELECT * FROM (SELECT a FROM t WHERE 1 ORDER BY a LIMIT 1) AS s, N",
          "SELECT s FROM t INDEXED BY i, N",
          "SELECT (SELECT max(s) FROM N), 'x'",
          "SELECT 1 WHERE 'kept-inside' IN (SELECT s FROM N)",
          "SELECT s FROM t UNION SELECT s FROM N",
          "WITH w AS (SELECT * FROM N) SELECT * FROM w",
          "WITH w(s) AS (VALUES(1)), x AS (SELECT * FROM w, N) SELECT * FROM x",
          "SELECT a, sum(a) OVER w FROM t, N WINDOW w AS (ORDER BY a)",
          "SELECT * FROM t WHERE a IS DISTINCT FROM 1 UNION ALL SELECT * FROM t, N",
          "INSERT INTO N VALUES('y')",
          "INSERT OR REPLACE INTO N SELECT a FROM t",
          "INSERT INTO t(a) SELECT s FROM u, N",
          "REPLACE INTO N DEFAULT VALUES",
          "UPDATE N SET s = 1",
          "UPDATE OR IGNORE N SET s = 1 RETURNING s",
          "UPDATE t SET a = s FROM u, N",
          "DELETE FROM N WHERE 1 RETURNING s",
          "DROP TABLE IF EXISTS N",
          "ALTER TABLE N RENAME TO y",
          "ALTER TABLE t RENAME TO N",
          "ALTER TABLE N ADD COLUMN y",
          "CREATE TABLE IF NOT EXISTS N(a)",
          "CREATE TABLE y AS SELECT * FROM N",
          "CREATE INDEX y ON N(s)",
          "CREATE INDEX N ON t(a)",
          "CREATE VIEW y AS SELECT * FROM t, N",
          "CREATE TRIGGER y AFTER INSERT ON N BEGIN SELECT 1; END",
          "CREATE TRIGGER y AFTER INSERT ON t BEGIN DELETE FROM N; END",
          "CREATE VIRTUAL TABLE y USING fts5(s, content=N)",
          "CREATE VIRTUAL TABLE N USING rtree(a, b, c)",
          "CREATE TABLE y(a REFERENCES N(s) ON DELETE CASCADE)");

  private Connection connection;

  @BeforeEach
  void open() throws SQLException {
    connection = DriverManager.getConnection("jdbc:sqlite::memory:");
    run("CREATE TABLE t(a)");
    run("CREATE TABLE u(a)");
    run("CREATE INDEX i ON t(a)");
    run("INSERT INTO t VALUES(1), (2)");
    run("INSERT INTO u VALUES(1)");
    run("CREATE TABLE _peqlite_x(s)");
    run("INSERT INTO _peqlite_x VALUES('" + SECRET + "')");
  }

  @AfterEach
  void close() throws SQLException {
    connection.close();
  }

  @Test
  void refusesEveryStatementThatNamesAnInternalTable() {
    for (String seed : SEEDS) {
      for (String name : NAMES) {
        String sql = withName(seed, name);
        assertEquals(
            new Classification.Refused(StatementRules.RESERVED_REASON), RULES.classify(sql), sql);
      }
    }
  }

  @Test
  void letsNoMutantReachAnInternalTable() throws SQLException {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    String before = internal();
    int run = 0;
    for (int i = 0; i < 30_000; i++) {
      String original =
          withName(
              SEEDS.get(random.nextInt(SEEDS.size())), NAMES.get(random.nextInt(NAMES.size())));
      for (String sql : SqlText.split(TokenSoup.mutated(random, original))) {
        Classification classification = RULES.classify(sql);
        if (classification instanceof Classification.Read
            || classification instanceof Classification.Write) {
          run++;
          run("BEGIN");
          assertNotEquals(SECRET, result(sql), () -> "seed " + seed + ": " + sql);
          assertEquals(before, internal(), () -> "seed " + seed + ": " + sql);
          rollBack();
        }
      }
    }
    assertTrue(run > 500, "too few statements, seed " + seed);
  }

  private static String withName(String seed, String name) {
    return seed.replaceAll("\\bN\\b", Matcher.quoteReplacement(name));
  }

  /** The internal tables, and whatever else has taken or joined a name with their prefix. */
  private String internal() throws SQLException {
    try (PreparedStatement statement =
            connection.prepareStatement(
                "SELECT (SELECT group_concat(s) FROM _peqlite_x) || (SELECT group_concat(sql) FROM"
                    + " sqlite_schema WHERE name LIKE '\\_peqlite%' ESCAPE '\\' OR tbl_name LIKE"
                    + " '\\_peqlite%' ESCAPE '\\') || (SELECT count(*) FROM sqlite_temp_schema)");
        ResultSet row = statement.executeQuery()) {
      assertTrue(row.next());
      return row.getString(1);
    }
  }

  /** The secret, if running the statement shows it anywhere; otherwise nothing. */
  private String result(String sql) {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      if (!statement.execute()) {
        return "";
      }
      try (ResultSet rows = statement.getResultSet()) {
        int columns = rows.getMetaData().getColumnCount();
        for (int read = 0; read < 50 && rows.next(); read++) {
          for (int column = 1; column <= columns; column++) {
            if (SECRET.equals(rows.getString(column)) && !sql.contains(SECRET)) {
              return SECRET;
            }
          }
        }
      }
      return "";
    } catch (SQLException e) {
      assertFalse(e.getMessage().isEmpty());
      return "";
    }
  }

  private void run(String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      assertFalse(statement.execute());
    }
  }

  private void rollBack() {
    try {
      run("ROLLBACK");
    } catch (SQLException e) {
      // A statement with OR ROLLBACK has ended the transaction by itself.
      assertTrue(e.getMessage().contains("no transaction"), e.getMessage());
    }
  }
}
