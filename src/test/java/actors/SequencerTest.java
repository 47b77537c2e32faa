package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;
import sql.Statement;
import sql.WriteRequest;
import storage.DatabaseConnections;
import storage.Entry;
import storage.EntryCodec;
import storage.Event;
import storage.EventCodec;
import storage.EventHash;
import storage.Formats;
import storage.ReplicatedSettings;
import storage.RequestCodec;
import storage.SqliteJournal;
import storage.StoredEvent;

/** Sequencers on a real journal; probes play the nodes. */
class SequencerTest {

  private static final Duration LONG = Duration.ofSeconds(20);
  private static final Duration SHORT = Duration.ofMillis(300);
  private static final Position SESSION = new Position(1, 0);
  private static final ReplicatedSettings REPLICATED =
      new ReplicatedSettings(false, Duration.ofDays(1), 100, 100);
  private static final int EVENT_BYTES_MAX = 64 * 1024;
  private static final byte[] ANOTHER_HASH = new byte[EventHash.LENGTH];

  @TempDir Path folder;

  private ActorTestKit testKit;
  private GatedJournal journal;
  private TestParts parts;
  private TestProbe<Sequencer.Command> host;
  private TestProbe<SnapshotCoordinator.Command> coordinator;

  /** The node of the sequencer. */
  private Peer own;

  /** Another node. */
  private Peer other;

  private final List<ActorRef<NodeMessage>> reachable = new ArrayList<>();
  private Duration weakAgeMax = Duration.ofSeconds(1);
  private Duration reportWait = LONG;
  private Duration scrubInterval = Duration.ZERO;
  private int batchMax = 10;
  private int eventBytesMax = EVENT_BYTES_MAX;
  private boolean isSoleNode;

  @BeforeEach
  void start() throws Exception {
    Path file = folder.resolve("journal.db");
    journal = new GatedJournal(SqliteJournal.open(file));
    testKit = ActorTestKit.create(TestConfig.withJournal(file));
    parts = new TestParts(testKit);
    host = testKit.createTestProbe();
    coordinator = testKit.createTestProbe();
    own = new Peer("a");
    other = new Peer("b");
  }

  @AfterEach
  void stop() {
    journal.letThrough();
    testKit.shutdownTestKit();
    journal.close();
  }

  /** A node as the sequencer sees it. */
  private final class Peer {
    final String nodeId;
    final String processId;
    final TestProbe<NodeMessage> gateway = testKit.createTestProbe();
    int rules = Formats.newestRules();

    Peer(String nodeId) {
      this.nodeId = nodeId;
      this.processId = "process of " + nodeId;
      members(gateway.getRef());
    }

    private void members(ActorRef<NodeMessage> node) {
      synchronized (reachable) {
        reachable.add(node);
      }
    }

    void answersWhere(String journalId, long seq, byte[] hash) {
      next(gateway, NodeGateway.AskWhere.class)
          .replyTo()
          .tell(new Replica.WhereAnswer(nodeId, journalId, seq, hash, rules));
    }

    void hasAppliedNothing() {
      answersWhere("", 0, EventHash.none());
    }

    void hasApplied(long seq) throws Exception {
      answersWhere(event(seq).journalId(), seq, EventHash.of(stored(seq).bytes()));
    }

    void tells(ActorRef<Sequencer.Command> sequencer, long applied) {
      tells(sequencer, applied, 77);
    }

    void tells(ActorRef<Sequencer.Command> sequencer, long applied, long asked) {
      sequencer.tell(
          new Sequencer.Progress(
              gateway.getRef(),
              nodeId,
              processId,
              applied,
              rules,
              asked,
              DatabaseConnections.sqliteVersion(),
              0,
              0));
    }

    Replica.Head answered(long asked) {
      return (Replica.Head)
          gateway
              .fishForMessage(
                  LONG,
                  message ->
                      message instanceof Replica.Head head && head.asked() == asked
                          ? FishingOutcomes.complete()
                          : FishingOutcomes.continueAndIgnore())
              .get(0);
    }

    void submits(ActorRef<Sequencer.Command> sequencer, Sequencer.Item... items) {
      sequencer.tell(new Sequencer.Submit(List.of(items), gateway.getRef()));
    }

    List<WriteSession.OrderedItem> ordered(int count) {
      List<WriteSession.OrderedItem> items = new ArrayList<>();
      while (items.size() < count) {
        items.addAll(next(gateway, WriteSession.Ordered.class).items());
      }
      return items;
    }

    void answersHold(boolean applied, int statement) {
      NodeGateway.AskHold ask = next(gateway, NodeGateway.AskHold.class);
      ask.replyTo().tell(new Sequencer.HoldAnswer(ask.position(), processId, applied, statement));
    }
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

  /** The other node cannot be reached any more. */
  private void isAlone() {
    synchronized (reachable) {
      reachable.remove(other.gateway.getRef());
    }
  }

  private ActorRef<Sequencer.Command> sequencer() {
    return testKit.spawn(
        Sequencer.create(
            new Sequencer.Settings(
                1000, 10 << 20, batchMax, eventBytesMax, weakAgeMax, reportWait, scrubInterval, 0),
            "a",
            REPLICATED,
            parts.local(),
            members(),
            host.getRef(),
            journal,
            ForkJoinPool.commonPool(),
            journalId -> Behaviors.receiveMessage(this::coordinated)));
  }

  private Behavior<SnapshotCoordinator.Command> coordinated(SnapshotCoordinator.Command told) {
    coordinator.getRef().tell(told);
    return Behaviors.same();
  }

  private Sequencer.Members members() {
    return new Sequencer.Members() {
      @Override
      public List<ActorRef<NodeMessage>> reachable() {
        synchronized (reachable) {
          return List.copyOf(reachable);
        }
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
      public boolean isSoleNode() {
        return isSoleNode;
      }

      @Override
      public ActorRef<NodeMessage> self() {
        return own.gateway.getRef();
      }
    };
  }

  /** A sequencer that is open; whoever can be reached has applied what the journal holds. */
  private ActorRef<Sequencer.Command> opened() throws Exception {
    ActorRef<Sequencer.Command> sequencer = sequencer();
    long head = journal.head();
    for (Peer peer : isReachable(other) ? List.of(own, other) : List.of(own)) {
      if (head == 0) {
        peer.hasAppliedNothing();
      } else {
        peer.hasApplied(head);
      }
    }
    isOpen(head + 1);
    return sequencer;
  }

  private boolean isReachable(Peer peer) {
    synchronized (reachable) {
      return reachable.contains(peer.gateway.getRef());
    }
  }

  private void isOpen(long epoch) {
    own.gateway.fishForMessage(
        LONG,
        message ->
            message instanceof Replica.Head head && head.epoch() == epoch
                ? FishingOutcomes.complete()
                : FishingOutcomes.continueAndIgnore());
  }

  private void ends(ActorRef<Sequencer.Command> sequencer) {
    testKit.createTestProbe().expectTerminated(sequencer, LONG);
  }

  private String reasonOfTheEnd() {
    return next(parts.replica, Replica.SequencerLost.class).reason();
  }

  private static Sequencer.Item item(long number, int bytes) {
    return new Sequencer.Item(
        SESSION,
        number,
        false,
        EntryCodec.encode(new Entry.Submitted(SESSION, number, new byte[bytes])));
  }

  private StoredEvent stored(long seq) throws Exception {
    return journal.read(seq, 1, 1).get(0);
  }

  private Event event(long seq) throws Exception {
    return EventCodec.decode(stored(seq));
  }

  /** Entries of all events behind the first. */
  private List<Entry> entries() throws Exception {
    List<Entry> entries = new ArrayList<>();
    for (StoredEvent stored : journal.read(2, 100, 1 << 20)) {
      entries.addAll(EventCodec.decode(stored).entries());
    }
    return entries;
  }

  /** Returns once the journal holds so many events. */
  private void awaitHead(long seq) {
    parts.replica.awaitAssert(
        LONG,
        () -> {
          assertEquals(seq, journal.head());
          return null;
        });
  }

  // ---- Opening

  @Test
  void opensWithAnEventThatGivesTheJournalItsId() throws Exception {
    opened();
    Event first = event(1);
    assertEquals(new Entry.Opened("a", REPLICATED), first.entries().get(0));
    assertEquals(1, first.epoch());
    assertArrayEquals(EventHash.none(), first.previousHash());
    assertFalse(first.journalId().isEmpty());
  }

  /** Otherwise a member that applies quickly would seem to be ahead of the journal. */
  @Test
  void asksTheMembersBeforeItLooksForTheEnd() throws Exception {
    ActorRef<Sequencer.Command> older = opened();
    sequencer();
    NodeGateway.AskWhere ask = next(own.gateway, NodeGateway.AskWhere.class);
    own.submits(older, item(1, 10));
    awaitHead(2);
    ask.replyTo()
        .tell(
            new Replica.WhereAnswer(
                "a", event(2).journalId(), 2, EventHash.of(stored(2).bytes()), own.rules));
    other.hasApplied(1);
    isOpen(3);
    assertEquals(3, event(3).epoch());
  }

  @Test
  void opensOnlyWhenItsOwnReplicaHasAnswered() throws Exception {
    ActorRef<Sequencer.Command> sequencer = sequencer();
    other.hasAppliedNothing();
    TimeUnit.MILLISECONDS.sleep(1300);
    assertEquals(0, journal.head());
    sequencer.tell(new Sequencer.AskCommitted(1, own.gateway.getRef()));
    own.hasAppliedNothing();
    isOpen(1);
  }

  @Test
  void waitsForASilentMemberForAMomentOnly() {
    long startNanos = System.nanoTime();
    sequencer();
    own.hasAppliedNothing();
    isOpen(1);
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos);
    assertTrue(millis >= 900, "it did not wait: " + millis + " ms");
  }

  @Test
  void doesNotOpenWhenItsReplicaIsAheadOfTheJournal() throws Exception {
    ActorRef<Sequencer.Command> sequencer = sequencer();
    own.answersWhere("some journal", 7, ANOTHER_HASH);
    other.hasAppliedNothing();
    assertTrue(reasonOfTheEnd().contains("node a has applied event 7"));
    ends(sequencer);
    assertEquals(0, journal.head());
  }

  @Test
  void doesNotOpenWhenAMemberIsAheadOfTheJournal() throws Exception {
    testKit.stop(opened());
    ActorRef<Sequencer.Command> sequencer = sequencer();
    own.hasApplied(1);
    other.answersWhere(event(1).journalId(), 2, ANOTHER_HASH);
    assertTrue(reasonOfTheEnd().contains("node b has applied event 2"));
    ends(sequencer);
    assertEquals(1, journal.head());
  }

  @Test
  void doesNotOpenWhenAMemberHoldsAnotherEvent() throws Exception {
    testKit.stop(opened());
    ActorRef<Sequencer.Command> sequencer = sequencer();
    own.hasApplied(1);
    other.answersWhere(event(1).journalId(), 1, ANOTHER_HASH);
    assertTrue(reasonOfTheEnd().contains("was replaced"));
    ends(sequencer);
    assertEquals(1, journal.head());
  }

  /** It has strayed here by mistake, and takes itself out of service. */
  @Test
  void opensDespiteAMemberOfAnotherJournal() throws Exception {
    testKit.stop(opened());
    sequencer();
    own.hasApplied(1);
    other.answersWhere("another journal", 900, ANOTHER_HASH);
    isOpen(2);
  }

  /** The settings stand in its own replica, which has applied what is gone. */
  @Test
  void opensOnACutJournalWithTheSettingsOfItsReplica() throws Exception {
    epochIsCutAway();
    parts.gauge.write(Readings.of(event(4).journalId(), 4, REPLICATED));
    sequencer();
    own.hasApplied(4);
    other.answersWhere(event(4).journalId(), 2, ANOTHER_HASH);
    isOpen(5);
    assertEquals(5, event(5).epoch());
    assertEquals(event(4).journalId(), event(5).journalId());
    assertArrayEquals(EventHash.of(stored(4).bytes()), event(5).previousHash());
  }

  @Test
  void doesNotOpenOnACutJournalWhenItsReplicaIsNotAsFarAsTheEpoch() throws Exception {
    epochIsCutAway();
    ActorRef<Sequencer.Command> sequencer = sequencer();
    own.hasAppliedNothing();
    other.hasApplied(4);
    String reason = reasonOfTheEnd();
    assertTrue(reason.endsWith("this node first has to restore its database"), reason);
    assertTrue(reason.contains("begins at event 4 "), reason);
    ends(sequencer);
    assertEquals(4, journal.head());
  }

  @Test
  void doesNotOpenOnACutJournalWithOtherSettingsThanItsReplica() throws Exception {
    epochIsCutAway();
    ReplicatedSettings others = new ReplicatedSettings(true, Duration.ofDays(1), 100, 100);
    parts.gauge.write(Readings.of(event(4).journalId(), 4, others));
    ActorRef<Sequencer.Command> sequencer = sequencer();
    own.hasApplied(4);
    other.hasApplied(4);
    next(parts.replica, Replica.Condemn.class);
    assertTrue(reasonOfTheEnd().contains("--foreign-keys=true"));
    ends(sequencer);
    assertEquals(4, journal.head());
  }

  /** Leaves a journal that begins behind the opening of its epoch, and ends with event 4. */
  private void epochIsCutAway() throws Exception {
    ActorRef<Sequencer.Command> before = opened();
    for (long number = 1; number <= 3; number++) {
      other.submits(before, item(number, 10));
      other.ordered(1);
    }
    testKit.stop(before);
    journal.trim(3);
    assertEquals(4, journal.first());
    assertEquals(1, event(4).epoch());
  }

  @Test
  void tellsEveryMemberThatItIsOpenAndWhoJoinsLater() throws Exception {
    isAlone();
    ActorRef<Sequencer.Command> sequencer = opened();
    other.gateway.expectNoMessage(SHORT);
    synchronized (reachable) {
      reachable.add(other.gateway.getRef());
    }
    Replica.Head head = next(other.gateway, Replica.Head.class);
    assertEquals(sequencer, head.sequencer());
    assertEquals(1, head.epoch());
    assertEquals("a", head.nodeId());
  }

  @Test
  void theNextSequencerEndsTheOneBefore() throws Exception {
    ActorRef<Sequencer.Command> older = opened();
    ActorRef<Sequencer.Command> newer = opened();
    other.submits(older, item(1, 10));
    ends(older);
    assertEquals(2, journal.head());
    other.submits(newer, item(1, 10));
    assertEquals(new Position(3, 0), other.ordered(1).get(0).position());
    assertEquals(2, event(3).epoch());
  }

  @Test
  void takesNothingBeforeItIsOpen() throws Exception {
    ActorRef<Sequencer.Command> sequencer = sequencer();
    other.submits(sequencer, item(1, 10));
    other.tells(sequencer, 0);
    sequencer.tell(new Sequencer.AskCommitted(1, other.gateway.getRef()));
    other.hasAppliedNothing();
    own.hasAppliedNothing();
    isOpen(1);
    // It is told its place only behind the opening.
    assertEquals(new Position(2, 0), other.ordered(1).get(0).position());
  }

  // ---- Ordering

  @Test
  void chainsEventsAndTellsWhereItemsStand() throws Exception {
    batchMax = 2;
    ActorRef<Sequencer.Command> sequencer = opened();
    other.submits(sequencer, item(1, 10), item(2, 10), item(3, 10));
    assertEquals(
        List.of(
            new WriteSession.OrderedItem(SESSION, 1, new Position(2, 0)),
            new WriteSession.OrderedItem(SESSION, 2, new Position(2, 1)),
            new WriteSession.OrderedItem(SESSION, 3, new Position(3, 0))),
        other.ordered(3));
    List<StoredEvent> events = journal.read(1, 10, 1 << 20);
    assertEquals(3, events.size());
    for (int i = 1; i < events.size(); i++) {
      Event event = EventCodec.decode(events.get(i));
      Event before = EventCodec.decode(events.get(i - 1));
      assertArrayEquals(EventHash.of(events.get(i - 1).bytes()), event.previousHash());
      assertEquals(before.journalId(), event.journalId());
      assertTrue(event.timestampMicros() > before.timestampMicros());
    }
  }

  @Test
  void tellsEachNodeOfItsOwnItems() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    own.submits(sequencer, item(1, 10));
    other.submits(sequencer, item(2, 10));
    assertEquals(2, other.ordered(1).get(0).number());
    // What is for its own node goes past the gateway.
    assertEquals(1, next(parts.session, WriteSession.Ordered.class).items().get(0).number());
  }

  @Test
  void aRepeatIsToldItsPositionAndNotOrderedAgain() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    other.submits(sequencer, item(1, 10));
    List<WriteSession.OrderedItem> first = other.ordered(1);
    other.submits(sequencer, item(1, 10));
    assertEquals(first, other.ordered(1));
    assertEquals(2, journal.head());
  }

  @Test
  void appendsALargeRequestInPartsWithNothingBetween() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    other.submits(sequencer, item(1, 200_000), item(2, 10));
    List<WriteSession.OrderedItem> items = other.ordered(2);
    long last = items.get(0).position().seq();
    assertEquals(5, last);
    assertEquals(new Position(6, 0), items.get(1).position());
    int bytes = 0;
    for (long seq = 2; seq <= last; seq++) {
      StoredEvent stored = stored(seq);
      assertTrue(stored.bytes().length <= EVENT_BYTES_MAX, "event of " + stored.bytes().length);
      Entry.Part part =
          assertInstanceOf(Entry.Part.class, EventCodec.decode(stored).entries().get(0));
      assertEquals(seq - 2, part.index());
      assertEquals(4, part.count());
      bytes += part.bytes().length;
    }
    assertEquals(200_000, bytes);
  }

  @Test
  void takesARequestThatComesInFragments() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    byte[] entry = item(1, 300_000).entry();
    List<Sequencer.Fragment> fragments = new ArrayList<>();
    int size = SequencerLink.ENVELOPE_BYTES_MAX;
    int count = (entry.length + size - 1) / size;
    for (int i = 0; i < count; i++) {
      byte[] bytes = Arrays.copyOfRange(entry, i * size, Math.min(entry.length, (i + 1) * size));
      fragments.add(
          new Sequencer.Fragment(
              SESSION, 1, i, count, entry.length, bytes, other.gateway.getRef()));
    }
    sequencer.tell(fragments.get(2));
    sequencer.tell(fragments.get(0));
    sequencer.tell(fragments.get(0));
    assertEquals(1, journal.head());
    sequencer.tell(fragments.get(1));
    Position position = other.ordered(1).get(0).position();
    long bytes = 0;
    for (Entry part : entries()) {
      bytes += ((Entry.Part) part).bytes().length;
    }
    assertEquals(300_000, bytes);
    // A repeat is told its position like any other.
    fragments.forEach(sequencer::tell);
    assertEquals(position, other.ordered(1).get(0).position());
    assertEquals(position.seq(), journal.head());
  }

  @Test
  void finishesWhatIsInFlightAndNoMore() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    other.submits(sequencer, item(1, 200_000), item(2, 10));
    sequencer.tell(Sequencer.Finish.NOW);
    assertEquals(
        List.of(new WriteSession.OrderedItem(SESSION, 1, new Position(5, 0))), other.ordered(1));
    ends(sequencer);
    assertEquals(5, journal.head());
  }

  @Test
  void finishesAtOnceWhenNothingIsInFlight() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    sequencer.tell(Sequencer.Finish.NOW);
    ends(sequencer);
  }

  // ---- Scrubs

  private static byte[] contents(int value) {
    byte[] digest = new byte[EventHash.LENGTH];
    Arrays.fill(digest, (byte) value);
    return digest;
  }

  private Sequencer.ScrubAnswer scrub(ActorRef<Sequencer.Command> sequencer) {
    TestProbe<Sequencer.ScrubAnswer> answer = testKit.createTestProbe();
    sequencer.tell(new Sequencer.AskScrub(answer.getRef()));
    return answer.receiveMessage(LONG);
  }

  /** All nodes have said by what rules they can apply. */
  private ActorRef<Sequencer.Command> openedForScrubs() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    own.tells(sequencer, 1);
    other.tells(sequencer, 1);
    return sequencer;
  }

  private static void holds(ActorRef<Sequencer.Command> sequencer, Peer peer, long seq, int value) {
    sequencer.tell(
        new Sequencer.ScrubWord(
            peer.nodeId,
            seq,
            1000,
            false,
            false,
            contents(value),
            DatabaseConnections.sqliteVersion(),
            peer.gateway.getRef()));
  }

  private Replica.Scrubbed hears(Peer peer, ScrubVerdict.Kind kind) {
    return (Replica.Scrubbed)
        peer.gateway
            .fishForMessage(
                LONG,
                message ->
                    message instanceof Replica.Scrubbed told && told.result().equals(kind.text())
                        ? FishingOutcomes.complete()
                        : FishingOutcomes.continueAndIgnore())
            .get(0);
  }

  @Test
  void ordersAScrubAloneInItsEvent() throws Exception {
    ActorRef<Sequencer.Command> sequencer = openedForScrubs();
    Sequencer.ScrubAnswer answer = scrub(sequencer);
    assertEquals(new Sequencer.ScrubAnswer("", 2), answer);
    assertEquals(List.of(new Entry.Scrub()), event(2).entries());
    Sequencer.ScrubAnswer second = scrub(sequencer);
    assertTrue(second.problem().contains("event 2 has not ended"), second.problem());
    assertEquals(2, journal.head());
  }

  @Test
  void ordersNoScrubWhileAMemberDoesNotKnowIt() throws Exception {
    other.rules = Formats.scrubRules() - 1;
    Sequencer.ScrubAnswer answer = scrub(openedForScrubs());
    assertTrue(answer.problem().contains("a member runs a release"), answer.problem());
    assertEquals(1, journal.head());
  }

  @Test
  void ordersAScrubWhenItIsDue() throws Exception {
    scrubInterval = Duration.ofMillis(200);
    openedForScrubs();
    awaitHead(2);
    assertEquals(List.of(new Entry.Scrub()), event(2).entries());
  }

  @Test
  void tellsWhoseContentsAreWrong() throws Exception {
    ActorRef<Sequencer.Command> sequencer = openedForScrubs();
    Peer third = new Peer("c");
    third.tells(sequencer, 1);
    long seq = scrub(sequencer).seq();
    holds(sequencer, own, seq, 1);
    holds(sequencer, other, seq, 2);
    holds(sequencer, third, seq, 1);
    Replica.Scrubbed told = hears(other, ScrubVerdict.Kind.DIFFERENT);
    assertEquals(List.of("b"), told.wrong());
    assertArrayEquals(contents(1), told.digest());
    SnapshotCoordinator.Differed differed = next(coordinator, SnapshotCoordinator.Differed.class);
    assertEquals(Set.of("b"), differed.wrong());
    assertEquals(Set.of("a", "c"), differed.right());
    assertEquals(Set.of("b"), next(coordinator, SnapshotCoordinator.Doubted.class).nodeIds());
    // Whoever tells again is told again, since a message may be lost.
    holds(sequencer, other, seq, 2);
    hears(other, ScrubVerdict.Kind.DIFFERENT);
    // It holds what the others hold now.
    holds(sequencer, other, seq, 1);
    hears(other, ScrubVerdict.Kind.CLEAN);
    hears(own, ScrubVerdict.Kind.CLEAN);
  }

  @Test
  void letsNothingBeCutWhileNobodyKnowsWhoIsRight() throws Exception {
    ActorRef<Sequencer.Command> sequencer = openedForScrubs();
    long seq = scrub(sequencer).seq();
    holds(sequencer, own, seq, 1);
    holds(sequencer, other, seq, 2);
    hears(own, ScrubVerdict.Kind.UNDECIDED);
    assertEquals(List.of(), hears(other, ScrubVerdict.Kind.UNDECIDED).wrong());
    assertFalse(next(coordinator, SnapshotCoordinator.Cuts.class).allowed());
    assertEquals(Set.of("a", "b"), next(coordinator, SnapshotCoordinator.Doubted.class).nodeIds());
    holds(sequencer, other, seq, 1);
    hears(other, ScrubVerdict.Kind.CLEAN);
    coordinator.fishForMessage(
        LONG,
        message ->
            message instanceof SnapshotCoordinator.Cuts cuts && cuts.allowed()
                ? FishingOutcomes.complete()
                : FishingOutcomes.continueAndIgnore());
  }

  /** Nothing that is said of an event that is not there yet counts. */
  @Test
  void passesOverAWordOfWhatIsNotInTheJournal() throws Exception {
    ActorRef<Sequencer.Command> sequencer = openedForScrubs();
    holds(sequencer, other, 1_000_000, 1);
    assertEquals(new Sequencer.ScrubAnswer("", 2), scrub(sequencer));
  }

  /** Nodes are upgraded one by one, and each must be able to apply what is written meanwhile. */
  @Test
  void writesByTheOldestRulesThatAMemberKnows() throws Exception {
    other.rules = 1;
    ActorRef<Sequencer.Command> sequencer = opened();
    assertEquals(1, event(1).rules());
    own.tells(sequencer, 1);
    other.submits(sequencer, item(1, 10));
    other.ordered(1);
    assertEquals(1, event(2).rules(), "it has not said that it knows others");
    other.rules = Formats.newestRules();
    other.tells(sequencer, 1);
    long[] number = {1};
    other.gateway.awaitAssert(
        LONG,
        () -> {
          other.submits(sequencer, item(++number[0], 10));
          long seq = other.ordered(1).get(0).position().seq();
          assertEquals(Formats.newestRules(), event(seq).rules());
          return null;
        });
  }

  // ---- Pushing

  @Test
  void pushesToWhoSaysHowFarItIs() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    own.tells(sequencer, 1);
    other.tells(sequencer, 1);
    other.submits(sequencer, item(1, 10));
    Replica.Push push = next(other.gateway, Replica.Push.class);
    assertEquals(2, push.seq());
    assertArrayEquals(stored(2).bytes(), push.bytes());
    assertEquals(2, next(parts.replica, Replica.Push.class).seq());
  }

  @Test
  void saysOnlyTheNumberOfAnEventThatIsTooLargeForAMessage() throws Exception {
    eventBytesMax = 1 << 20;
    ActorRef<Sequencer.Command> sequencer = opened();
    other.tells(sequencer, 1, 5);
    other.answered(5);
    other.submits(sequencer, item(1, 500_000));
    List<NodeMessage> told = new ArrayList<>();
    other.gateway.fishForMessage(
        LONG,
        message -> {
          told.add(message);
          return message instanceof WriteSession.Ordered
              ? FishingOutcomes.complete()
              : FishingOutcomes.continueAndIgnore();
        });
    assertTrue(
        told.stream().noneMatch(message -> message instanceof Replica.Push), () -> "" + told);
    assertTrue(
        told.stream().anyMatch(message -> message instanceof Replica.Head head && head.seq() == 2),
        () -> "" + told);
  }

  // ---- What is committed

  @Test
  void tellsWhatIsCommitted() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    sequencer.tell(new Sequencer.AskCommitted(3, other.gateway.getRef()));
    assertEquals(new ReadGate.Committed(3, 1), next(other.gateway, ReadGate.Committed.class));
    sequencer.tell(new Sequencer.AskCommitted(4, own.gateway.getRef()));
    assertEquals(new ReadGate.Committed(4, 1), next(parts.readGate, ReadGate.Committed.class));
  }

  @Test
  void tellsTheHeadAndWhatIsCommittedOnlyAfterAFreshRoundTrip() throws Exception {
    weakAgeMax = Duration.ZERO;
    ActorRef<Sequencer.Command> sequencer = opened();
    Peer early = new Peer("c");
    TestProbe<NodeMessage> late = testKit.createTestProbe();
    journal.hold();
    early.tells(sequencer, 1, 8);
    journal.awaitQuestion();
    // It came while the journal was being asked: that answer says nothing to it.
    sequencer.tell(new Sequencer.AskCommitted(4, late.getRef()));
    late.expectNoMessage(SHORT);
    assertEquals(0, next(early.gateway, Replica.Head.class).asked(), "told without asking");
    early.gateway.expectNoMessage(Duration.ZERO);
    long asked = journal.questions();
    journal.letThrough();
    assertEquals(1, early.answered(8).seq());
    assertEquals(new ReadGate.Committed(4, 1), late.receiveMessage(LONG));
    assertTrue(journal.questions() > asked, "one question served who came after it");
  }

  @Test
  void endsInsteadOfTellingAHeadThatAnotherHasPassed() throws Exception {
    weakAgeMax = Duration.ZERO;
    ActorRef<Sequencer.Command> older = opened();
    opened();
    older.tell(new Sequencer.AskCommitted(3, other.gateway.getRef()));
    ends(older);
  }

  /** A database that took over from another one may not have got its last events. */
  @Test
  void endsWhenTheJournalHasLostItsEnd() throws Exception {
    weakAgeMax = Duration.ZERO;
    ActorRef<Sequencer.Command> sequencer = opened();
    other.submits(sequencer, item(1, 10));
    other.ordered(1);
    journal.loseBehind(1);
    TestProbe<NodeMessage> asker = testKit.createTestProbe();
    sequencer.tell(new Sequencer.AskCommitted(3, asker.getRef()));
    ends(sequencer);
    asker.expectNoMessage(Duration.ZERO);
  }

  // ---- Verdicts

  private static final Position HELD = new Position(9, 4);

  private void reports(Peer peer, ActorRef<Sequencer.Command> sequencer, Peer... processes) {
    sequencer.tell(
        new Sequencer.ReportHeld(
            HELD,
            0,
            Arrays.stream(processes).map(process -> process.processId).toList(),
            "too long",
            peer.gateway.getRef()));
  }

  private Entry.Verdict verdict() throws Exception {
    awaitHead(2);
    return assertInstanceOf(Entry.Verdict.class, entries().get(0));
  }

  @Test
  void givesUpARequestOnceEveryProcessSaysThatItIsNotApplied() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    own.tells(sequencer, 1);
    other.tells(sequencer, 1);
    reports(own, sequencer, own, other);
    reports(own, sequencer, own, other);
    own.answersHold(false, 1);
    TimeUnit.MILLISECONDS.sleep(SHORT.toMillis());
    assertEquals(1, journal.head(), "one has not answered yet");
    other.answersHold(false, 2);
    assertEquals(new Entry.Verdict(HELD, 2, true, "given up: too long"), verdict());
    reports(other, sequencer, own, other);
    other.submits(sequencer, item(1, 10));
    other.ordered(1);
    assertEquals(2, entries().size(), "a second verdict");
  }

  @Test
  void tellsOlderReleasesNoStatement() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    other.rules = 1;
    own.tells(sequencer, 1);
    other.tells(sequencer, 1);
    reports(own, sequencer, own, other);
    own.answersHold(false, 1);
    other.answersHold(false, 2);
    assertEquals(new Entry.Verdict(HELD, 0, true, "given up: too long"), verdict());
  }

  @Test
  void letsARequestRunThatAProcessHasApplied() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    own.tells(sequencer, 1);
    reports(own, sequencer, own, other);
    other.answersHold(true, 0);
    Entry.Verdict verdict = verdict();
    assertFalse(verdict.abort());
    assertEquals(HELD, verdict.position());
  }

  @Test
  void letsARequestRunThatASilentProcessMightHaveApplied() throws Exception {
    reportWait = SHORT;
    ActorRef<Sequencer.Command> sequencer = opened();
    own.tells(sequencer, 1);
    reports(own, sequencer, own, other);
    own.answersHold(false, 0);
    assertFalse(verdict().abort());
  }

  /** Its earlier processes, whose sessions are open there, had the replica that it has now. */
  @Test
  void aSoleNodeGivesUpARequestByItself() throws Exception {
    isAlone();
    isSoleNode = true;
    ActorRef<Sequencer.Command> sequencer = opened();
    own.tells(sequencer, 1);
    reports(own, sequencer, other);
    assertEquals(new Entry.Verdict(HELD, 0, true, "given up: too long"), verdict());
  }

  /** The operator may speak after a verdict to apply it, and of what stands in the journal only. */
  @Test
  void givesUpWhatAnOperatorWantsGivenUp() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened();
    byte[] request =
        RequestCodec.encode(WriteRequest.of(false, Statement.of("INSERT INTO t VALUES (?)")));
    other.submits(
        sequencer,
        new Sequencer.Item(
            SESSION, 1, false, EntryCodec.encode(new Entry.Submitted(SESSION, 1, request))));
    Position position = other.ordered(1).get(0).position();
    own.tells(sequencer, 1);
    other.tells(sequencer, 2);

    TestProbe<Sequencer.AbortAnswer> operator = testKit.createTestProbe();
    for (Position wrong : List.of(new Position(9, 0), new Position(2, 1), new Position(1, 0))) {
      sequencer.tell(new Sequencer.AskAbort(wrong, operator.getRef()));
      Sequencer.AbortAnswer refused = operator.receiveMessage(LONG);
      assertFalse(refused.problem().isEmpty(), wrong.toString());
    }
    sequencer.tell(new Sequencer.AskAbort(position, operator.getRef()));
    assertEquals(
        new Sequencer.AbortAnswer("", 3, List.of("INSERT INTO t VALUES (?)")),
        operator.receiveMessage(LONG));
    assertEquals(
        new Entry.Verdict(position, 0, true, "given up: an operator decided so"), entries().get(1));

    own.tells(sequencer, 3);
    other.tells(sequencer, 3);
    sequencer.tell(new Sequencer.AskAbort(position, operator.getRef()));
    assertEquals("every node has got past it", operator.receiveMessage(LONG).problem());
    assertEquals(3, journal.head());
  }
}
