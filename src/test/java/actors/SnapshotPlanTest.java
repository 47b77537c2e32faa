package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import storage.SnapshotStore;

class SnapshotPlanTest {

  private static final SnapshotSettings SETTINGS =
      new SnapshotSettings(
          1_000, 5_000, Duration.ofHours(1), 2, 1, Duration.ofSeconds(5), 100, 1_000_000);

  private SnapshotPlan.Place place = SnapshotPlan.Place.OWN_DISK;
  private long first = 1;
  private long head = 10_000;
  private long cutMax = Long.MAX_VALUE;
  private final List<String> voters = new ArrayList<>();
  private final List<SnapshotKeeper.Report> present = new ArrayList<>();
  private final List<SnapshotKeeper.Report> recent = new ArrayList<>();
  private final Map<String, Long> agreed = new HashMap<>();
  private final List<SnapshotStore.Kept> stored = new ArrayList<>();

  private SnapshotPlan.Decision decide() {
    return SnapshotPlan.decide(
        new SnapshotPlan.View(
            place, "journal", first, head, "a", voters, present, recent, agreed, stored, cutMax),
        SETTINGS);
  }

  /** What a node says; the fields that a test does not name are harmless. */
  private static final class Says {
    private final String node;
    private String journal = "journal";
    private long applied = 10_000;
    private long durable = 10_000;
    private boolean busy;
    private boolean out;
    private long bytes;
    private long age = 60_000;
    private long database = 100;
    private final List<SnapshotKeeper.Kept> kept = new ArrayList<>();

    Says(String node) {
      this.node = node;
    }

    Says has(long seq) {
      kept.add(new SnapshotKeeper.Kept("snapshot " + seq, seq, 1));
      return this;
    }

    SnapshotKeeper.Report report() {
      return new SnapshotKeeper.Report(
          node, journal, applied, durable, busy, out, bytes, age, 0, database, List.copyOf(kept));
    }
  }

  private Says node(String name) {
    return new Says(name);
  }

  @Test
  void oneIsTakenWhenEnoughWasWritten() {
    Says a = node("a").has(9_000);
    agreed.put("a", 9_500L);
    a.bytes = 999;
    present.add(a.report());
    assertEquals(Optional.empty(), decide().take());
    a.bytes = 1_000;
    present.set(0, a.report());
    assertEquals(Optional.of("a"), decide().take());
    a.database = 2_002; // half of it was not written yet
    present.set(0, a.report());
    assertEquals(Optional.empty(), decide().take());
  }

  @Test
  void oneIsTakenAfterManyEventsOrMuchTimeButNotForNothing() {
    Says a = node("a").has(5_000);
    agreed.put("a", 9_500L);
    present.add(a.report());
    assertEquals(Optional.of("a"), decide().take(), "5,000 events since the last one");
    Says b = node("a").has(9_999);
    agreed.put("a", 9_999L);
    b.age = Duration.ofHours(1).toMillis();
    present.set(0, b.report());
    assertEquals(Optional.of("a"), decide().take(), "an hour and an event");
    Says c = node("a").has(10_000);
    agreed.put("a", 10_000L);
    c.age = Duration.ofHours(1).toMillis();
    present.set(0, c.report());
    assertEquals(Optional.empty(), decide().take(), "nothing was written");
  }

  @Test
  void noneIsTakenWhileOneIsBusyOrTheLastOneIsNotAgreedOn() {
    Says a = node("a").has(1_000);
    present.add(a.report());
    assertEquals(Optional.empty(), decide().take(), "nobody has compared the last one");
    agreed.put("a", 2_000L);
    Says b = node("b");
    b.busy = true;
    present.add(b.report());
    assertEquals(Optional.empty(), decide().take());
    present.remove(1);
    assertEquals(Optional.of("a"), decide().take());
  }

  @Test
  void theSequencersNodeIsTheLastAndWhoIsBehindTakesNone() {
    place = SnapshotPlan.Place.MAJORITY;
    head = 30_000;
    for (String name : List.of("a", "b", "c")) {
      Says node = node(name);
      node.applied = name.equals("b") ? 10_000 : 30_000;
      present.add(node.report());
    }
    assertEquals(Optional.of("c"), decide().take());
  }

  @Test
  void oneNodeTakesForAllWhereThereIsAStore() {
    place = SnapshotPlan.Place.STORE;
    present.add(node("a").report());
    present.add(node("b").has(9_999).report());
    agreed.put("b", 9_999L);
    assertEquals(Optional.empty(), decide().take());
    present.set(1, node("b").has(1).report());
    assertEquals(Optional.of("b"), decide().take());
  }

  @Test
  void onASingleNodeItIsCutBehindWhatIsAgreedAndDurable() {
    Says a = node("a").has(9_500).has(9_000).has(4_000);
    a.durable = 8_000;
    present.add(a.report());
    assertEquals(0, decide().cutTo(), "nothing was compared");
    assertFalse(decide().sync());
    agreed.put("a", 5_000L);
    assertEquals(0, decide().cutTo(), "the only one might be damaged");
    agreed.put("a", 9_000L);
    assertTrue(decide().sync());
    assertEquals(4_000, decide().cutTo());
    assertEquals(Map.of("a", 9_000L), decide().relyFrom());
    agreed.put("a", 9_500L);
    assertEquals(8_000, decide().cutTo(), "the replica's own file is not durable up to there");
  }

  @Test
  void theLastEventStays() {
    place = SnapshotPlan.Place.MAJORITY;
    voters.add("a");
    agreed.put("a", 10_000L);
    present.add(node("a").has(10_000).report());
    assertEquals(9_999, decide().cutTo());
  }

  @Test
  void aQuorumNeedsThemOnAMajorityOfVoters() {
    place = SnapshotPlan.Place.MAJORITY;
    voters.addAll(List.of("a", "b", "c"));
    for (String name : List.of("a", "b", "c", "listener")) {
      agreed.put(name, 10_000L);
    }
    present.add(node("a").has(9_000).report());
    present.add(node("listener").has(9_000).report());
    assertEquals(0, decide().cutTo());
    present.add(node("b").has(3_000).report());
    present.add(node("c").report());
    assertEquals(3_000, decide().cutTo());
    agreed.put("b", 2_999L);
    assertEquals(0, decide().cutTo(), "what one has taken is not what the majority would have");
  }

  @Test
  void withAStoreItCountsAloneWhatIsInIt() {
    place = SnapshotPlan.Place.STORE;
    agreed.put("a", 10_000L);
    present.add(node("a").has(9_000).report());
    assertEquals(Optional.of(new SnapshotPlan.Upload("a", "snapshot 9000")), decide().upload());
    assertEquals(0, decide().cutTo());
    stored.add(new SnapshotStore.Kept("x", "another journal", 9_500, 1, 1));
    assertEquals(0, decide().cutTo());
    stored.add(new SnapshotStore.Kept("y", "journal", 9_000, 1, 1));
    assertEquals(Optional.empty(), decide().upload());
    assertEquals(0, decide().cutTo(), "the only one might be damaged");
    stored.add(new SnapshotStore.Kept("z", "journal", 7_000, 1, 1));
    assertEquals(7_000, decide().cutTo());
  }

  @Test
  void whoWasHeardOfLatelyHoldsItBackUnlessAnOperatorIsWaitedFor() {
    Says a = node("a").has(9_500).has(9_000);
    agreed.put("a", 10_000L);
    present.add(a.report());
    Says b = node("b");
    b.durable = 2_000;
    recent.add(b.report());
    assertEquals(2_000, decide().cutTo());
    b.out = true;
    recent.set(0, b.report());
    assertEquals(9_000, decide().cutTo());
  }

  @Test
  void nothingIsCutWhereSomebodyDoubtsTheJournal() {
    present.add(node("a").has(9_500).has(9_000).report());
    agreed.put("a", 10_000L);
    Says ahead = node("b");
    ahead.applied = 10_001;
    ahead.out = true;
    present.add(ahead.report());
    assertEquals(0, decide().cutTo(), "it has applied what the journal does not hold");
    Says other = node("b");
    other.journal = "another";
    present.set(1, other.report());
    assertEquals(0, decide().cutTo());
  }

  @Test
  void aFewEventsAreNotWorthACut() {
    first = 8_500;
    present.add(node("a").has(9_500).has(9_000).report());
    agreed.put("a", 10_000L);
    assertFalse(decide().sync());
    assertEquals(0, decide().cutTo());
    first = 8_001;
    assertEquals(9_000, decide().cutTo());
  }

  @Test
  void whatNoBackupHasYetStays() {
    Says a = node("a").has(9_000).has(8_000);
    agreed.put("a", 9_500L);
    present.add(a.report());
    assertEquals(8_000, decide().cutTo());
    cutMax = 6_000;
    assertEquals(6_000, decide().cutTo());
    cutMax = 500;
    assertEquals(0, decide().cutTo(), "too few to be worth a cut");
  }
}
