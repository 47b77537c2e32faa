package quorum;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import storage.Journal;
import storage.JournalContract;

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

  /** On the node that is read; the others need not notice. */
  @Override
  protected void remove(long seq) throws Exception {
    // All of it, so that what is removed leaves a gap.
    QuorumFixture.copy(quorum.nodes().get(1), quorum.nodes().get(1).journal().head());
    String url = "jdbc:sqlite:" + quorum.nodes().get(1).settings.directory().resolve("journal.db");
    try (Connection connection = DriverManager.getConnection(url + "?busy_timeout=5000");
        Statement statement = connection.createStatement()) {
      statement.execute("DELETE FROM event_journal WHERE sequence_number = " + seq);
    }
  }

  /** The node that is read need not be the one that leads. */
  @Override
  protected void awaitCut(long first) throws Exception {
    QuorumFixture.await(
        "the copy is cut", () -> quorum.nodes().get(1).server().table().first() >= first);
  }
}
