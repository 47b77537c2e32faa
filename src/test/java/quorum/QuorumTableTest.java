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
}
