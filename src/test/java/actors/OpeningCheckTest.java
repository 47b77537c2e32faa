package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import storage.EventHash;
import storage.Formats;
import storage.ReplicatedSettings;
import storage.StoredEvent;

class OpeningCheckTest {

  private static final String JOURNAL = "the journal";
  private static final byte[] ANOTHER_HASH = new byte[EventHash.LENGTH];

  private final Map<Long, StoredEvent> stored = new HashMap<>();
  private final List<Replica.WhereAnswer> members = new ArrayList<>();
  private long first = 1;

  OpeningCheckTest() {
    for (long seq = 1; seq <= 9; seq++) {
      stored.put(seq, new StoredEvent(seq, new byte[] {(byte) seq}));
    }
  }

  private void hasApplied(String nodeId, String journalId, long seq, byte[] hash) {
    members.add(new Replica.WhereAnswer(nodeId, journalId, seq, hash, Formats.newestRules()));
  }

  private void hasApplied(String nodeId, long seq) {
    hasApplied(nodeId, JOURNAL, seq, EventHash.of(stored.get(seq).bytes()));
  }

  private Optional<String> problem() {
    return OpeningCheck.problem(JOURNAL, 9, first, members, stored);
  }

  private void isForbiddenBecause(String reason) {
    assertTrue(problem().orElse("nothing").contains(reason), () -> "" + problem());
  }

  @Test
  void nothingIsWrongWithAJournalThatHoldsWhatAllHaveApplied() {
    hasApplied("a", 9);
    hasApplied("b", 1);
    hasApplied("c", 9);
    assertEquals(Optional.empty(), problem());
  }

  @Test
  void whoHasAppliedNothingForbidsNothing() {
    hasApplied("a", "", 0, EventHash.none());
    hasApplied("b", "", 0, ANOTHER_HASH);
    assertEquals(Optional.empty(), problem());
    assertEquals(Optional.empty(), OpeningCheck.problem("", 0, 1, members, Map.of()));
  }

  @Test
  void aMemberThatIsAheadForbidsIt() {
    hasApplied("a", 9);
    hasApplied("b", JOURNAL, 10, ANOTHER_HASH);
    isForbiddenBecause("node b has applied event 10 and the journal ends at event 9");
  }

  @Test
  void aMemberThatHoldsAnotherLastEventForbidsIt() {
    hasApplied("a", JOURNAL, 9, ANOTHER_HASH);
    isForbiddenBecause("event 9 in the journal is not the one that node a has applied");
  }

  @Test
  void aMemberThatHoldsAnotherEventInTheMiddleForbidsIt() {
    hasApplied("a", 9);
    hasApplied("b", JOURNAL, 4, EventHash.of(stored.get(5L).bytes()));
    isForbiddenBecause("event 4 in the journal is not the one that node b has applied");
  }

  @Test
  void aMemberWhoseEventTheJournalHasLostForbidsIt() {
    hasApplied("a", 4);
    stored.remove(4L);
    isForbiddenBecause("event 4");
  }

  @Test
  void anEmptyJournalIsForbiddenByWhoHasAppliedAnything() {
    hasApplied("a", "any journal", 1, ANOTHER_HASH);
    assertTrue(OpeningCheck.problem("", 0, 1, members, Map.of()).isPresent());
  }

  @Test
  void aMemberOfAnotherJournalForbidsNothing() {
    hasApplied("a", 9);
    hasApplied("b", "another journal", 5, ANOTHER_HASH);
    hasApplied("c", "another journal", 900, ANOTHER_HASH);
    assertEquals(Optional.empty(), problem());
  }

  /** Its event cannot be compared any more; what is left still is. */
  @Test
  void aMemberFromBeforeTheJournalsBeginningForbidsNothing() {
    hasApplied("a", 9);
    hasApplied("b", JOURNAL, 3, ANOTHER_HASH);
    first = 4;
    stored.keySet().removeIf(seq -> seq < first);
    assertEquals(Optional.empty(), problem());
    hasApplied("c", JOURNAL, 4, ANOTHER_HASH);
    isForbiddenBecause("event 4 in the journal is not the one that node c has applied");
  }

  @Test
  void aMemberWhoseEventIsMissingBehindTheBeginningForbidsIt() {
    hasApplied("a", 5);
    first = 4;
    stored.keySet().removeIf(seq -> seq < first || seq == 5);
    isForbiddenBecause("event 5");
  }

  /** It may have been read before it was cut away. */
  @Test
  void anotherEventThatWasReadForbidsItWhereverTheJournalBeginsNow() {
    hasApplied("a", JOURNAL, 3, ANOTHER_HASH);
    first = 4;
    isForbiddenBecause("event 3 in the journal is not the one that node a has applied");
  }

  @Test
  void aCutJournalIsForbiddenByWhoIsAheadOfIt() {
    first = 9;
    hasApplied("a", JOURNAL, 10, ANOTHER_HASH);
    isForbiddenBecause("node a has applied event 10 and the journal ends at event 9");
  }

  @Test
  void onlyAReplicaThatHasAppliedAnEpochsOpeningKnowsItsSettings() {
    ReplicatedSettings settings = new ReplicatedSettings(true, Duration.ofDays(1), 100, 100);
    assertEquals(
        Optional.of(settings),
        OpeningCheck.settings(JOURNAL, 5, Readings.of(JOURNAL, 5, settings)));
    assertEquals(
        Optional.of(settings),
        OpeningCheck.settings(JOURNAL, 5, Readings.of(JOURNAL, 9, settings)));
    assertEquals(
        Optional.empty(), OpeningCheck.settings(JOURNAL, 5, Readings.of(JOURNAL, 4, settings)));
    assertEquals(
        Optional.empty(), OpeningCheck.settings(JOURNAL, 5, Readings.of("another", 9, settings)));
    assertEquals(Optional.empty(), OpeningCheck.settings(JOURNAL, 5, new ReplicaGauge().read()));
  }
}
