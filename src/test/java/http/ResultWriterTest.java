package http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sql.Column;
import sql.StatementResult;
import sql.Value;

class ResultWriterTest {

  private static final ResultOptions PLAIN =
      new ResultOptions(false, false, false, false, false, true);
  private static final ResultOptions ASSOCIATIVE =
      new ResultOptions(false, false, true, false, false, true);

  private static String write(ResultOptions options, Consumer<ResultWriter> results) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ResultWriter writer = new ResultWriter(out, options);
    writer.begin();
    results.accept(writer);
    writer.endResults();
    writer.close();
    return out.toString(StandardCharsets.UTF_8);
  }

  private static StatementResult rows(List<Column> columns, List<List<Value>> rows) {
    return new StatementResult.Rows(columns, rows, 250_000_000);
  }

  private static String cell(String declaredType, Value value) {
    String json =
        write(
            PLAIN,
            writer ->
                writer.result(
                    rows(List.of(new Column("c", "t", declaredType)), List.of(List.of(value)))));
    String start = "\"values\":[[";
    return json.substring(json.indexOf(start) + start.length(), json.length() - 5);
  }

  private static String changed(ResultOptions options, long rows, OptionalLong id) {
    return write(options, w -> w.result(new StatementResult.Changed(rows, id, 500_000_000)));
  }

  @Test
  void leavesOutWhatIsZero() {
    assertEquals("{\"results\":[{}]}", changed(PLAIN, 0, OptionalLong.empty()));
    assertEquals("{\"results\":[{\"rows_affected\":2}]}", changed(PLAIN, 2, OptionalLong.empty()));
    assertEquals("{\"results\":[{\"rows_affected\":1}]}", changed(PLAIN, 1, OptionalLong.of(0)));
    assertEquals(
        "{\"results\":[{\"last_insert_id\":-5,\"rows_affected\":1}]}",
        changed(PLAIN, 1, OptionalLong.of(-5)));
  }

  @Test
  void addsTimesWhenAskedFor() {
    ResultOptions timed = new ResultOptions(false, true, false, false, false, true);
    assertEquals(
        "{\"results\":[{\"last_insert_id\":3,\"rows_affected\":1,\"time\":0.5}]}",
        changed(timed, 1, OptionalLong.of(3)));
    assertEquals(
        "{\"results\":[{\"columns\":[\"c\"],\"types\":[\"int\"],\"values\":[[1]],\"time\":0.25}]}",
        write(
            timed,
            w ->
                w.result(
                    rows(
                        List.of(new Column("c", "", "INT")),
                        List.of(List.of(new Value.Int64(1)))))));
    assertEquals(
        "{\"results\":[{\"error\":\"bad\",\"time\":0.000001}]}",
        write(timed, w -> w.failed("bad", 1_000)));
  }

  @Test
  void sortsTheKeysOfObjectsAndKeepsTheLastOfEqualNames() {
    List<Column> columns =
        List.of(new Column("b", "", "INT"), new Column("a", "", ""), new Column("b", "", "TEXT"));
    List<Value> row = List.of(new Value.Int64(1), new Value.Real(2.5), new Value.Text("last"));
    assertEquals(
        "{\"results\":[{\"types\":{\"a\":\"real\",\"b\":\"text\"},"
            + "\"rows\":[{\"a\":2.5,\"b\":\"last\"}]}]}",
        write(ASSOCIATIVE, w -> w.result(rows(columns, List.of(row)))));
  }

  @Test
  void qualifiesColumnsThatHaveATable() {
    ResultOptions qualified = new ResultOptions(false, false, false, false, true, true);
    assertEquals(
        "{\"results\":[{\"columns\":[\"t.a\",\"1\"],\"types\":[\"int\",\"\"]}]}",
        write(
            qualified,
            w ->
                w.result(
                    rows(
                        List.of(new Column("a", "t", "INT"), new Column("1", "", "")),
                        List.of()))));
  }

  @Test
  void answersAStatementWithoutColumnsWithNothing() {
    assertEquals("{\"results\":[{}]}", write(PLAIN, w -> w.result(rows(List.of(), List.of()))));
  }

  @Test
  void typesExpressionsByTheFirstRow() {
    List<Column> columns =
        List.of(new Column("a", "", ""), new Column("b", "", ""), new Column("c", "", ""));
    assertEquals(
        "{\"results\":[{\"columns\":[\"a\",\"b\",\"c\"],\"types\":[\"integer\",\"\",\"text\"],"
            + "\"values\":[[1,null,\"x\"],[\"y\",2,null]]}]}",
        write(
            PLAIN,
            w ->
                w.result(
                    rows(
                        columns,
                        List.of(
                            List.of(new Value.Int64(1), Value.NULL, new Value.Text("x")),
                            List.of(new Value.Text("y"), new Value.Int64(2), Value.NULL))))));
  }

  @Test
  void endsRowsWithAnErrorAfterThem() {
    assertEquals(
        "{\"results\":[{\"columns\":[\"a\"],\"types\":[\"\"],\"values\":[[null]],"
            + "\"error\":\"query timeout\"}]}",
        write(
            PLAIN,
            w -> {
              RowsWriter rows = w.rows();
              rows.columns(List.of(new Column("a", "", "")));
              rows.row(new Value[] {Value.NULL});
              assertEquals(true, rows.endWith("query timeout", 0));
            }));
  }

  @Test
  void indentsAsGoDoes() {
    ResultOptions pretty = new ResultOptions(true, false, false, false, false, true);
    assertEquals(
        """
        {
            "results": [
                {
                    "columns": [
                        "a"
                    ],
                    "types": [
                        "int"
                    ],
                    "values": [
                        [
                            1
                        ]
                    ]
                },
                {}
            ]
        }\
        """,
        write(
            pretty,
            w -> {
              w.result(
                  rows(List.of(new Column("a", "", "INT")), List.of(List.of(new Value.Int64(1)))));
              w.nothing(0);
            }));
    assertEquals("{\n    \"results\": []\n}", write(pretty, w -> {}));
  }

  @ParameterizedTest
  @CsvSource({
    "boolean, 1, true",
    "BOOLEAN, 2, true",
    "boolean, 0, false",
    "boolean, -1, false",
    "bool, 1, 1",
    "INTEGER, 9007199254740993, 9007199254740993",
    "DATE, 0, \"1970-01-01T00:00:00Z\"",
    "DateTime, 1076742900123, \"2004-02-14T07:15:00.123Z\"",
    "timestamp, 9223372036854775807, 9223372036854775807",
    "timestamp with time zone, 7, 7",
  })
  void showsIntegersByTheDeclaredType(String type, long value, String expected) {
    assertEquals(expected, cell(type, new Value.Int64(value)));
  }

  @ParameterizedTest
  @CsvSource({
    "blob, \"c8NSTGl0ZQ==\"",
    "'', \"s\ufffdRLite\"",
    "text, \"s\ufffdRLite\"",
    "VARCHAR(36), \"s\ufffdRLite\"",
    "clob, \"s\ufffdRLite\"",
    "json, \"s\ufffdRLite\"",
    "integer, \"c8NSTGl0ZQ==\"",
    "charint, \"c8NSTGl0ZQ==\"",
    "foo, \"c8NSTGl0ZQ==\"",
  })
  void showsBlobsByTheDeclaredType(String type, String expected) {
    byte[] bytes = {'s', (byte) 0xc3, 'R', 'L', 'i', 't', 'e'};
    assertEquals(expected, cell(type, new Value.Blob(bytes)));
  }

  @Test
  void escapesWhatGoEscapes() {
    assertEquals(
        "\"\\u003c\\u003e\\u0026\\u2028\\u2029\\\"\\\\/\\n\\r\\t\\b\\f\\u001b\u007f"
            + "\u00e9\ud83d\ude00\"",
        cell(
            "text",
            new Value.Text("<>&\u2028\u2029\"\\/\n\r\t\b\f\u001b\u007f\u00e9\ud83d\ude00")));
  }

  @Test
  void escapesALongTextToo() {
    String text = "\ud83d\ude00<".repeat(20_000);
    assertEquals(
        '"' + "\ud83d\ude00\\u003c".repeat(20_000) + '"', cell("text", new Value.Text(text)));
  }
}
