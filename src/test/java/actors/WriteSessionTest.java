package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.LoggingTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import sql.Position;
import sql.RequestId;
import sql.StatementResult;
import sql.WriteOutcome;
import storage.AppliedEntry;
import storage.Entry;
import storage.EntryCodec;
import storage.SlowStatement;

/** A session between a probe for the sequencer and a hand that plays the replica. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WriteSessionTest {

  private static final Duration LONG = Duration.ofSeconds(60);
  private static final byte[] REQUEST = {1, 2, 3};
  private static final long EPOCH = 1;
  private static final long LAG_MAX = 100;
  private static final Position SESSION = new Position(2, 0);
  private static final WriteOutcome OUTCOME =
      new WriteOutcome.Executed(
          List.of(new StatementResult.Changed(1, OptionalLong.empty(), 0)), Optional.empty());

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
  }

  /** One session under test. */
  private final class Scenario {
    final ReplicaGauge gauge = new ReplicaGauge();
    final WriteGauge writes = new WriteGauge();
    final NodeMetrics metrics = new NodeMetrics();
    final SequencerLink link = new SequencerLink();
    final TestProbe<Sequencer.Command> sequencer = testKit.createTestProbe();
    final ActorRef<WriteSession.Command> session;

    Scenario(int pendingMax, int window, Duration resendInterval) {
      gauge.write(Readings.applying(EPOCH));
      link.set(target());
      session =
          testKit.spawn(
              WriteSession.create(
                  new WriteSession.Settings(
                      pendingMax, 64 << 20, window, 32 << 20, resendInterval, LAG_MAX),
                  "a",
                  "process",
                  gauge,
                  writes,
                  metrics,
                  link));
    }

    SequencerLink.Target target() {
      TestProbe<NodeMessage> gateway = testKit.createTestProbe();
      return new SequencerLink.Target(sequencer.getRef(), gateway.getRef(), EPOCH, "a", true);
    }

    CompletableFuture<WriteAnswer> submit(Duration timeout, boolean queued) {
      return submit(REQUEST, timeout, queued);
    }

    CompletableFuture<WriteAnswer> submit(byte[] request, Duration timeout, boolean queued) {
      CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
      session.tell(
          new WriteSession.Submit(
              request,
              System.nanoTime() + timeout.toNanos(),
              timeout.toNanos(),
              queued,
              () -> "request-7",
              answer));
      return answer;
    }

    /** A sequencer of that epoch says that a number is durable there. */
    void ordered(long epoch, long number, long seq) {
      session.tell(
          new WriteSession.Ordered(
              epoch, List.of(new WriteSession.OrderedItem(SESSION, number, new Position(seq, 0)))));
    }

    void taken(long number, long seq) {
      applied(new AppliedEntry.Taken(new Position(seq, 0), SESSION, number, OUTCOME));
    }

    /** Returns once so many writes are pending. */
    void awaitPending(int count) {
      sequencer.awaitAssert(
          Duration.ofSeconds(20),
          () -> {
            assertEquals(count, writes.pending());
            return null;
          });
    }

    /** The next entry that is sent, repeats included. */
    Entry sent() {
      return sentAll().get(0);
    }

    List<Entry> sentAll() {
      List<Entry> entries = new ArrayList<>();
      Sequencer.Submit submit =
          sequencer.expectMessageClass(Sequencer.Submit.class, Duration.ofSeconds(20));
      for (Sequencer.Item item : submit.items()) {
        try {
          entries.add(EntryCodec.decode(item.entry()));
        } catch (storage.FormatException e) {
          throw new AssertionError(e);
        }
      }
      return entries;
    }

    void applied(AppliedEntry entry) {
      session.tell(new WriteSession.Applied(List.of(entry)));
    }

    Position open() {
      Entry.SessionOpened opening = assertInstanceOf(Entry.SessionOpened.class, sent());
      applied(new AppliedEntry.SessionOpened(SESSION, opening.nonce()));
      return SESSION;
    }
  }

  private static WriteAnswer get(CompletableFuture<WriteAnswer> answer) throws Exception {
    return answer.get(20, TimeUnit.SECONDS);
  }

  @Test
  void sendsNothingBeforeItsSessionIsOpen() throws Exception {
    Scenario scenario = new Scenario(10, 10, Duration.ofMillis(100));
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofMillis(400), false);
    while (!answer.isDone()) {
      assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
    }
    assertInstanceOf(WriteAnswer.NotApplied.class, get(answer));
  }

  @Test
  void ignoresTheOpeningOfAnotherProcess() {
    Scenario scenario = new Scenario(10, 10, Duration.ofMillis(100));
    Entry.SessionOpened opening = assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
    scenario.applied(new AppliedEntry.SessionOpened(SESSION, opening.nonce() + "x"));
    scenario.submit(LONG, false);
    assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
  }

  @Test
  void answersWithTheOutcomeOfTheLocalApply() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(LONG, false);
    Entry.Submitted sent = assertInstanceOf(Entry.Submitted.class, scenario.sent());
    assertEquals(1, sent.number());
    scenario.session.tell(
        new WriteSession.Ordered(
            EPOCH, List.of(new WriteSession.OrderedItem(SESSION, 1, new Position(3, 0)))));
    assertFalse(answer.isDone());
    scenario.applied(new AppliedEntry.Taken(new Position(3, 0), SESSION, 1, OUTCOME));
    assertEquals(new WriteAnswer.Applied(new Position(3, 0), OUTCOME), get(answer));
  }

  @Test
  void aQueuedWriteIsAnsweredOnceItIsDurable() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(LONG, true);
    scenario.sent();
    scenario.session.tell(
        new WriteSession.Ordered(
            EPOCH, List.of(new WriteSession.OrderedItem(SESSION, 1, new Position(3, 0)))));
    assertEquals(new WriteAnswer.Queued(new Position(3, 0)), get(answer));
  }

  @Test
  void theLogKnowsAWriteByTheNameThatItsClientGaveIt() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(LONG, true);
    scenario.sent();
    scenario.ordered(EPOCH, 1, 3);
    get(answer); // from now on its position is known
    assertLogged(
        "3.0 is held: it took more than 5 steps",
        () ->
            scenario.session.tell(
                new WriteSession.Held(new Position(3, 0), "it took more than 5 steps")));
    SlowStatement slow = new SlowStatement("INSERT INTO t VALUES(1)", 2_000_000_000, "write 3.0");
    assertLogged(
        "2000 ms for a statement of write 3.0: INSERT INTO t VALUES(?)",
        () -> scenario.session.tell(new WriteSession.Slow(SESSION, 1, slow)));
  }

  private void assertLogged(String line, Runnable cause) {
    LoggingTestKit.warn(line)
        .withMdc(Map.of(RequestId.FIELD, "request-7"))
        .expect(
            testKit.system(),
            () -> {
              cause.run();
              return null;
            });
  }

  @Test
  void measuresWritesByWhatTheirClientsWereTold() throws Exception {
    Scenario scenario = new Scenario(1, 10, LONG);
    SimpleMeterRegistry shown = new SimpleMeterRegistry();
    scenario.metrics.registry().add(shown);
    scenario.open();
    CompletableFuture<WriteAnswer> first = scenario.submit(LONG, false);
    assertInstanceOf(WriteAnswer.NotApplied.class, get(scenario.submit(LONG, false)));
    scenario.sent();
    scenario.taken(1, 3);
    get(first);
    scenario.awaitPending(0);
    assertEquals(1, shown.get("peqlite.write").tag("outcome", "applied").timer().count());
    assertEquals(1, shown.get("peqlite.write").tag("outcome", "not_applied").timer().count());
    assertEquals(1, shown.get("peqlite.session.openings").functionCounter().count());
    CompletableFuture<WriteAnswer> late = scenario.submit(Duration.ofSeconds(1), false);
    assertInstanceOf(WriteAnswer.Unknown.class, get(late));
    scenario.awaitPending(1);
    assertEquals(1, shown.get("peqlite.write").tag("outcome", "unknown").timer().count());
    assertEquals(1, shown.get("peqlite.write.given.up").functionCounter().count());
  }

  @Test
  void sendsAgainWithTheSameNumberUntilItIsKnownToBeOrdered() {
    Scenario scenario = new Scenario(10, 10, Duration.ofMillis(50));
    scenario.open();
    scenario.submit(LONG, false);
    for (int i = 0; i < 3; i++) {
      assertEquals(1, assertInstanceOf(Entry.Submitted.class, scenario.sent()).number());
    }
  }

  @Test
  void givesUpBeforeTheDeadlineAndIsNotAppliedOnlyByProof() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofSeconds(2), false);
    scenario.sent();
    Entry.Cancelled cancelled = assertInstanceOf(Entry.Cancelled.class, scenario.sent());
    assertFalse(answer.isDone());
    scenario.applied(new AppliedEntry.GivenUp(new Position(4, 0), SESSION, cancelled.number()));
    assertInstanceOf(WriteAnswer.NotApplied.class, get(answer));
  }

  @Test
  void isUnknownAtTheDeadlineWithoutProof() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofMillis(300), false);
    assertInstanceOf(WriteAnswer.Unknown.class, get(answer));
  }

  @Test
  void isCommittedAtTheDeadlineIfTheJournalHoldsIt() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofMillis(500), false);
    scenario.sent();
    scenario.session.tell(
        new WriteSession.Ordered(
            EPOCH, List.of(new WriteSession.OrderedItem(SESSION, 1, new Position(5, 1)))));
    assertEquals(new WriteAnswer.Committed(new Position(5, 1)), get(answer));
  }

  @Test
  void theRequestMayStillComeFirstAfterItWasGivenUp() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofSeconds(2), false);
    scenario.sent();
    assertInstanceOf(Entry.Cancelled.class, scenario.sent());
    scenario.applied(new AppliedEntry.Taken(new Position(3, 0), SESSION, 1, OUTCOME));
    assertInstanceOf(WriteAnswer.Applied.class, get(answer));
  }

  @Test
  void numbersAnewWhatAClosedSessionDidNotTake() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> first = scenario.submit(LONG, false);
    scenario.sent();
    CompletableFuture<WriteAnswer> second = scenario.submit(LONG, false);
    scenario.sent();
    scenario.applied(new AppliedEntry.Taken(new Position(3, 0), SESSION, 1, OUTCOME));
    scenario.applied(new AppliedEntry.SessionClosed(new Position(4, 0), SESSION));
    assertInstanceOf(WriteAnswer.Applied.class, get(first));
    Entry.SessionOpened again = assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
    Position next = new Position(5, 0);
    scenario.applied(new AppliedEntry.SessionOpened(next, again.nonce()));
    Entry.Submitted renumbered = assertInstanceOf(Entry.Submitted.class, scenario.sent());
    assertEquals(next, renumbered.session());
    assertEquals(1, renumbered.number());
    scenario.applied(new AppliedEntry.Taken(new Position(6, 0), next, 1, OUTCOME));
    assertInstanceOf(WriteAnswer.Applied.class, get(second));
  }

  /** Its database came from elsewhere and has jumped over what became of its writes. */
  @Test
  void sendsOnAfterAJumpAsLongAsItsSessionIsOpen() throws Exception {
    Scenario scenario = new Scenario(10, 10, Duration.ofMillis(50));
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(LONG, false);
    scenario.sent();
    scenario.session.tell(new WriteSession.Jumped(8, Map.of(SESSION, "process/1")));
    assertEquals(1, assertInstanceOf(Entry.Submitted.class, scenario.sent()).number());
    scenario.taken(1, 9);
    assertInstanceOf(WriteAnswer.Applied.class, get(answer));
  }

  @Test
  void knowsNothingOfItsWritesWhenTheirSessionWasClosedInAJump() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> ordered = scenario.submit(LONG, false);
    scenario.sent();
    scenario.ordered(EPOCH, 1, 9);
    CompletableFuture<WriteAnswer> sent = scenario.submit(LONG, false);
    scenario.sent();
    scenario.session.tell(new WriteSession.Jumped(8, Map.of(new Position(7, 0), "another/1")));
    assertInstanceOf(WriteAnswer.Unknown.class, get(ordered));
    assertInstanceOf(WriteAnswer.Unknown.class, get(sent));
    Entry.SessionOpened again = assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
    assertEquals("process/2", again.nonce());
  }

  @Test
  void findsItsSessionWhoseOpeningWasJumpedOver() {
    Scenario scenario = new Scenario(10, 10, LONG);
    Entry.SessionOpened opening = assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
    scenario.submit(LONG, false);
    scenario.session.tell(new WriteSession.Jumped(8, Map.of(SESSION, opening.nonce())));
    assertEquals(SESSION, assertInstanceOf(Entry.Submitted.class, scenario.sent()).session());
  }

  @Test
  void opensNoMoreNumbersThanTheWindow() {
    Scenario scenario = new Scenario(100, 3, LONG);
    scenario.open();
    for (int i = 0; i < 10; i++) {
      scenario.submit(LONG, false);
    }
    List<Long> numbers = new ArrayList<>();
    while (numbers.size() < 3) {
      scenario.sentAll().forEach(entry -> numbers.add(((Entry.Submitted) entry).number()));
    }
    assertEquals(List.of(1L, 2L, 3L), numbers);
    scenario.sequencer.expectNoMessage(Duration.ofMillis(200));
    // A stray above the oldest makes no room: the replicas remember from the oldest on.
    scenario.applied(new AppliedEntry.Taken(new Position(3, 0), SESSION, 2, OUTCOME));
    scenario.sequencer.expectNoMessage(Duration.ofMillis(200));
    scenario.applied(new AppliedEntry.Taken(new Position(3, 1), SESSION, 1, OUTCOME));
    assertEquals(4, assertInstanceOf(Entry.Submitted.class, scenario.sent()).number());
  }

  @Test
  void refusesAtOnceWhatIsTooMuchOrCannotBeApplied() throws Exception {
    Scenario scenario = new Scenario(2, 10, LONG);
    scenario.open();
    scenario.submit(LONG, false);
    scenario.submit(LONG, false);
    WriteAnswer.NotApplied full =
        assertInstanceOf(WriteAnswer.NotApplied.class, get(scenario.submit(LONG, false)));
    assertTrue(full.reason().contains("too many"), full.reason());
    scenario.gauge.write(Readings.of(ReplicaGauge.State.FAILED, "why", 1, 1));
    WriteAnswer.NotApplied failed =
        assertInstanceOf(WriteAnswer.NotApplied.class, get(scenario.submit(LONG, false)));
    assertEquals("why", failed.reason());
  }

  @Test
  void drainsBeforeItStops() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(LONG, false);
    scenario.sent();
    CompletableFuture<Integer> drained = new CompletableFuture<>();
    scenario.session.tell(new WriteSession.Drain(drained));
    assertInstanceOf(WriteAnswer.NotApplied.class, get(scenario.submit(LONG, false)));
    assertFalse(drained.isDone());
    scenario.taken(1, 3);
    assertInstanceOf(WriteAnswer.Applied.class, get(answer));
    assertEquals(new Entry.SessionClosed(SESSION), scenario.sent());
    assertFalse(drained.isDone());
    scenario.applied(new AppliedEntry.SessionClosed(new Position(4, 0), SESSION));
    assertEquals(0, drained.get(20, TimeUnit.SECONDS));
    // Another sequencer is no reason to open another session now.
    scenario.session.tell(new WriteSession.SequencerOpen(9));
    scenario.sequencer.expectNoMessage(Duration.ofMillis(300));
  }

  @Test
  void doesNotWaitForLongUntilItsSessionIsClosed() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<Integer> drained = new CompletableFuture<>();
    scenario.session.tell(new WriteSession.Drain(drained));
    assertEquals(new Entry.SessionClosed(SESSION), scenario.sent());
    assertEquals(0, drained.get(20, TimeUnit.SECONDS));
    Scenario alone = new Scenario(10, 10, LONG);
    alone.open();
    alone.link.set(null);
    CompletableFuture<Integer> without = new CompletableFuture<>();
    alone.session.tell(new WriteSession.Drain(without));
    assertEquals(0, without.get(20, TimeUnit.SECONDS));
  }

  @Test
  void sendsAgainWhatIsNotKnownToBeOrderedWhenAnotherSequencerOpens() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    scenario.submit(LONG, false);
    scenario.sent();
    CompletableFuture<WriteAnswer> queued = scenario.submit(LONG, true);
    scenario.sent();
    scenario.submit(LONG, false);
    scenario.sent();
    scenario.ordered(EPOCH, 2, 4);
    assertInstanceOf(WriteAnswer.Queued.class, get(queued));
    scenario.session.tell(new WriteSession.SequencerOpen(9));
    List<Long> again = new ArrayList<>();
    while (again.size() < 2) {
      scenario.sentAll().forEach(entry -> again.add(((Entry.Submitted) entry).number()));
    }
    assertEquals(List.of(1L, 3L), again);
  }

  @Test
  void sendsTheCancellationAgainWhenAnotherSequencerOpens() {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    scenario.submit(Duration.ofSeconds(2), false);
    scenario.sent();
    assertEquals(new Entry.Cancelled(SESSION, 1), scenario.sent());
    scenario.session.tell(new WriteSession.SequencerOpen(9));
    assertEquals(new Entry.Cancelled(SESSION, 1), scenario.sent());
  }

  @Test
  void asksForItsSessionAgainWhenASequencerOpens() {
    Scenario scenario = new Scenario(10, 10, LONG);
    Entry first = scenario.sent();
    scenario.session.tell(new WriteSession.SequencerOpen(9));
    assertEquals(first, scenario.sent());
  }

  /** A sequencer does not know which sessions were closed before it opened. */
  @Test
  void passesOverTheWordOfASequencerWhoseOpeningItHasNotApplied() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(LONG, true);
    scenario.sent();
    scenario.ordered(9, 1, 10);
    // The session was closed before: what was ordered behind that has no effect.
    scenario.applied(new AppliedEntry.SessionClosed(new Position(8, 0), SESSION));
    Entry.SessionOpened again = assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
    assertFalse(answer.isDone());
    scenario.gauge.write(Readings.applying(9));
    Position next = new Position(11, 0);
    scenario.applied(new AppliedEntry.SessionOpened(next, again.nonce()));
    assertEquals(next, assertInstanceOf(Entry.Submitted.class, scenario.sent()).session());
    scenario.session.tell(
        new WriteSession.Ordered(
            9, List.of(new WriteSession.OrderedItem(next, 1, new Position(12, 0)))));
    assertEquals(new WriteAnswer.Queued(new Position(12, 0)), get(answer));
  }

  @Test
  void sendsNoMoreBytesThanMayBeOnTheirWay() {
    Scenario scenario = new Scenario(100, 100, LONG);
    scenario.open();
    for (int i = 0; i < 4; i++) {
      scenario.submit(new byte[3 << 20], LONG, false);
    }
    scenario.submit(new byte[12 << 20], LONG, false);
    List<Long> numbers = new ArrayList<>();
    while (numbers.size() < 2) {
      scenario.sentAll().forEach(entry -> numbers.add(((Entry.Submitted) entry).number()));
    }
    assertEquals(List.of(1L, 2L), numbers);
    scenario.sequencer.expectNoMessage(Duration.ofMillis(200));
    scenario.taken(1, 3);
    assertEquals(3, ((Entry.Submitted) scenario.sent()).number());
    scenario.ordered(EPOCH, 2, 4);
    assertEquals(4, ((Entry.Submitted) scenario.sent()).number());
    scenario.taken(3, 5);
    scenario.sequencer.expectNoMessage(Duration.ofMillis(200));
    scenario.taken(4, 6);
    assertEquals(5, ((Entry.Submitted) scenario.sent()).number(), "too large, but alone");
  }

  @Test
  void refusesWritesWhileItsNodeIsFarBehind() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    scenario.gauge.write(Readings.of(ReplicaGauge.State.CATCHING_UP, "", 10, 11 + LAG_MAX));
    WriteAnswer.NotApplied behind =
        assertInstanceOf(WriteAnswer.NotApplied.class, get(scenario.submit(LONG, false)));
    assertTrue(behind.reason().contains("events behind"), behind.reason());
    scenario.gauge.write(Readings.of(ReplicaGauge.State.CATCHING_UP, "", 10, 10 + LAG_MAX));
    scenario.submit(LONG, false);
    assertInstanceOf(Entry.Submitted.class, scenario.sent());
  }

  /** What never left the node is surely not applied. */
  @Test
  void keepsWritesToItselfWhileThereIsNoSequencer() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    SequencerLink.Target target = scenario.link.target();
    scenario.link.set(null);
    assertInstanceOf(
        WriteAnswer.NotApplied.class, get(scenario.submit(Duration.ofMillis(300), false)));
    CompletableFuture<WriteAnswer> later = scenario.submit(LONG, false);
    scenario.link.set(target);
    scenario.session.tell(new WriteSession.SequencerOpen(EPOCH));
    assertEquals(1, assertInstanceOf(Entry.Submitted.class, scenario.sent()).number());
    scenario.taken(1, 3);
    assertInstanceOf(WriteAnswer.Applied.class, get(later));
  }

  @Test
  void forgetsWhatWasAnsweredOnceItsNumberIsTaken() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofMillis(500), false);
    scenario.sent();
    assertEquals(new Entry.Cancelled(SESSION, 1), scenario.sent());
    assertInstanceOf(WriteAnswer.Unknown.class, get(answer));
    scenario.awaitPending(1);
    scenario.ordered(EPOCH, 1, 7);
    scenario.gauge.write(Readings.applying(7));
    scenario.awaitPending(0);
  }

  /** It was promised to happen, however long that takes. */
  @Test
  void neverGivesUpWhatWasAnsweredAsQueued() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofMillis(400), true);
    scenario.sent();
    scenario.ordered(EPOCH, 1, 3);
    assertInstanceOf(WriteAnswer.Queued.class, get(answer));
    scenario.sequencer.expectNoMessage(Duration.ofMillis(800));
    // Its session was closed ahead of it after all: it goes on in the next one.
    scenario.applied(new AppliedEntry.SessionClosed(new Position(2, 0), SESSION));
    Entry.SessionOpened again = assertInstanceOf(Entry.SessionOpened.class, scenario.sent());
    scenario.applied(new AppliedEntry.SessionOpened(new Position(5, 0), again.nonce()));
    assertEquals(
        new Position(5, 0), assertInstanceOf(Entry.Submitted.class, scenario.sent()).session());
  }

  @Test
  void doesNotSendAgainWhatItsClientTakesForUnknown() throws Exception {
    Scenario scenario = new Scenario(10, 10, LONG);
    scenario.open();
    CompletableFuture<WriteAnswer> answer = scenario.submit(Duration.ofMillis(300), false);
    assertInstanceOf(WriteAnswer.Unknown.class, get(answer));
    scenario.applied(new AppliedEntry.SessionClosed(new Position(2, 0), SESSION));
    scenario.awaitPending(0);
    Entry sent = scenario.sent();
    while (!(sent instanceof Entry.SessionOpened)) {
      sent = scenario.sent(); // its cancellation
    }
    Entry.SessionOpened again = (Entry.SessionOpened) sent;
    scenario.applied(new AppliedEntry.SessionOpened(new Position(5, 0), again.nonce()));
    scenario.sequencer.expectNoMessage(Duration.ofMillis(300));
  }
}
