package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DigestComparisonTest {

  private static DigestComparison.Result compare(Object... nodes) {
    List<DigestComparison.Word> words = new ArrayList<>();
    for (int i = 0; i < nodes.length; i += 3) {
      words.add(
          new DigestComparison.Word(
              (String) nodes[i], (String) nodes[i + 1], ((Integer) nodes[i + 2]).longValue()));
    }
    return DigestComparison.compare(77, words);
  }

  private static DigestComparison.Word word(String node, long digest) {
    return new DigestComparison.Word(node, "3.1", digest);
  }

  private static void isAlarm(DigestComparison.Result result) {
    assertEquals(List.of(), result.diverged());
    assertTrue(result.alarm().orElse("").contains("up to event 77"), result::toString);
  }

  @Test
  void saysNothingWhileAllAgree() {
    DigestComparison.Result nothing = new DigestComparison.Result(List.of(), Optional.empty());
    assertEquals(nothing, compare());
    assertEquals(nothing, compare("a", "3.1", 5));
    assertEquals(nothing, compare("a", "3.1", 5, "b", "3.2", 5, "c", "3.1", 5));
  }

  @Test
  void theMajorityIsRight() {
    assertEquals(
        new DigestComparison.Result(List.of(word("b", 6)), Optional.empty()),
        compare("a", "3.1", 5, "b", "3.1", 6, "c", "3.1", 5));
    assertEquals(
        new DigestComparison.Result(List.of(word("a", 8), word("e", 9)), Optional.empty()),
        compare("e", "3.1", 9, "b", "3.1", 6, "c", "3.1", 6, "d", "3.1", 6, "a", "3.1", 8));
  }

  @Test
  void nobodyKnowsWhoIsRightWithoutAMajority() {
    isAlarm(compare("a", "3.1", 5, "b", "3.1", 6));
    isAlarm(compare("a", "3.1", 5, "b", "3.1", 6, "c", "3.1", 7));
    isAlarm(compare("a", "3.1", 5, "b", "3.1", 5, "c", "3.1", 6, "d", "3.1", 6));
  }

  @Test
  void nobodyKnowsWhoIsRightBetweenVersionsOfSqlite() {
    DigestComparison.Result result = compare("a", "3.1", 5, "b", "3.2", 6, "c", "3.1", 5);
    isAlarm(result);
    assertTrue(result.alarm().orElseThrow().contains("b=6 with SQLite 3.2"), result::toString);
  }
}
