package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import sql.Position;
import sql.StatementResult;
import sql.WriteOutcome;
import storage.AppliedEntry;
import storage.Entry;
import storage.EntryCodec;

/** A session between a probe for the sequencer and a hand that plays the replica. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WriteSessionTest {

  private static final Duration LONG = Duration.ofSeconds(60);
  private static final byte[] REQUEST = {1, 2, 3};
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
    final TestProbe<Sequencer.Command> sequencer = testKit.createTestProbe();
    final ActorRef<WriteSession.Command> session;

    Scenario(int pendingMax, int window, Duration resendInterval) {
      show(ReplicaGauge.State.APPLYING);
      session =
          testKit.spawn(
              WriteSession.create(
                  new WriteSession.Settings(pendingMax, 1 << 20, window, 1 << 20, resendInterval),
                  "a",
                  gauge,
                  new WriteGauge(),
                  sequencer.getRef()));
    }

    void show(ReplicaGauge.State state) {
      gauge.write(
          new ReplicaGauge.Reading(
              state, Optional.of("why"), "", 0, 0, 0, "", true, true, 0, 0, 0));
    }

    CompletableFuture<WriteAnswer> submit(Duration timeout, boolean queued) {
      CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
      session.tell(
          new WriteSession.Submit(
              REQUEST, System.nanoTime() + timeout.toNanos(), timeout.toNanos(), queued, answer));
      return answer;
    }

    /** The next entry that is sent, repeats included. */
    Entry sent() {
      return sentAll().get(0);
    }

    List<Entry> sentAll() {
      List<Entry> entries = new ArrayList<>();
      for (Sequencer.Item item : sequencer.expectMessageClass(Sequencer.Submit.class).items()) {
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
            List.of(new WriteSession.OrderedItem(SESSION, 1, new Position(3, 0)))));
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
            List.of(new WriteSession.OrderedItem(SESSION, 1, new Position(3, 0)))));
    assertEquals(new WriteAnswer.Queued(new Position(3, 0)), get(answer));
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
            List.of(new WriteSession.OrderedItem(SESSION, 1, new Position(5, 1)))));
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
    scenario.show(ReplicaGauge.State.FAILED);
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
    scenario.applied(new AppliedEntry.Taken(new Position(3, 0), SESSION, 1, OUTCOME));
    assertInstanceOf(WriteAnswer.Applied.class, get(answer));
    assertEquals(0, drained.get(20, TimeUnit.SECONDS));
  }
}
