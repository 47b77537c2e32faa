package process;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import storage.StoredEvent;

/**
 * A journal of which every node keeps a copy. What stands in any copy was committed, so that the
 * longest copy is the journal, and every other has to be its beginning.
 */
final class QuorumClusterJournal implements ClusterJournal {

  private static final int PAGE_EVENTS = 256;

  private List<ClusterNode> nodes = List.of();

  @Override
  public void prepare(List<ClusterNode> all) {
    nodes = List.copyOf(all);
  }

  @Override
  public List<String> options(ClusterNode node) {
    return List.of("--journal", "quorum", "--quorum-addr", node.quorumAddress());
  }

  /** A node's copy. */
  static Path copy(ClusterNode node) {
    return node.dataDirectory().resolve("quorum").resolve("journal.db");
  }

  /** Writes what the write-ahead log of a stopped node's copy holds into the copy itself. */
  static void checkpoint(ClusterNode node) throws SQLException {
    try (Connection connection = open(node);
        Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
  }

  private static Connection open(ClusterNode node) throws SQLException {
    return DriverManager.getConnection("jdbc:sqlite:" + copy(node) + "?busy_timeout=5000");
  }

  @Override
  public long head() throws SQLException {
    long head = 0;
    for (ClusterNode node : nodes) {
      head = Math.max(head, head(node));
    }
    return head;
  }

  private static long head(ClusterNode node) throws SQLException {
    if (!Files.exists(copy(node))) {
      return 0;
    }
    try (Connection connection = open(node);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT highest FROM peqlite_state")) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  /** Reads all copies side by side. */
  @Override
  public void forEach(Action action) throws Exception {
    long head = head();
    List<Copy> copies = new ArrayList<>();
    try {
      for (ClusterNode node : nodes) {
        if (Files.exists(copy(node))) {
          copies.add(new Copy(node));
        }
      }
      for (long seq = 1; seq <= head; seq++) {
        byte[] first = null;
        for (Copy copy : copies) {
          byte[] bytes = copy.next(seq);
          if (first == null) {
            first = bytes;
          } else if (bytes != null) {
            long at = seq;
            assertArrayEquals(first, bytes, () -> copy.node + " holds another event " + at);
          }
        }
        if (first == null) {
          throw new AssertionError("no node's journal holds event " + seq);
        }
        action.on(new StoredEvent(seq, first));
      }
    } finally {
      for (Copy copy : copies) {
        copy.connection.close();
      }
    }
  }

  private static final class Copy {

    private final ClusterNode node;
    private final Connection connection;
    private final PreparedStatement statement;
    private final ResultSet rows;

    private Copy(ClusterNode node) throws SQLException {
      this.node = node;
      this.connection = open(node);
      this.statement =
          connection.prepareStatement(
              "SELECT sequence_number, event_payload FROM event_journal"
                  + " ORDER BY sequence_number");
      this.rows = statement.executeQuery();
    }

    /** Its event of that number, null behind its end. */
    private byte[] next(long seq) throws SQLException {
      if (rows.isClosed() || !rows.next()) {
        return null;
      }
      assertEquals(seq, rows.getLong(1), () -> node + "'s journal has a gap");
      return rows.getBytes(2);
    }
  }

  /** From any copy that holds the next one. */
  @Override
  public List<StoredEvent> after(long seq) {
    for (ClusterNode node : nodes) {
      try {
        List<StoredEvent> events = after(copy(node), seq);
        if (!events.isEmpty() && events.get(0).seq() == seq + 1) {
          return events;
        }
      } catch (SQLException notThere) {
        // The node may not have started, or its disk may be empty.
      }
    }
    return List.of();
  }

  private static List<StoredEvent> after(Path copy, long seq) throws SQLException {
    List<StoredEvent> events = new ArrayList<>();
    try (Connection connection = DatabaseFile.open(copy);
        PreparedStatement statement =
            connection.prepareStatement(
                "SELECT sequence_number, event_payload FROM event_journal"
                    + " WHERE sequence_number > ? ORDER BY sequence_number LIMIT "
                    + PAGE_EVENTS)) {
      statement.setLong(1, seq);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          events.add(new StoredEvent(row.getLong(1), row.getBytes(2)));
        }
      }
    }
    return events;
  }

  @Override
  public int livingMin(int count) {
    return count / 2 + 1;
  }

  /** The node keeps it itself. */
  @Override
  public void keepFrom(ClusterNode node) {}

  @Override
  public void giveBack(ClusterNode node) {}

  @Override
  public void close() {}
}
