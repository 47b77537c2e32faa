package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every kind of journal has to do; each has a subclass. */
public abstract class JournalContract {

  private static final int MANY = 1000;
  private static final long LARGE = 1 << 30;

  @TempDir protected Path folder;
  private Journal journal;

  /** Opens the journal, empty at first, in the folder. */
  protected abstract Journal openJournal() throws Exception;

  /** Appends an event as the plugin does; false if its number is taken. */
  protected abstract boolean append(long seq, byte[] bytes) throws Exception;

  /** Takes an event away, as a journal does that lost it or was trimmed. */
  protected abstract void remove(long seq) throws Exception;

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
    assertEquals(List.of(3L, 4L, 5L), numbers(journal.read(3, MANY, 2001)));
    assertEquals(List.of(3L, 4L), numbers(journal.read(3, MANY, 2000)));
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

  @Test
  void neverGivesEventsWithAGap() throws Exception {
    for (long seq = 1; seq <= 5; seq++) {
      append(seq, bytes(seq, 10));
    }
    remove(3);
    assertThrows(JournalException.class, () -> journal.read(1, MANY, LARGE));
    assertThrows(JournalException.class, () -> journal.read(3, MANY, LARGE));
    assertEquals(List.of(1L, 2L), numbers(journal.read(1, 2, LARGE)));
    assertEquals(List.of(4L, 5L), numbers(journal.read(4, MANY, LARGE)));
    assertEquals(5, journal.head());
  }

  @Test
  void countsWhatItHolds() throws Exception {
    for (long seq = 1; seq <= 5; seq++) {
      append(seq, bytes(seq, 10));
    }
    assertEquals(5, journal.count(1, 5));
    assertEquals(3, journal.count(2, 4));
    assertEquals(1, journal.count(5, 9));
    remove(3);
    assertEquals(2, journal.count(2, 4));
    assertEquals(0, journal.count(3, 3));
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

  private static byte[] bytes(long seq, int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) seq);
    return bytes;
  }
}
