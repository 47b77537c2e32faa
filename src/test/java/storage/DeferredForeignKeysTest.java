package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static storage.ReplicaFixture.executed;
import static storage.ReplicaFixture.inserted;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;
import sql.Statement;
import sql.StatementResult;
import sql.WriteOutcome;
import sql.WriteRequest;

/** Deferred foreign keys, which SQLite checks only when it commits. */
class DeferredForeignKeysTest {

  private static final StatementResult VIOLATED =
      new StatementResult.Failed("FOREIGN KEY constraint failed", 787, 0);
  private static final String PARENT = "CREATE TABLE parent (id INTEGER PRIMARY KEY)";
  private static final String CHILD =
      "CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent"
          + " DEFERRABLE INITIALLY DEFERRED)";

  @TempDir private Path folder;
  private final EventChain chain = new EventChain(EventChain.FOREIGN_KEYS);
  private ReplicaFixture replica;

  @BeforeEach
  void open() throws ReplicaException {
    replica = ReplicaFixture.withForeignKeys(folder);
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void failsATransactionAtItsCommit() throws SQLException {
    replica.run(chain, PARENT, CHILD);
    Position failing =
        chain.write(
            EventChain.transaction(
                "INSERT INTO child VALUES (1, 7)", "INSERT INTO parent VALUES (8)"));
    assertEquals(
        new WriteOutcome.Executed(List.of(), Optional.of("FOREIGN KEY constraint failed")),
        replica.outcome(chain, failing));
    assertEquals(List.of("0"), replica.read("SELECT count(*) FROM parent"));
    replica.run(
        chain,
        EventChain.transaction("INSERT INTO child VALUES (1, 7)", "INSERT INTO parent VALUES (7)"));
    assertEquals(List.of("1|7"), replica.read("SELECT * FROM child"));
  }

  @Test
  void failsTheStatementThatViolatesThemWithoutTransaction() throws SQLException {
    replica.run(chain, PARENT, CHILD);
    assertEquals(
        List.of(VIOLATED, inserted(1, 7), inserted(1, 2)),
        replica.run(
            chain,
            "INSERT INTO child VALUES (1, 7)",
            "INSERT INTO parent VALUES (7)",
            "INSERT INTO child VALUES (2, 7)"));
    assertEquals(List.of("2|7"), replica.read("SELECT * FROM child"));
  }

  @Test
  void blamesNoNeighbour() throws SQLException {
    replica.run(chain, PARENT, CHILD);
    chain.append(
        chain.request(EventChain.statements("INSERT INTO parent VALUES (1)")),
        chain.request(EventChain.transaction("INSERT INTO child VALUES (1, 7)")),
        chain.request(EventChain.statements("INSERT INTO child VALUES (2, 1)")),
        chain.request(EventChain.transaction("INSERT INTO child VALUES (3, 1)")));
    assertInstanceOf(ApplyResult.Applied.class, replica.apply(chain));
    assertEquals(List.of("2|1", "3|1"), replica.read("SELECT * FROM child"));
  }

  @Test
  void knowsThoseThatAreMadeInTheMiddleOfAnEvent() throws SQLException {
    chain.append(
        chain.request(EventChain.statements(PARENT)),
        chain.request(EventChain.statements(CHILD, "INSERT INTO child VALUES (9, 9)")),
        chain.request(EventChain.statements("INSERT INTO child VALUES (1, 7)")),
        chain.request(EventChain.transaction("INSERT INTO child VALUES (1, 7)")),
        chain.request(EventChain.statements("INSERT INTO parent VALUES (7)")),
        chain.request(EventChain.statements("INSERT INTO child VALUES (2, 7)")));
    assertInstanceOf(ApplyResult.Applied.class, replica.apply(chain));
    assertEquals(List.of("2|7"), replica.read("SELECT * FROM child"));
    assertEquals(
        executed(ReplicaFixture.changed(0), VIOLATED),
        replica.outcome(new Position(chain.head(), 1)));
  }

  @Test
  void checksALoadAtItsEnd() throws SQLException {
    replica.run(
        chain, PARENT, "CREATE TABLE strict_child (id INTEGER PRIMARY KEY, p REFERENCES parent)");
    assertEquals(
        2,
        replica
            .run(
                chain,
                load("INSERT INTO strict_child VALUES (1, 5)", "INSERT INTO parent VALUES (5)"))
            .size());
    Position bad = chain.write(load("INSERT INTO strict_child VALUES (2, 6)"));
    assertEquals(
        new WriteOutcome.Executed(List.of(), Optional.of("FOREIGN KEY constraint failed")),
        replica.outcome(chain, bad));
    assertEquals(
        List.of(VIOLATED),
        replica.run(chain, EventChain.transaction("INSERT INTO strict_child VALUES (2, 6)")));
    assertEquals(List.of("1|5"), replica.read("SELECT * FROM strict_child"));
  }

  @Test
  void goesOnInTheMiddleOfARequestAfterAStop() throws Exception {
    replica.run(chain, PARENT, CHILD, "INSERT INTO parent VALUES (1)");
    Position position =
        chain.write(
            EventChain.statements(
                "INSERT INTO child VALUES (1, 1), (2, 1), (3, 1)",
                "INSERT INTO child VALUES (4, 99)",
                endless(),
                "INSERT INTO child SELECT 10 + changes(), 1",
                "INSERT INTO child SELECT 20 + last_insert_rowid(), 1"));
    replica.close();
    replica =
        new ReplicaFixture(folder.resolve("replica.db"), ReplicaFixture.limited(true, 200_000, 0));
    assertInstanceOf(ApplyResult.Held.class, replica.apply(chain));
    assertEquals(List.of("1", "2", "3"), replica.read("SELECT id FROM child"));
    replica.reopen(ReplicaFixture.settings(true));
    WriteOutcome resumed = replica.outcome(chain, position);
    try (ReplicaFixture other =
        new ReplicaFixture(folder.resolve("other.db"), ReplicaFixture.settings(true))) {
      assertEquals(other.outcome(chain, position), resumed);
      assertEquals(other.read("SELECT * FROM child"), replica.read("SELECT * FROM child"));
      assertEquals(other.digest(), replica.digest());
    }
  }

  /** Whatever entry a process dies at, the next one goes on there and ends the same. */
  @Test
  void endsTheSameWhereverItWasKilled() throws Exception {
    replica.run(chain, PARENT, CHILD);
    chain.append(
        chain.request(EventChain.statements("INSERT INTO parent VALUES (1)")),
        chain.request(
            EventChain.statements(
                "INSERT INTO child VALUES (1, 7)",
                "INSERT INTO child VALUES (2, 1)",
                "INSERT OR ROLLBACK INTO parent VALUES (1)",
                "INSERT INTO child VALUES (3, 1)")),
        chain.request(EventChain.transaction("INSERT INTO child VALUES (4, 9)")),
        chain.request(EventChain.keyed("k", "INSERT INTO child VALUES (5, 1)")),
        chain.request(EventChain.statements("INSERT INTO parent VALUES (random())")));
    chain.write("INSERT INTO parent VALUES (2)");
    Map<Position, Path> copies = new TreeMap<>();
    ApplyResult result =
        replica.apply(
            chain.events(),
            Map.of(),
            false,
            position -> {
              Path copy = folder.resolve("at-" + position + ".db");
              replica.copy(copy);
              copies.put(position, copy);
            });
    assertInstanceOf(ApplyResult.Applied.class, result);
    assertEquals(6, copies.size());
    for (Path copy : copies.values()) {
      try (ReplicaFixture killed = new ReplicaFixture(copy, ReplicaFixture.settings(true))) {
        assertInstanceOf(ApplyResult.Applied.class, killed.apply(chain), copy.toString());
        assertEquals(replica.digest(), killed.digest(), copy.toString());
        assertEquals(
            replica.read("SELECT * FROM _peqlite_digests"),
            killed.read("SELECT * FROM _peqlite_digests"),
            copy.toString());
      }
    }
  }

  private static String endless() {
    return "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
        + " INSERT INTO parent SELECT count(*) FROM n";
  }

  private static WriteRequest load(String... sql) {
    List<Statement> statements = EventChain.transaction(sql).statements();
    return new WriteRequest(statements, true, true, Optional.empty());
  }
}
