package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.IdempotencyKey;
import sql.Position;
import sql.StatementResult;
import sql.WriteOutcome;
import sql.WriteRequest;

/** What a client's own key makes of a request that is sent again. */
class IdempotencyKeysTest {

  private static final String INSERT = "INSERT INTO log VALUES (random())";

  @TempDir private Path folder;
  private EventChain chain = EventChain.create();
  private ReplicaFixture replica;

  @BeforeEach
  void open() throws ReplicaException {
    replica = ReplicaFixture.open(folder);
    replica.run(chain, "CREATE TABLE log (v)");
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void answersARepeatWithTheFirstOutcome() throws SQLException {
    Position first = chain.write(EventChain.keyed("k", INSERT, "INSERT INTO nowhere VALUES (1)"));
    WriteOutcome outcome = replica.outcome(chain, first);
    Position second = chain.write(EventChain.keyed("k", INSERT, "INSERT INTO nowhere VALUES (1)"));
    assertEquals(
        new WriteOutcome.Duplicate(first, Optional.of(outcome)), replica.outcome(chain, second));
    assertEquals(1, logged());
  }

  @Test
  void keepsReturnedRowsWithTheKey() {
    WriteRequest request =
        EventChain.keyed("k", "INSERT INTO log VALUES (1.5), ('x'), (x'00ff'), (NULL) RETURNING v");
    Position first = chain.write(request);
    WriteOutcome outcome = replica.outcome(chain, first);
    assertEquals(
        new WriteOutcome.Duplicate(first, Optional.of(outcome)),
        replica.outcome(chain, chain.write(request)));
    assertEquals(4, ((StatementResult.Rows) results(outcome).get(0)).rows().size());
  }

  @Test
  void refusesAnotherRequestUnderTheSameKey() throws SQLException {
    Position first = chain.write(EventChain.keyed("k", INSERT));
    Position second = chain.write(EventChain.keyed("k", INSERT + " -- other"));
    assertEquals(new WriteOutcome.KeyConflict(first), replica.outcome(chain, second));
    assertEquals(1, logged());
  }

  @Test
  void tellsUsersApart() throws SQLException {
    for (String user : List.of("anna", "ben")) {
      WriteRequest request = EventChain.statements(INSERT);
      chain.write(
          new WriteRequest(
              request.statements(), false, false, Optional.of(new IdempotencyKey(user, "k"))));
    }
    assertEquals(new ApplyResult.Applied(), replica.apply(chain));
    assertEquals(2, logged());
  }

  @Test
  void forgetsAKeyAfterItsAge() throws SQLException {
    chain.write(EventChain.keyed("k", INSERT));
    for (int i = 0; i < 7; i++) {
      chain.later(Duration.ofSeconds(9)).write(INSERT); // each event is a second later by itself
    }
    Position again = chain.write(EventChain.keyed("k", INSERT));
    assertInstanceOf(WriteOutcome.Executed.class, replica.outcome(chain, again));
    assertEquals(9, logged());
    assertEquals(List.of("1"), replica.read("SELECT key_count FROM _peqlite_position"));
  }

  @Test
  void forgetsNothingEarlyBecauseOfOneWildClock() throws SQLException {
    chain.write(EventChain.keyed("k", INSERT));
    chain.later(Duration.ofDays(3650)).write(INSERT);
    chain.write(INSERT);
    Position again = chain.write(EventChain.keyed("k", INSERT));
    assertInstanceOf(WriteOutcome.Duplicate.class, replica.outcome(chain, again));
    assertEquals(3, logged());
  }

  @Test
  void refusesNewKeysWhenTheStoreIsFullButKnowsTheOldOnes() throws Exception {
    useSettings(new ReplicatedSettings(false, Duration.ofMinutes(1), 2, 1 << 10));
    chain.write(EventChain.keyed("a", INSERT));
    chain.write(EventChain.keyed("b", INSERT));
    Position third = chain.write(EventChain.keyed("c", INSERT));
    Position repeat = chain.write(EventChain.keyed("a", INSERT));
    chain.write(INSERT);
    assertEquals(new WriteOutcome.KeyStoreFull(), replica.outcome(chain, third));
    assertInstanceOf(WriteOutcome.Duplicate.class, replica.outcome(repeat));
    assertEquals(3, logged());
    for (int i = 0; i < 7; i++) {
      chain.later(Duration.ofSeconds(9)).append();
    }
    Position later = chain.write(EventChain.keyed("c", INSERT));
    assertInstanceOf(WriteOutcome.Executed.class, replica.outcome(chain, later));
  }

  @Test
  void keepsNoOutcomeThatIsTooLarge() throws SQLException {
    WriteRequest request =
        EventChain.keyed("k", "INSERT INTO log VALUES (hex(zeroblob(1000))) RETURNING v");
    Position first = chain.write(request);
    assertInstanceOf(StatementResult.Rows.class, results(replica.outcome(chain, first)).get(0));
    assertEquals(
        new WriteOutcome.Duplicate(first, Optional.empty()),
        replica.outcome(chain, chain.write(request)));
    assertEquals(1, logged());
  }

  @Test
  void keepsTheSameWhateverANodeIsSetToReturn() throws Exception {
    for (int size = 1; size < 2000; size += 97) {
      chain.write(
          EventChain.keyed(
              "k" + size, "INSERT INTO log VALUES (hex(zeroblob(" + size + "))) RETURNING v"));
    }
    replica.apply(chain);
    ApplySettings small =
        new ApplySettings(EventChain.NODE, false, 0, 2 << 20, 16, 100, 16 << 20, 0);
    try (ReplicaFixture other = new ReplicaFixture(folder.resolve("small.db"), small)) {
      assertEquals(new ApplyResult.Applied(), other.apply(chain));
      assertEquals(replica.digest(), other.digest());
    }
    List<String> kept = replica.read("SELECT count(*), count(outcome) FROM _peqlite_keys");
    assertTrue(kept.get(0).startsWith("21|") && !kept.get(0).equals("21|21"), kept.get(0));
  }

  @Test
  void keepsAKeyWithARequestThatIsCutInPieces() throws Exception {
    useSettings(new ReplicatedSettings(true, Duration.ofMinutes(1), 1000, 1 << 10));
    replica.run(
        chain,
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    WriteRequest request =
        EventChain.keyed("k", "INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (2)");
    Position first = chain.write(request);
    WriteOutcome outcome = replica.outcome(chain, first);
    assertEquals(
        new WriteOutcome.Duplicate(first, Optional.of(outcome)),
        replica.outcome(chain, chain.write(request)));
  }

  private void useSettings(ReplicatedSettings settings) throws ReplicaException {
    replica.close();
    chain = new EventChain(settings);
    replica =
        new ReplicaFixture(
            folder.resolve("other.db"), ReplicaFixture.settings(settings.foreignKeys()));
    replica.run(chain, "CREATE TABLE log (v)");
  }

  private static List<StatementResult> results(WriteOutcome outcome) {
    return ((WriteOutcome.Executed) outcome).results();
  }

  private int logged() throws SQLException {
    return Integer.parseInt(replica.read("SELECT count(*) FROM log").get(0));
  }
}
