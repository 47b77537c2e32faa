package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Statement;
import sql.StatementRules;

class LoadScriptTest {

  private static Plan plan(String script) {
    return LoadScript.plan(script.getBytes(StandardCharsets.UTF_8), new StatementRules(false));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE t(a);INSERT INTO t VALUES(1);",
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\n"
            + "INSERT INTO t VALUES(1);\nCOMMIT;\n",
        "/* dump */ begin; CREATE TABLE t(a); PRAGMA foreign_keys = on;"
            + " INSERT INTO t VALUES(1); -- last\n end transaction",
        "BEGIN IMMEDIATE; CREATE TABLE t(a); INSERT INTO t VALUES(1); -- one\n COMMIT;",
      })
  void takesADumpAsOneGroup(String script) {
    List<Statement> statements = plan(script).statements();
    assertEquals(2, statements.size());
    assertTrue(statements.get(0).joinedToNext());
    assertTrue(statements.get(1).sql().contains("INSERT INTO t VALUES(1)"));
  }

  @Test
  void makesTheTablesOfADumpBeforeTheirRows() {
    String script =
        "BEGIN TRANSACTION; CREATE TABLE assets(p REFERENCES b); INSERT INTO assets VALUES(1);"
            + " CREATE TABLE b(id INTEGER PRIMARY KEY); INSERT INTO b VALUES(1);"
            + " CREATE VIEW v AS SELECT 1; COMMIT;";
    assertEquals(
        List.of(
            "CREATE TABLE assets(p REFERENCES b)",
            "CREATE TABLE b(id INTEGER PRIMARY KEY)",
            "INSERT INTO assets VALUES(1)",
            "INSERT INTO b VALUES(1)",
            "CREATE VIEW v AS SELECT 1"),
        texts(script));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "BEGIN; DROP TABLE t; CREATE TABLE t(a); COMMIT;",
        "BEGIN; INSERT INTO t VALUES(1); ALTER TABLE t ADD COLUMN b; CREATE TABLE u(a); COMMIT;",
        "BEGIN; INSERT INTO t VALUES(1); CREATE TABLE u AS SELECT * FROM t; COMMIT;",
        "INSERT INTO t VALUES(1); CREATE TABLE u(a);",
      })
  void keepsTheOrderOfWhatIsNoDump(String script) {
    List<String> texts = texts(script);
    String order = String.join("; ", texts) + ";";
    assertEquals(script.replace("BEGIN; ", "").replace(" COMMIT;", ""), order);
  }

  private static List<String> texts(String script) {
    return plan(script).statements().stream().map(sql -> sql.sql().strip()).toList();
  }

  @Test
  void refusesATransactionInside() {
    Plan plan = plan("CREATE TABLE t(a); BEGIN; INSERT INTO t VALUES(1); COMMIT;");
    assertTrue(plan.firstFailure().isPresent());
    assertEquals(List.of(), plan.statements());
  }

  @Test
  void hasNothingToDoForAnEmptyDump() {
    assertEquals(List.of(), plan("-- nothing\n").slots());
    assertEquals(List.of(), plan("BEGIN; COMMIT;").slots());
  }
}
