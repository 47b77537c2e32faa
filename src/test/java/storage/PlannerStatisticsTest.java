package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import sql.StatementResult;
import sql.WriteRequest;

/**
 * A connection remembers the query planner's statistics, and they decide the order in which rows
 * come. So one that runs on must remember what one that is opened now would read.
 */
class PlannerStatisticsTest {

  private static final String[] SCHEMA = {
    "CREATE TABLE t (a, b, c)",
    "INSERT INTO t WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300)"
        + " SELECT i % 3, i % 100, i FROM n",
    "CREATE INDEX by_a ON t (a)",
    "CREATE INDEX by_b ON t (b)",
    "CREATE TABLE u (id INTEGER PRIMARY KEY, v)",
    "INSERT INTO u VALUES (1, 'x')"
  };

  private static final String PLAN = "EXPLAIN QUERY PLAN SELECT * FROM t WHERE a = 1 AND b = 50";
  private static final String OTHER_PLAN =
      "EXPLAIN QUERY PLAN SELECT * FROM t CROSS JOIN u WHERE a = 1 AND b = 50";

  private static final String MISLEAD_A =
      "UPDATE sqlite_stat1 SET stat = CASE idx WHEN 'by_a' THEN '300 1' ELSE '300 200' END"
          + " WHERE tbl = 't'";
  private static final String FAILS = "INSERT INTO u VALUES (1, 'again')";
  private static final String ROLLS_BACK = "INSERT OR ROLLBACK INTO u VALUES (1, 'again')";

  @TempDir private Path folder;

  static Stream<List<WriteRequest>> histories() {
    return Stream.of(
        List.of(EventChain.statements("ANALYZE")),
        List.of(EventChain.statements("ANALYZE"), EventChain.statements(MISLEAD_A)),
        List.of(
            EventChain.statements("ANALYZE"), EventChain.statements("DELETE FROM sqlite_stat1")),
        List.of(
            EventChain.statements("ANALYZE", "DROP TABLE sqlite_stat4"),
            EventChain.statements(MISLEAD_A)),
        List.of(EventChain.statements("ANALYZE"), EventChain.transaction(MISLEAD_A, FAILS)),
        List.of(EventChain.statements("ANALYZE"), EventChain.transaction(MISLEAD_A, ROLLS_BACK)),
        List.of(EventChain.transaction("ANALYZE", FAILS)),
        List.of(EventChain.transaction("ANALYZE", ROLLS_BACK)),
        List.of(EventChain.statements("ANALYZE", ROLLS_BACK)),
        // The table exists, and what a second ANALYZE found is taken back.
        List.of(
            EventChain.statements("ANALYZE"),
            EventChain.statements("DELETE FROM sqlite_stat4", MISLEAD_A),
            EventChain.transaction("ANALYZE", FAILS)),
        List.of(
            EventChain.statements("ANALYZE"),
            EventChain.statements("DELETE FROM sqlite_stat4", MISLEAD_A),
            EventChain.transaction("ANALYZE", ROLLS_BACK)),
        // Statistics are there before the index that they are about.
        List.of(
            EventChain.statements("ANALYZE", "DROP INDEX by_a", "DELETE FROM sqlite_stat4"),
            EventChain.statements("INSERT INTO sqlite_stat1 VALUES ('t', 'by_a', '300 1')"),
            EventChain.statements("UPDATE sqlite_stat1 SET stat = '300 200' WHERE idx = 'by_b'"),
            EventChain.statements("CREATE INDEX by_a ON t (a)")),
        List.of(
            EventChain.statements("ANALYZE"),
            EventChain.statements("DELETE FROM t WHERE c > 1", "ANALYZE t"),
            EventChain.statements("DELETE FROM t", "ANALYZE")),
        List.of(
            EventChain.statements("ANALYZE"),
            EventChain.statements("ALTER TABLE t RENAME TO s"),
            EventChain.statements(SCHEMA[0], SCHEMA[1]),
            EventChain.statements("DROP TABLE s", SCHEMA[2], SCHEMA[3])),
        List.of(
            EventChain.statements("ANALYZE"),
            EventChain.transaction("DROP INDEX by_b", FAILS),
            EventChain.transaction("DROP TABLE sqlite_stat1", FAILS)));
  }

  @ParameterizedTest
  @MethodSource("histories")
  void areTheSameWithAndWithoutARestart(List<WriteRequest> history) throws Exception {
    EventChain chain = EventChain.create();
    List<String> restarted = new ArrayList<>();
    List<String> running = new ArrayList<>();
    List<String> batched = new ArrayList<>();
    try (ReplicaFixture one = replica("one.db");
        ReplicaFixture other = replica("other.db");
        ReplicaFixture third = replica("third.db")) {
      one.run(chain, SCHEMA);
      other.apply(chain);
      for (WriteRequest request : history) {
        chain.write(request);
        other.apply(chain);
        other.reopen();
        String sql = PLAN;
        one.run(chain, sql);
        other.apply(chain);
        other.reopen();
      }
      for (String sql : List.of(PLAN, OTHER_PLAN)) {
        running.add(plan(one, chain, sql));
        restarted.add(plan(other, chain, sql));
        batched.add(plan(third, chain, sql));
      }
      one.apply(chain);
      other.apply(chain);
      assertEquals(restarted, running);
      assertEquals(restarted, batched);
      assertEquals(statistics(other), statistics(one));
      assertEquals(statistics(other), statistics(third));
      assertEquals(other.digest(), one.digest());
      assertEquals(other.digest(), third.digest());
    }
  }

  @Test
  void decideThePlanOfTheNextRequest() throws Exception {
    EventChain chain = EventChain.create();
    try (ReplicaFixture replica = replica("replica.db")) {
      replica.run(chain, SCHEMA);
      replica.run(chain, "ANALYZE", "DELETE FROM sqlite_stat4");
      String honest = plan(replica, chain, PLAN);
      replica.run(chain, MISLEAD_A);
      assertNotEquals(honest, plan(replica, chain, PLAN));
    }
  }

  private ReplicaFixture replica(String name) throws ReplicaException {
    return new ReplicaFixture(folder.resolve(name), ReplicaFixture.settings(false));
  }

  private static String plan(ReplicaFixture replica, EventChain chain, String sql) {
    replica.apply(chain);
    StatementResult result = replica.run(chain, sql).get(0);
    return result instanceof StatementResult.Rows rows
        ? rows.rows().stream().map(row -> row.get(3).toString()).toList().toString()
        : result.toString();
  }

  private static List<String> statistics(ReplicaFixture replica) throws SQLException {
    List<String> tables =
        replica.read("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%' ORDER BY 1");
    List<String> rows = new ArrayList<>(tables);
    for (String table : tables) {
      rows.addAll(replica.read("SELECT * FROM " + table + " ORDER BY 1, 2"));
    }
    return rows;
  }
}
