package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StoredExpressionGuardTest {

  private DeterministicFunctions functions;
  private Connection applying;

  @BeforeEach
  void open(@TempDir Path folder) throws SQLException {
    functions = new DeterministicFunctions();
    applying =
        DatabaseConnections.openApplying(
            folder.resolve("replica.db"),
            new DatabaseConnections.ApplyingSettings(true, 1 << 20, 0),
            functions);
  }

  @AfterEach
  void close() throws SQLException {
    applying.close();
    functions.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE t (x); CREATE INDEX i ON t (date('now'))",
        "CREATE TABLE t (x); CREATE INDEX i ON t (date('n'||'ow'))",
        "CREATE TABLE t (x); CREATE INDEX i ON t (x) WHERE x > datetime('n'||'ow')",
        "CREATE TABLE t (x); CREATE INDEX i ON t (date(x, 'local'||'time'))",
        "CREATE TABLE t (x, g AS (date('n'||'ow')))",
        "CREATE TABLE t (x, g AS (julianday('n'||'ow')) STORED)",
        "CREATE TABLE t (x); ALTER TABLE t ADD COLUMN g AS (unixepoch('n'||'ow'))",
        "CREATE TABLE t (x NOT NULL, y INTEGER PRIMARY KEY, g AS (strftime('%Y', 'n'||'ow')))",
        "CREATE TABLE t (x INT, r REAL, s TEXT, b BLOB NOT NULL, a ANY,"
            + " g TEXT AS (time('n'||'ow'))) STRICT",
        "CREATE TABLE t (x PRIMARY KEY, g AS (time())) WITHOUT ROWID",
        "CREATE TABLE t (x CHECK (x > 17), g AS (datetime('NO'||'W')))",
        "CREATE TABLE t (x, g AS (CASE WHEN x IS NULL THEN 0 ELSE date('n'||'ow') END))",
        "CREATE TABLE t (x, g NOT NULL AS (date(x, 'u'||'tc')))",
        "CREATE TABLE t (x, g AS (timediff('n'||'ow', x)))",
        "CREATE TABLE \"a \"\"b\" (\"c \"\"d\", g AS (date('n'||'ow')))"
      })
  void findsWhatChangesWithTime(String script) throws SQLException {
    run(script);
    Optional<String> reason = StoredExpressionGuard.check(applying);
    assertTrue(
        reason.orElse("nothing").startsWith("non-deterministic use of"), script + ": " + reason);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE t (x)",
        "CREATE TABLE t (x DEFAULT CURRENT_TIMESTAMP, updated DEFAULT (datetime('now')))",
        "CREATE TABLE t (x); CREATE INDEX i ON t (date(x))",
        "CREATE TABLE t (x, g AS (strftime('%Y-%m', x)) STORED); CREATE INDEX i ON t (g)",
        "CREATE TABLE t (x INTEGER, g AS (datetime(x, 'unixepoch', 'start of month')))",
        "CREATE TABLE t (x CHECK (x <= datetime('now')))",
        "CREATE TABLE t (x NOT NULL UNIQUE CHECK (date(x) > '3000'), y REFERENCES u (z))",
        "CREATE TABLE t (updated INTEGER PRIMARY KEY AUTOINCREMENT, x); CREATE INDEX i ON t (x)",
        "CREATE VIRTUAL TABLE t USING fts5(date, time)",
        "CREATE TABLE t (x); CREATE VIEW v AS SELECT datetime('now') FROM t",
        "CREATE TABLE t (x); CREATE TRIGGER r AFTER INSERT ON t BEGIN"
            + " UPDATE t SET x = datetime('now')/* ; */; END"
      })
  void letsPassWhatDoesNot(String script) throws SQLException {
    run(script);
    assertEquals(Optional.empty(), StoredExpressionGuard.check(applying));
  }

  @Test
  void seesTheChangeBeforeItsCommit() throws SQLException {
    run("CREATE TABLE t (x)");
    try (Statement statement = applying.createStatement()) {
      statement.executeUpdate("BEGIN");
      statement.executeUpdate("CREATE INDEX i ON t (date('n'||'ow'))");
      assertTrue(StoredExpressionGuard.check(applying).isPresent());
      statement.executeUpdate("ROLLBACK");
      assertEquals(Optional.empty(), StoredExpressionGuard.check(applying));
    }
  }

  private void run(String script) throws SQLException {
    try (Statement statement = applying.createStatement()) {
      statement.executeUpdate(script);
    }
  }
}
