package sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SqlTextTest {

  private static final String TRIGGER =
      "CREATE TRIGGER tr AFTER INSERT ON t BEGIN"
          + " UPDATE t SET a = CASE WHEN a > 1 THEN 2 ELSE 3 END; -- ; END;\n"
          + " DELETE FROM u WHERE b = 'END;'; END";

  @Test
  void cutsAtSemicolons() {
    assertEquals(
        List.of("SELECT 1", "SELECT 2", "SELECT 3"),
        SqlText.split("SELECT 1; SELECT 2 ;\nSELECT 3"));
  }

  @Test
  void showsATextWithoutItsValues() {
    assertEquals(
        "INSERT INTO \"t\" VALUES(?, ?, ?, :name, NULL)",
        SqlText.withoutValues(
            " INSERT INTO \"t\"\n VALUES('a''b', x'00', -- secret\n 1.5e3, :name, NULL) ", 100));
    assertEquals("SELECT a\u2026", SqlText.withoutValues("SELECT abc, def", 8));
    assertEquals("SELECT a", SqlText.withoutValues("SELECT a", 8));
    assertEquals("SELECT ?", SqlText.withoutValues("SELECT 'never ends", 100));
    assertEquals("", SqlText.withoutValues("/* only */", 100));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", ";", " ; ;; ", "-- only\n", "/* only */;", "/* open", "\uFEFF"})
  void leavesOutWhatIsEmpty(String text) {
    assertEquals(List.of(), SqlText.split(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT ';'",
        "SELECT \";\"",
        "SELECT [;]",
        "SELECT `;`",
        "SELECT 1 -- ;\n, 2",
        "SELECT 1 /* ; */ + 2",
        "SELECT 'it''s; fine'",
        "SELECT CASE WHEN 1 THEN 2 END"
      })
  void keepsSemicolonsThatEndNothing(String statement) {
    assertEquals(List.of(statement, "SELECT 2"), SqlText.split(statement + ";SELECT 2;"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "EXPLAIN ",
        "explain query plan ",
        "/* a */ EXPLAIN -- b\n QUERY /* c */ PLAN "
      })
  void keepsTheBodyOfATriggerTogether(String before) {
    List<String> statements = SqlText.split("SELECT 1;" + before + TRIGGER + ";SELECT 2");
    assertEquals(3, statements.size());
    assertTrue(statements.get(1).endsWith("'END;'; END"));
    assertEquals("SELECT 2", statements.get(2));
  }

  @Test
  void keepsTheBodyOfATemporaryTriggerTogether() {
    String first = TRIGGER.replace("CREATE", "create temp");
    String second = TRIGGER.replace("CREATE", "CREATE /* x */ TEMPORARY");
    assertEquals(List.of(first, second), SqlText.split(first + ";" + second + ";"));
  }

  @Test
  void endsATriggerOnlyWhereEndFollowsASemicolon() {
    assertEquals(
        List.of("CREATE TRIGGER x; END y; END", "SELECT 1"),
        SqlText.split("CREATE TRIGGER x; END y; END; SELECT 1"));
  }

  @Test
  void findsNoTriggerInOtherStatements() {
    assertEquals(
        List.of("CREATE TABLE trigger(a)", "END"), SqlText.split("CREATE TABLE trigger(a); END;"));
    assertEquals(
        List.of("SELECT create, trigger", "x"), SqlText.split("SELECT create, trigger; x"));
  }

  @Test
  void takesWhiteSpaceAndCommentsOffTheEnds() {
    assertEquals(
        List.of("SELECT /* in */ 1"),
        SqlText.split(" -- a\n/* b */SELECT /* in */ 1 /* c */ -- d"));
  }

  @Test
  void keepsAnOpenQuotationToTheEnd() {
    assertEquals(List.of("SELECT 1", "SELECT 'a; b"), SqlText.split("SELECT 1; SELECT 'a; b"));
  }

  @Test
  void losesNothingOfAnyText() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      String text = i % 3 == 0 ? TokenSoup.characters(random, 40) : TokenSoup.pieces(random, 40);
      List<String> expected = meaningful(text);
      List<String> actual = new ArrayList<>();
      for (String statement : SqlText.split(text)) {
        assertFalse(statement.isEmpty());
        actual.addAll(meaningful(statement));
        assertEquals(List.of(statement), SqlText.split(statement), () -> "seed " + seed);
      }
      assertEquals(expected, actual, () -> "seed " + seed + ": " + text);
    }
  }

  @Test
  void cutsWhereSqliteCuts() throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:")) {
      StringBuilder dump = new StringBuilder("CREATE TABLE t(a, b);CREATE TABLE u(b);\n");
      dump.append("INSERT INTO t VALUES(0, 0);").append(TRIGGER).append(";\n");
      for (int i = 0; i < 2_000; i++) {
        dump.append("INSERT INTO t VALUES(").append(i).append(", 'a;''").append(i).append("');\n");
      }
      dump.append("/* done */ CREATE VIEW \"v;\" AS SELECT a, [b] FROM t; -- end");
      List<String> statements = SqlText.split(dump.toString());
      assertEquals(2_005, statements.size());
      for (String statement : statements) {
        run(connection, statement);
      }
      assertEquals(2_001, count(connection, "SELECT count(*) FROM \"v;\""));
      assertEquals(
          TRIGGER.length(),
          count(connection, "SELECT length(sql) FROM sqlite_schema WHERE name = 'tr'"));
    }
  }

  /** Run in pieces, a script leaves what it leaves when SQLite finds the ends by itself. */
  @Test
  void leavesTheSameDatabaseAsTheWholeScript() throws SQLException {
    String script =
        "CREATE TABLE t(a);"
            + TRIGGER.replace("DELETE FROM u WHERE b = 'END;'", "INSERT INTO log VALUES(';')")
            + "; CREATE TABLE log(b); ;; INSERT INTO t VALUES(1), (2); /* x; */"
            + "UPDATE t SET a = a || ';' -- tail;";
    try (Connection pieces = DriverManager.getConnection("jdbc:sqlite::memory:");
        Connection whole = DriverManager.getConnection("jdbc:sqlite::memory:");
        java.sql.Statement statement = whole.createStatement()) {
      for (String piece : SqlText.split(script)) {
        run(pieces, piece);
      }
      // Only this method of the driver runs all the statements of a text.
      assertTrue(statement.executeUpdate(script) >= 0);
      String contents =
          "SELECT (SELECT group_concat(a) FROM t) || (SELECT group_concat(b) FROM log)"
              + " || (SELECT group_concat(sql) FROM sqlite_schema)";
      assertEquals(text(whole, contents), text(pieces, contents));
    }
  }

  private static List<String> meaningful(String text) {
    List<String> tokens = new ArrayList<>();
    Lexer lexer = new Lexer(text);
    while (lexer.advance()) {
      if (!lexer.kind().isTrivia() && lexer.kind() != TokenKind.SEMICOLON) {
        tokens.add(text.substring(lexer.start(), lexer.end()));
      }
    }
    return tokens;
  }

  private static void run(Connection connection, String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      assertFalse(statement.execute());
    }
  }

  private static int count(Connection connection, String sql) throws SQLException {
    return Integer.parseInt(text(connection, sql));
  }

  private static String text(Connection connection, String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql);
        ResultSet rows = statement.executeQuery()) {
      assertTrue(rows.next());
      return rows.getString(1);
    }
  }
}
