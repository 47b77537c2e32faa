package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MathFunctionsTest {

  private Connection ours;
  private Connection builtIn;

  @BeforeEach
  void open() throws SQLException {
    ours = DriverManager.getConnection("jdbc:sqlite::memory:");
    MathFunctions.install(ours);
    builtIn = DriverManager.getConnection("jdbc:sqlite::memory:");
  }

  @AfterEach
  void close() throws SQLException {
    ours.close();
    builtIn.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sin(?1)",
        "cos(?1)",
        "tan(?1)",
        "asin(?1)",
        "acos(?1)",
        "atan(?1)",
        "sinh(?1)",
        "cosh(?1)",
        "tanh(?1)",
        "asinh(?1)",
        "acosh(?1)",
        "atanh(?1)",
        "exp(?1)",
        "sqrt(?1)",
        "ln(?1)",
        "log(?1)",
        "log10(?1)",
        "log2(?1)",
        "cot(?1)",
        "coth(?1)",
        "log(?1, ?2)",
        "atan2(?1, ?2)",
        "pow(?1, ?2)",
        "power(?1, ?2)",
        "atn2(?1, ?2)"
      })
  void agreesWithTheBuiltInExceptForTheLastDigits(String call) throws SQLException {
    SplittableRandom random = new SplittableRandom(1);
    List<Object> values = new ArrayList<>(edges());
    for (int i = 0; i < 60; i++) {
      values.add(random.nextDouble() * 2 - 1);
      values.add((random.nextDouble() - 0.5) * 50);
      values.add((long) random.nextInt(-20, 20));
      values.add(Math.scalb(random.nextDouble() - 0.5, random.nextInt(-1000, 1000)));
    }
    boolean two = call.contains("?2");
    String sql = "SELECT " + call + (two ? "" : " WHERE ?2 IS ?2");
    try (PreparedStatement here = ours.prepareStatement(sql);
        PreparedStatement there = builtIn.prepareStatement(sql)) {
      List<Object> seconds = two ? edges() : List.of(0L);
      for (Object first : values) {
        for (Object second : seconds) {
          Object expected = evaluate(there, first, second);
          Object actual = evaluate(here, first, second);
          String what = call + " of " + first + ", " + second;
          if (expected instanceof Double a && actual instanceof Double b) {
            assertTrue(isClose(a, b), what + ": " + a + " and " + b);
          } else {
            assertEquals(expected, actual, what);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "ln", "log10",
        "cot", "coth"
      })
  void hasTheBitsOfStrictMath(String name) throws SQLException {
    SplittableRandom random = new SplittableRandom(2);
    try (PreparedStatement statement =
        ours.prepareStatement("SELECT " + name + "(?) WHERE ? IS NULL")) {
      for (int i = 0; i < 1000; i++) {
        double x = random.nextDouble();
        assertEquals(strict(name, x), evaluate(statement, x, null));
      }
    }
  }

  private static double strict(String name, double x) {
    return switch (name) {
      case "sin" -> StrictMath.sin(x);
      case "cos" -> StrictMath.cos(x);
      case "tan" -> StrictMath.tan(x);
      case "asin" -> StrictMath.asin(x);
      case "acos" -> StrictMath.acos(x);
      case "atan" -> StrictMath.atan(x);
      case "sinh" -> StrictMath.sinh(x);
      case "cosh" -> StrictMath.cosh(x);
      case "tanh" -> StrictMath.tanh(x);
      case "exp" -> StrictMath.exp(x);
      case "ln" -> StrictMath.log(x);
      case "log10" -> StrictMath.log10(x);
      case "cot" -> 1 / StrictMath.tan(x);
      default -> 1 / StrictMath.tanh(x);
    };
  }

  @Test
  void isExactWherePeopleExpectIt() throws SQLException {
    for (int exponent = -1000; exponent <= 1000; exponent++) {
      assertEquals((double) exponent, value("log2(" + Math.scalb(1.0, exponent) + ")"));
    }
    assertEquals(3.0, value("log10(1000)"));
    assertEquals(1024.0, value("pow(2, 10)"));
    assertEquals(0.0, value("sin(0)"));
    assertEquals(1.0, value("exp(0)"));
    assertNull(value("sqrt(-1)"));
    assertNull(value("sin('1x')"));
    assertNotNull(value("sin(' 1e0 ')"));
  }

  @Test
  void mayBeUsedInIndexesAndGeneratedColumns() throws SQLException {
    try (Statement statement = ours.createStatement()) {
      statement.execute("PRAGMA trusted_schema=OFF");
      statement.execute("CREATE TABLE t (x, s AS (sin(x)) STORED)");
      statement.execute("CREATE INDEX i ON t (sqrt(x))");
      statement.execute("INSERT INTO t VALUES (4)");
    }
    assertEquals(4, value("(SELECT x FROM t INDEXED BY i WHERE sqrt(x) = 2.0)"));
  }

  /** Every function that the C library computes must be replaced, also in a later SQLite. */
  @Test
  void knowsEveryNumericFunctionOfThisSqlite() throws SQLException {
    try (Statement statement = builtIn.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT group_concat(DISTINCT name) FROM pragma_function_list WHERE name IN"
                    + " ('cbrt', 'expm1', 'log1p', 'hypot', 'erf', 'gamma', 'sec', 'csc',"
                    + " 'acot', 'acoth', 'asec', 'acsc')")) {
      assertNull(row.getString(1));
    }
  }

  private static List<Object> edges() {
    List<Object> edges = new ArrayList<>();
    for (double edge :
        new double[] {
          0.0,
          -0.0,
          1,
          -1,
          2,
          0.5,
          -0.5,
          10,
          Double.POSITIVE_INFINITY,
          Double.NEGATIVE_INFINITY,
          Double.MAX_VALUE,
          Double.MIN_VALUE,
          1e-300,
          1e300,
          710,
          -746,
          Math.PI / 2,
          1e-9,
          -1e-9
        }) {
      edges.add(edge);
    }
    for (String text :
        new String[] {
          "2",
          "-2.5",
          " 3 ",
          "\t.5\n",
          "5.",
          "1e2",
          "1e",
          "e1",
          ".",
          "",
          " ",
          "abc",
          "2abc",
          "0x10",
          "1e999",
          "+4",
          "--4",
          "Infinity",
          "nan",
          "2\u00a0",
          "1 2"
        }) {
      edges.add(text);
    }
    edges.add(null);
    edges.add(0L);
    edges.add(3L);
    edges.add(Long.MIN_VALUE);
    edges.add(new byte[] {'2'});
    return edges;
  }

  private static boolean isClose(double a, double b) {
    return a == b || Math.abs(a - b) <= 4e-13 * Math.max(Math.abs(a), Math.abs(b));
  }

  private static Object evaluate(PreparedStatement statement, Object first, Object second)
      throws SQLException {
    statement.setObject(1, first);
    statement.setObject(2, second);
    try (ResultSet row = statement.executeQuery()) {
      return row.next() ? row.getObject(1) : "no row";
    } catch (SQLException e) {
      return SqliteErrors.message(e);
    }
  }

  private Object value(String expression) throws SQLException {
    try (Statement statement = ours.createStatement();
        ResultSet row = statement.executeQuery("SELECT " + expression)) {
      return row.getObject(1);
    }
  }
}
