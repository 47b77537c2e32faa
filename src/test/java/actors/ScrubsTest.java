package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ScrubsTest {

  private static final Set<String> ALL = Set.of("a", "b", "c");
  private static final long MINUTE_MICROS = 60_000_000;
  private static final long HOUR_MICROS = 60 * MINUTE_MICROS;

  private final Scrubs scrubs = new Scrubs(Duration.ofDays(1));

  private static byte[] digest(int value) {
    byte[] digest = new byte[value == 0 ? 0 : 32];
    Arrays.fill(digest, (byte) value);
    return digest;
  }

  private void hears(String nodeId, long seq, int digest, boolean running, long nowNanos) {
    hears(nodeId, seq, 1000, digest, running, nowNanos);
  }

  private void hears(
      String nodeId, long seq, long micros, int digest, boolean running, long nowNanos) {
    scrubs.heard(
        seq,
        micros,
        new ScrubVerdict.Word(nodeId, "3.50", digest(digest)),
        running,
        false,
        nowNanos);
  }

  private Optional<ScrubVerdict.Kind> decided(long nowNanos) {
    return scrubs.decide(ALL, 3, nowNanos).map(ScrubVerdict::kind);
  }

  @Test
  void waitsForEverybodyWhoIsAtIt() {
    scrubs.ordered(7, 1000, 0);
    hears("a", 7, 1, false, 1);
    hears("b", 7, 1, false, 1);
    assertEquals(Optional.empty(), decided(2), "c has not said that it has begun");
    hears("c", 7, 0, true, 2);
    long later = Scrubs.BEGIN_MAX.toNanos() + 2;
    assertEquals(Optional.empty(), decided(later), "c is at it");
    assertTrue(scrubs.isRunning());
    hears("c", 7, 2, false, later);
    assertEquals(Optional.of(ScrubVerdict.Kind.DIFFERENT), decided(later));
    assertFalse(scrubs.isRunning());
    assertEquals(Optional.empty(), decided(later), "it is told once");
  }

  @Test
  void doesNotWaitForWhoDoesNotBeginOrFallsSilent() {
    scrubs.ordered(7, 1000, 0);
    hears("a", 7, 1, false, 1);
    hears("b", 7, 1, false, 1);
    hears("c", 7, 0, true, 1);
    assertEquals(Optional.empty(), decided(Scrubs.BEGIN_MAX.toNanos()));
    assertEquals(Optional.of(ScrubVerdict.Kind.CLEAN), decided(Scrubs.SILENCE_MAX.toNanos() + 2));
  }

  /** The one that differed has made its database anew, and has been looked through once more. */
  @Test
  void decidesAnewWhenANodeSaysSomethingElse() {
    scrubs.ordered(7, 1000, 0);
    hears("a", 7, 1, false, 1);
    hears("b", 7, 1, false, 1);
    hears("c", 7, 2, false, 1);
    assertEquals(Optional.of(ScrubVerdict.Kind.DIFFERENT), decided(2));
    hears("c", 7, 0, false, 3);
    assertEquals(Optional.of(ScrubVerdict.Kind.CLEAN), decided(4));
    assertEquals(Set.of("a", "b"), scrubs.compared());
    hears("c", 7, 2, false, 5);
    assertEquals(Optional.of(ScrubVerdict.Kind.DIFFERENT), decided(6));
  }

  /** The next one being on its way, or having decided nothing, makes nobody right. */
  @Test
  void staysUndecidedUntilOneDecides() {
    scrubs.ordered(7, 1000, 0);
    hears("a", 7, 1, false, 1);
    hears("b", 7, 2, false, 1);
    hears("c", 7, 3, false, 1);
    assertEquals(Optional.of(ScrubVerdict.Kind.UNDECIDED), decided(2));
    scrubs.ordered(8, 2000, 3);
    assertTrue(scrubs.isUndecided());
    long later = 3 + Scrubs.BEGIN_MAX.toNanos();
    assertEquals(Optional.of(ScrubVerdict.Kind.INCOMPLETE), decided(later));
    assertTrue(scrubs.isUndecided());
    hears("a", 8, 1, false, later);
    hears("b", 8, 1, false, later);
    assertEquals(Optional.of(ScrubVerdict.Kind.CLEAN), decided(later));
    assertFalse(scrubs.isUndecided());
  }

  /** One of two nodes is away, and the sequencer is a new one: it is no more right for that. */
  @Test
  void aLaterSequencerHearsThatItWasUndecided() {
    ScrubVerdict.Word word = new ScrubVerdict.Word("a", "3.50", digest(1));
    scrubs.heard(7, 1000, word, false, true, 1);
    assertTrue(scrubs.isUndecided());
    assertEquals(
        Optional.of(ScrubVerdict.Kind.ALONE),
        scrubs.decide(Set.of("a"), 1, 2).map(ScrubVerdict::kind));
    assertTrue(scrubs.isUndecided());
  }

  /** It would find one of two right only because the other is away for a moment. */
  @Test
  void decidesNothingAnewBecauseMembersComeAndGo() {
    scrubs.ordered(7, 1000, 0);
    hears("a", 7, 1, false, 1);
    hears("b", 7, 2, false, 1);
    hears("c", 7, 3, false, 1);
    assertEquals(Optional.of(ScrubVerdict.Kind.UNDECIDED), decided(2));
    hears("a", 7, 1, false, 3);
    assertEquals(Optional.empty(), scrubs.decide(Set.of("a"), 1, 4));
  }

  @Test
  void aNewSequencerDoesNotDecideBeforeTheMembersAreThere() {
    hears("a", 7, 1, false, 1);
    assertEquals(Optional.empty(), scrubs.decide(Set.of("a"), 3, 2));
  }

  @Test
  void aLaterSequencerDecidesFromWhatTheNodesRemember() {
    hears("a", 7, 1, false, 1);
    hears("b", 6, 2, false, 1);
    assertEquals(7, scrubs.seq());
    hears("c", 7, 2, false, 1);
    assertEquals(Optional.empty(), decided(2), "b may still come");
    assertEquals(Optional.of(ScrubVerdict.Kind.UNDECIDED), decided(Scrubs.BEGIN_MAX.toNanos() + 2));
  }

  @Test
  void theNextIsDueAnIntervalAfterACleanOne() {
    long openedMicros = 100 * HOUR_MICROS;
    hears("a", 7, openedMicros, 1, false, 1);
    hears("b", 7, openedMicros, 1, false, 1);
    hears("c", 7, openedMicros, 1, false, 1);
    assertFalse(scrubs.isDue(openedMicros + 100 * HOUR_MICROS, openedMicros), "one is running");
    assertEquals(Optional.of(ScrubVerdict.Kind.CLEAN), decided(2));
    assertFalse(scrubs.isDue(openedMicros + 24 * HOUR_MICROS - 1, openedMicros));
    assertTrue(scrubs.isDue(openedMicros + 24 * HOUR_MICROS, openedMicros));
    // It is not due anew because the sequencer is another one, nor before that has listened.
    assertTrue(scrubs.isDue(openedMicros + 24 * HOUR_MICROS, openedMicros + 23 * HOUR_MICROS));
    assertFalse(scrubs.isDue(openedMicros + 24 * HOUR_MICROS, openedMicros + 24 * HOUR_MICROS));
  }

  @Test
  void theNextIsDueSoonAfterOneThatWasNotClean() {
    scrubs.ordered(7, 1000, 0);
    hears("a", 7, 1, false, 1);
    assertEquals(Optional.of(ScrubVerdict.Kind.INCOMPLETE), decided(Scrubs.BEGIN_MAX.toNanos()));
    assertFalse(scrubs.isDue(1000 + HOUR_MICROS - 1, 0));
    assertTrue(scrubs.isDue(1000 + HOUR_MICROS, 0));
  }

  @Test
  void theFirstIsDueSoonAndWithoutAnIntervalNever() {
    assertFalse(scrubs.isDue(HOUR_MICROS - 1, 0));
    assertTrue(scrubs.isDue(HOUR_MICROS, 0));
    assertFalse(new Scrubs(Duration.ZERO).isDue(Long.MAX_VALUE, 0));
  }
}
