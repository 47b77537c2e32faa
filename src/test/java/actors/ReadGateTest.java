package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayDeque;
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
import storage.Journal;
import storage.JournalException;
import storage.StoredEvent;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReadGateTest {

  private static final Duration LONG = Duration.ofSeconds(60);

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
  }

  /** A journal whose head is told by hand; questions wait until they are run. */
  private static final class HandJournal implements Journal {
    volatile long head;
    volatile boolean away;

    @Override
    public long head() throws JournalException {
      if (away) {
        throw new JournalException("the journal is away");
      }
      return head;
    }

    @Override
    public long first() {
      return 1;
    }

    @Override
    public List<StoredEvent> read(long from, int eventsMax, long bytesMax) {
      return List.of();
    }

    @Override
    public long count(long from, long to) {
      return to - from + 1;
    }

    @Override
    public void trim(long to) {}

    @Override
    public long bytes() {
      return 0;
    }

    @Override
    public long timeMicros() {
      return 0;
    }

    @Override
    public void close() {}
  }

  private final class Scenario {
    final ReplicaGauge gauge = new ReplicaGauge();
    final TestProbe<Sequencer.Command> sequencer = testKit.createTestProbe();
    final SequencerLink link = new SequencerLink();
    final HandJournal journal = new HandJournal();
    final ArrayDeque<Runnable> journalWork = new ArrayDeque<>();
    final ActorRef<ReadGate.Command> gate =
        testKit.spawn(ReadGate.create(gauge, link, journal, this::later));

    Scenario() {
      TestProbe<NodeMessage> gateway = testKit.createTestProbe();
      link.set(new SequencerLink.Target(sequencer.getRef(), gateway.getRef(), 1, "a", true));
    }

    private void later(Runnable work) {
      synchronized (journalWork) {
        journalWork.add(work);
      }
    }

    void runJournal() throws InterruptedException {
      testKit
          .createTestProbe()
          .awaitAssert(
              () -> {
                synchronized (journalWork) {
                  assertFalse(journalWork.isEmpty());
                  journalWork.remove().run();
                }
                return null;
              });
    }

    void applied(long seq) {
      gauge.write(Readings.applying(seq));
      gate.tell(ReadGate.Moved.HERE);
    }

    CompletableFuture<ReadAdmission> admit(ReadLevel level, long minSeq, Duration timeout) {
      CompletableFuture<ReadAdmission> answer = new CompletableFuture<>();
      gate.tell(
          new ReadGate.Admit(
              level,
              Optional.empty(),
              minSeq == 0 ? OptionalLong.empty() : OptionalLong.of(minSeq),
              System.nanoTime() + timeout.toNanos(),
              answer));
      return answer;
    }

    Sequencer.AskCommitted asked() {
      return sequencer.expectMessageClass(Sequencer.AskCommitted.class);
    }
  }

  private static ReadAdmission get(CompletableFuture<ReadAdmission> answer) throws Exception {
    return answer.get(20, TimeUnit.SECONDS);
  }

  @Test
  void aWeakReadWaitsForWhatTheSequencerSaysIsCommitted() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.WEAK, 0, LONG);
    Sequencer.AskCommitted asked = scenario.asked();
    scenario.gate.tell(new ReadGate.Committed(asked.question(), 5));
    assertFalse(read.isDone());
    scenario.applied(5);
    assertInstanceOf(ReadAdmission.Admitted.class, get(read));
  }

  @Test
  void oneQuestionServesEveryReadThatWaitedWhenItWasAsked() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> first = scenario.admit(ReadLevel.WEAK, 0, LONG);
    Sequencer.AskCommitted asked = scenario.asked();
    CompletableFuture<ReadAdmission> second = scenario.admit(ReadLevel.WEAK, 0, LONG);
    CompletableFuture<ReadAdmission> third = scenario.admit(ReadLevel.WEAK, 0, LONG);
    scenario.gate.tell(new ReadGate.Committed(asked.question(), 4));
    assertInstanceOf(ReadAdmission.Admitted.class, get(first));
    // They came after the question was asked: its answer says nothing to them.
    assertFalse(second.isDone());
    Sequencer.AskCommitted again = scenario.asked();
    scenario.gate.tell(new ReadGate.Committed(again.question(), 4));
    assertInstanceOf(ReadAdmission.Admitted.class, get(second));
    assertInstanceOf(ReadAdmission.Admitted.class, get(third));
  }

  @Test
  void anAnswerToAnEarlierQuestionAdmitsNobodyElse() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.WEAK, 0, LONG);
    Sequencer.AskCommitted asked = scenario.asked();
    scenario.gate.tell(new ReadGate.Committed(asked.question() - 1, 1));
    scenario.gate.tell(new ReadGate.Committed(asked.question(), 6));
    scenario.applied(5);
    assertFalse(read.isDone());
    scenario.applied(6);
    assertInstanceOf(ReadAdmission.Admitted.class, get(read));
  }

  @Test
  void aLostQuestionIsAskedAgain() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.WEAK, 0, LONG);
    scenario.asked();
    Sequencer.AskCommitted again = scenario.asked();
    scenario.gate.tell(new ReadGate.Committed(again.question(), 4));
    assertInstanceOf(ReadAdmission.Admitted.class, get(read));
  }

  @Test
  void aLinearizableReadAsksTheJournalAfterItArrived() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.LINEARIZABLE, 0, LONG);
    scenario.journal.head = 7;
    scenario.runJournal();
    scenario.applied(6);
    assertFalse(read.isDone());
    scenario.applied(7);
    assertInstanceOf(ReadAdmission.Admitted.class, get(read));
  }

  @Test
  void isRefusedAtTheDeadlineWithTheReason() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    scenario.journal.away = true;
    CompletableFuture<ReadAdmission> linearizable =
        scenario.admit(ReadLevel.STRONG, 0, Duration.ofMillis(300));
    scenario.runJournal();
    assertEquals(new ReadAdmission.Refused("the journal is away"), get(linearizable));
    assertEquals(
        new ReadAdmission.Refused("no sequencer answered in time"),
        get(scenario.admit(ReadLevel.WEAK, 0, Duration.ofMillis(100))));
    assertEquals(
        new ReadAdmission.Refused("this node has applied event 4 and not yet event 9"),
        get(scenario.admit(ReadLevel.NONE, 9, Duration.ofMillis(100))));
  }

  @Test
  void refusesWhoeverWaitsWhenTheNodeStops() throws Exception {
    Scenario scenario = new Scenario();
    CompletableFuture<ReadAdmission> none = scenario.admit(ReadLevel.NONE, 9, LONG);
    CompletableFuture<ReadAdmission> weak = scenario.admit(ReadLevel.WEAK, 0, LONG);
    scenario.asked(); // says that the gate has read both, which wait in the order they were told
    testKit.stop(scenario.gate);
    assertEquals(new ReadAdmission.Refused("this node is stopping"), get(weak));
    assertEquals(new ReadAdmission.Refused("this node is stopping"), get(none));
  }

  @Test
  void waitsForTheSequenceNumberThatTheClientNames() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.NONE, 6, LONG);
    scenario.applied(5);
    assertFalse(read.isDone());
    scenario.applied(6);
    assertInstanceOf(ReadAdmission.Admitted.class, get(read));
  }

  /**
   * Asking again must not make worthless what was asked before: then no slow answer would count.
   */
  @Test
  void anAnswerCountsHoweverSlowItIs() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> weak = scenario.admit(ReadLevel.WEAK, 0, LONG);
    CompletableFuture<ReadAdmission> linearizable = scenario.admit(ReadLevel.LINEARIZABLE, 0, LONG);
    Sequencer.AskCommitted asked = scenario.asked();
    Sequencer.AskCommitted again = scenario.asked();
    assertTrue(again.question() > asked.question());
    scenario.gate.tell(new ReadGate.Committed(asked.question(), 4));
    assertInstanceOf(ReadAdmission.Admitted.class, get(weak));
    scenario.journal.head = 4;
    scenario.runJournal();
    assertInstanceOf(ReadAdmission.Admitted.class, get(linearizable));
  }

  /** Each question blocks a thread for as long as the journal is silent. */
  @Test
  void asksTheJournalOneQuestionAtATime() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> first = scenario.admit(ReadLevel.STRONG, 0, LONG);
    TimeUnit.MILLISECONDS.sleep(1300);
    CompletableFuture<ReadAdmission> second = scenario.admit(ReadLevel.STRONG, 0, LONG);
    TimeUnit.MILLISECONDS.sleep(700);
    synchronized (scenario.journalWork) {
      assertEquals(1, scenario.journalWork.size());
    }
    scenario.journal.head = 4;
    scenario.runJournal();
    assertInstanceOf(ReadAdmission.Admitted.class, get(first));
    assertFalse(second.isDone(), "the question was asked before this read came");
    scenario.runJournal();
    assertInstanceOf(ReadAdmission.Admitted.class, get(second));
  }

  @Test
  void asksTheNextSequencerAtOnce() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.WEAK, 0, LONG);
    scenario.asked();
    scenario.gate.tell(ReadGate.SequencerOpen.NOW);
    scenario.gate.tell(new ReadGate.Committed(scenario.asked().question(), 4));
    assertInstanceOf(ReadAdmission.Admitted.class, get(read));
  }

  @Test
  void asksAgainWhenTheJournalIsThereAgain() throws Exception {
    Scenario scenario = new Scenario();
    scenario.applied(4);
    scenario.journal.away = true;
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.LINEARIZABLE, 0, LONG);
    scenario.runJournal();
    scenario.journal.away = false;
    scenario.journal.head = 4;
    scenario.runJournal();
    assertInstanceOf(ReadAdmission.Admitted.class, get(read));
  }

  @Test
  void refusesAtOnceWhatIsOutOfService() throws Exception {
    Scenario scenario = new Scenario();
    CompletableFuture<ReadAdmission> read = scenario.admit(ReadLevel.WEAK, 0, LONG);
    scenario.gauge.write(Readings.of(ReplicaGauge.State.OUT_OF_SERVICE, "replaced", 4, 4));
    scenario.gate.tell(ReadGate.Moved.HERE);
    assertEquals(new ReadAdmission.Refused("replaced"), get(read));
  }
}
