package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every kind of journal has to do; each has a subclass. */
public abstract class JournalContract {

  private static final int MANY = 1000;
  private static final long LARGE = 1 << 30;

  @TempDir protected Path folder;
  protected Journal journal;

  /** Opens the journal, empty at first, in the folder. */
  protected abstract Journal openJournal() throws Exception;

  /** Appends an event as the plugin does; false if its number is taken. */
  protected abstract boolean append(long seq, byte[] bytes) throws Exception;

  /** Takes an event away, as a journal does that lost it or was trimmed. */
  protected abstract void remove(long seq) throws Exception;

  /** Stores other bytes as an event, as a disk does that fails. */
  protected abstract void replace(long seq, byte[] bytes) throws Exception;

  @BeforeEach
  void open() throws Exception {
    journal = openJournal();
  }

  @AfterEach
  void close() {
    journal.close();
  }

  @Test
  void isEmptyAtFirst() throws Exception {
    assertEquals(0, journal.head());
    assertEquals(List.of(), journal.read(1, MANY, LARGE));
  }

  @Test
  void tellsItsHeadAtOnce() throws Exception {
    for (long seq = 1; seq <= 5; seq++) {
      assertTrue(append(seq, bytes(seq, 10)));
      assertEquals(seq, journal.head());
    }
  }

  @Test
  void givesTheEventsInOrderAndTheirBytesAsTheyWere() throws Exception {
    for (long seq = 1; seq <= 20; seq++) {
      append(seq, bytes(seq, (int) seq * 100));
    }
    List<StoredEvent> events = journal.read(1, MANY, LARGE);
    assertEquals(20, events.size());
    for (int i = 0; i < events.size(); i++) {
      assertEquals(i + 1, events.get(i).seq());
      assertArrayEquals(bytes(i + 1, (i + 1) * 100), events.get(i).bytes());
    }
    assertEquals(List.of(18L, 19L, 20L), numbers(journal.read(18, MANY, LARGE)));
    assertEquals(List.of(), journal.read(21, MANY, LARGE));
    assertEquals(List.of(), journal.read(99, MANY, LARGE));
  }

  @Test
  void givesNoMoreThanWasAskedFor() throws Exception {
    for (long seq = 1; seq <= 20; seq++) {
      append(seq, bytes(seq, 1000));
    }
    assertEquals(List.of(3L, 4L, 5L), numbers(journal.read(3, 3, LARGE)));
    assertEquals(List.of(3L, 4L, 5L), numbers(journal.read(3, MANY, 2 * size(1000) + 1)));
    assertEquals(List.of(3L, 4L), numbers(journal.read(3, MANY, 2 * size(1000))));
    assertEquals(List.of(3L), numbers(journal.read(3, MANY, 1)));
  }

  @Test
  void refusesANumberThatIsTaken() throws Exception {
    assertTrue(append(1, bytes(1, 10)));
    assertTrue(append(2, bytes(2, 10)));
    assertFalse(append(2, bytes(3, 10)));
    assertFalse(append(1, bytes(3, 10)));
    assertEquals(2, journal.head());
    assertArrayEquals(bytes(2, 10), journal.read(2, MANY, LARGE).get(0).bytes());
  }

  /** Where there is another copy of it, it is mended. */
  @Test
  protected void neverGivesEventsWithAGap() throws Exception {
    for (long seq = 1; seq <= 9; seq++) {
      append(seq, bytes(seq, 10));
    }
    cut(4);
    remove(7);
    assertThrows(JournalException.class, () -> journal.read(5, MANY, LARGE));
    assertEquals(List.of(5L, 6L), numbers(journal.read(5, 2, LARGE)));
    assertEquals(List.of(8L, 9L), numbers(journal.read(8, MANY, LARGE)));
    assertEquals(9, journal.head());
    assertEquals(2, journal.count(6, 8));
    assertEquals(0, journal.count(7, 7));
    assertFalse(journal.holdsAll(1, 9), "what is missing behind the beginning is");
    JournalGapException hole =
        assertThrows(JournalGapException.class, () -> journal.read(7, MANY, LARGE));
    assertFalse(hole.isCutAway());
    assertTrue(hole.getMessage().contains("does not hold event 7"), hole.getMessage());
  }

  /** Where there is another copy of it, it is mended. */
  @Test
  protected void neverGivesAnEventThatIsDamaged() throws Exception {
    for (long seq = 1; seq <= 5; seq++) {
      append(seq, bytes(seq, 10));
    }
    replace(3, damaged(3));
    assertEquals(List.of(1L, 2L), numbers(journal.read(1, MANY, LARGE)));
    JournalDamagedException damage =
        assertThrows(JournalDamagedException.class, () -> journal.read(3, MANY, LARGE));
    assertEquals(3, damage.seq());
    assertEquals(List.of(4L, 5L), numbers(journal.read(4, MANY, LARGE)));
    assertEquals(5, journal.head());
  }

  /** The event with a bit flipped. */
  private static byte[] damaged(long seq) {
    byte[] bytes = bytes(seq, 10);
    bytes[bytes.length / 2] ^= 4;
    return bytes;
  }

  @Test
  void countsWhatItHolds() throws Exception {
    for (long seq = 1; seq <= 5; seq++) {
      append(seq, bytes(seq, 10));
    }
    assertEquals(5, journal.count(1, 5));
    assertEquals(3, journal.count(2, 4));
    assertEquals(1, journal.count(5, 9));
  }

  @Test
  void beginsWithTheFirstEventAsLongAsItIsNotCut() throws Exception {
    assertEquals(1, journal.first());
    assertEquals(0, journal.bytes());
    journal.trim(5);
    assertEquals(1, journal.first(), "there is nothing to cut");
    for (long seq = 1; seq <= 5; seq++) {
      append(seq, bytes(seq, 10));
    }
    journal.trim(0);
    journal.trim(-1);
    assertEquals(1, journal.first());
    assertTrue(journal.holdsAll(1, 5));
    assertEquals(5 * size(10), journal.bytes());
  }

  @Test
  void holdsWhatIsAboveTheCutAndSaysWhereItBegins() throws Exception {
    for (long seq = 1; seq <= 9; seq++) {
      append(seq, bytes(seq, (int) seq * 10));
    }
    cut(4);
    assertEquals(5, journal.first());
    assertEquals(9, journal.head());
    assertEquals(size(50) + size(60) + size(70) + size(80) + size(90), journal.bytes());
    assertEquals(List.of(5L, 6L, 7L, 8L, 9L), numbers(journal.read(5, MANY, LARGE)));
    assertArrayEquals(bytes(5, 50), journal.read(5, 1, 1).get(0).bytes());
    for (long below : new long[] {1, 4}) {
      JournalGapException gap =
          assertThrows(JournalGapException.class, () -> journal.read(below, MANY, LARGE));
      assertTrue(gap.isCutAway());
      assertEquals(5, gap.first());
      assertEquals(
          "the journal begins at event 5 and no longer holds event " + below, gap.getMessage());
    }
    assertEquals(5, journal.count(1, 9));
    assertEquals(0, journal.count(1, 4));
    assertTrue(journal.holdsAll(1, 9));
    assertTrue(journal.holdsAll(1, 4), "what was cut away is not missing");
    assertFalse(journal.holdsAll(5, 10));
  }

  @Test
  void neverCutsItsLastEventAwayAndGoesOnBehindIt() throws Exception {
    for (long seq = 1; seq <= 5; seq++) {
      append(seq, bytes(seq, 10));
    }
    cut(5);
    assertEquals(5, journal.head());
    assertEquals(5, journal.first());
    assertEquals(List.of(5L), numbers(journal.read(5, MANY, LARGE)));
    assertFalse(append(5, bytes(9, 10)));
    assertTrue(append(6, bytes(6, 10)));
    cut(Long.MAX_VALUE);
    assertEquals(6, journal.first());
    journal.trim(3);
    assertEquals(6, journal.first(), "what is gone is not cut again");
    assertTrue(append(7, bytes(7, 10)));
    assertEquals(List.of(6L, 7L), numbers(journal.read(6, MANY, LARGE)));
    journal.close();
    journal = openJournal();
    assertEquals(6, journal.first());
    assertEquals(7, journal.head());
    assertTrue(append(8, bytes(8, 10)));
  }

  @Test
  void cutsInSeveralStepsBySizeAndByNumber() throws Exception {
    int large = (int) TrimSteps.BYTES_MAX / 3;
    long seq = 0;
    while (seq < 8) {
      assertTrue(append(++seq, bytes(seq, large)));
    }
    while (seq < manyEvents()) {
      assertTrue(append(++seq, bytes(seq, 1)));
    }
    long head = seq;
    assertTrue(journal.holdsAll(1, head));
    assertEquals(8 * size(large) + (head - 8) * size(1), journal.bytes());
    cut(head - 3);
    assertEquals(head - 2, journal.first());
    assertEquals(List.of(head - 2, head - 1, head), numbers(journal.read(head - 2, MANY, LARGE)));
    assertEquals(3 * size(1), journal.bytes());
  }

  /** Of two that cut, one finds gone what it was about to take away. */
  @Test
  void isCutByTwoAtOnceWhileItIsAppendedToAndRead() throws Exception {
    long last = Math.max(150, manyEvents() / 3);
    AtomicLong appended = new AtomicLong();
    ExecutorService others = Executors.newFixedThreadPool(4);
    try {
      List<Future<?>> all = new ArrayList<>();
      all.add(
          others.submit(
              () -> {
                for (long seq = 1; seq <= last; seq++) {
                  assertTrue(append(seq, bytes(seq, 10)));
                  appended.set(seq);
                }
                return true;
              }));
      for (int cutter = 0; cutter < 2; cutter++) {
        all.add(
            others.submit(
                () -> {
                  while (appended.get() < last) {
                    journal.trim(appended.get() - 5);
                  }
                  return true;
                }));
      }
      all.add(
          others.submit(
              () -> {
                while (appended.get() < last) {
                  long upTo = appended.get();
                  assertTrue(journal.holdsAll(1, upTo), "up to " + upTo);
                  assertEveryEventAboveTheCut();
                }
                return true;
              }));
      for (Future<?> one : all) {
        one.get(120, TimeUnit.SECONDS);
      }
    } finally {
      others.shutdownNow();
    }
    cut(last - 5);
    assertEquals(last, journal.head());
    assertEquals(last - 4, journal.first());
    assertEquals(5, journal.read(last - 4, MANY, LARGE).size());
  }

  /** It may be cut further between the question and the reading. */
  private void assertEveryEventAboveTheCut() throws JournalException {
    long first = journal.first();
    try {
      long next = first;
      for (StoredEvent event : journal.read(first, 20, LARGE)) {
        assertEquals(next, event.seq());
        assertArrayEquals(bytes(next, 10), event.bytes());
        next++;
      }
    } catch (JournalGapException cutFurther) {
      assertTrue(cutFurther.isCutAway(), cutFurther.getMessage());
      assertTrue(cutFurther.first() > first, cutFurther.getMessage());
    }
  }

  /** Cuts, and waits until whoever is read from has heard of it. */
  private void cut(long to) throws Exception {
    journal.trim(to);
    awaitCut(journal.first());
  }

  /** Returns once nothing below an event is read any more. */
  protected void awaitCut(long first) throws Exception {}

  /** More events than are cut in one step, unless that takes too long to append. */
  protected int manyEvents() {
    return TrimSteps.EVENTS_MAX + 10;
  }

  @Test
  void keepsEventsWhenItIsOpenedAgain() throws Exception {
    append(1, bytes(1, 10));
    journal.close();
    journal = openJournal();
    assertEquals(1, journal.head());
    assertArrayEquals(bytes(1, 10), journal.read(1, MANY, LARGE).get(0).bytes());
  }

  @Test
  void tellsTheTimeInMicroseconds() throws Exception {
    long here = Instant.now().getEpochSecond();
    long before = journal.timeMicros();
    long after = journal.timeMicros();
    assertTrue(after >= before, before + " to " + after);
    assertEquals(here, before / 1_000_000, 60, "the test's database runs on this machine");
  }

  private static List<Long> numbers(List<StoredEvent> events) {
    return events.stream().map(StoredEvent::seq).toList();
  }

  private static long size(int length) {
    return bytes(0, length).length;
  }

  /** An event that holds so many bytes beside what every event holds. */
  protected static byte[] bytes(long seq, int length) {
    byte[] entry = new byte[length];
    Arrays.fill(entry, (byte) seq);
    return StoredEvents.holding(entry);
  }
}
