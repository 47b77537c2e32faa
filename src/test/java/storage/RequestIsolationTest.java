package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static storage.ReplicaFixture.changed;
import static storage.ReplicaFixture.inserted;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Position;
import sql.Statement;
import sql.StatementResult;
import sql.Value;
import sql.WriteOutcome;
import sql.WriteRequest;

/** What one request, or one of its statements, does never reaches the ones around it. */
class RequestIsolationTest {

  private static final int UNIQUE = 2067;
  private static final int PRIMARY_KEY = 1555;
  private static final int TRIGGER = 1811;

  @TempDir private Path folder;
  private final EventChain chain = EventChain.create();
  private ReplicaFixture replica;

  @BeforeEach
  void open() throws ReplicaException {
    replica = ReplicaFixture.open(folder);
    replica.run(
        chain,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v UNIQUE)",
        "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
        "CREATE TABLE log (v)",
        "CREATE TABLE loud (v)",
        "CREATE TRIGGER loud AFTER INSERT ON loud WHEN new.v = 'bad'"
            + " BEGIN SELECT RAISE(ROLLBACK, 'too loud'); END");
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void undoesATransactionAtItsFirstFailure() throws SQLException {
    List<StatementResult> results =
        replica.run(
            chain,
            EventChain.transaction(
                "INSERT INTO t VALUES (3, 'three')",
                "INSERT INTO t VALUES (1, 'again')",
                "INSERT INTO t VALUES (4, 'four')"));
    assertEquals(
        List.of(
            inserted(1, 3),
            new StatementResult.Failed("UNIQUE constraint failed: t.id", PRIMARY_KEY, 0)),
        results);
    assertEquals(List.of("1|one", "2|two"), replica.read("SELECT * FROM t"));
  }

  @Test
  void goesOnBehindAFailureWithoutTransaction() throws SQLException {
    List<StatementResult> results =
        replica.run(
            chain,
            "INSERT INTO t VALUES (3, 'three')",
            "INSERT INTO t VALUES (5, 'five'), (6, 'one')",
            "INSERT INTO t VALUES (4, 'four')");
    assertEquals(
        List.of(
            inserted(1, 3),
            new StatementResult.Failed("UNIQUE constraint failed: t.v", UNIQUE, 0),
            inserted(1, 4)),
        results);
    assertEquals(List.of("1", "2", "3", "4"), replica.read("SELECT id FROM t ORDER BY id"));
  }

  /** The second row of the statement is a duplicate; what remains differs by conflict clause. */
  @ParameterizedTest
  @CsvSource({
    "ABORT, false, '1 2 3 6'",
    "FAIL, false, '1 2 3 4 6'",
    "IGNORE, false, '1 2 3 4 5 6'",
    "REPLACE, false, '2 3 4 5 6 9'",
    "ROLLBACK, false, '1 2 3 6'",
    "ABORT, true, '1 2'",
    "FAIL, true, '1 2'",
    "IGNORE, true, '1 2 3 4 5 6'",
    "REPLACE, true, '2 3 4 5 6 9'",
    "ROLLBACK, true, '1 2'",
  })
  void keepsToEachConflictClause(String clause, boolean transaction, String left)
      throws SQLException {
    String[] statements = {
      "INSERT INTO t VALUES (3, 'three')",
      "INSERT OR " + clause + " INTO t VALUES (4, 'four'), (9, 'one'), (5, 'five')",
      "INSERT INTO t VALUES (6, 'six')"
    };
    WriteRequest request =
        transaction ? EventChain.transaction(statements) : EventChain.statements(statements);
    // Neighbours in the same event, on both sides, must not notice.
    chain.append(
        chain.request(EventChain.statements("INSERT INTO log VALUES ('before')")),
        chain.request(request),
        chain.request(EventChain.statements("INSERT INTO log VALUES ('after')")));
    assertInstanceOf(ApplyResult.Applied.class, replica.apply(chain));
    assertEquals(
        List.of(left),
        replica.read("SELECT group_concat(id, ' ') FROM (SELECT id FROM t ORDER BY 1)"));
    assertEquals(List.of("before", "after"), replica.read("SELECT v FROM log"));
    int lost = clause.equals("ABORT") || clause.equals("FAIL") || clause.equals("ROLLBACK") ? 1 : 0;
    WriteOutcome.Executed outcome =
        (WriteOutcome.Executed) replica.outcome(new Position(chain.head(), 1));
    assertEquals(lost == 1 && transaction ? 2 : 3, outcome.results().size());
    assertEquals(
        lost, outcome.results().stream().filter(StatementResult.Failed.class::isInstance).count());
    assertEquals(List.of("ok"), replica.read("PRAGMA integrity_check"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void survivesATriggerThatRollsBack(boolean transaction) throws SQLException {
    String[] statements = {
      "INSERT INTO loud VALUES ('good')",
      "INSERT INTO loud VALUES ('fine'), ('bad')",
      "INSERT INTO loud VALUES ('better')"
    };
    chain.append(
        chain.request(EventChain.statements("INSERT INTO log VALUES ('before')")),
        chain.request(
            transaction ? EventChain.transaction(statements) : EventChain.statements(statements)),
        chain.request(EventChain.statements("INSERT INTO log VALUES ('after')")));
    StatementResult failure = new StatementResult.Failed("too loud", TRIGGER, 0);
    assertEquals(
        transaction
            ? ReplicaFixture.executed(inserted(1, 1), failure)
            : ReplicaFixture.executed(inserted(1, 1), failure, inserted(1, 2)),
        replica.outcome(chain, new Position(chain.head(), 1)));
    assertEquals(
        transaction ? List.of() : List.of("good", "better"), replica.read("SELECT v FROM loud"));
    assertEquals(List.of("before", "after"), replica.read("SELECT v FROM log"));
  }

  @Test
  void appliesABatchFullOfRollbacks() throws SQLException {
    Entry[] entries = new Entry[200];
    for (int i = 0; i < entries.length; i++) {
      entries[i] =
          chain.request(
              EventChain.statements(
                  "INSERT INTO log VALUES (" + i + ")",
                  "INSERT OR ROLLBACK INTO t VALUES (1, 'x')",
                  "INSERT INTO loud VALUES ('bad')"));
    }
    chain.append(entries);
    assertInstanceOf(ApplyResult.Applied.class, replica.apply(chain));
    assertEquals(List.of("200|199"), replica.read("SELECT count(*), max(v) FROM log"));
  }

  @Test
  void failsTheSameStatementTwiceWithTheSameWords() {
    String text = "SELECT abs(-9223372036854775808)";
    StatementResult once = replica.run(chain, text).get(0);
    assertEquals(new StatementResult.Failed("integer overflow", 1, 0), once);
    assertEquals(List.of(once, once), replica.run(chain, text, text));
  }

  @Test
  void skipsTheRestOfAGroupBehindItsFailure() throws SQLException {
    List<StatementResult> results =
        replica.run(
            chain,
            new WriteRequest(
                List.of(
                    new Statement("INSERT INTO log VALUES ('a')", List.of(), true),
                    new Statement("INSERT INTO t VALUES (1, 'x')", List.of(), true),
                    new Statement("INSERT INTO log VALUES ('skipped')", List.of(), false),
                    new Statement("INSERT INTO log VALUES ('b')", List.of(), true),
                    new Statement("INSERT INTO log VALUES ('c')", List.of(), false)),
                false,
                false,
                Optional.empty()));
    assertEquals(
        List.of(
            new StatementResult.Failed("UNIQUE constraint failed: t.id", PRIMARY_KEY, 0),
            inserted(1, 3)),
        results);
    assertEquals(List.of("a", "b", "c"), replica.read("SELECT v FROM log"));
  }

  @Test
  void skipsTheRestOfAGroupBehindARollback() throws SQLException {
    List<StatementResult> results =
        replica.run(
            chain,
            new WriteRequest(
                List.of(
                    new Statement("INSERT INTO log VALUES ('a')", List.of(), true),
                    new Statement("INSERT OR ROLLBACK INTO t VALUES (1, 'x')", List.of(), true),
                    new Statement("INSERT INTO log VALUES ('skipped')", List.of(), false),
                    new Statement("INSERT INTO log VALUES ('b')", List.of(), false)),
                false,
                false,
                Optional.empty()));
    assertEquals(2, results.size());
    assertInstanceOf(StatementResult.Failed.class, results.get(0));
    assertEquals(List.of("a", "b"), replica.read("SELECT v FROM log"));
  }

  @Test
  void beginsEachRequestWithoutTheRowidOfTheOneBefore() {
    replica.run(chain, "INSERT INTO t VALUES (77, 'x')");
    String ask = "SELECT last_insert_rowid(), changes()";
    assertEquals(List.of("0", "1"), numbers(replica.run(chain, ask).get(0)));
    List<StatementResult> within =
        replica.run(chain, "INSERT INTO log SELECT v FROM t", ask, "UPDATE log SET v = 1", ask);
    assertEquals(List.of("3", "3"), numbers(within.get(1)));
    assertEquals(List.of("3", "3"), numbers(within.get(3)));
  }

  /** A statement that rolls back cuts its request in pieces, which nobody may see. */
  @Test
  void keepsRowidAndChangesOverTheStatementsOfARequestThatIsCut() {
    String ask = "SELECT last_insert_rowid(), changes()";
    List<StatementResult> results =
        replica.run(
            chain,
            "INSERT INTO log VALUES (1), (2), (3)",
            ask,
            "INSERT OR ROLLBACK INTO t VALUES (1, 'x')",
            "DELETE FROM log WHERE v > 5",
            ask,
            "INSERT INTO log VALUES (4), (5)",
            ask);
    assertEquals(List.of("3", "3"), numbers(results.get(1)));
    assertEquals(List.of("3", "0"), numbers(results.get(4)));
    assertEquals(List.of("5", "2"), numbers(results.get(6)));
  }

  @Test
  void tellsAffectedRowsAndTheLastRowidOfTheStatementAlone() {
    assertEquals(
        List.of(
            inserted(2, 4),
            changed(3),
            changed(0),
            changed(0),
            changed(1),
            new StatementResult.Failed("no such table: nowhere", 1, 0)),
        replica.run(
            chain,
            "INSERT INTO t VALUES (3, 'three'), (4, 'four')",
            "UPDATE t SET v = v || '!' WHERE id > 1",
            "DELETE FROM t WHERE id > 100",
            "CREATE INDEX by_v ON log (v)",
            "DELETE FROM t WHERE id = 1",
            "INSERT INTO nowhere VALUES (1)"));
  }

  @Test
  void givesRowsOfReturningAndOfQueries() {
    List<StatementResult> results =
        replica.run(
            chain,
            WriteRequest.of(
                false,
                Statement.of(
                    "INSERT INTO t VALUES (?, ?) RETURNING id, v",
                    new Value.Int64(9),
                    new Value.Blob(new byte[] {1, 2})),
                Statement.of("SELECT v FROM t WHERE id = ?1", new Value.Int64(2))));
    StatementResult.Rows returned = (StatementResult.Rows) results.get(0);
    assertEquals(
        List.of(List.of(new Value.Int64(9), new Value.Blob(new byte[] {1, 2}))), returned.rows());
    assertEquals(
        List.of(List.of(new Value.Text("two"))), ((StatementResult.Rows) results.get(1)).rows());
  }

  @Test
  void refusesAWrongNumberOfParameters() {
    assertEquals(
        new StatementResult.Failed("not enough args to execute query: want 1 got 0", 0, 0),
        replica.run(chain, "INSERT INTO t VALUES (?, 'x')").get(0));
  }

  @Test
  void keepsATransactionAndAllItsSchemaChangesTogether() throws SQLException {
    replica.run(
        chain,
        EventChain.transaction(
            "CREATE TABLE made (v)",
            "INSERT INTO made VALUES (1)",
            "ALTER TABLE log ADD COLUMN more",
            "INSERT INTO t VALUES (1, 'x')"));
    assertEquals(
        List.of("0"), replica.read("SELECT count(*) FROM sqlite_schema WHERE name = 'made'"));
    List<StatementResult> after =
        replica.run(chain, "INSERT INTO log VALUES ('still one column')", "SELECT * FROM made");
    assertEquals(inserted(1, 1), after.get(0));
    assertInstanceOf(StatementResult.Failed.class, after.get(1));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void leavesOutRowsThatAreTooManyButAppliesTheStatement(boolean transaction) throws SQLException {
    String[] statements = {
      "INSERT INTO log WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)"
          + " SELECT zeroblob(1000) FROM n RETURNING v",
      "INSERT INTO log VALUES ('next')"
    };
    List<StatementResult> results =
        replica.run(
            chain,
            transaction ? EventChain.transaction(statements) : EventChain.statements(statements));
    StatementResult.Failed leftOut = (StatementResult.Failed) results.get(0);
    assertTrue(leftOut.message().startsWith("applied, but its result"), leftOut.message());
    assertEquals(inserted(1, 3001), results.get(1));
    assertEquals(List.of("3001"), replica.read("SELECT count(*) FROM log"));
  }

  private static List<String> numbers(StatementResult result) {
    return ((StatementResult.Rows) result)
        .rows().get(0).stream()
            .map(value -> String.valueOf(((Value.Int64) value).value()))
            .toList();
  }
}
