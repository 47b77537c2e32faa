package quorum;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import storage.Journal;
import storage.JournalContract;
import storage.JournalException;
import storage.StoredEvent;

/** The journal on three nodes of this process, read at one that need not lead. */
class QuorumJournalTest extends JournalContract {

  private @Nullable QuorumFixture quorum;

  @Override
  protected Journal openJournal() throws Exception {
    if (quorum == null) {
      quorum = new QuorumFixture(folder).formed(3);
    } else {
      quorum.close();
      for (QuorumFixture.Node node : quorum.nodes()) {
        node.start();
      }
    }
    return quorum.nodes().get(1).journal();
  }

  @AfterEach
  void stop() {
    quorum.close();
  }

  @Override
  protected boolean append(long seq, byte[] bytes) throws Exception {
    return QuorumFixture.append(quorum.nodes().get(2), seq, bytes);
  }

  /** On the node that is read; the others still have it. */
  @Override
  protected void remove(long seq) throws Exception {
    // All of it, so that what is removed leaves a gap.
    QuorumFixture.copy(read(), journal.head());
    QuorumFixture.change(read(), "DELETE FROM event_journal WHERE sequence_number = " + seq);
  }

  @Override
  protected void replace(long seq, byte[] bytes) throws Exception {
    QuorumFixture.copy(read(), journal.head());
    QuorumFixture.change(
        read(), "UPDATE event_journal SET event_payload = ? WHERE sequence_number = " + seq, bytes);
  }

  private QuorumFixture.Node read() {
    return quorum.nodes().get(1);
  }

  @Override
  @Test
  protected void neverGivesEventsWithAGap() throws Exception {
    QuorumFixture.append(read(), 1, 9);
    remove(7);
    assertThrows(JournalException.class, () -> journal.read(1, 99, 1 << 20));
    assertIsMended();
    remove(3);
    assertThrows(JournalException.class, () -> journal.holdsAll(1, 9));
    assertIsMended();
    assertTrue(journal.holdsAll(1, 9));
    assertFalse(journal.holdsAll(1, 10));
  }

  @Override
  @Test
  protected void neverGivesAnEventThatIsDamaged() throws Exception {
    QuorumFixture.append(read(), 1, 9);
    byte[] damaged = QuorumFixture.event(4);
    damaged[damaged.length / 2] ^= 4;
    replace(4, damaged);
    assertEquals(3, journal.read(1, 99, 1 << 20).size());
    assertThrows(JournalException.class, () -> journal.read(4, 99, 1 << 20));
    assertIsMended();
  }

  private void assertIsMended() throws Exception {
    QuorumFixture.await(
        "the copy is mended",
        () -> {
          int events = journal.read(1, 99, 1 << 20).size();
          if (events < 9) {
            journal.read(events + 1, 1, 1); // what it gives ends before what is damaged
          }
          return events == 9;
        });
    for (StoredEvent event : journal.read(1, 99, 1 << 20)) {
      assertArrayEquals(QuorumFixture.event(event.seq()), event.bytes());
    }
  }

  /** The node that is read need not be the one that leads. */
  @Override
  protected void awaitCut(long first) throws Exception {
    QuorumFixture.await(
        "the copy is cut", () -> quorum.nodes().get(1).server().table().first() >= first);
  }
}
