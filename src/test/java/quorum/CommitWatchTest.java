package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommitWatchTest {

  private final CommitWatch watch = new CommitWatch();
  private long seconds;

  private boolean isStuckAfter(long more, boolean waits, long committed) {
    seconds += more;
    return watch.isStuck(waits, committed, Duration.ofSeconds(seconds).toNanos());
  }

  @Test
  void whatIsCommittedInTimeIsNotStuck() {
    for (long committed = 0; committed < 100; committed++) {
      assertFalse(isStuckAfter(2, true, committed));
    }
  }

  @Test
  void whoWaitsForNothingIsNotStuck() {
    for (int i = 0; i < 100; i++) {
      assertFalse(isStuckAfter(60, false, 7));
    }
    assertFalse(isStuckAfter(2, true, 7), "only now it waits");
    assertTrue(isStuckAfter(1, true, 7));
  }

  @Test
  void hasMorePatienceEachTimeUntilAnEntryIsCommitted() {
    assertFalse(isStuckAfter(0, true, 7));
    List<Long> stuckAt = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      if (isStuckAfter(1, true, 7)) {
        stuckAt.add(seconds);
      }
    }
    assertEquals(List.of(3L, 9L, 21L, 45L, 93L, 153L), stuckAt);
    assertFalse(isStuckAfter(1, true, 8));
    assertFalse(isStuckAfter(2, true, 8));
    assertTrue(isStuckAfter(1, true, 8));
  }
}
