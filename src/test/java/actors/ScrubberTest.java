package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import storage.ApplyResult;
import storage.ApplySettings;
import storage.DatabaseConnections;
import storage.EventApplier;
import storage.ReadPool;
import storage.ReadSettings;

/** The scrubs of one node, over a real database of two events. */
@Timeout(60)
class ScrubberTest {

  private static final long WAL_BYTES_MAX = 1 << 20;
  private static final byte[] OTHER = new byte[32];

  @TempDir private Path folder;
  private final BlockingQueue<Replica.ScrubEnded> ended = new LinkedBlockingQueue<>();
  private final ReplicaGauge gauge = new ReplicaGauge();
  private final MemoryJournal journal = new MemoryJournal("journal");
  private ReadPool reads;
  private EventApplier applier;

  @BeforeEach
  void open() throws Exception {
    Path file = folder.resolve("database.db");
    applier =
        EventApplier.open(
            file, new ApplySettings("a", false, 0, 1 << 20, 16, 1 << 20, WAL_BYTES_MAX, 0));
    apply(1);
    journal.write("CREATE TABLE t (a)");
    apply(2);
    reads =
        ReadPool.open(
            file, new ReadSettings(1, 10, false, 1 << 20, DatabaseConnections.LENGTH_MAX));
  }

  private void apply(long seq) {
    assertInstanceOf(
        ApplyResult.Applied.class,
        applier.apply(
            List.of(journal.event(seq)), Map.of(), Set.of(), false, position -> {}, entries -> {}));
  }

  @AfterEach
  void close() {
    reads.close();
    applier.close();
  }

  private Scrubber scrubber(boolean alone) {
    return new Scrubber(
        "a",
        reads,
        new ScrubNote(folder.resolve("scrub")),
        new SequencerLink(),
        gauge,
        alone,
        WAL_BYTES_MAX,
        ended::add);
  }

  private Replica.ScrubEnded end() throws InterruptedException {
    Replica.ScrubEnded end = ended.poll(30, TimeUnit.SECONDS);
    if (end == null) {
      throw new AssertionError("the reading does not end");
    }
    return end;
  }

  /** Looks through the database, and tells what is in it. */
  private byte[] looked(Scrubber scrubber) throws InterruptedException {
    scrubber.reached(2, 2000, "journal", 2, 0);
    assertTrue(gauge.scrub().running());
    Replica.ScrubEnded end = end();
    assertEquals("", end.problem());
    scrubber.ended(end, 0);
    assertFalse(gauge.scrub().running());
    return end.digest();
  }

  private static Replica.Scrubbed told(ScrubVerdict.Kind kind, byte[] digest, String... wrong) {
    return new Replica.Scrubbed(2, kind.text(), digest, List.of(wrong), "as a test");
  }

  @Test
  void givesUpRatherThanLetTheLogGrowWithoutEnd() throws Exception {
    // So much that the reading has hardly begun when it is told to end.
    journal.write(
        "INSERT INTO t WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500000)"
            + " SELECT i FROM n");
    apply(3);
    Scrubber scrubber = scrubber(false);
    scrubber.reached(3, 3000, "journal", 3, 0);
    scrubber.watch(64 * WAL_BYTES_MAX);
    scrubber.watch(64 * WAL_BYTES_MAX + 1);
    Replica.ScrubEnded end = end();
    assertTrue(end.problem().contains("has grown to 64 MiB"), end.problem());
    assertEquals(0, end.digest().length);
    assertFalse(end.damage());
    scrubber.ended(end, 0);
    assertFalse(gauge.scrub().running());
    assertFalse(reads.isBeingCopied());
  }

  @Test
  void remembersAcrossARestartWhatItHasFound() throws Exception {
    Scrubber scrubber = scrubber(false);
    byte[] digest = looked(scrubber);
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.CLEAN, digest)));
    assertEquals(2, gauge.scrub().cleanSeq());
    ScrubNote.Note noted = new ScrubNote(folder.resolve("scrub")).read();
    assertEquals("journal", noted.journalId());
    assertEquals(2, noted.seq());
    assertEquals(2000, noted.timestampMicros());
    assertArrayEquals(digest, noted.digest());
    assertEquals(2, noted.cleanSeq());

    Scrubber again = scrubber(false);
    again.opened(2, "journal");
    assertTrue(again.isFoundWrong(told(ScrubVerdict.Kind.DIFFERENT, OTHER, "a")));
    again.opened(1, "journal"); // another database, which was not looked through
    assertFalse(again.isFoundWrong(told(ScrubVerdict.Kind.DIFFERENT, OTHER, "a")));
    again.opened(5, "another journal");
    assertEquals(0, gauge.scrub().seq());
  }

  @Test
  void isWrongOnlyWhereItIsNamedAndHoldsSomethingElse() throws Exception {
    Scrubber scrubber = scrubber(false);
    byte[] digest = looked(scrubber);
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.DIFFERENT, OTHER, "b")));
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.DIFFERENT, digest, "a")));
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.UNDECIDED, new byte[0])));
    assertTrue(gauge.scrub().undecided());
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.ALONE, digest)));
    scrubber(false);
    assertTrue(gauge.scrub().undecided(), "neither that nor a restart decides it");
    assertTrue(scrubber.isFoundWrong(told(ScrubVerdict.Kind.DIFFERENT, OTHER, "a")));

    assertFalse(gauge.scrub().undecided());
    scrubber.madeAnew();
    scrubber.begunAnew();
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.DIFFERENT, OTHER, "a")));
    assertTrue(scrubber.isMadeAnew());
    assertTrue(scrubber(false).isMadeAnew(), "a restart does not make it forget");
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.CLEAN, looked(scrubber))));
    assertFalse(scrubber.isMadeAnew(), "it was found right since");
  }

  @Test
  void whatWasReadOfTheDatabaseBeforeCountsForNothing() throws Exception {
    Scrubber scrubber = scrubber(false);
    scrubber.reached(2, 2000, "journal", 2, 0);
    Replica.ScrubEnded end = end();
    scrubber.begunAnew();
    scrubber.ended(end, 1);
    assertFalse(scrubber.isFoundWrong(told(ScrubVerdict.Kind.DIFFERENT, OTHER, "a")));
    assertArrayEquals(new byte[0], new ScrubNote(folder.resolve("scrub")).read().digest());
  }

  /** Who has lost the others was compared with nobody; who never has others has all there is. */
  @Test
  void onlyANodeThatNeverHasOthersIsRightByItself() throws Exception {
    Scrubber member = scrubber(false);
    member.isFoundWrong(told(ScrubVerdict.Kind.ALONE, looked(member)));
    assertEquals(0, gauge.scrub().cleanSeq());
    Scrubber sole = scrubber(true);
    sole.isFoundWrong(told(ScrubVerdict.Kind.ALONE, looked(sole)));
    assertEquals(2, gauge.scrub().cleanSeq());
    assertEquals("alone", gauge.scrub().result());
  }

  @Test
  void goesOnWithoutANoteThatCannotBeRead() throws Exception {
    for (String text :
        List.of("digest=ab", "digest=xyz", "seq=many", "made-anew=true\n#" + "x".repeat(5000))) {
      Files.writeString(folder.resolve("scrub"), text);
      assertFalse(scrubber(false).isMadeAnew(), text);
      assertEquals(0, gauge.scrub().seq(), text);
    }
  }
}
