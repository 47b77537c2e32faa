package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SequencerClockTest {

  private static final long JOURNAL_MICROS = 1_000_000;

  private long nanos = 5_000;

  private final SequencerClock clock = new SequencerClock(() -> nanos);

  SequencerClockTest() {
    clock.set(JOURNAL_MICROS, nanos);
  }

  @Test
  void runsByTheMonotonicClockBetweenTwoSettings() {
    nanos += 3_000_000;
    assertEquals(1_003_000, clock.next());
  }

  @Test
  void countsFromTheMomentAtWhichTheJournalWasAsked() {
    long asked = nanos;
    nanos += 2_000_000;
    clock.set(5_000_000, asked);
    assertEquals(5_002_000, clock.next());
  }

  @Test
  void strictlyIncreasesWhileTimeStandsStill() {
    long first = clock.next();
    assertEquals(first + 1, clock.next());
    assertEquals(first + 2, clock.next());
  }

  @Test
  void neverGoesBackWhenTheClockOfTheJournalDoes() {
    long before = clock.next();
    assertTrue(clock.set(10, nanos) < 0);
    assertEquals(before + 1, clock.next());
  }

  @Test
  void startsAfterWhatTheJournalHolds() {
    clock.startAfter(7_000_000);
    assertEquals(7_000_001, clock.next());
  }

  @Test
  void tellsHowFarItWasOff() {
    nanos += 1_000_000_000;
    assertEquals(10_000_000, clock.set(JOURNAL_MICROS + 11_000_000, nanos));
  }
}
