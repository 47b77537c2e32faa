package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import storage.SqliteJournal;
import storage.StoredEvent;
import storage.StoredEvents;

/** The fence: of two writers that want the same number one fails, and writes nothing. */
class LogWriterTest {

  private static final Duration LONG = Duration.ofSeconds(20);

  @TempDir Path folder;
  private ActorTestKit testKit;
  private SqliteJournal journal;

  @BeforeEach
  void start() throws Exception {
    Path file = folder.resolve("journal.db");
    journal = SqliteJournal.open(file);
    testKit = ActorTestKit.create(TestConfig.withJournal(file));
  }

  @AfterEach
  void stop() {
    testKit.shutdownTestKit();
    journal.close();
  }

  private record Writer(TestProbe<Sequencer.Command> sequencer, ActorRef<LogWriter.Append> actor) {}

  private Writer writer(long lastSeq) {
    TestProbe<Sequencer.Command> sequencer = testKit.createTestProbe();
    ActorRef<LogWriter.Append> actor = testKit.spawn(LogWriter.create(sequencer.getRef()));
    assertEquals(
        new Sequencer.WriterReady(lastSeq),
        sequencer.expectMessageClass(Sequencer.WriterReady.class, LONG));
    return new Writer(sequencer, actor);
  }

  private static void append(Writer writer, long seq, int... bytes) {
    writer.actor().tell(new LogWriter.Append(bytes(bytes)));
    assertEquals(
        new Sequencer.Persisted(seq),
        writer.sequencer().expectMessageClass(Sequencer.Persisted.class, LONG));
  }

  @Test
  void appendsTheBytesAsTheyAreUnderTheNextNumber() throws Exception {
    Writer writer = writer(0);
    append(writer, 1, 1, 2, 3);
    append(writer, 2, 4);
    assertEquals(2, journal.head());
    List<StoredEvent> events = journal.read(1, 10, 1000);
    assertArrayEquals(bytes(1, 2, 3), events.get(0).bytes());
    assertArrayEquals(bytes(4), events.get(1).bytes());
    writer(2);
  }

  @Test
  void goesOnBehindTheEndOfAJournalThatIsCut() throws Exception {
    Writer writer = writer(0);
    append(writer, 1, 1);
    append(writer, 2, 2);
    journal.trim(2);
    assertEquals(2, journal.first());
    Writer next = writer(2);
    append(next, 3, 3);
    append(next, 4, 4);
    journal.trim(3);
    append(next, 5, 5);
    writer(5);
  }

  @Test
  void stopsWhenItsNumberIsTakenAndWritesNothing() throws Exception {
    Writer first = writer(0);
    Writer second = writer(0);
    append(first, 1, 1);
    second.actor().tell(new LogWriter.Append(bytes(9)));
    second.sequencer().expectTerminated(second.actor(), LONG);
    second.sequencer().expectNoMessage(Duration.ZERO);
    assertEquals(1, journal.head());
    assertArrayEquals(bytes(1), journal.read(1, 10, 1000).get(0).bytes());
    append(first, 2, 2);
  }

  @Test
  void isFencedByASuccessorThatOpened() throws Exception {
    Writer old = writer(0);
    append(old, 1, 1);
    Writer successor = writer(1);
    append(successor, 2, 2);
    old.actor().tell(new LogWriter.Append(bytes(9)));
    old.sequencer().expectTerminated(old.actor(), LONG);
    append(successor, 3, 3);
    assertEquals(3, journal.head());
    List<StoredEvent> events = journal.read(1, 10, 1000);
    assertEquals(3, events.size());
    for (StoredEvent event : events) {
      assertArrayEquals(bytes((int) event.seq()), event.bytes());
    }
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return StoredEvents.holding(bytes);
  }
}
