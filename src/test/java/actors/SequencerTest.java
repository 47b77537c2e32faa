package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ForkJoinPool;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;
import storage.Entry;
import storage.EntryCodec;
import storage.Event;
import storage.EventCodec;
import storage.EventHash;
import storage.ReplicatedSettings;
import storage.SqliteJournal;
import storage.StoredEvent;

/** Sequencers on a real journal; probes play the replica and the session. */
class SequencerTest {

  private static final Position SESSION = new Position(1, 0);
  private static final ReplicatedSettings REPLICATED =
      new ReplicatedSettings(false, Duration.ofDays(1), 100, 100);
  private static final int EVENT_BYTES_MAX = 64 * 1024;

  @TempDir Path folder;

  private ActorTestKit testKit;
  private SqliteJournal journal;
  private TestProbe<Replica.Command> replica;
  private TestProbe<WriteSession.Command> session;

  @BeforeEach
  void start() throws Exception {
    Path file = folder.resolve("journal.db");
    journal = SqliteJournal.open(file);
    testKit = ActorTestKit.create(TestConfig.withJournal(file));
    replica = testKit.createTestProbe();
    session = testKit.createTestProbe();
  }

  @AfterEach
  void stop() {
    testKit.shutdownTestKit();
    journal.close();
  }

  private ActorRef<Sequencer.Command> sequencer(int batchMax) {
    return testKit.spawn(
        Sequencer.create(
            new Sequencer.Settings(
                1000, 10 << 20, batchMax, EVENT_BYTES_MAX, Duration.ofSeconds(1)),
            "a",
            REPLICATED,
            replica.getRef(),
            journal,
            ForkJoinPool.commonPool()));
  }

  private ActorRef<Sequencer.Command> opened(int batchMax) {
    ActorRef<Sequencer.Command> sequencer = sequencer(batchMax);
    sequencer.tell(new Sequencer.Subscribe(replica.getRef()));
    answerWhere(0, EventHash.none());
    replica.fishForMessage(
        Duration.ofSeconds(20),
        message ->
            message instanceof Replica.Head
                ? org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes.complete()
                : org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes.continueAndIgnore());
    return sequencer;
  }

  private void answerWhere(long seq, byte[] hash) {
    Replica.Command asked =
        replica
            .fishForMessage(
                Duration.ofSeconds(20),
                message ->
                    message instanceof Replica.AskWhere
                        ? org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes.complete()
                        : org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes
                            .continueAndIgnore())
            .get(0);
    ((Replica.AskWhere) asked).replyTo().tell(new Replica.WhereAnswer("", seq, hash));
  }

  private static Sequencer.Item item(long number, int bytes) {
    return new Sequencer.Item(
        SESSION,
        number,
        false,
        EntryCodec.encode(new Entry.Submitted(SESSION, number, new byte[bytes])));
  }

  private List<WriteSession.OrderedItem> ordered(int count) {
    List<WriteSession.OrderedItem> items = new ArrayList<>();
    while (items.size() < count) {
      items.addAll(
          session.expectMessageClass(WriteSession.Ordered.class, Duration.ofSeconds(20)).items());
    }
    return items;
  }

  private Event event(long seq) throws Exception {
    return EventCodec.decode(journal.read(seq, 1, 1).get(0));
  }

  @Test
  void opensWithAnEventThatGivesTheJournalItsId() throws Exception {
    opened(10);
    Event first = event(1);
    assertEquals(new Entry.Opened("a", REPLICATED), first.entries().get(0));
    assertEquals(1, first.epoch());
    assertArrayEquals(EventHash.none(), first.previousHash());
    assertTrue(!first.journalId().isEmpty());
  }

  @Test
  void chainsEventsAndTellsWhereItemsStand() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened(2);
    sequencer.tell(
        new Sequencer.Submit(List.of(item(1, 10), item(2, 10), item(3, 10)), session.getRef()));
    assertEquals(
        List.of(
            new WriteSession.OrderedItem(SESSION, 1, new Position(2, 0)),
            new WriteSession.OrderedItem(SESSION, 2, new Position(2, 1)),
            new WriteSession.OrderedItem(SESSION, 3, new Position(3, 0))),
        ordered(3));
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
  void aRepeatIsToldItsPositionAndNotOrderedAgain() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened(10);
    sequencer.tell(new Sequencer.Submit(List.of(item(1, 10)), session.getRef()));
    List<WriteSession.OrderedItem> first = ordered(1);
    sequencer.tell(new Sequencer.Submit(List.of(item(1, 10)), session.getRef()));
    assertEquals(first, ordered(1));
    assertEquals(2, journal.head());
  }

  @Test
  void appendsALargeRequestInPartsWithNothingBetween() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened(10);
    sequencer.tell(new Sequencer.Submit(List.of(item(1, 200_000), item(2, 10)), session.getRef()));
    List<WriteSession.OrderedItem> items = ordered(2);
    long last = items.get(0).position().seq();
    assertEquals(5, last);
    assertEquals(new Position(6, 0), items.get(1).position());
    int bytes = 0;
    for (long seq = 2; seq <= last; seq++) {
      StoredEvent stored = journal.read(seq, 1, 1).get(0);
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
  void theNextSequencerEndsTheOneBefore() throws Exception {
    ActorRef<Sequencer.Command> older = opened(10);
    ActorRef<Sequencer.Command> newer = opened(10);
    older.tell(new Sequencer.Submit(List.of(item(1, 10)), session.getRef()));
    testKit.createTestProbe().expectTerminated(older, Duration.ofSeconds(20));
    session.expectNoMessage();
    assertEquals(2, journal.head());
    newer.tell(new Sequencer.Submit(List.of(item(1, 10)), session.getRef()));
    assertEquals(new Position(3, 0), ordered(1).get(0).position());
    assertEquals(2, event(3).epoch());
  }

  @Test
  void doesNotOpenWhenTheReplicaIsAheadOfTheJournal() {
    ActorRef<Sequencer.Command> sequencer = sequencer(10);
    answerWhere(7, new byte[EventHash.LENGTH]);
    Replica.Condemn condemned = replica.expectMessageClass(Replica.Condemn.class);
    assertTrue(condemned.reason().contains("has applied event 7"), condemned.reason());
    testKit.createTestProbe().expectTerminated(sequencer, Duration.ofSeconds(20));
  }

  @Test
  void doesNotOpenWhenTheReplicaHoldsAnotherEvent() throws Exception {
    ActorRef<Sequencer.Command> first = opened(10);
    testKit.stop(first);
    ActorRef<Sequencer.Command> sequencer = sequencer(10);
    answerWhere(1, new byte[EventHash.LENGTH]);
    assertTrue(replica.expectMessageClass(Replica.Condemn.class).reason().contains("was replaced"));
    testKit.createTestProbe().expectTerminated(sequencer, Duration.ofSeconds(20));
    assertEquals(1, journal.head());
  }

  @Test
  void ordersAVerdictOnAHeldRequestOnce() throws Exception {
    ActorRef<Sequencer.Command> sequencer = opened(10);
    Position held = new Position(9, 4);
    sequencer.tell(new Sequencer.ReportHeld(held, "too long"));
    sequencer.tell(new Sequencer.ReportHeld(held, "too long"));
    sequencer.tell(new Sequencer.Submit(List.of(item(1, 10)), session.getRef()));
    ordered(1);
    List<Entry> entries = new ArrayList<>();
    for (StoredEvent stored : journal.read(2, 10, 1 << 20)) {
      entries.addAll(EventCodec.decode(stored).entries());
    }
    assertEquals(2, entries.size());
    Entry.Verdict verdict = assertInstanceOf(Entry.Verdict.class, entries.get(0));
    assertEquals(held, verdict.position());
    assertTrue(verdict.abort());
  }

  @Test
  void tellsWhatIsCommitted() {
    ActorRef<Sequencer.Command> sequencer = opened(10);
    TestProbe<ReadGate.Command> gate = testKit.createTestProbe();
    sequencer.tell(new Sequencer.AskCommitted(3, gate.getRef()));
    assertEquals(new ReadGate.Committed(3, 1), gate.receiveMessage());
  }
}
