package sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ParametersTest {

  @Test
  void givesPositionalValuesInOrder() {
    assertEquals(values(1, 2), bind("SELECT ?, ?", values(1, 2)));
  }

  @Test
  void givesNumberedParametersTheirNumber() {
    assertEquals(values(1, 2, 3), bind("SELECT ?3, ?1", values(1, 2, 3)));
    assertEquals(values(1, 2, 3), bind("SELECT ?2, ?", values(1, 2, 3)));
    assertEquals(values(1), bind("SELECT ?1, ?1, ?01", values(1)));
  }

  @Test
  void givesARepeatedNameOneNumber() {
    assertEquals(
        values(5, 6), bind("SELECT :a, :b, :a", List.of(), Map.of("a", value(5), "b", value(6))));
  }

  @ParameterizedTest
  @CsvSource({":age,age", "@age,age", "$age,age", ":age,:age", "@age,@age", "$a::b(c),a::b(c)"})
  void matchesNamesWithAndWithoutPrefix(String parameter, String name) {
    assertEquals(values(7), bind("SELECT " + parameter, List.of(), Map.of(name, value(7))));
  }

  @Test
  void tellsPrefixesApart() {
    assertEquals(
        values(1, 2, 3),
        bind(
            "SELECT :a, @a, $a", List.of(), Map.of(":a", value(1), "@a", value(2), "a", value(3))));
  }

  @Test
  void mixesNamedAndPositionalValues() {
    assertEquals(values(1, 9, 2), bind("SELECT ?, :a, ?", values(1, 2), Map.of("a", value(9))));
    assertEquals(values(9, 1), bind("SELECT :a, ?, ?1", values(1), Map.of("a", value(9))));
  }

  @Test
  void givesNamedParametersPositionalValuesWhenThereAreNoOthers() {
    assertEquals(values(1, 2), bind("SELECT :a, :b, :a", values(1, 2)));
  }

  @Test
  void consumesValuesStatementAfterStatement() {
    List<Statement> group =
        Parameters.bind(
            List.of("SELECT ?", "SELECT 1", "SELECT ?, :n, ?", "SELECT :n"),
            values(1, 2, 3),
            Map.of("n", value(8)));
    assertEquals(
        List.of(
            new Statement("SELECT ?", values(1), true),
            new Statement("SELECT 1", List.of(), true),
            new Statement("SELECT ?, :n, ?", values(2, 8, 3), true),
            new Statement("SELECT :n", values(8), false)),
        group);
  }

  @Test
  void givesAnEmptyGroupNothing() {
    assertEquals(List.of(), Parameters.bind(List.of(), List.of(), Map.of()));
  }

  @Test
  void findsNoParametersInQuotationsAndComments() {
    String sql = "SELECT '?', \":a\", [@b], `$c` -- ?\n /* :d */";
    assertEquals(List.of(), bind(sql, List.of()));
  }

  @Test
  void findsNoParametersInTheArgumentsOfAVirtualTable() {
    assertEquals(List.of(), bind("CREATE VIRTUAL TABLE f USING fts5(a, b = ?, :c)", List.of()));
    assertEquals(
        values(1),
        bind("EXPLAIN QUERY PLAN SELECT 1 FROM t JOIN u USING(a) WHERE b = ?", values(1)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT ?, ?|1|not enough args to execute query: want 2 got 1",
        "SELECT ?|2|too many args to execute query: want 1 got 2",
        "SELECT 1|1|too many args to execute query: want 0 got 1",
        "SELECT :a|0|not enough args to execute query: want 1 got 0",
        "SELECT ?5|1|not enough args to execute query: want 5 got 1",
        "SELECT ?0|1|variable number must be between ?1 and ?32766",
        "SELECT ?32767|1|variable number must be between ?1 and ?32766",
        "SELECT ?99999999999999999999|1|variable number must be between ?1 and ?32766",
      })
  void refusesWrongCounts(String sql, int given, String message) {
    List<Value> values = new ArrayList<>();
    for (int i = 0; i < given; i++) {
      values.add(value(i));
    }
    assertEquals(message, refusal(sql, values, Map.of()));
  }

  @Test
  void refusesTooManyParameters() {
    assertEquals("too many SQL variables", refusal("SELECT ?32766, ?", List.of(), Map.of()));
  }

  @Test
  void refusesAMissingName() {
    assertEquals(
        "missing argument for named parameter :age",
        refusal("SELECT :name, :age", List.of(), Map.of("name", value(1))));
    assertEquals(
        "missing argument for named parameter :a",
        refusal("SELECT :a", List.of(), Map.of("@a", value(1))));
  }

  @Test
  void refusesANameThatNoStatementUses() {
    assertEquals(
        "unknown parameter name: xyz",
        refusal("SELECT :a", List.of(), Map.of("a", value(1), "xyz", value(2))));
  }

  @Test
  void countsAsSqliteDoes() throws SQLException {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    String[] parameters = {
      "?", "?", "?1", "?3", "?007", ":a", ":b", "@a", "$a", "$a::b", "$a::b(c)", ":a1", "#x", "'?'"
    };
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:")) {
      for (int i = 0; i < 3_000; i++) {
        StringBuilder sql = new StringBuilder("SELECT 1");
        for (int j = random.nextInt(8); j > 0; j--) {
          sql.append(", ").append(parameters[random.nextInt(parameters.length)]);
        }
        try (PreparedStatement statement = connection.prepareStatement(sql.toString())) {
          int count = statement.getParameterMetaData().getParameterCount();
          List<Value> numbers = new ArrayList<>();
          for (int number = 1; number <= count; number++) {
            numbers.add(value(number));
          }
          assertEquals(numbers, bind(sql.toString(), numbers), () -> "seed " + seed + ": " + sql);
        }
      }
    }
  }

  /** Every named parameter arrives where SQLite looks for it. */
  @Test
  void numbersAsSqliteDoes() throws SQLException {
    String sql = "SELECT :b, ?, @a, ?2, :b, ?7, $c, ?";
    List<Value> bound =
        bind(
            sql,
            values(20, 40, 50, 60, 70, 90),
            Map.of("b", value(10), "a", value(30), "c", value(80)));
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:");
        PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < bound.size(); i++) {
        statement.setLong(i + 1, ((Value.Int64) bound.get(i)).value());
      }
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        List<Long> read = new ArrayList<>();
        for (int column = 1; column <= 8; column++) {
          read.add(row.getLong(column));
        }
        assertEquals(List.of(10L, 20L, 30L, 20L, 10L, 70L, 80L, 90L), read);
      }
    }
  }

  private static List<Value> bind(String sql, List<Value> positional) {
    return bind(sql, positional, Map.of());
  }

  private static List<Value> bind(String sql, List<Value> positional, Map<String, Value> named) {
    return Parameters.bind(List.of(sql), positional, named).get(0).parameters();
  }

  private static String refusal(String sql, List<Value> positional, Map<String, Value> named) {
    return assertThrows(
            ParameterException.class, () -> Parameters.bind(List.of(sql), positional, named))
        .text();
  }

  private static Value value(long number) {
    return new Value.Int64(number);
  }

  private static List<Value> values(long... numbers) {
    List<Value> values = new ArrayList<>();
    for (long number : numbers) {
      values.add(value(number));
    }
    return values;
  }
}
