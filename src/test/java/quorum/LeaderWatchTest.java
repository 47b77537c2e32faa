package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LeaderWatchTest {

  private final LeaderWatch watch = new LeaderWatch();

  private List<Integer> stuckAt(int looks, long term) {
    List<Integer> stuck = new ArrayList<>();
    for (int look = 1; look <= looks; look++) {
      if (watch.isStuck(true, term)) {
        stuck.add(look);
      }
    }
    return stuck;
  }

  @Test
  void whoDoesNotBeginIsNotStuck() {
    for (int look = 0; look < 1000; look++) {
      assertFalse(watch.isStuck(false, 3));
    }
    assertEquals(List.of(7), stuckAt(7, 3), "what was before does not count");
  }

  @Test
  void hasMorePatienceEachTime() {
    assertEquals(List.of(7, 20, 45, 94, 191, 312, 433), stuckAt(450, 3));
  }

  @Test
  void eachTermBeginsAnewWithThePatienceOfTheOneBefore() {
    assertEquals(List.of(), stuckAt(6, 3));
    assertEquals(List.of(7), stuckAt(7, 4));
    assertEquals(List.of(13), stuckAt(13, 5));
  }

  @Test
  void whoHasBegunHadNoTrouble() {
    assertEquals(List.of(7), stuckAt(7, 3));
    watch.hasBegun();
    assertEquals(List.of(7), stuckAt(7, 4));
    assertTrue(stuckAt(6, 4).isEmpty());
  }
}
