package storage;

import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * The open sessions and, for each, the set of numbers it has taken: everything up to {@code low},
 * and some strays above it. This is what makes a write happen once.
 *
 * <p>Changes are kept in memory until {@link #save} writes them, in the transaction of the data
 * they stand for; after a rollback {@link #load} must be called. One thread.
 */
final class Sessions {

  /** Numbers above {@code low} that are taken at most; far more than any session has open. */
  static final int STRAYS_MAX = 1 << 16;

  /**
   * Sessions that are open at most; one more closes the oldest, which is always safe. Part of the
   * determinism rules.
   */
  static final int SESSIONS_MAX = 1024;

  private static final class Session {
    final String nodeId;
    final String nonce;
    final TreeSet<Long> strays = new TreeSet<>();
    long low;

    Session(String nodeId, String nonce) {
      this.nodeId = nodeId;
      this.nonce = nonce;
    }
  }

  private final Map<Position, Session> open = new HashMap<>();
  private final Set<Position> changed = new HashSet<>();
  private final Set<Position> closed = new HashSet<>();

  void load(Connection connection) throws SQLException {
    open.clear();
    changed.clear();
    closed.clear();
    try (PreparedStatement query =
            connection.prepareStatement(
                "SELECT seq, idx, node, nonce, low, strays FROM _peqlite_sessions");
        ResultSet row = query.executeQuery()) {
      while (row.next()) {
        Session session = new Session(row.getString(3), row.getString(4));
        session.low = row.getLong(5);
        ByteBuffer strays = ByteBuffer.wrap(row.getBytes(6));
        while (strays.remaining() >= Long.BYTES) {
          session.strays.add(strays.getLong());
        }
        open.put(new Position(row.getLong(1), row.getInt(2)), session);
      }
    }
  }

  /**
   * Opens a session and closes the other ones of the node.
   *
   * @return the sessions that are closed by it
   */
  List<Position> open(Position id, String nodeId, String nonce) {
    List<Position> gone = new ArrayList<>();
    for (Map.Entry<Position, Session> entry : open.entrySet()) {
      if (entry.getValue().nodeId.equals(nodeId)) {
        if (entry.getValue().nonce.equals(nonce)) {
          return List.of(); // the opening was sent twice: the first one stands
        }
        gone.add(entry.getKey());
      }
    }
    gone.forEach(this::close);
    while (open.size() >= SESSIONS_MAX) {
      close(Collections.min(open.keySet()));
    }
    open.put(id, new Session(nodeId, nonce));
    changed.add(id);
    return gone;
  }

  /** Closes a session; nothing happens if it is not open. */
  void close(Position id) {
    if (open.remove(id) != null) {
      changed.remove(id);
      closed.add(id);
    }
  }

  boolean isOpen(Position id) {
    return open.containsKey(id);
  }

  /** The node whose session it is, or null if it is not open. */
  @Nullable String nodeOf(Position id) {
    Session session = open.get(id);
    return session == null ? null : session.nodeId;
  }

  /** The open sessions, with the nonces by which their processes recognise them. */
  Map<Position, String> nonces() {
    Map<Position, String> nonces = new HashMap<>();
    open.forEach((id, session) -> nonces.put(id, session.nonce));
    return nonces;
  }

  /** How many are open. */
  int count() {
    return open.size();
  }

  /** Whether the number is still to be taken: its session is open and has not taken it. */
  boolean takes(Position id, long number) {
    Session session = open.get(id);
    return session != null
        && number > session.low
        && number <= session.low + STRAYS_MAX
        && !session.strays.contains(number);
  }

  /** Takes a number; only after {@link #takes} said yes. */
  void take(Position id, long number) {
    Session session = open.get(id);
    if (session == null) {
      throw new IllegalStateException("session " + id + " is not open");
    }
    if (number == session.low + 1) {
      session.low = number;
      while (session.strays.remove(session.low + 1)) {
        session.low++;
      }
    } else {
      session.strays.add(number);
    }
    changed.add(id);
  }

  /**
   * Writes what changed; one row for each session, whatever the number of requests. With a session
   * goes what was to be loaded in it.
   */
  void save(StatementCache statements) throws SQLException {
    for (Position id : closed) {
      PreparedStatement delete =
          statements.internal("DELETE FROM _peqlite_sessions WHERE seq = ? AND idx = ?");
      delete.setLong(1, id.seq());
      delete.setInt(2, id.index());
      delete.execute();
      LoadPieces.clear(statements, id);
    }
    closed.clear();
    for (Position id : changed) {
      Session session = open.get(id);
      if (session == null) {
        continue;
      }
      ByteBuffer strays = ByteBuffer.allocate(session.strays.size() * Long.BYTES);
      session.strays.forEach(strays::putLong);
      PreparedStatement write =
          statements.internal(
              "INSERT OR REPLACE INTO _peqlite_sessions (seq, idx, node, nonce, low, strays)"
                  + " VALUES (?, ?, ?, ?, ?, ?)");
      write.setLong(1, id.seq());
      write.setInt(2, id.index());
      write.setString(3, session.nodeId);
      write.setString(4, session.nonce);
      write.setLong(5, session.low);
      write.setBytes(6, strays.array());
      write.execute();
    }
    changed.clear();
  }
}
