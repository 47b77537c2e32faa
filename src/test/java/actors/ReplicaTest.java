package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;
import storage.AppliedEntry;
import storage.ApplySettings;
import storage.DatabaseConnections;
import storage.DatabaseCopy;
import storage.Entry;
import storage.Journal;
import storage.ReadPool;
import storage.ReadSettings;
import storage.ReplicaFiles;

/** A replica over a real database and a journal that is written by hand. */
class ReplicaTest {

  private static final Duration LONG = Duration.ofSeconds(20);
  private static final String RUNAWAY =
      "INSERT INTO log WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
          + " SELECT count(*) FROM n";

  @TempDir private Path folder;
  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final MemoryJournal events = new MemoryJournal("the journal");
  private final GatedJournal journal = new GatedJournal(events);
  private ActorTestKit testKit;
  private TestProbe<WriteSession.Command> session;
  private TestProbe<Sequencer.Command> sequencer;
  private ReadPool reads;
  private ReplicaGauge gauge = new ReplicaGauge();
  private @Nullable ActorRef<Replica.Command> replica;
  private volatile SnapshotRestore.Result snapshot = SnapshotRestore.Result.none("none", true);
  private final List<SnapshotRestore.Wanted> wanted =
      Collections.synchronizedList(new ArrayList<>());
  private long stepLimit;
  private long catchUpBytesPerSecond = 1L << 40;
  private Duration holdAfter = LONG;

  @BeforeEach
  void prepare() {
    testKit = ActorTestKit.create(TestConfig.local());
    session = testKit.createTestProbe();
    sequencer = testKit.createTestProbe();
    reads =
        ReadPool.open(
            databaseFile(),
            new ReadSettings(1, 10, false, 1 << 20, DatabaseConnections.LENGTH_MAX));
    events.write("CREATE TABLE log (v)");
  }

  @AfterEach
  void stop() {
    journal.letThrough();
    testKit.shutdownTestKit();
    reads.close();
    executor.shutdownNow();
  }

  private Path databaseFile() {
    return folder.resolve("database.db");
  }

  private ActorRef<Replica.Command> start() {
    return start(journal);
  }

  private ActorRef<Replica.Command> start(Journal from) {
    gauge = new ReplicaGauge();
    TestProbe<NodeMessage> gateway = testKit.createTestProbe();
    SequencerLink link = new SequencerLink();
    link.set(new SequencerLink.Target(sequencer.getRef(), gateway.getRef(), 1, "a", true));
    ActorRef<Replica.Command> started =
        testKit.spawn(
            Replica.create(
                new Replica.Settings(
                    holdAfter,
                    Duration.ofMillis(20),
                    Duration.ofMillis(100),
                    4,
                    50_000,
                    catchUpBytesPerSecond,
                    1 << 20),
                new ApplySettings("a", false, stepLimit, 1 << 20, 16, 1 << 20, 16 << 20, 0),
                databaseFile(),
                folder.resolve("attempt"),
                from,
                executor,
                reads,
                gauge,
                new NodeMetrics(),
                new ApplierHandle(),
                link,
                "process"),
            DispatcherSelector.fromConfig(Guardian.APPLY_DISPATCHER));
    TestProbe<ReadGate.Command> readGate = testKit.createTestProbe();
    ActorRef<SnapshotKeeper.Command> snapshots =
        testKit.spawn(Behaviors.receiveMessage(this::keeper));
    started.tell(new Replica.Start(session.getRef(), readGate.getRef(), snapshots, true));
    replica = started;
    return started;
  }

  /** Gives what the test has put there, once. */
  private Behavior<SnapshotKeeper.Command> keeper(SnapshotKeeper.Command command) {
    if (command instanceof SnapshotKeeper.Restore restore) {
      wanted.add(restore.wanted());
      SnapshotRestore.Result next = snapshot;
      if (next.database().isPresent()) {
        snapshot = SnapshotRestore.Result.none("none", true);
      }
      restore.replyTo().tell(new Replica.Restored(next));
    }
    return Behaviors.same();
  }

  /** What can be restored next is the database as it is now. */
  private void takeSnapshot() throws Exception {
    Path copy = folder.resolve("snapshot");
    try (Connection source = reads.connect()) {
      long seq = DatabaseCopy.take(source, copy);
      snapshot = new SnapshotRestore.Result(Optional.of(copy), seq, "as a test", true);
    }
  }

  private void loseDatabase() throws Exception {
    testKit.stop(replica());
    for (String suffix : List.of("", "-wal", "-shm")) {
      Files.deleteIfExists(databaseFile().resolveSibling(databaseFile().getFileName() + suffix));
    }
  }

  private void restart() {
    testKit.stop(replica());
    start();
  }

  private ActorRef<Replica.Command> replica() {
    ActorRef<Replica.Command> current = replica;
    return current == null ? start() : current;
  }

  private void push(long seq) {
    replica().tell(new Replica.Push(seq, events.event(seq).bytes()));
  }

  /** The sequencer says how far the journal is. */
  private void head(long compare) throws Exception {
    replica().tell(new Replica.Head(events.head(), 1, "a", sequencer.getRef(), 0, compare));
  }

  private void await(ReplicaGauge.State state, long applied) {
    session.awaitAssert(
        LONG,
        () -> {
          ReplicaGauge.Reading now = gauge.read();
          assertEquals(state + " at " + applied, now.state() + " at " + now.applied());
          return null;
        });
  }

  private void awaitAllApplied() throws Exception {
    await(ReplicaGauge.State.APPLYING, events.head());
  }

  private List<String> logged() throws SQLException {
    List<String> values = new ArrayList<>();
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + databaseFile());
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT v FROM log")) {
      while (row.next()) {
        values.add(row.getString(1));
      }
    }
    return values;
  }

  private void change(String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + databaseFile());
        Statement statement = connection.createStatement()) {
      assertEquals(1, statement.executeUpdate(sql));
    }
  }

  /** Tells it that what it says now of its outcomes is wrong, if it says anything. */
  private void diverge(long seq) {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + databaseFile());
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT digest FROM _peqlite_digests WHERE seq = " + seq)) {
      if (row.next()) {
        replica().tell(new Replica.Diverged(seq, row.getLong(1)));
      }
    } catch (SQLException beingMadeAnew) {
      // It has no tables yet, and says nothing.
    }
  }

  private Replica.WhereAnswer where() {
    TestProbe<Replica.WhereAnswer> answer = testKit.createTestProbe();
    replica().tell(new Replica.AskWhere(answer.getRef()));
    return answer.receiveMessage(LONG);
  }

  private Sequencer.HoldAnswer promise(Position position) {
    TestProbe<Sequencer.Command> answer = testKit.createTestProbe();
    replica().tell(new Replica.AskHold(position, answer.getRef()));
    return answer.expectMessageClass(Sequencer.HoldAnswer.class, LONG);
  }

  private static Entry.Verdict verdict(Position position, boolean abort) {
    return new Entry.Verdict(position, 0, abort, "because");
  }

  // ---- Applying

  @Test
  void appliesWhatIsPushedAndReadsWhatIsMissing() throws Exception {
    start();
    awaitAllApplied();
    events.write("INSERT INTO log VALUES (1)");
    events.write("INSERT INTO log VALUES (2)");
    events.write("INSERT INTO log VALUES (3)");
    push(5);
    push(4);
    awaitAllApplied();
    assertEquals(List.of("1", "2", "3"), logged());
    for (int i = 0; i < 20; i++) {
      events.write("INSERT INTO log VALUES (4)");
    }
    head(0);
    awaitAllApplied();
  }

  @Test
  void tellsTheSessionOfItsNode() {
    start();
    WriteSession.Applied told = session.expectMessageClass(WriteSession.Applied.class, LONG);
    assertEquals(
        new AppliedEntry.SessionOpened(MemoryJournal.SESSION, "process/1"), told.entries().get(0));
  }

  /** Only the journal itself can tell that something is wrong. */
  @Test
  void aPushThatDoesNotFitConvictsNobody() throws Exception {
    start();
    awaitAllApplied();
    MemoryJournal another = new MemoryJournal("another journal");
    another.write("CREATE TABLE other (v)");
    another.write("CREATE TABLE other2 (v)");
    events.write("INSERT INTO log VALUES (1)");
    replica().tell(new Replica.Push(3, another.event(3).bytes()));
    awaitAllApplied();
    assertEquals(List.of("1"), logged());
  }

  @Test
  void servesNothingBelowTheHeadThatWasKnownAtItsStart() throws Exception {
    for (int i = 0; i < 30; i++) {
      events.write("INSERT INTO log VALUES (1)");
    }
    journal.hold();
    start();
    journal.awaitQuestion();
    assertFalse(gauge.read().servesReads());
    assertFalse(gauge.read().servesNone());
    journal.letThrough();
    awaitAllApplied();
    assertTrue(gauge.read().servesReads());
  }

  /** As a copy of the journal does that is behind what the others say of it. */
  @Test
  void asksAgainWhenTheJournalGivesLessThanItSays() throws Exception {
    for (int i = 0; i < 30; i++) {
      events.write("INSERT INTO log VALUES (1)");
    }
    events.giveNothing(3);
    start();
    awaitAllApplied();
    assertTrue(gauge.read().servesReads());
  }

  @Test
  void servesOnlyLevelNoneWhileTheJournalIsAwayAtItsStart() throws Exception {
    start();
    awaitAllApplied();
    events.away(true);
    restart();
    await(ReplicaGauge.State.FAILED, 2);
    assertTrue(gauge.read().servesNone());
    assertFalse(gauge.read().servesReads());
    assertFalse(gauge.read().mayJoin());
    events.away(false);
    awaitAllApplied();
    assertTrue(gauge.read().servesReads());
  }

  @Test
  void learnsTheHeadFromTheJournalWhileThereIsNoSequencer() throws Exception {
    start();
    awaitAllApplied();
    events.write("INSERT INTO log VALUES (1)");
    awaitAllApplied();
  }

  @Test
  void saysWhereItIs() throws Exception {
    start();
    awaitAllApplied();
    Replica.WhereAnswer where = where();
    assertEquals("a", where.nodeId());
    assertEquals("the journal", where.journalId());
    assertEquals(2, where.seq());
  }

  // ---- Journals that do not fit

  @Test
  void goesOutOfServiceWhenTheJournalHasLostItsEnd() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    events.cutBehind(2);
    await(ReplicaGauge.State.OUT_OF_SERVICE, 3);
    assertTrue(gauge.read().suspectsJournal());
    assertTrue(gauge.read().mayJoin(), "the others must hear of it");
    assertEquals(3, where().seq());
  }

  @Test
  void goesOutOfServiceWhenTheJournalHoldsAnotherEvent() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    testKit.stop(replica());
    events.cutBehind(2);
    events.write("INSERT INTO log VALUES (2)");
    events.write("INSERT INTO log VALUES (3)");
    start();
    await(ReplicaGauge.State.OUT_OF_SERVICE, 3);
    assertTrue(gauge.read().suspectsJournal());
    assertEquals(List.of("1"), logged());
  }

  @Test
  void goesOutOfServiceInFrontOfAnotherJournal() throws Exception {
    start();
    awaitAllApplied();
    testKit.stop(replica());
    MemoryJournal another = new MemoryJournal("another journal");
    another.write("CREATE TABLE other (v)");
    start(another);
    await(ReplicaGauge.State.OUT_OF_SERVICE, 2);
    assertFalse(gauge.read().suspectsJournal());
    assertFalse(gauge.read().mayJoin());
  }

  /** Only an operator's act brings it back. */
  @Test
  void staysOutOfServiceWhateverIsAsked() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    replica().tell(new Replica.Condemn("as a test"));
    await(ReplicaGauge.State.OUT_OF_SERVICE, 3);
    Files.delete(databaseFile());
    Files.createDirectory(databaseFile());
    TestProbe<Sequencer.Command> answer = testKit.createTestProbe();
    replica().tell(new Replica.AskHold(new Position(9, 0), answer.getRef()));
    events.write("INSERT INTO log VALUES (2)");
    head(3);
    replica().tell(new Replica.Diverged(3, 0));
    push(4);
    where();
    await(ReplicaGauge.State.OUT_OF_SERVICE, 3);
  }

  // ---- Requests that cannot be applied

  private List<String> reportedFor(Position position) {
    Sequencer.ReportHeld report =
        (Sequencer.ReportHeld)
            sequencer
                .fishForMessage(
                    LONG,
                    message ->
                        message instanceof Sequencer.ReportHeld
                            ? FishingOutcomes.complete()
                            : FishingOutcomes.continueAndIgnore())
                .get(0);
    assertEquals(position, report.position());
    return report.processes();
  }

  @Test
  void holdsWhatTakesTooLongAndGoesOnAfterTheVerdict() throws Exception {
    stepLimit = 200_000;
    start();
    awaitAllApplied();
    Position held = events.write(RUNAWAY);
    push(held.seq());
    await(ReplicaGauge.State.HELD, 2);
    assertEquals(List.of("process"), reportedFor(held));
    assertEquals(List.of("process"), reportedFor(held), "the report may have been lost");
    events.write("INSERT INTO log VALUES ('behind')");
    push(events.append(verdict(held, false)));
    awaitAllApplied();
    assertEquals(List.of("100000", "behind"), logged());
  }

  @Test
  void givesUpWhatItHeldAfterTheVerdict() throws Exception {
    stepLimit = 200_000;
    start();
    Position held = events.write(RUNAWAY);
    push(held.seq());
    await(ReplicaGauge.State.HELD, 2);
    push(events.append(verdict(held, true)));
    awaitAllApplied();
    assertEquals(List.of(), logged());
  }

  @Test
  void promisesToStayBeforeARequest() throws Exception {
    start();
    awaitAllApplied();
    Position asked = events.write("INSERT INTO log VALUES ('asked')");
    assertEquals(new Sequencer.HoldAnswer(asked, "process", false, 0), promise(asked));
    push(asked.seq());
    await(ReplicaGauge.State.HELD, 2);
    assertEquals(List.of("process"), reportedFor(asked));
    push(events.append(verdict(asked, false)));
    awaitAllApplied();
    assertEquals(new Sequencer.HoldAnswer(asked, "process", true, 0), promise(asked));
    assertEquals(List.of("asked"), logged());
  }

  /** What was given up before its start must not be applied now only because it could be. */
  @Test
  void learnsTheVerdictsThatLieAheadWhenItStarts() throws Exception {
    Position given = events.write("INSERT INTO log VALUES ('given up')");
    for (int i = 0; i < 10; i++) {
      events.write("INSERT INTO log VALUES (1)");
    }
    events.append(verdict(given, true));
    start();
    awaitAllApplied();
    assertEquals(10, logged().size());
  }

  @Test
  void isMadeAnewWithoutWhatIsGivenUp() throws Exception {
    Position given = events.write("INSERT INTO log VALUES ('given up')");
    events.write("INSERT INTO log VALUES ('stays')");
    start();
    awaitAllApplied();
    assertEquals(List.of("given up", "stays"), logged());
    push(events.append(verdict(given, true)));
    awaitAllApplied();
    assertEquals(List.of("stays"), logged());
    assertEquals(events.head(), where().seq());
  }

  /** An operator, or a later sequencer, may decide otherwise than the first. */
  @Test
  void isMadeAnewOnceWhenARequestIsGivenUpThatWasToRunBefore() throws Exception {
    Position given = events.write("INSERT INTO log VALUES ('given up')");
    events.append(verdict(given, false));
    start();
    awaitAllApplied();
    push(events.append(verdict(given, true)));
    awaitAllApplied();
    assertEquals(List.of(), logged());
    restart();
    awaitAllApplied();
    assertEquals(List.of(), logged());
  }

  /** A look at the journal that began before says nothing of the new database. */
  @Test
  void aLookThatBeganBeforeItWasMadeAnewDoesNotCount() throws Exception {
    Position given = events.write("INSERT INTO log VALUES ('given up')");
    for (int i = 0; i < 100; i++) {
      events.write("INSERT INTO log VALUES (" + i + ")");
    }
    start();
    awaitAllApplied();
    testKit.stop(replica());
    catchUpBytesPerSecond = 5000;
    start();
    awaitAllApplied();
    journal.hold();
    journal.awaitQuestion();
    push(events.append(verdict(given, true)));
    // Both the look and the replica made anew wait for the journal now.
    session.awaitAssert(
        LONG,
        () -> {
          assertEquals(0, gauge.read().applied());
          return null;
        });
    journal.letThrough();
    awaitAllApplied();
    assertEquals(100, logged().size());
  }

  /** It does not stand before the request any more, and knows nobody's session. */
  @Test
  void reportsNothingOnceItIsMadeAnewWhileItHolds() throws Exception {
    stepLimit = 200_000;
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    head(3);
    Position held = events.write(RUNAWAY);
    push(held.seq());
    await(ReplicaGauge.State.HELD, 3);
    diverge(3);
    await(ReplicaGauge.State.HELD, 3);
    List<List<String>> reports = new ArrayList<>();
    sequencer.fishForMessage(
        LONG,
        message -> {
          if (message instanceof Sequencer.ReportHeld report) {
            reports.add(report.processes());
          }
          return reports.size() >= 3
              ? FishingOutcomes.complete()
              : FishingOutcomes.continueAndIgnore();
        });
    assertEquals(Collections.nCopies(3, List.of("process")), reports);
  }

  /** The note names a position; verdicts on it are obeyed although no request may stand there. */
  @Test
  void holdsWhereEarlierProcessesDied() throws Exception {
    start();
    awaitAllApplied();
    testKit.stop(replica());
    Position killer = events.write("INSERT INTO log VALUES ('killer')");
    Files.writeString(folder.resolve("attempt"), killer.seq() + " 0 2\n");
    start();
    await(ReplicaGauge.State.HELD, 2);
    assertEquals(List.of("process"), reportedFor(killer));
    push(events.append(verdict(killer, true)));
    awaitAllApplied();
    assertEquals(List.of(), logged());
  }

  @Test
  void saysAgainThatItHoldsOnceTheJournalIsThereAgain() throws Exception {
    stepLimit = 200_000;
    start();
    Position held = events.write(RUNAWAY);
    push(held.seq());
    await(ReplicaGauge.State.HELD, 2);
    events.away(true);
    replica().tell(new Replica.Head(held.seq() + 1, 1, "a", sequencer.getRef(), 0, 0));
    await(ReplicaGauge.State.FAILED, 2);
    events.away(false);
    await(ReplicaGauge.State.HELD, 2);
  }

  // ---- Outcomes that differ

  @Test
  void tellsTheDigestOfItsOutcomesOnceItHasThem() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    head(3);
    session.awaitAssert(LONG, () -> assertCompared(3));
    long digest = gauge.read().comparedDigest();
    restart();
    awaitAllApplied();
    head(3);
    session.awaitAssert(LONG, () -> assertCompared(3));
    assertEquals(digest, gauge.read().comparedDigest());
  }

  private @Nullable Object assertCompared(long seq) {
    assertEquals(seq, gauge.read().comparedSeq());
    return null;
  }

  /** On an idle cluster the same event is compared again. */
  @Test
  void isMadeAnewOnceWhenItsOutcomesDiffer() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    head(3);
    session.awaitAssert(LONG, () -> assertCompared(3));
    final long right = gauge.read().comparedDigest();
    testKit.stop(replica());
    change("UPDATE _peqlite_digests SET digest = digest + 1 WHERE seq = 3");
    change("UPDATE log SET v = 'wrong'");
    start();
    awaitAllApplied();
    head(3);
    session.awaitAssert(LONG, () -> assertCompared(3));
    assertEquals(right + 1, gauge.read().comparedDigest());
    diverge(3);
    session.awaitAssert(
        LONG,
        () -> {
          head(3);
          assertEquals(right, gauge.read().comparedDigest());
          return null;
        });
    awaitAllApplied();
    assertEquals(List.of("1"), logged());
    // Said of the database before, and on its way until now.
    replica().tell(new Replica.Diverged(3, right + 1));
    where();
    await(ReplicaGauge.State.APPLYING, 3);
  }

  @Test
  @Timeout(30)
  void goesOutOfServiceWhenItsOutcomesDifferAgain() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    diverge(3);
    while (!Files.exists(folder.resolve("made-anew"))) {
      TimeUnit.MILLISECONDS.sleep(10);
    }
    restart();
    // The sequencer repeats itself, and so does this: what comes too early is passed over.
    while (gauge.read().state() != ReplicaGauge.State.OUT_OF_SERVICE) {
      diverge(3);
      TimeUnit.MILLISECONDS.sleep(20);
    }
    assertInstanceOf(
        String.class, gauge.read().problem().filter(why -> why.contains("differ")).orElse(null));
  }

  // ---- Scrubs

  private Sequencer.ScrubWord scrubWord(long seq, boolean looked) {
    return (Sequencer.ScrubWord)
        sequencer
            .fishForMessage(
                LONG,
                message ->
                    message instanceof Sequencer.ScrubWord word
                            && word.seq() == seq
                            && !word.running()
                            && word.digest().length == (looked ? 32 : 0)
                        ? FishingOutcomes.complete()
                        : FishingOutcomes.continueAndIgnore())
            .get(0);
  }

  /** The sequencer says that this node is the one that differs. */
  private void findWrong(long seq) {
    byte[] right = new byte[32];
    replica().tell(new Replica.Scrubbed(seq, "different", right, List.of("a"), "as a test"));
  }

  @Test
  void saysWhatItHoldsWhereAScrubIsOrdered() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    long seq = events.append(new Entry.Scrub());
    events.write("DELETE FROM log");
    head(0);
    Sequencer.ScrubWord word = scrubWord(seq, true);
    assertEquals("a", word.nodeId());
    assertEquals(1000 * seq, word.timestampMicros());
    awaitAllApplied();
    assertEquals(List.of(), logged());

    replica().tell(new Replica.Scrubbed(seq, "clean", word.digest(), List.of(), "all the same"));
    session.awaitAssert(
        LONG,
        () -> {
          assertEquals(seq, gauge.scrub().cleanSeq());
          assertEquals("clean", gauge.scrub().result());
          return null;
        });
    restart();
    Sequencer.ScrubWord again = scrubWord(seq, true);
    assertArrayEquals(word.digest(), again.digest(), "a later sequencer hears of it too");
    assertEquals(seq, gauge.scrub().cleanSeq());
  }

  /** To look at what is long gone by for the others would compare with nobody. */
  @Test
  void passesOverAScrubThatIsFarBehindTheHead() throws Exception {
    long seq = events.append(new Entry.Scrub());
    for (long i = 0; i <= Scrubber.BEHIND_MAX; i++) {
      events.append(new Entry.Cancelled(MemoryJournal.SESSION, 1_000_000 + i));
    }
    start();
    awaitAllApplied();
    assertEquals(1000 * seq, scrubWord(seq, false).timestampMicros());
    assertEquals(seq, gauge.scrub().seq());
  }

  @Test
  void makesItsDatabaseAnewWhenAScrubFindsItWrong() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    testKit.stop(replica());
    change("UPDATE log SET v = 2");
    start();
    long seq = events.append(new Entry.Scrub());
    head(0);
    byte[] wrong = scrubWord(seq, true).digest();
    findWrong(seq);
    byte[] after = scrubWord(seq, true).digest();
    while (Arrays.equals(wrong, after)) {
      after = scrubWord(seq, true).digest(); // it was said before and came only now
    }
    awaitAllApplied();
    assertEquals(List.of("1"), logged());
    assertFalse(wanted.get(wanted.size() - 1).trustsOwn(), "its own snapshots may be as wrong");

    // What the sequencer says of the database before is passed over.
    replica().tell(new Replica.Scrubbed(seq, "different", after, List.of("a"), "late"));
    where();
    await(ReplicaGauge.State.APPLYING, seq);
  }

  @Test
  void goesOutOfServiceWhenItsContentsAreWrongAgain() throws Exception {
    start();
    awaitAllApplied();
    long seq = events.append(new Entry.Scrub());
    head(0);
    scrubWord(seq, true);
    findWrong(seq);
    // It is looked through once more where it was, and is found wrong again.
    while (gauge.read().state() != ReplicaGauge.State.OUT_OF_SERVICE) {
      scrubWord(seq, true);
      findWrong(seq);
      where();
    }
    String problem = gauge.read().problem().orElse("");
    assertTrue(problem.contains("made anew because of that before"), problem);
    assertTrue(problem.contains("event " + seq), problem);
  }

  // ---- Failures of the node

  @Test
  void goesOnWhenTheCauseOfAFailureIsGone() throws Exception {
    start();
    awaitAllApplied();
    events.away(true);
    push(2);
    replica().tell(new Replica.Head(3, 1, "a", sequencer.getRef(), 0, 0));
    await(ReplicaGauge.State.FAILED, 2);
    assertFalse(gauge.read().state().takesWrites());
    TimeUnit.MILLISECONDS.sleep(200);
    events.away(false);
    events.write("INSERT INTO log VALUES (1)");
    awaitAllApplied();
  }

  // ---- Restoring

  @Test
  void whoHasNothingIsRestoredAndReplaysTheRest() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    takeSnapshot();
    events.write("INSERT INTO log VALUES (2)");
    events.trim(3);
    loseDatabase();
    start();
    awaitAllApplied();
    assertEquals(List.of("1", "2"), logged());
    assertEquals("the journal", wanted.get(wanted.size() - 1).journalId());
    assertEquals(3, wanted.get(wanted.size() - 1).atLeast());
    List<WriteSession.Command> told =
        session.fishForMessage(
            LONG,
            message ->
                message instanceof WriteSession.Jumped
                    ? FishingOutcomes.complete()
                    : FishingOutcomes.continueAndIgnore());
    assertEquals(
        List.of(new WriteSession.Jumped(3, Map.of(MemoryJournal.SESSION, "process/1"))), told);
  }

  @Test
  void withoutASnapshotTheWholeJournalIsReplayed() throws Exception {
    start();
    awaitAllApplied();
    loseDatabase();
    start();
    awaitAllApplied();
    assertEquals(2, wanted.size());
  }

  @Test
  void aSingleNodeThatCanNeverGetWhatWasCutOffIsOutOfService() throws Exception {
    start();
    awaitAllApplied();
    events.write("INSERT INTO log VALUES (1)");
    events.trim(2);
    loseDatabase();
    start();
    await(ReplicaGauge.State.OUT_OF_SERVICE, 0);
    assertTrue(gauge.read().problem().orElse("").contains("cut off"), gauge.read()::toString);
  }

  @Test
  void whatMayComeIsWaitedFor() throws Exception {
    start();
    awaitAllApplied();
    takeSnapshot();
    SnapshotRestore.Result good = snapshot;
    snapshot = SnapshotRestore.Result.none("no space", false);
    events.write("INSERT INTO log VALUES (1)");
    events.trim(2);
    loseDatabase();
    start();
    await(ReplicaGauge.State.FAILED, 0);
    snapshot = good;
    awaitAllApplied();
    assertEquals(List.of("1"), logged());
  }

  /** Somebody has applied it when it was whole. */
  @Test
  void anEventThatIsDamagedIsPassedByASnapshot() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    events.write("INSERT INTO log VALUES (2)");
    start();
    awaitAllApplied();
    takeSnapshot();
    SnapshotRestore.Result good = snapshot;
    snapshot = SnapshotRestore.Result.none("none yet", false);
    events.write("INSERT INTO log VALUES (3)");
    events.damage(3);
    loseDatabase();
    start();
    await(ReplicaGauge.State.FAILED, 0);
    String problem = gauge.read().problem().orElse("");
    assertTrue(problem.contains("event 3 is damaged") && problem.contains("none yet"), problem);
    assertEquals(3, wanted.get(wanted.size() - 1).atLeast());
    snapshot = good;
    awaitAllApplied();
    assertEquals(List.of("1", "2", "3"), logged());
  }

  /** Only who lacks an event needs it. */
  @Test
  void anEventThatIsDamagedAndAppliedHoldsNobodyUp() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    events.damage(events.head());
    restart();
    awaitAllApplied();
    events.write("INSERT INTO log VALUES (2)");
    restart();
    awaitAllApplied();
    assertEquals(List.of("1", "2"), logged());
  }

  @Test
  void aSingleNodeThatLacksAnEventThatIsDamagedIsOutOfService() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    events.damage(3);
    start();
    await(ReplicaGauge.State.OUT_OF_SERVICE, 0);
    assertTrue(
        gauge.read().problem().orElse("").contains("event 3 is damaged"), gauge.read()::toString);
  }

  /** The journal was cut while this node could not apply. */
  @Test
  void whoFallsBehindTheJournalsBeginningIsRestored() throws Exception {
    start();
    awaitAllApplied();
    Path behind = folder.resolve("behind");
    try (Connection source = reads.connect()) {
      assertEquals(2, DatabaseCopy.take(source, behind));
    }
    events.write("INSERT INTO log VALUES (1)");
    events.write("INSERT INTO log VALUES (2)");
    head(0);
    awaitAllApplied();
    takeSnapshot();
    events.trim(3);
    loseDatabase();
    Files.move(behind, databaseFile());
    start();
    awaitAllApplied();
    assertEquals(List.of("1", "2"), logged());
    assertTrue(wanted.get(wanted.size() - 1).atLeast() >= 3);
  }

  /** What it has applied is cut off, and the next event is there and follows it. */
  @Test
  void whoStandsRightBeforeTheJournalsBeginningGoesOn() throws Exception {
    start();
    awaitAllApplied();
    testKit.stop(replica());
    events.write("INSERT INTO log VALUES (1)");
    events.trim(2);
    int asked = wanted.size();
    start();
    awaitAllApplied();
    assertEquals(List.of("1"), logged());
    assertEquals(asked, wanted.size());
  }

  @Test
  void aDamagedDatabaseIsMadeAnew() throws Exception {
    for (int i = 0; i < 200; i++) {
      events.write("INSERT INTO log VALUES ('" + "x".repeat(2_000) + "')");
    }
    start();
    awaitAllApplied();
    takeSnapshot();
    events.trim(events.head() - 1);
    testKit.stop(replica());
    byte[] bytes = Files.readAllBytes(databaseFile());
    Arrays.fill(bytes, 0, bytes.length, (byte) 'x');
    Files.write(databaseFile(), bytes);
    start();
    awaitAllApplied();
    assertEquals(200, logged().size());
    assertFalse(Files.exists(ReplicaFiles.aside(databaseFile())), "it is not needed any more");
  }

  @Test
  void whatIsDamagedStaysForTheOperatorUntilItIsReplaced() throws Exception {
    events.write("INSERT INTO log VALUES (1)");
    start();
    awaitAllApplied();
    events.trim(events.head() - 1);
    testKit.stop(replica());
    Files.writeString(databaseFile(), "this is no database ".repeat(1_000));
    start();
    await(ReplicaGauge.State.OUT_OF_SERVICE, 0);
    assertTrue(
        Files.readString(ReplicaFiles.aside(databaseFile())).startsWith("this is no database"));
  }

  @Test
  void aSnapshotWithWhatIsGivenUpIsNotWanted() throws Exception {
    start();
    Position given = events.write("INSERT INTO log VALUES (1)");
    head(0);
    awaitAllApplied();
    events.append(verdict(given, true));
    head(0);
    awaitAllApplied();
    assertEquals(List.of(), logged());
    assertEquals(given.seq(), wanted.get(wanted.size() - 1).below());
  }
}
