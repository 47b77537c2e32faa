package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing is applied but the very event that follows. */
class ChainBreakTest {

  @TempDir private Path folder;
  private final EventChain chain = EventChain.create();
  private ReplicaFixture replica;

  @BeforeEach
  void open() throws ReplicaException {
    replica = ReplicaFixture.open(folder);
    replica.run(chain, "CREATE TABLE log (v)");
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void refusesAnotherJournal() throws SQLException {
    chain.add(event("other", chain.lastHash(), chain.timestampMicros() + 1));
    assertBroken("event 3 is of journal other, not journal");
  }

  @Test
  void refusesAnEventWithAnotherPast() throws SQLException {
    chain.add(event(EventChain.JOURNAL, EventHash.of(new byte[0]), chain.timestampMicros() + 1));
    assertBroken("event 3 does not follow what was applied as event 2");
  }

  @Test
  void refusesTimeThatStandsStill() throws SQLException {
    chain.add(event(EventChain.JOURNAL, chain.lastHash(), chain.timestampMicros()));
    assertBroken("event 3 is not later than event 2");
  }

  @Test
  void refusesAGap() throws SQLException {
    chain.write("INSERT INTO log VALUES (1)");
    chain.write("INSERT INTO log VALUES (2)");
    assertEquals(
        new ApplyResult.Broken("event 4 does not follow event 2"), replica.apply(chain.from(4)));
    assertEquals(2, replica.seq());
    assertEquals(new ApplyResult.Applied(), replica.apply(chain));
    assertEquals(List.of("1", "2"), replica.read("SELECT v FROM log"));
  }

  @Test
  void refusesRulesThatItDoesNotKnow() throws SQLException {
    chain.add(
        EventChain.event(
            Formats.newestRules() + 1,
            EventChain.JOURNAL,
            chain.lastHash(),
            1,
            chain.timestampMicros() + 1,
            0,
            List.of(insert())));
    assertBroken("an event of rules " + (Formats.newestRules() + 1) + " needs a newer peqlite");
  }

  @Test
  void refusesAFormatThatItDoesNotKnow() throws SQLException {
    chain.add(new byte[] {(byte) 0x81, 2}); // an array that holds the format
    assertBroken("an event of format 2 needs a newer peqlite");
  }

  /** It has no successor yet whose hash would tell. */
  @Test
  void refusesALastEventThatTheDiskHasChanged() throws SQLException {
    byte[] bytes = event(EventChain.JOURNAL, chain.lastHash(), chain.timestampMicros() + 1);
    bytes[bytes.length - 8] ^= 1; // in its entries
    chain.add(bytes);
    assertBroken("event 3 is damaged: its checksum is not that of its bytes");
  }

  @Test
  void refusesBytesThatAreNoEvent() throws SQLException {
    chain.add("nonsense".getBytes(StandardCharsets.UTF_8));
    assertInstanceOf(ApplyResult.Broken.class, replica.apply(chain));
    assertEquals(2, replica.seq());
  }

  @Test
  void refusesARequestThatCannotBeRead() throws SQLException {
    chain.append(new Entry.Submitted(EventChain.SESSION, 2, new byte[] {1}));
    assertInstanceOf(ApplyResult.Broken.class, replica.apply(chain));
    assertEquals(2, replica.seq());
  }

  @Test
  void appliesWhatStandsBeforeTheBreak() throws SQLException {
    chain.write("INSERT INTO log VALUES (1)");
    chain.write("INSERT INTO log VALUES (2)");
    chain.add(event("other", chain.lastHash(), chain.timestampMicros() + 1));
    assertInstanceOf(ApplyResult.Broken.class, replica.apply(chain));
    assertEquals(4, replica.seq());
    assertEquals(List.of("1", "2"), replica.read("SELECT v FROM log"));
  }

  @Test
  void refusesToRunWithoutTheForeignKeysOfTheJournal() throws Exception {
    EventChain strict = new EventChain(EventChain.FOREIGN_KEYS);
    Path file = folder.resolve("strict.db");
    try (ReplicaFixture lenient = new ReplicaFixture(file, ReplicaFixture.settings(false))) {
      ApplyResult.Broken broken = (ApplyResult.Broken) lenient.apply(strict);
      assertEquals(
          "the journal was created with foreign keys on: start this node with --foreign-keys=true",
          broken.reason());
      assertEquals(0, lenient.seq());
      lenient.reopen(ReplicaFixture.settings(true));
      assertEquals(new ApplyResult.Applied(), lenient.apply(strict));
      // Before the next sequencer opens there are events to catch up with.
      strict.write("CREATE TABLE t (v)");
      lenient.reopen(ReplicaFixture.settings(false));
      assertInstanceOf(ApplyResult.Broken.class, lenient.apply(strict));
      assertEquals(1, lenient.seq());
    }
  }

  @Test
  void refusesARequestBeforeAnyOpening() throws Exception {
    byte[] first =
        EventChain.event(
            Formats.newestRules(),
            EventChain.JOURNAL,
            EventHash.none(),
            0,
            1,
            0,
            List.of(
                new Entry.SessionOpened(EventChain.NODE, "nonce"),
                EventChain.submitted(
                    new sql.Position(1, 0), 1, EventChain.statements("CREATE TABLE t (v)"))));
    try (ReplicaFixture empty =
        new ReplicaFixture(folder.resolve("empty.db"), ReplicaFixture.settings(false))) {
      assertInstanceOf(ApplyResult.Broken.class, empty.apply(List.of(new StoredEvent(1, first))));
      assertEquals(0, empty.seq());
    }
  }

  @Test
  void tellsItsPositionAndPassesOverWhatIsApplied() throws Exception {
    assertPosition(2);
    replica.reopen();
    assertPosition(2);
    List<StoredEvent> twice = new ArrayList<>(chain.events());
    chain.append();
    twice.addAll(chain.from(2));
    assertEquals(new ApplyResult.Applied(), replica.apply(twice));
    assertPosition(3);
    assertEquals(new ApplyResult.Applied(), replica.apply(List.of()));
  }

  private void assertPosition(long seq) {
    ReplicaPosition position = replica.applier().position();
    assertEquals(seq, position.seq());
    assertEquals(EventChain.JOURNAL, position.journalId());
    assertEquals(EventChain.SETTINGS, position.settings().orElseThrow());
    assertArrayEquals(chain.lastHash(), position.hash());
  }

  private void assertBroken(String reason) throws SQLException {
    assertEquals(new ApplyResult.Broken(reason), replica.apply(chain));
    assertEquals(2, replica.seq());
    assertEquals(List.of(), replica.read("SELECT v FROM log"));
  }

  private static byte[] event(String journal, byte[] previousHash, long timestamp) {
    return EventChain.event(
        Formats.newestRules(), journal, previousHash, 1, timestamp, 0, List.of(insert()));
  }

  private static Entry insert() {
    return EventChain.submitted(
        EventChain.SESSION, 2, EventChain.statements("INSERT INTO log VALUES (1)"));
  }
}
