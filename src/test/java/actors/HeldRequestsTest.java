package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import sql.Position;
import storage.Entry;

class HeldRequestsTest {

  private static final Position HELD = new Position(9, 4);
  private static final long WAIT_NANOS = 1000;
  private static final long START_NANOS = Long.MAX_VALUE - 10; // it overflows, as nanoTime may

  private final HeldRequests held = new HeldRequests(Duration.ofNanos(WAIT_NANOS));
  private final Set<String> heard = new HashSet<>(Set.of("a", "b", "c"));

  private boolean reported(String... processes) {
    return held.reported(HELD, List.of(processes), "too long", START_NANOS);
  }

  private void answered(String process, boolean applied, int statement) {
    held.answered(HELD, process, applied, statement);
  }

  private List<Entry.Verdict> verdicts() {
    return held.verdicts(START_NANOS + WAIT_NANOS - 1, heard::contains);
  }

  private static Entry.Verdict abort(int statement) {
    return new Entry.Verdict(HELD, statement, true, "given up: too long");
  }

  @Test
  void givesUpOnceEveryProcessSaysThatItIsNotApplied() {
    assertTrue(reported("a", "b"));
    assertEquals(List.of(), verdicts());
    answered("a", false, 0);
    assertEquals(List.of(), verdicts());
    answered("b", false, 0);
    assertEquals(List.of(abort(0)), verdicts());
  }

  /** They are asked again until there is a verdict: a question may be lost. */
  @Test
  void hasThemAskedAgainUntilItIsDecided() {
    assertTrue(reported("a"));
    assertTrue(reported("a"));
    held.settled(HELD);
    assertFalse(reported("a"));
    assertEquals(List.of(), held.verdicts(START_NANOS + WAIT_NANOS, heard::contains));
  }

  @Test
  void givesUpFromTheFurthestStatementOn() {
    reported("a", "b");
    answered("a", false, 3);
    answered("b", false, 1);
    answered("c", false, 2);
    assertEquals(List.of(abort(3)), verdicts());
  }

  @Test
  void runsWhatOneHasApplied() {
    reported("a", "b");
    answered("c", true, 0);
    assertEquals(List.of(new Entry.Verdict(HELD, 0, false, "applied elsewhere")), verdicts());
  }

  @Test
  void runsWhatASilentProcessMightHaveApplied() {
    reported("a", "b");
    answered("a", false, 2);
    assertEquals(
        List.of(new Entry.Verdict(HELD, 0, false, "not every process was heard")),
        held.verdicts(START_NANOS + WAIT_NANOS, heard::contains));
  }

  /** Its promise to stay before the request ended with it. */
  @Test
  void doesNotCountOnAProcessThatHasEndedSince() {
    reported("a", "b");
    answered("a", false, 0);
    answered("b", false, 0);
    heard.remove("b");
    assertEquals(List.of(), verdicts());
    assertFalse(held.verdicts(START_NANOS + WAIT_NANOS, heard::contains).get(0).abort());
  }

  /** Where a replica knows of no session at all, something is wrong with what it says. */
  @Test
  void doesNotGiveUpOnNobodysWord() {
    reported();
    assertEquals(List.of(), verdicts());
  }

  @Test
  void keepsRequestsApart() {
    Position other = new Position(9, 5);
    reported("a");
    held.reported(other, List.of("a"), "also", START_NANOS);
    answered("a", false, 0);
    assertEquals(List.of(abort(0)), verdicts());
  }

  @Test
  void passesOverWordsOnWhatIsNotHeld() {
    answered("a", true, 0);
    assertEquals(List.of(), verdicts());
  }
}
