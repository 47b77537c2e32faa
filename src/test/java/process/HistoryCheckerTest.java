package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import process.HistoryChecker.Rule;
import process.HistoryChecker.Violation;
import process.Ledger.Effect;
import process.Operation.Fate;
import process.Operation.ReadOperation;
import process.Operation.WriteOperation;

/** Made-up histories: a good one passes, and each way to break a promise is found. */
class HistoryCheckerTest {

  private static final long MILLI = 1_000_000;

  private final List<Operation> operations = new ArrayList<>();
  private final Map<String, List<Long>> ordered = new HashMap<>();
  private final Map<String, List<Effect>> effects = new HashMap<>();
  private final Map<Long, String> states = new HashMap<>();
  private long now;

  @Test
  void findsNothingInAGoodHistory() {
    happens("a", 3, 1);
    write("a", 1, Fate.APPLIED, 3);
    happens("b", 4, 2);
    write("b", 2, Fate.COMMITTED, 4);
    write("refused", 1, Fate.REFUSED, -1);
    write("nobody", 1, Fate.NOT_SENT, -1);
    write("lost-in-doubt", 1, Fate.UNKNOWN, -1);
    happens("done-in-doubt", 5, 1);
    write("done-in-doubt", 1, Fate.UNKNOWN, -1);
    ordered.put("failing", List.of(6L));
    write("failing", 0, Fate.FAILED, 6);
    ordered.put("cancelled", List.of(7L));
    write("cancelled", 1, Fate.REFUSED, -1);
    read("n1", "linearizable", 6, "state 6");
    read("n2", "none", 3, "state 3");
    read("n1", "weak", 7, "state 7");
    assertFinds();
  }

  @Test
  void findsALostWrite() {
    ordered.put("a", List.of(3L));
    write("a", 1, Fate.APPLIED, 3);
    assertFinds(Rule.LOST);
  }

  @Test
  void findsAWriteThatIsCommittedAndLost() {
    write("a", 1, Fate.COMMITTED, 3);
    assertFinds(Rule.LOST, Rule.MISPLACED);
  }

  @Test
  void findsAWriteThatTookEffectTwice() {
    ordered.put("a", List.of(3L, 5L));
    effects.put("a", List.of(new Effect(3, 1, 0, 0), new Effect(5, 2, 0, 0)));
    write("a", 1, Fate.UNKNOWN, -1);
    assertFinds(Rule.DOUBLED);
  }

  @Test
  void findsAnAcknowledgedWriteThatTookEffectTwice() {
    ordered.put("a", List.of(3L, 5L));
    effects.put("a", List.of(new Effect(3, 1, 0, 0), new Effect(5, 2, 0, 0)));
    write("a", 1, Fate.APPLIED, 3);
    assertFinds(Rule.DOUBLED, Rule.MISPLACED);
  }

  @Test
  void findsHalfAWrite() {
    happens("a", 3, 1);
    write("a", 2, Fate.UNKNOWN, -1);
    assertFinds(Rule.PARTIAL);
  }

  @Test
  void findsAWriteElsewhereThanTold() {
    happens("a", 4, 1);
    write("a", 1, Fate.APPLIED, 3);
    assertFinds(Rule.MISPLACED);
  }

  @Test
  void findsAWriteThatIsOnlyAResendAtThePlaceThatWasTold() {
    happens("a", 3, 1);
    ordered.put("a", List.of(3L, 5L));
    write("a", 1, Fate.APPLIED, 5);
    assertFinds(Rule.MISPLACED);
  }

  @Test
  void findsAWriteThatIsNotInTheJournal() {
    effects.put("a", List.of(new Effect(3, 1, 0, 0)));
    write("a", 1, Fate.APPLIED, 3);
    assertFinds(Rule.MISPLACED);
  }

  @Test
  void findsARefusedWriteThatIsApplied() {
    happens("a", 3, 1);
    write("a", 1, Fate.REFUSED, -1);
    assertFinds(Rule.UNWANTED);
  }

  @Test
  void findsAWriteThatWasNeverSentAndIsApplied() {
    happens("a", 3, 1);
    write("a", 1, Fate.NOT_SENT, -1);
    assertFinds(Rule.UNWANTED);
  }

  @Test
  void findsWhatAFailedStatementLeft() {
    happens("a", 3, 1);
    write("a", 1, Fate.FAILED, 3);
    assertFinds(Rule.UNWANTED);
  }

  @Test
  void findsAWrongResult() {
    ordered.put("a", List.of(3L));
    effects.put("a", List.of(new Effect(3, 7, 0, 41)));
    operations.add(
        new WriteOperation("n1", 0, 1, "a", 1, false, Fate.APPLIED, 3, false, List.of(42L), ""));
    assertFinds(Rule.RETURNED);
  }

  @Test
  void takesIdsAndValuesForResults() {
    ordered.put("a", List.of(3L));
    effects.put("a", List.of(new Effect(3, 7, 0, 41)));
    for (long returned : new long[] {7, 41}) {
      operations.add(
          new WriteOperation(
              "n1", 0, 1, "a", 1, false, Fate.APPLIED, 3, false, List.of(returned), ""));
    }
    assertFinds();
  }

  @Test
  void findsWhatNobodyWrote() {
    happens("a", 3, 1);
    assertFinds(Rule.UNASKED);
  }

  @Test
  void letsAKeyedWriteBeRefusedAndThenApplied() {
    ordered.put("k", List.of(4L, 6L));
    effects.put("k", List.of(new Effect(4, 1, 0, 0)));
    keyed("k", Fate.REFUSED, -1, false);
    keyed("k", Fate.UNKNOWN, -1, false);
    keyed("k", Fate.APPLIED, 6, true);
    assertFinds();
  }

  @Test
  void findsAKeyThatWasAppliedTwice() {
    ordered.put("k", List.of(4L, 6L));
    effects.put("k", List.of(new Effect(4, 1, 0, 0), new Effect(6, 2, 0, 0)));
    keyed("k", Fate.UNKNOWN, -1, false);
    keyed("k", Fate.APPLIED, 6, true);
    assertFinds(Rule.DOUBLED);
  }

  @Test
  void findsARepeatToldAPlaceBeforeTheEffect() {
    ordered.put("k", List.of(4L));
    effects.put("k", List.of(new Effect(4, 1, 0, 0)));
    keyed("k", Fate.APPLIED, 2, true);
    assertFinds(Rule.MISPLACED);
  }

  @Test
  void findsAReadOfAnotherState() {
    read("n1", "none", 3, "state 2");
    assertFinds(Rule.WRONG_STATE);
  }

  @Test
  void letsANodeWithoutSpaceShowAPartOfTheNextEvent() {
    states.put(3L, "6|6|");
    states.put(4L, "9|9|");
    for (String seen : List.of("6|6|", "7|7|", "9|9|")) {
      assertEquals(List.of(), checkWithoutSpace(seen), seen);
    }
    for (String seen : List.of("5|5|", "10|10|")) {
      assertEquals(1, checkWithoutSpace(seen).size(), seen);
    }
  }

  private List<Violation> checkWithoutSpace(String seen) {
    ReadOperation read = new ReadOperation("n1", 0, 1, "none", -1, true, 3, seen, "");
    return HistoryChecker.check(
        List.of(read), new Ledger(10, ordered, effects, states), Set.of("n1"));
  }

  @Test
  void findsAReadOfAPositionThatTheJournalDoesNotHold() {
    operations.add(new ReadOperation("n1", 0, 1, "none", -1, true, 99, "state 99", ""));
    assertFinds(Rule.WRONG_STATE);
  }

  @Test
  void findsALinearizableReadFromBeforeAnAcknowledgedWrite() {
    happens("a", 3, 1);
    write("a", 1, Fate.APPLIED, 3);
    read("n2", "linearizable", 2, "state 2");
    assertFinds(Rule.STALE_LINEARIZABLE);
  }

  @Test
  void findsALinearizableReadFromBeforeWhatAnotherHasSeen() {
    read("n1", "none", 3, "state 3");
    read("n2", "strong", 2, "state 2");
    assertFinds(Rule.STALE_LINEARIZABLE);
  }

  @Test
  void letsALinearizableReadBeAsOldAsItsBeginning() {
    operations.add(
        new ReadOperation("n2", 0, 9 * MILLI, "linearizable", -1, true, 2, "state 2", ""));
    happens("a", 3, 1);
    write("a", 1, Fate.APPLIED, 3);
    assertFinds();
  }

  @Test
  void findsAStaleWeakRead() {
    happens("a", 3, 1);
    write("a", 1, Fate.APPLIED, 3);
    now += HistoryChecker.WEAK_AGE_NANOS + MILLI;
    read("n2", "weak", 2, "state 2");
    assertFinds(Rule.STALE_WEAK);
  }

  @Test
  void letsAWeakReadBeOvertakenForAMoment() {
    happens("a", 3, 1);
    write("a", 1, Fate.APPLIED, 3);
    now += HistoryChecker.WEAK_AGE_NANOS / 2;
    read("n2", "weak", 2, "state 2");
    assertFinds();
  }

  @Test
  void findsAReadBelowTheLeastPosition() {
    operations.add(new ReadOperation("n1", 0, 1, "none", 4, true, 3, "state 3", ""));
    assertFinds(Rule.MIN_SEQ);
  }

  @Test
  void findsANodeThatWentBack() {
    read("n1", "none", 4, "state 4");
    read("n2", "none", 3, "state 3");
    read("n1", "none", 3, "state 3");
    assertFinds(Rule.WENT_BACK);
  }

  @Test
  void findsANodeThatWentBackBehindItsOwnAnswer() {
    happens("a", 4, 1);
    write("a", 1, Fate.APPLIED, 4);
    read("n1", "none", 3, "state 3");
    assertFinds(Rule.WENT_BACK);
  }

  @Test
  void everyRuleIsFoundHere() throws Exception {
    String source =
        java.nio.file.Files.readString(
            java.nio.file.Path.of("src/test/java/process/HistoryCheckerTest.java"));
    for (Rule rule : Rule.values()) {
      assertTrue(source.contains("Rule." + rule), "no history here breaks " + rule);
    }
  }

  /** A write is ordered and takes effect. */
  private void happens(String marker, long seq, int rows) {
    ordered.put(marker, List.of(seq));
    List<Effect> all = new ArrayList<>();
    for (int part = 0; part < rows; part++) {
      all.add(new Effect(seq, seq * 100 + part, part, 0));
    }
    effects.put(marker, all);
  }

  private void write(String marker, int rows, Fate fate, long seq) {
    now += MILLI;
    operations.add(
        new WriteOperation(
            "n1", now, now + MILLI / 2, marker, rows, false, fate, seq, false, List.of(), ""));
  }

  private void keyed(String marker, Fate fate, long seq, boolean duplicate) {
    now += MILLI;
    operations.add(
        new WriteOperation(
            "n1", now, now + MILLI / 2, marker, 1, true, fate, seq, duplicate, List.of(), ""));
  }

  private void read(String node, String level, long seq, String seen) {
    now += MILLI;
    operations.add(new ReadOperation(node, now, now + MILLI / 2, level, -1, true, seq, seen, ""));
  }

  private void assertFinds(Rule... rules) {
    for (long seq = 0; seq <= 10; seq++) {
      states.put(seq, "state " + seq);
    }
    List<Violation> found =
        HistoryChecker.check(operations, new Ledger(10, ordered, effects, states));
    assertEquals(
        java.util.Set.of(rules),
        java.util.Set.copyOf(found.stream().map(Violation::rule).toList()),
        found::toString);
  }
}
