package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Position;
import sql.StatementResult;
import sql.WriteOutcome;

/** A request that takes too many steps is held, and goes on as a verdict says. */
class HeldRequestTest {

  private static final String ENDLESS =
      "INSERT INTO log WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
          + " SELECT count(*) FROM n";

  @TempDir private Path folder;
  private EventChain chain = EventChain.create();
  private ReplicaFixture replica;

  @BeforeEach
  void open() throws ReplicaException {
    replica =
        new ReplicaFixture(folder.resolve("replica.db"), ReplicaFixture.limited(false, 200_000, 0));
    replica.run(chain, "CREATE TABLE log (v)");
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void appliesEverythingBeforeIt(boolean oneByOne) throws SQLException {
    Position position = event();
    for (int i = 0; i < 2; i++) {
      ApplyResult result = replica.apply(chain.events(), Map.of(), oneByOne, entry -> {});
      assertEquals(position, ((ApplyResult.Held) result).position());
      assertEquals(List.of("before"), logged());
      assertEquals(chain.head() - 1, replica.seq());
    }
  }

  @Test
  void runsWithoutLimitAfterAVerdict() throws SQLException {
    Position position = event();
    replica.apply(chain);
    assertEquals(new ApplyResult.Applied(), decide(position, false));
    assertEquals(List.of("before", "100000", "100000", "after"), logged());
  }

  @Test
  void isGivenUpByAVerdict() throws SQLException {
    Position position = event();
    replica.apply(chain);
    assertEquals(new ApplyResult.Applied(), decide(position, true));
    assertEquals(List.of("before", "after"), logged());
    assertEquals(new WriteOutcome.Aborted("too long"), replica.outcome(position));
    // Its number is used up.
    chain.append(
        EventChain.submitted(
            EventChain.SESSION, 3, EventChain.statements("INSERT INTO log VALUES ('again')")));
    replica.apply(chain);
    assertEquals(List.of("before", "after"), logged());
  }

  /** A verdict to run a request need not be the last word. */
  @Test
  void stopsARequestWithoutALimitThatIsGivenUpMeanwhile() throws SQLException {
    Position position = chain.write(EventChain.statements(ENDLESS.replace(" LIMIT 100000", "")));
    List<Position> asked = new ArrayList<>();
    EventApplier.EntryWatch watch =
        new EventApplier.EntryWatch() {
          @Override
          public void before(Position entry) {}

          @Override
          public boolean isGivenUp(Position running) {
            asked.add(running);
            return asked.size() == 2;
          }
        };
    ApplyResult result =
        replica.apply(
            chain.events(),
            Map.of(position, new Entry.Verdict(position, 0, false, "")),
            false,
            watch);
    assertEquals(position, ((ApplyResult.Held) result).position());
    assertEquals(List.of(position, position), asked);
    assertEquals(new ApplyResult.Applied(), decide(position, true));
    assertEquals(List.of(), logged());
  }

  @Test
  void countsEachRequestByItself() throws SQLException {
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      entries.add(chain.request(EventChain.statements(ENDLESS.replace("100000", "3000"))));
    }
    chain.append(entries);
    assertEquals(new ApplyResult.Applied(), replica.apply(chain));
    assertEquals(List.of("20"), replica.read("SELECT count(*) FROM log"));
  }

  /** Statements of a request that is cut in pieces stay, as those of any without transaction do. */
  @Test
  void keepsWhatWasCommittedOfARequestThatIsGivenUp() throws Exception {
    replica.close();
    chain = new EventChain(EventChain.FOREIGN_KEYS);
    replica =
        new ReplicaFixture(folder.resolve("cut.db"), ReplicaFixture.limited(true, 200_000, 0));
    replica.run(
        chain,
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TABLE log (v)");
    Position position =
        chain.write(
            EventChain.statements(
                "INSERT INTO log VALUES ('first')",
                "INSERT INTO c VALUES (9)",
                ENDLESS,
                "INSERT INTO log VALUES ('last')"));
    Position behind = chain.write(EventChain.statements("INSERT INTO log VALUES ('behind')"));
    assertInstanceOf(ApplyResult.Held.class, replica.apply(chain));
    assertEquals(
        new ApplyResult.Applied(), decide(new Entry.Verdict(position, 2, true, "too long")));
    assertEquals(List.of("first", "behind"), logged());
    StatementResult given = new StatementResult.Failed("not applied: too long", 0, 0);
    assertEquals(
        ReplicaFixture.executed(
            ReplicaFixture.inserted(1, 1),
            new StatementResult.Failed("FOREIGN KEY constraint failed", 787, 0),
            given,
            given),
        replica.outcome(position));
    assertEquals(ReplicaFixture.executed(ReplicaFixture.inserted(1, 2)), replica.outcome(behind));
    assertEquals(List.of("3|"), replica.read("SELECT low, strays FROM _peqlite_sessions"));
  }

  @Test
  void stopsInTheMiddleOfARequest() throws SQLException {
    Position position = event();
    ApplyResult result =
        replica.apply(
            chain.events(),
            Map.of(position, new Entry.Verdict(position, 0, false, "")),
            false,
            entry -> {
              if (entry.equals(position)) {
                replica.applier().stop();
              }
            });
    assertEquals(position, ((ApplyResult.Failed) result).position());
    assertEquals(2, replica.seq());
    assertEquals(List.of(), logged());
  }

  private Position event() {
    chain.append(
        chain.request(EventChain.statements("INSERT INTO log VALUES ('before')")),
        chain.request(EventChain.transaction(ENDLESS, ENDLESS)),
        chain.request(EventChain.statements("INSERT INTO log VALUES ('after')")));
    return new Position(chain.head(), 1);
  }

  private ApplyResult decide(Position position, boolean abort) {
    return decide(new Entry.Verdict(position, 0, abort, "too long"));
  }

  private ApplyResult decide(Entry.Verdict verdict) {
    chain.append(verdict);
    return replica.apply(chain.events(), Map.of(verdict.position(), verdict), false, entry -> {});
  }

  private List<String> logged() throws SQLException {
    return replica.read("SELECT v FROM log");
  }
}
