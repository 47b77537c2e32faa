package process;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import storage.PostgresServer;
import storage.StoredEvent;

/** A journal in a PostgreSQL of the cluster's own, to which each node has a way that can break. */
final class PostgresClusterJournal implements ClusterJournal {

  private static final int PAGE_EVENTS = 256;

  private final PostgresServer server;
  private final InetAddress outside;
  private final Map<ClusterNode, JournalLink> links = new HashMap<>();

  /**
   * Starts the server.
   *
   * @param outside where nodes reach the tests' process
   */
  PostgresClusterJournal(Path directory, InetAddress outside) throws Exception {
    this.server = PostgresServer.start(directory);
    this.outside = outside;
  }

  PostgresServer server() {
    return server;
  }

  /** A node's way to it. */
  JournalLink link(ClusterNode node) {
    return links.get(node);
  }

  @Override
  public void prepare(List<ClusterNode> nodes) throws Exception {
    InetSocketAddress target = new InetSocketAddress("127.0.0.1", server.port());
    for (ClusterNode node : nodes) {
      links.put(node, new JournalLink(outside, target));
    }
  }

  @Override
  public List<String> options(ClusterNode node) {
    String url = links.get(node).through(server.url());
    return List.of("--journal", "postgres", "--journal-url", url);
  }

  @Override
  public long head() throws SQLException {
    return number(
        "SELECT coalesce(max(sequence_number), 0) FROM event_journal"
            + " WHERE persistence_id = 'peqlite'");
  }

  /** The one number that a query of its database returns. */
  long number(String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection(server.url());
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  /** Changes its database behind the nodes' back. */
  int change(String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection(server.url());
        Statement statement = connection.createStatement()) {
      return statement.executeUpdate(sql);
    }
  }

  @Override
  public void forEach(Action action) throws Exception {
    long expected = 1;
    try (Connection connection = DriverManager.getConnection(server.url())) {
      connection.setAutoCommit(false); // otherwise all of it comes at once
      try (PreparedStatement statement =
          connection.prepareStatement(
              "SELECT sequence_number, event_payload FROM event_journal"
                  + " WHERE persistence_id = 'peqlite' ORDER BY sequence_number")) {
        statement.setFetchSize(PAGE_EVENTS);
        try (ResultSet row = statement.executeQuery()) {
          for (; row.next(); expected++) {
            if (row.getLong(1) != expected) {
              throw new AssertionError("the journal lacks event " + expected);
            }
            action.on(new StoredEvent(expected, row.getBytes(2)));
          }
        }
      }
    }
  }

  @Override
  public List<StoredEvent> after(long seq) throws SQLException {
    List<StoredEvent> events = new ArrayList<>();
    try (Connection connection = DriverManager.getConnection(server.url());
        PreparedStatement statement =
            connection.prepareStatement(
                "SELECT sequence_number, event_payload FROM event_journal"
                    + " WHERE persistence_id = 'peqlite' AND sequence_number > ?"
                    + " ORDER BY sequence_number LIMIT "
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
  public int livingMin(int nodes) {
    return 1;
  }

  @Override
  public void keepFrom(ClusterNode node) {
    links.get(node).stall();
  }

  @Override
  public void giveBack(ClusterNode node) {
    links.get(node).heal();
  }

  @Override
  public void close() throws Exception {
    for (JournalLink link : links.values()) {
      link.close();
    }
    server.close();
  }
}
