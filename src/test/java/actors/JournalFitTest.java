package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import storage.EventHash;
import storage.JournalException;
import storage.ReplicaPosition;

class JournalFitTest {

  private final MemoryJournal journal = new MemoryJournal("journal");

  @BeforeEach
  void write() {
    for (int i = 0; i < 4; i++) {
      journal.write("INSERT INTO log VALUES (" + i + ")");
    }
  }

  private ReplicaPosition at(long seq) {
    return new ReplicaPosition(
        seq, EventHash.of(journal.event(seq).bytes()), "journal", Optional.empty());
  }

  private JournalFit.Misfit misfit(ReplicaPosition at) throws JournalException {
    return JournalFit.lookForHoles(journal, at, 1).misfit();
  }

  @Test
  void fitsWhereverItStands() throws Exception {
    for (long seq = 1; seq <= 5; seq++) {
      assertEquals(JournalFit.Misfit.NONE, misfit(at(seq)));
    }
    assertEquals(5, JournalFit.look(journal, at(1)).head());
    ReplicaPosition nothing = new ReplicaPosition(0, EventHash.none(), "", Optional.empty());
    assertEquals(JournalFit.Misfit.NONE, misfit(nothing));
  }

  @Test
  void lacksWhatTheJournalNeverHeldOrHasLost() throws Exception {
    ReplicaPosition last = at(5);
    ReplicaPosition other =
        new ReplicaPosition(3, EventHash.of(new byte[] {1}), "journal", Optional.empty());
    assertEquals(JournalFit.Misfit.LACKS, misfit(other));
    journal.cutBehind(4);
    assertEquals(JournalFit.Misfit.LACKS, misfit(last));
  }

  @Test
  void anotherJournalIsKnownByItsId() throws Exception {
    ReplicaPosition other =
        new ReplicaPosition(3, EventHash.of(new byte[] {1}), "other", Optional.empty());
    assertEquals(JournalFit.Misfit.ANOTHER, misfit(other));
    journal.trim(4);
    assertEquals(JournalFit.Misfit.ANOTHER, misfit(other));
  }

  @Test
  void whatIsCutOffIsNotMissing() throws Exception {
    ReplicaPosition before = at(2);
    ReplicaPosition right = at(3);
    journal.trim(3);
    assertEquals(JournalFit.Misfit.NONE, misfit(before));
    assertEquals(JournalFit.Misfit.NONE, misfit(right));
    assertEquals(JournalFit.Misfit.NONE, misfit(at(4)));
  }

  /** The first event that is left names the one before it. */
  @Test
  void whoStandsRightBeforeTheBeginningMustBeWhatTheBeginningFollows() throws Exception {
    ReplicaPosition other =
        new ReplicaPosition(3, EventHash.of(new byte[] {1}), "journal", Optional.empty());
    journal.trim(3);
    assertEquals(JournalFit.Misfit.LACKS, misfit(other));
  }

  @Test
  void whatAnEventWasThatIsDamagedIsToldByTheNextOne() throws Exception {
    ReplicaPosition other =
        new ReplicaPosition(3, EventHash.of(new byte[] {1}), "journal", Optional.empty());
    journal.damage(3);
    assertEquals(JournalFit.Misfit.NONE, misfit(at(3)));
    assertEquals(JournalFit.Misfit.LACKS, misfit(other));
    journal.damage(5);
    assertEquals(JournalFit.Misfit.NONE, misfit(at(5)), "nobody knows better");
    assertEquals("journal", JournalFit.journalId(journal));
  }
}
