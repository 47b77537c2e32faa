package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A host of sequencers that do nothing but end when they are told to. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SequencerHostTest {

  private static final Duration LONG = Duration.ofSeconds(20);

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());
  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final MemoryJournal events = new MemoryJournal("the journal");
  private final ReplicaGauge gauge = new ReplicaGauge();
  private GatedJournal journal = new GatedJournal(events);
  private TestProbe<NodeMessage> own = testKit.createTestProbe();
  private TestProbe<NodeMessage> other = testKit.createTestProbe();
  private BlockingQueue<ActorRef<Sequencer.Command>> sequencers = new LinkedBlockingQueue<>();
  private BlockingQueue<CompletableFuture<Boolean>> questions = new LinkedBlockingQueue<>();
  private BlockingQueue<String> unfit = new LinkedBlockingQueue<>();
  private TestProbe<Sequencer.Command> received = testKit.createTestProbe();
  private ActorRef<Sequencer.Command> host = testKit.system().ignoreRef();
  private boolean isAlone;

  @BeforeEach
  void start() throws Exception {
    events.away(false);
    isAlone = false;
    gauge.write(Readings.applying(1));
    journal = new GatedJournal(events);
    own = testKit.createTestProbe();
    other = testKit.createTestProbe();
    sequencers = new LinkedBlockingQueue<>();
    questions = new LinkedBlockingQueue<>();
    unfit = new LinkedBlockingQueue<>();
    received = testKit.createTestProbe();
    host =
        testKit.spawn(
            SequencerHost.create(
                self -> sequencer(received.getRef()),
                owner(),
                members(),
                gauge,
                journal,
                executor));
  }

  @AfterEach
  void stopHost() {
    journal.letThrough();
    testKit.stop(host);
  }

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
    executor.shutdownNow();
  }

  private Behavior<Sequencer.Command> sequencer(ActorRef<Sequencer.Command> listener) {
    return Behaviors.setup(
        context -> {
          sequencers.add(context.getSelf());
          return Behaviors.receive(Sequencer.Command.class)
              .onAnyMessage(
                  message -> {
                    listener.tell(message);
                    return message instanceof Sequencer.Persisted
                        ? Behaviors.stopped()
                        : Behaviors.same();
                  })
              .build();
        });
  }

  private SequencerHost.Owner owner() {
    BlockingQueue<CompletableFuture<Boolean>> asked = questions;
    BlockingQueue<String> reasons = unfit;
    return new SequencerHost.Owner() {
      @Override
      public CompletionStage<Boolean> stillIn() {
        CompletableFuture<Boolean> question = new CompletableFuture<>();
        asked.add(question);
        return question;
      }

      @Override
      public void unfit(String reason) {
        reasons.add(reason);
      }
    };
  }

  private Sequencer.Members members() {
    return new Sequencer.Members() {
      @Override
      public List<ActorRef<NodeMessage>> reachable() {
        return isAlone ? List.of(own.getRef()) : List.of(own.getRef(), other.getRef());
      }

      @Override
      public boolean isSoleNode() {
        return false;
      }

      @Override
      public int count() {
        return reachable().size();
      }

      @Override
      public boolean areAllReachable() {
        return true;
      }

      @Override
      public ActorRef<NodeMessage> self() {
        return own.getRef();
      }
    };
  }

  private <T> T next(BlockingQueue<T> queue) throws InterruptedException {
    T element = queue.poll(LONG.toMillis(), TimeUnit.MILLISECONDS);
    if (element == null) {
      throw new AssertionError("nothing in time");
    }
    return element;
  }

  private <T> void nothing(BlockingQueue<T> queue, int millis) throws InterruptedException {
    T element = queue.poll(millis, TimeUnit.MILLISECONDS);
    assertEquals(null, element);
  }

  private void end(ActorRef<Sequencer.Command> sequencer) {
    sequencer.tell(new Sequencer.Persisted(1));
  }

  @Test
  void startsAnotherWhenOneHasEnded() throws Exception {
    for (int i = 0; i < 4; i++) {
      end(next(sequencers));
      next(questions).complete(true);
    }
    next(sequencers);
    nothing(questions, 300);
  }

  /** Two hosts that each take the other for gone would end each other's sequencers in turn. */
  @Test
  void startsAnotherOnlyWhileItsNodeBelongsToTheCluster() throws Exception {
    end(next(sequencers));
    next(questions).complete(false);
    next(questions).completeExceptionally(new IllegalStateException("the arbiter is away"));
    nothing(sequencers, 500);
    next(questions).complete(true);
    next(sequencers);
  }

  @Test
  void letsItsSequencerFinishBeforeItStops() throws Exception {
    ActorRef<Sequencer.Command> sequencer = next(sequencers);
    host.tell(Sequencer.Finish.NOW);
    assertEquals(Sequencer.Finish.NOW, received.receiveMessage(LONG));
    end(sequencer);
    received.expectTerminated(host, LONG);
    nothing(questions, 200);
  }

  @Test
  void stopsAtOnceWhileThereIsNoSequencer() throws Exception {
    end(next(sequencers));
    next(questions);
    host.tell(Sequencer.Finish.NOW);
    received.expectTerminated(host, LONG);
  }

  // ---- Whether the journal is reached

  private NodeGateway.AskJournal asked() {
    return other.expectMessageClass(NodeGateway.AskJournal.class, LONG);
  }

  private void reached(NodeGateway.AskJournal ask) {
    ask.replyTo().tell(new NodeGateway.JournalReached("b"));
  }

  /** A refused connection is known at once, and the others' answers take their time. */
  @Test
  void leavesItsPlaceWhenOnlyOthersReachTheJournal() throws Exception {
    events.away(true);
    end(next(sequencers));
    NodeGateway.AskJournal ask = asked();
    TimeUnit.MILLISECONDS.sleep(200);
    reached(ask);
    assertTrue(next(unfit).contains("cannot reach the journal"));
  }

  @Test
  void leavesItsPlaceWhenTheJournalIsSilentOnlyHere() throws Exception {
    journal.hold();
    end(next(sequencers));
    reached(asked());
    assertTrue(next(unfit).contains("cannot reach the journal"));
  }

  @Test
  void leavesItsPlaceWhenTheJournalKeepsItsSequencerWaiting() throws Exception {
    next(sequencers);
    journal.hold();
    host.tell(Sequencer.Slow.NOW);
    reached(asked());
    assertTrue(next(unfit).contains("cannot reach the journal"));
  }

  @Test
  void staysWhileItReachesTheJournalItself() throws Exception {
    end(next(sequencers));
    reached(asked());
    nothing(unfit, 1500);
  }

  @Test
  void staysWhenNobodyReachesTheJournal() throws Exception {
    events.away(true);
    end(next(sequencers));
    asked();
    nothing(unfit, 1500);
  }

  /** Both answers come when the stall is over, in whatever order. */
  @Test
  void staysWhenTheJournalWasSilentToAll() throws Exception {
    journal.hold();
    end(next(sequencers));
    NodeGateway.AskJournal ask = asked();
    TimeUnit.MILLISECONDS.sleep(1300);
    reached(ask);
    TimeUnit.MILLISECONDS.sleep(100);
    journal.letThrough();
    nothing(unfit, 1500);
  }

  @Test
  void staysWhenThereIsNobodyElse() throws Exception {
    isAlone = true;
    events.away(true);
    end(next(sequencers));
    other.expectNoMessage(Duration.ofMillis(300));
    nothing(unfit, 1000);
  }
}
