package storage;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.sqlite.core.CoreStatement;

/**
 * Prepared statements of the applying connection: our own, kept for ever, and those of requests,
 * the most recently used of which are kept. One thread.
 */
final class StatementCache implements AutoCloseable {

  /** Texts longer than this are not worth keeping: nobody sends them twice. */
  private static final int CACHED_LENGTH_MAX = 4096;

  private final Connection connection;
  private final int statementsMax;
  private final Map<String, PreparedStatement> internal = new HashMap<>();
  private final LinkedHashMap<String, PreparedStatement> recent =
      new LinkedHashMap<>(64, 0.75f, true);

  StatementCache(Connection connection, int statementsMax) {
    this.connection = connection;
    this.statementsMax = statementsMax;
  }

  /** One of our own statements. */
  PreparedStatement internal(String sql) throws SQLException {
    PreparedStatement statement = internal.get(sql);
    if (statement == null || isFinished(statement)) {
      statement = connection.prepareStatement(sql);
      internal.put(sql, statement);
    }
    return statement;
  }

  /** A request's statement; give it back by {@link #giveBack} in every case. */
  PreparedStatement take(String sql) throws SQLException {
    PreparedStatement statement = recent.remove(sql);
    return statement == null ? connection.prepareStatement(sql) : statement;
  }

  /** Ends the use of a statement: keeps it for the next time, or closes it. */
  void giveBack(String sql, PreparedStatement statement) throws SQLException {
    if (sql.length() > CACHED_LENGTH_MAX || isFinished(statement)) {
      statement.close();
      return;
    }
    statement.clearParameters(); // it would hold on to large values
    PreparedStatement replaced = recent.put(sql, statement);
    if (replaced != null) {
      replaced.close();
    }
    if (recent.size() > statementsMax) {
      var oldest = recent.entrySet().iterator();
      PreparedStatement evicted = oldest.next().getValue();
      oldest.remove();
      evicted.close();
    }
  }

  /** The driver finalizes a statement that failed with most errors; it cannot be used again. */
  private static boolean isFinished(PreparedStatement statement) {
    return ((CoreStatement) statement).pointer.isClosed();
  }

  @Override
  public void close() throws SQLException {
    List<PreparedStatement> all = new ArrayList<>(internal.values());
    all.addAll(recent.values());
    internal.clear();
    recent.clear();
    for (PreparedStatement statement : all) {
      statement.close();
    }
  }
}
