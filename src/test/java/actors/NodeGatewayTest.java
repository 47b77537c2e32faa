package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.actor.Dropped;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.eventstream.EventStream;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Join;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import sql.Position;

/** A gateway in a cluster of one or two; probes play its parts and the sequencer. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NodeGatewayTest {

  private static final Duration LONG = Duration.ofSeconds(20);
  private static final Duration SHORT = Duration.ofMillis(200);
  private static final NodeGateway.StatusAnswer STATUS =
      new NodeGateway.StatusAnswer("a", "http://a", "1", "3", 4, 5, "applying");

  private final ActorTestKit testKit = ActorTestKit.create("peqlite", TestConfig.clustered());
  private final MemoryJournal journal = new MemoryJournal("the journal");
  private TestParts parts = new TestParts(testKit);
  private SequencerLink link = new SequencerLink();
  private TestProbe<Sequencer.Command> sequencer = testKit.createTestProbe();
  private ActorRef<NodeMessage> gateway = testKit.system().ignoreRef();
  private final AtomicInteger moves = new AtomicInteger();
  private final AtomicInteger dropped = new AtomicInteger();

  private final NodeGateway.Owner owner =
      new NodeGateway.Owner() {
        @Override
        public NodeGateway.StatusAnswer status() {
          return STATUS;
        }

        @Override
        public void moveSequencer() {
          moves.incrementAndGet();
        }

        @Override
        public void dropped() {
          dropped.incrementAndGet();
        }
      };

  @BeforeAll
  void form() {
    Cluster cluster = Cluster.get(testKit.system());
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
    sequencer.awaitAssert(
        LONG,
        () -> {
          assertEquals(MemberStatus.up(), cluster.selfMember().status());
          return null;
        });
  }

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
  }

  @BeforeEach
  void start() {
    parts = new TestParts(testKit);
    parts.gauge.write(Readings.applying(7));
    link = new SequencerLink();
    sequencer = testKit.createTestProbe();
    gateway =
        testKit.spawn(
            NodeGateway.create(
                "a", "process", link, parts.local(), journal, ForkJoinPool.commonPool(), owner));
  }

  @AfterEach
  void stopGateway() {
    testKit.stop(gateway);
  }

  private Replica.Head head(ActorRef<Sequencer.Command> from, long epoch) {
    Replica.Head head = new Replica.Head(9, epoch, "the node", from, 0, 0);
    gateway.tell(head);
    return head;
  }

  private Replica.Head head(long epoch) {
    return head(sequencer.getRef(), epoch);
  }

  private SequencerLink.Target target() {
    return Objects.requireNonNull(link.target());
  }

  private void awaitNoTarget() {
    sequencer.awaitAssert(
        LONG,
        () -> {
          assertNull(link.target());
          return null;
        });
  }

  private Sequencer.Progress progress() {
    return sequencer.expectMessageClass(Sequencer.Progress.class, LONG);
  }

  private static <M, T extends M> T next(TestProbe<M> probe, Class<T> type) {
    return type.cast(
        probe
            .fishForMessage(
                LONG,
                message ->
                    type.isInstance(message)
                        ? FishingOutcomes.complete()
                        : FishingOutcomes.continueAndIgnore())
            .get(0));
  }

  @Test
  void showsItsPartsTheWayToASequencerThatSaysItIsOpen() {
    assertNull(link.target());
    Replica.Head head = head(4);
    assertEquals(new WriteSession.SequencerOpen(4), parts.session.receiveMessage(LONG));
    assertEquals(ReadGate.SequencerOpen.NOW, parts.readGate.receiveMessage(LONG));
    assertEquals(head, parts.replica.receiveMessage(LONG));
    assertEquals(
        new SequencerLink.Target(sequencer.getRef(), gateway, 4, "the node", true), link.target());
    // What it says again is no news to them.
    head = head(4);
    assertEquals(head, parts.replica.receiveMessage(LONG));
    parts.session.expectNoMessage(SHORT);
  }

  @Test
  void passesOverASequencerThatWasOvertaken() {
    head(4);
    next(parts.session, WriteSession.SequencerOpen.class);
    TestProbe<Sequencer.Command> older = testKit.createTestProbe();
    head(older.getRef(), 3);
    next(parts.replica, Replica.Head.class);
    parts.replica.expectNoMessage(SHORT);
    assertEquals(sequencer.getRef(), target().sequencer());
    older.expectNoMessage(SHORT);
  }

  @Test
  void followsTheNextSequencer() {
    head(4);
    next(parts.session, WriteSession.SequencerOpen.class);
    TestProbe<Sequencer.Command> newer = testKit.createTestProbe();
    head(newer.getRef(), 6);
    assertEquals(6, next(parts.session, WriteSession.SequencerOpen.class).epoch());
    assertEquals(newer.getRef(), target().sequencer());
    newer.expectMessageClass(Sequencer.Progress.class, LONG);
  }

  @Test
  void tellsTheSequencerHowFarItsNodeIs() {
    head(4);
    Sequencer.Progress first = progress();
    assertEquals("a", first.nodeId());
    assertEquals("process", first.processId());
    assertEquals(7, first.applied());
    assertEquals(gateway, first.node());
    parts.gauge.write(Readings.applying(8));
    Sequencer.Progress second = progress();
    assertEquals(8, second.applied());
    assertNotEquals(0, second.asked());
    assertTrue(second.asked() - first.asked() > 0);
  }

  @Test
  void tellsItAlsoBetweenManyPushes() {
    head(4);
    progress();
    for (int seq = 10; seq < 110; seq++) {
      gateway.tell(new Replica.Push(seq, new byte[] {1}));
    }
    while (next(parts.replica, Replica.Push.class).seq() < 109) {
      // All that lies before was handed on, and told of.
    }
    for (int i = 0; i < 3; i++) {
      sequencer.expectMessageClass(Sequencer.Progress.class, Duration.ofMillis(100));
    }
  }

  /** Writes wait at this node then, where they are surely not applied. */
  @Test
  void takesASequencerThatIsSilentForLost() {
    head(4);
    next(parts.session, WriteSession.SequencerOpen.class);
    awaitNoTarget();
    next(parts.replica, Replica.SequencerLost.class);
    // It goes on asking, so that it hears of it at once when the sequencer can answer again.
    sequencer.expectMessageClass(Sequencer.Progress.class, LONG);
    head(4);
    next(parts.session, WriteSession.SequencerOpen.class);
    assertNotNull(link.target());
  }

  @Test
  void takesTheSequencerOfAnotherNodeForLostWhenThatNodeIsGone() {
    ActorTestKit other = ActorTestKit.create("peqlite", TestConfig.clustered());
    try {
      Cluster cluster = Cluster.get(testKit.system());
      Cluster otherCluster = Cluster.get(other.system());
      otherCluster.manager().tell(Join.create(cluster.selfMember().address()));
      sequencer.awaitAssert(
          LONG,
          () -> {
            assertEquals(MemberStatus.up(), otherCluster.selfMember().status());
            return null;
          });
      TestProbe<Sequencer.Command> remote = other.createTestProbe();
      String path = ActorRefResolver.get(other.system()).toSerializationFormat(remote.getRef());
      ActorRef<Sequencer.Command> ref =
          ActorRefResolver.get(testKit.system()).resolveActorRef(path);
      head(ref, 4);
      next(parts.session, WriteSession.SequencerOpen.class);
      assertFalse(target().here());
      remote.expectMessageClass(Sequencer.Progress.class, LONG);
      other.shutdownTestKit();
      awaitNoTarget();
      next(parts.replica, Replica.SequencerLost.class);
    } finally {
      other.shutdownTestKit();
    }
  }

  @Test
  void takesTheSequencerForLostWhenItEndsItself() {
    head(4);
    next(parts.session, WriteSession.SequencerOpen.class);
    testKit.stop(gateway);
    awaitNoTarget();
  }

  @Test
  void handsMessagesToThePartThatTheyAreFor() {
    for (Replica.Command message :
        List.of(new Replica.Push(3, new byte[] {1}), new Replica.Diverged(3, 7))) {
      gateway.tell((NodeMessage) message);
      assertEquals(message, parts.replica.receiveMessage(LONG));
    }
    WriteSession.Ordered ordered = new WriteSession.Ordered(3, List.of());
    gateway.tell(ordered);
    assertEquals(ordered, parts.session.receiveMessage(LONG));
    gateway.tell(new ReadGate.Committed(1, 2));
    assertEquals(new ReadGate.Committed(1, 2), parts.readGate.receiveMessage(LONG));
  }

  @Test
  void hasTheReplicaAnswerWhoAsksIt() {
    TestProbe<Replica.WhereAnswer> where = testKit.createTestProbe();
    gateway.tell(new NodeGateway.AskWhere(where.getRef()));
    assertEquals(where.getRef(), next(parts.replica, Replica.AskWhere.class).replyTo());
    gateway.tell(new NodeGateway.AskHold(new Position(3, 1), sequencer.getRef()));
    assertEquals(
        new Replica.AskHold(new Position(3, 1), sequencer.getRef()),
        next(parts.replica, Replica.AskHold.class));
  }

  @Test
  void saysHowItsNodeIs() {
    TestProbe<NodeGateway.StatusAnswer> status = testKit.createTestProbe();
    gateway.tell(new NodeGateway.AskStatus(status.getRef()));
    assertEquals(STATUS, status.receiveMessage(LONG));
  }

  @Test
  void saysThatItReachesTheJournalOnlyIfItDoes() {
    TestProbe<NodeGateway.JournalReached> reached = testKit.createTestProbe();
    gateway.tell(new NodeGateway.AskJournal(reached.getRef()));
    assertEquals(new NodeGateway.JournalReached("a"), reached.receiveMessage(LONG));
    journal.away(true);
    try {
      gateway.tell(new NodeGateway.AskJournal(reached.getRef()));
      reached.expectNoMessage(SHORT);
    } finally {
      journal.away(false);
    }
  }

  @Test
  void letsTheSequencerGoOnlyWhereItIs() {
    TestProbe<NodeGateway.MoveAnswer> answer = testKit.createTestProbe();
    int before = moves.get();
    gateway.tell(new NodeGateway.AskMove(answer.getRef()));
    assertEquals(new NodeGateway.MoveAnswer(false), answer.receiveMessage(LONG));
    assertEquals(before, moves.get());
    head(4);
    gateway.tell(new NodeGateway.AskMove(answer.getRef()));
    assertEquals(new NodeGateway.MoveAnswer(true), answer.receiveMessage(LONG));
    answer.awaitAssert(
        LONG,
        () -> {
          assertEquals(before + 1, moves.get());
          return null;
        });
  }

  @Test
  void countsTheMessagesThatPekkoHasGivenUp() {
    // Who answers has subscribed.
    TestProbe<NodeGateway.StatusAnswer> status = testKit.createTestProbe();
    gateway.tell(new NodeGateway.AskStatus(status.getRef()));
    status.receiveMessage(LONG);
    int before = dropped.get();
    testKit
        .system()
        .eventStream()
        .tell(
            new EventStream.Publish<>(
                Dropped.apply("lost", "a test", Adapter.toClassic(sequencer.getRef()))));
    sequencer.awaitAssert(
        LONG,
        () -> {
          assertEquals(before + 1, dropped.get());
          return null;
        });
  }
}
