package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Position;
import sql.WriteOutcome;

/** Replicas that stood elsewhere when a verdict was ordered end with equal contents. */
class VerdictTest {

  @TempDir private Path folder;
  private final List<ReplicaFixture> replicas = new ArrayList<>();
  private int files;

  @AfterEach
  void close() {
    replicas.forEach(ReplicaFixture::close);
  }

  private ReplicaFixture replica(boolean foreignKeys, long stepLimit) throws ReplicaException {
    ReplicaFixture replica =
        new ReplicaFixture(
            folder.resolve(files++ + ".db"), ReplicaFixture.limited(foreignKeys, stepLimit, 0));
    replicas.add(replica);
    return replica;
  }

  private ReplicaFixture replica() throws ReplicaException {
    return replica(false, 0);
  }

  private static ApplyResult apply(
      ReplicaFixture replica, EventChain chain, Entry.Verdict... verdicts) {
    Map<Position, Entry.Verdict> known = new HashMap<>();
    for (Entry.Verdict verdict : verdicts) {
      known.put(verdict.position(), verdict);
    }
    return replica.apply(chain.events(), known, false, entry -> {});
  }

  private static ApplyResult applyHolding(
      ReplicaFixture replica, EventChain chain, Position held, boolean oneByOne) {
    return replica.apply(chain.events(), Map.of(), Set.of(held), oneByOne, entry -> {});
  }

  private static Entry.Verdict abort(Position position, int statement) {
    return new Entry.Verdict(position, statement, true, "too long");
  }

  private static Entry.Verdict run(Position position) {
    return new Entry.Verdict(position, 0, false, "");
  }

  /** A table, and an event of three requests of which the one in the middle is decided upon. */
  private static Position prepare(EventChain chain) {
    chain.write("CREATE TABLE log (v)");
    chain.append(
        chain.request(EventChain.statements("INSERT INTO log VALUES ('before')")),
        chain.request(EventChain.statements("INSERT INTO log VALUES ('it')")),
        chain.request(EventChain.statements("INSERT INTO log VALUES ('after')")));
    return new Position(chain.head(), 1);
  }

  private static List<String> logged(ReplicaFixture replica) throws SQLException {
    return replica.read("SELECT v FROM log");
  }

  // ---- Promises

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void staysBeforeWhatItPromisedToHold(boolean oneByOne) throws Exception {
    EventChain chain = EventChain.create();
    Position held = prepare(chain);
    ReplicaFixture replica = replica();
    for (int i = 0; i < 2; i++) {
      ApplyResult.Held result =
          assertInstanceOf(ApplyResult.Held.class, applyHolding(replica, chain, held, oneByOne));
      assertEquals(held, result.position());
      assertEquals(List.of("before"), logged(replica));
    }
    chain.append(run(held));
    assertEquals(
        new ApplyResult.Applied(),
        replica.apply(
            chain.events(), Map.of(held, run(held)), Set.of(held), oneByOne, entry -> {}));
    assertEquals(List.of("before", "it", "after"), logged(replica));
  }

  @Test
  void givesUpWhatItPromisedToHold() throws Exception {
    EventChain chain = EventChain.create();
    Position held = prepare(chain);
    ReplicaFixture replica = replica();
    applyHolding(replica, chain, held, false);
    Entry.Verdict verdict = abort(held, 0);
    chain.append(verdict);
    assertEquals(
        new ApplyResult.Applied(),
        replica.apply(chain.events(), Map.of(held, verdict), Set.of(held), false, entry -> {}));
    assertEquals(List.of("before", "after"), logged(replica));
    assertEquals(new WriteOutcome.Aborted("too long"), replica.outcome(held));
  }

  @Test
  void aPromiseOnWhatIsPastChangesNothing() throws Exception {
    EventChain chain = EventChain.create();
    Position held = prepare(chain);
    ReplicaFixture replica = replica();
    replica.apply(chain);
    chain.write("INSERT INTO log VALUES ('next')");
    assertEquals(new ApplyResult.Applied(), applyHolding(replica, chain, held, false));
  }

  @Test
  void saysWhetherARequestIsPast() throws Exception {
    EventChain chain = EventChain.create();
    Position held = prepare(chain);
    ReplicaFixture replica = replica();
    applyHolding(replica, chain, held, false);
    Position before = new Position(held.seq(), held.index() - 1);
    assertEquals(true, replica.applier().isPast(before));
    assertEquals(false, replica.applier().isPast(held));
    assertEquals(true, replica.applier().isPast(new Position(held.seq() - 1, 900)));
    assertEquals(false, replica.applier().isPast(new Position(held.seq() + 1, 0)));
    apply(replica, chain);
    assertEquals(true, replica.applier().isPast(held));
  }

  // ---- Given up after it was applied

  @Test
  void saysThatItHasAppliedWhatIsGivenUp() throws Exception {
    EventChain chain = EventChain.create();
    Position given = prepare(chain);
    ReplicaFixture replica = replica();
    replica.apply(chain);
    Entry.Verdict verdict = abort(given, 0);
    chain.append(chain.request(EventChain.statements("INSERT INTO log VALUES ('x')")), verdict);
    for (int i = 0; i < 2; i++) {
      assertEquals(new ApplyResult.Discarded(given), apply(replica, chain));
      assertEquals(chain.head() - 1, replica.seq());
      assertEquals(List.of("before", "it", "after"), logged(replica), "part of an event stays");
    }
    ReplicaFixture anew = replica();
    assertEquals(new ApplyResult.Applied(), apply(anew, chain, verdict));
    assertEquals(List.of("before", "after", "x"), logged(anew));
    assertEquals(new WriteOutcome.Aborted("too long"), anew.outcome(given));
  }

  /** Verdict and request may be far apart, and a restart may lie between. */
  @Test
  void remembersOverARestartWhatItHasGivenUp() throws Exception {
    EventChain chain = EventChain.create();
    Position given = prepare(chain);
    Entry.Verdict verdict = abort(given, 0);
    ReplicaFixture replica = replica();
    assertEquals(new ApplyResult.Applied(), apply(replica, chain, verdict));
    replica.reopen();
    chain.append(verdict);
    assertEquals(new ApplyResult.Applied(), apply(replica, chain));
    chain.append(verdict);
    assertEquals(new ApplyResult.Applied(), apply(replica, chain), "ordered twice");
    assertEquals(List.of("before", "after"), logged(replica));
  }

  @Test
  void aRequestThatRanByAVerdictMayStillBeGivenUp() throws Exception {
    EventChain chain = EventChain.create();
    Position given = prepare(chain);
    ReplicaFixture replica = replica();
    chain.append(run(given));
    assertEquals(new ApplyResult.Applied(), apply(replica, chain, run(given)));
    Entry.Verdict verdict = abort(given, 0);
    chain.append(verdict);
    assertEquals(new ApplyResult.Discarded(given), apply(replica, chain));
    assertEquals(new ApplyResult.Applied(), apply(replica(), chain, verdict));
  }

  @Test
  void aRepeatThatIsGivenUpIsGivenUpToo() throws Exception {
    EventChain chain = EventChain.create();
    prepare(chain);
    chain.append(
        EventChain.submitted(
            EventChain.SESSION, 2, EventChain.statements("INSERT INTO log VALUES ('repeat')")));
    Position repeat = new Position(chain.head(), 0);
    Entry.Verdict verdict = abort(repeat, 0);
    chain.append(verdict);
    ReplicaFixture replica = replica();
    assertEquals(new ApplyResult.Applied(), apply(replica, chain, verdict));
    assertEquals(List.of("before", "it", "after"), logged(replica));
  }

  /** A process may have died where no request stands: the verdict changes nothing there. */
  @Test
  void aVerdictOnWhatIsNoRequestHasNoEffect() throws Exception {
    EventChain chain = EventChain.create();
    prepare(chain);
    chain.append(
        new Entry.Cancelled(EventChain.SESSION, 900), new Entry.SessionOpened("n9", "other"));
    long seq = chain.head();
    Entry.Verdict[] verdicts = {
      abort(new Position(1, 0), 0), abort(new Position(seq, 0), 0), abort(new Position(seq, 1), 0)
    };
    chain.append(verdicts);
    ReplicaFixture replica = replica();
    assertEquals(new ApplyResult.Applied(), apply(replica, chain, verdicts));
    assertEquals(chain.head(), replica.seq());
    assertEquals(
        List.of("2"), replica.read("SELECT count(*) FROM _peqlite_sessions"), "it was opened");
  }

  @Test
  void givesUpALargeRequest() throws Exception {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE log (v)");
    byte[] request = RequestCodec.encode(EventChain.statements("INSERT INTO log VALUES ('large')"));
    for (int i = 0; i < 3; i++) {
      byte[] bytes =
          Arrays.copyOfRange(request, i * request.length / 3, (i + 1) * request.length / 3);
      chain.append(new Entry.Part(EventChain.SESSION, 2, i, 3, bytes));
    }
    Position given = new Position(chain.head(), 0);
    ReplicaFixture applied = replica();
    assertEquals(new ApplyResult.Applied(), apply(applied, chain));
    Entry.Verdict verdict = abort(given, 0);
    chain.append(verdict);
    assertEquals(new ApplyResult.Discarded(given), apply(applied, chain));
    ReplicaFixture anew = replica();
    assertEquals(new ApplyResult.Applied(), apply(anew, chain, verdict));
    assertEquals(List.of(), logged(anew));
    assertEquals(List.of("0"), anew.read("SELECT count(*) FROM _peqlite_parts"));
  }

  // ---- Requests whose statements have a transaction each

  /** Takes some thousand steps, times the number. */
  private static String costly(int times) {
    return "INSERT INTO log WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT "
        + 1000 * times
        + ") SELECT count(*) FROM n";
  }

  /** A request that is cut because of deferred foreign keys; each statement costs far more. */
  private static Position prepareCut(EventChain chain) {
    chain.write("CREATE TABLE p (id INTEGER PRIMARY KEY)");
    chain.write("CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    chain.write("CREATE TABLE log (v)");
    Position position =
        chain.write(
            EventChain.statements(
                "INSERT INTO log VALUES ('first')",
                costly(1),
                costly(10),
                costly(100),
                "INSERT INTO log SELECT 'last of ' || last_insert_rowid()"));
    chain.write("INSERT INTO log VALUES ('behind')");
    return position;
  }

  /** Where a replica with this limit stops in it. */
  private ReplicaFixture stoppedAt(EventChain chain, Position position, int statement)
      throws Exception {
    long limit = new long[] {0, 2_000, 30_000, 300_000}[statement];
    ReplicaFixture replica = replica(true, limit);
    ApplyResult.Held held = assertInstanceOf(ApplyResult.Held.class, replica.apply(chain.from(1)));
    assertEquals(position, held.position());
    assertEquals(statement, replica.applier().statementsApplied(position));
    return replica;
  }

  private void assertEqualContents() throws SQLException {
    String digests = "SELECT seq, digest FROM _peqlite_digests ORDER BY seq";
    for (ReplicaFixture replica : replicas) {
      assertEquals(replicas.get(0).read("SELECT * FROM log"), replica.read("SELECT * FROM log"));
      assertEquals(replicas.get(0).digest(), replica.digest());
      assertEquals(replicas.get(0).read(digests), replica.read(digests));
    }
  }

  @Test
  void replicasThatStoodElsewhereGiveUpFromTheSameStatementOn() throws Exception {
    EventChain chain = new EventChain(EventChain.FOREIGN_KEYS);
    Position position = prepareCut(chain);
    ReplicaFixture at1 = stoppedAt(chain, position, 1);
    ReplicaFixture at2 = stoppedAt(chain, position, 2);
    ReplicaFixture promised = replica(true, 0);
    applyHolding(promised, chain, position, false);
    Entry.Verdict verdict = abort(position, 2);
    chain.append(verdict);
    chain.write("INSERT INTO log VALUES ('later')");
    ReplicaFixture anew = replica(true, 2_000);
    for (ReplicaFixture replica : List.of(at1, at2, promised, anew)) {
      assertEquals(new ApplyResult.Applied(), apply(replica, chain, verdict));
    }
    assertEquals(List.of("first", "1000", "behind", "later"), logged(at1));
    assertEqualContents();
  }

  @Test
  void replicasThatStoodElsewhereRunToTheEnd() throws Exception {
    EventChain chain = new EventChain(EventChain.FOREIGN_KEYS);
    Position position = prepareCut(chain);
    List<ReplicaFixture> all =
        List.of(
            stoppedAt(chain, position, 1),
            stoppedAt(chain, position, 2),
            stoppedAt(chain, position, 3),
            replica(true, 0));
    chain.append(run(position));
    for (ReplicaFixture replica : all) {
      assertEquals(new ApplyResult.Applied(), apply(replica, chain, run(position)));
    }
    assertEquals(
        List.of("first", "1000", "10000", "100000", "last of 4", "behind"), logged(all.get(0)));
    assertEqualContents();
  }

  /** It was not asked, or not heard, when the verdict was given. */
  @Test
  void aReplicaThatHasCommittedMoreThanTheVerdictLeavesIsMadeAnew() throws Exception {
    EventChain chain = new EventChain(EventChain.FOREIGN_KEYS);
    Position position = prepareCut(chain);
    ReplicaFixture at3 = stoppedAt(chain, position, 3);
    Entry.Verdict verdict = abort(position, 2);
    chain.append(verdict);
    assertEquals(new ApplyResult.Discarded(position), apply(at3, chain, verdict));
    ReplicaFixture at1 = stoppedAt(chain, position, 1);
    assertEquals(new ApplyResult.Applied(), apply(at1, chain, verdict));
    assertEquals(List.of("first", "1000", "behind"), logged(at1));
  }

  /** Nobody who was asked had begun with it: nothing of it stays anywhere. */
  @Test
  void nothingStaysOfWhatIsGivenUpFromItsBeginning() throws Exception {
    EventChain chain = new EventChain(EventChain.FOREIGN_KEYS);
    Position position = prepareCut(chain);
    ReplicaFixture begun = stoppedAt(chain, position, 1);
    Entry.Verdict verdict = abort(position, 0);
    chain.append(verdict);
    ApplyResult result = apply(begun, chain, verdict);
    ReplicaFixture promised = replica(true, 0);
    apply(promised, chain, verdict);
    assertEquals(List.of("behind"), logged(promised));
    if (result instanceof ApplyResult.Applied) {
      assertEqualContents();
    } else {
      assertEquals(new ApplyResult.Discarded(position), result);
    }
  }

  // ---- The release before

  @Test
  void opensADatabaseThatDoesNotKnowOfVerdictsYet() throws Exception {
    EventChain chain = EventChain.create();
    Position given = prepare(chain);
    ReplicaFixture replica = replica();
    replica.apply(chain.events().subList(0, 2));
    replica.close();
    try (Connection connection =
            DriverManager.getConnection("jdbc:sqlite:" + folder.resolve("0.db"));
        Statement statement = connection.createStatement()) {
      statement.execute("DROP TABLE _peqlite_aborted");
    }
    replica.reopen();
    Entry.Verdict verdict = abort(given, 0);
    chain.append(verdict);
    assertEquals(new ApplyResult.Applied(), apply(replica, chain, verdict));
    assertEquals(List.of("before", "after"), logged(replica));
  }
}
