package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import storage.EventHash;

/** A node's copy of the journal, while it is written. */
class QuorumTableTest {

  private static final String GROUP = "a group";

  @TempDir Path directory;

  private static Command.Append event(long seq, byte[] before) {
    return new Command.Append(seq, before, 1, "", QuorumFixture.event(seq));
  }

  @Test
  void whatIsSaidToBeReadableIs() throws Exception {
    try (QuorumTable table = QuorumTable.open(directory.resolve("journal.db"), GROUP)) {
      assertTrue(table.append(event(1, EventHash.none())));
      assertTrue(table.append(event(2, EventHash.of(QuorumFixture.event(1)))));
      assertEquals(2, table.highest());
      assertEquals(0, table.visible(), "nothing is committed yet");
      assertEquals(0, table.read(1, 10, 1000).size());
      table.commit(1, 1);
      assertEquals(2, table.visible());
      assertEquals(2, table.read(1, 10, 1000).size());
    }
    try (QuorumTable again = QuorumTable.open(directory.resolve("journal.db"), GROUP)) {
      assertEquals(2, again.visible());
    }
  }

  /** What another copying has left below the beginning that was taken over is gone, too. */
  @Test
  void takesOverATableThatBeginsBehindItsOwnEnd() throws Exception {
    try (QuorumTable cut = QuorumTable.open(directory.resolve("cut.db"), GROUP);
        QuorumTable table = QuorumTable.open(directory.resolve("journal.db"), GROUP)) {
      fill(cut, 1, 9);
      fill(table, 1, 3);
      table.stage(cut.rows(5, 2, 1000));
      assertEquals(3, table.count(1, 9), "what is staged is not seen");
      assertEquals(3 * QuorumFixture.event(1).length, table.bytes());
      cut.trim(7);
      cut.commit(1, 10);
      table.stage(cut.rows(8, 10, 1000));
      table.adopt(cut.state());
      assertEquals(8, table.first());
      assertEquals(2, table.count(1, 9));
      assertEquals(9, table.read(8, 10, 1000).get(1).seq());
      fill(table, 10, 11);
      assertEquals(4, table.count(1, 11));
      assertEquals(4, table.rows(1, 100, 1000).size());
    }
    try (QuorumTable again = QuorumTable.open(directory.resolve("journal.db"), GROUP)) {
      assertEquals(8, again.first());
      assertEquals(7, again.state().trimmedTo());
    }
  }

  private static void fill(QuorumTable table, long from, long to) throws Exception {
    for (long seq = from; seq <= to; seq++) {
      byte[] before = seq == 1 ? EventHash.none() : EventHash.of(QuorumFixture.event(seq - 1));
      assertTrue(table.append(event(seq, before)));
    }
    table.commit(1, to);
  }
}
