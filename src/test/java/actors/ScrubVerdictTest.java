package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ScrubVerdictTest {

  private static final byte[] RIGHT = digest(1);
  private static final byte[] WRONG = digest(2);

  private static byte[] digest(int value) {
    byte[] digest = new byte[32];
    Arrays.fill(digest, (byte) value);
    return digest;
  }

  private static ScrubVerdict.Word word(String nodeId, byte[] digest) {
    return new ScrubVerdict.Word(nodeId, "3.50", digest);
  }

  private static ScrubVerdict verdict(int members, ScrubVerdict.Word... words) {
    return ScrubVerdict.of(7, 70, List.of(words), members);
  }

  private static void assertIs(ScrubVerdict.Kind kind, List<String> wrong, ScrubVerdict verdict) {
    assertEquals(kind, verdict.kind(), verdict.text());
    assertEquals(wrong, verdict.wrong(), verdict.text());
  }

  @Test
  void isCleanWhenAMajorityOfTheMembersHoldsTheSame() {
    assertIs(
        ScrubVerdict.Kind.CLEAN,
        List.of(),
        verdict(3, word("a", RIGHT), word("b", RIGHT), word("c", RIGHT)));
    assertIs(ScrubVerdict.Kind.CLEAN, List.of(), verdict(3, word("a", RIGHT), word("b", RIGHT)));
  }

  @Test
  void theOnlyMemberIsComparedWithNobody() {
    assertIs(ScrubVerdict.Kind.ALONE, List.of(), verdict(1, word("a", RIGHT)));
    assertIs(ScrubVerdict.Kind.INCOMPLETE, List.of(), verdict(1));
  }

  /** Who has just left may have been right all the same. */
  @Test
  void nobodyIsRightBecauseTheOthersHaveLeft() {
    assertIs(
        ScrubVerdict.Kind.UNDECIDED, List.of(), verdict(1, word("a", RIGHT), word("b", WRONG)));
    assertIs(
        ScrubVerdict.Kind.UNDECIDED,
        List.of(),
        verdict(2, word("a", RIGHT), word("b", WRONG), word("c", RIGHT), word("d", digest(3))));
  }

  @Test
  void isIncompleteWhenTooFewHaveLooked() {
    assertIs(ScrubVerdict.Kind.INCOMPLETE, List.of(), verdict(3));
    assertIs(ScrubVerdict.Kind.INCOMPLETE, List.of(), verdict(3, word("a", RIGHT)));
    assertIs(
        ScrubVerdict.Kind.INCOMPLETE, List.of(), verdict(4, word("a", RIGHT), word("b", RIGHT)));
  }

  @Test
  void theMajorityOfTheMembersIsRight() {
    ScrubVerdict one = verdict(3, word("c", WRONG), word("b", RIGHT), word("a", RIGHT));
    assertIs(ScrubVerdict.Kind.DIFFERENT, List.of("c"), one);
    assertArrayEquals(RIGHT, one.digest());
    assertTrue(one.text().contains("[c]"), one.text());
    assertIs(
        ScrubVerdict.Kind.DIFFERENT,
        List.of("a", "b"),
        verdict(
            5,
            word("b", WRONG),
            word("a", digest(3)),
            word("c", RIGHT),
            word("d", RIGHT),
            word("e", RIGHT)));
  }

  /**
   * Two of three words are no majority of five members: the other two might side with the third.
   */
  @Test
  void nobodyIsRightWithoutAMajorityOfTheMembers() {
    for (ScrubVerdict verdict :
        List.of(
            verdict(2, word("a", RIGHT), word("b", WRONG)),
            verdict(3, word("a", RIGHT), word("b", WRONG)),
            verdict(3, word("a", RIGHT), word("b", WRONG), word("c", digest(3))),
            verdict(5, word("a", RIGHT), word("b", WRONG), word("c", RIGHT)))) {
      assertIs(ScrubVerdict.Kind.UNDECIDED, List.of(), verdict);
      assertEquals(0, verdict.digest().length);
      assertTrue(verdict.text().contains("a=01010101"), verdict.text());
    }
  }

  @Test
  void nobodyIsRightAmongSeveralVersionsOfSqlite() {
    ScrubVerdict.Word newer = new ScrubVerdict.Word("c", "3.51", WRONG);
    assertIs(
        ScrubVerdict.Kind.UNDECIDED,
        List.of(),
        verdict(3, word("a", RIGHT), word("b", RIGHT), newer));
    assertIs(
        ScrubVerdict.Kind.CLEAN,
        List.of(),
        verdict(3, word("a", RIGHT), word("b", RIGHT), new ScrubVerdict.Word("c", "3.51", RIGHT)));
  }

  @Test
  void kindsAreKnownByTheirTexts() {
    for (ScrubVerdict.Kind kind : ScrubVerdict.Kind.values()) {
      assertEquals(Optional.of(kind), ScrubVerdict.Kind.of(kind.text()));
    }
    assertEquals(Optional.empty(), ScrubVerdict.Kind.of("of a newer release"));
  }
}
