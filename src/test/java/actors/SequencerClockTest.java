package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SequencerClockTest {

  private long wall = 1_000_000;
  private long nanos = 5_000;

  private final SequencerClock clock = new SequencerClock(() -> wall, () -> nanos);

  @Test
  void runsByTheMonotonicClockBetweenTwoSettings() {
    wall = 90_000_000;
    nanos += 3_000_000;
    assertEquals(1_003_000, clock.next());
  }

  @Test
  void strictlyIncreasesWhileTimeStandsStill() {
    long first = clock.next();
    assertEquals(first + 1, clock.next());
    assertEquals(first + 2, clock.next());
  }

  @Test
  void neverGoesBackWhenTheWallClockDoes() {
    long before = clock.next();
    wall = 10;
    assertTrue(clock.set() < 0);
    assertEquals(before + 1, clock.next());
  }

  @Test
  void startsAfterWhatTheJournalHolds() {
    clock.startAfter(7_000_000);
    assertEquals(7_000_001, clock.next());
  }

  @Test
  void tellsHowFarTheWallClockWasOff() {
    wall += 11_000_000;
    nanos += 1_000_000_000;
    assertEquals(10_000_000, clock.set());
  }
}
