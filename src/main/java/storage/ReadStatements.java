package storage;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConnection;
import org.sqlite.core.CoreStatement;

/**
 * The prepared statements of one connection, the least recently used thrown away first. A statement
 * that is in use is not in the cache, so the same SQL can run inside of itself. For the thread that
 * holds the connection.
 */
final class ReadStatements {

  /**
   * A prepared statement.
   *
   * @param jdbc what closes it
   * @param core the same, as the driver's inner layer sees it
   * @param address the same, as SQLite sees it; not to be used once the statement is closed
   * @param parameters how many it has
   */
  record Prepared(
      String sql, PreparedStatement jdbc, CoreStatement core, long address, int parameters) {

    boolean isClosed() {
      return core.pointer == null || core.pointer.isClosed();
    }
  }

  private final SQLiteConnection connection;
  private final int statementsMax;
  private final int charactersMax;
  private final LinkedHashMap<String, Prepared> idle = new LinkedHashMap<>();
  private int characters;

  ReadStatements(SQLiteConnection connection, int statementsMax, int charactersMax) {
    this.connection = connection;
    this.statementsMax = statementsMax;
    this.charactersMax = charactersMax;
  }

  /**
   * Takes the statement out of the cache, or prepares it. To be given back in every outcome.
   *
   * @throws SQLException without a code of SQLite if the text is empty
   */
  Prepared take(String sql) throws SQLException {
    Prepared known = idle.remove(sql);
    if (known != null) {
      characters -= sql.length();
      return known;
    }
    PreparedStatement jdbc = prepare(sql);
    try {
      CoreStatement core = (CoreStatement) jdbc;
      long address = core.pointer.<RuntimeException>safeRunLong((database, pointer) -> pointer);
      int parameters = jdbc.getParameterMetaData().getParameterCount();
      return new Prepared(sql, jdbc, core, address, parameters);
    } catch (SQLException | RuntimeException e) {
      jdbc.close();
      throw e;
    }
  }

  private PreparedStatement prepare(String sql) throws SQLException {
    try {
      return connection.prepareStatement(sql);
    } catch (IllegalStateException e) {
      // Nothing but blanks and comments has no pointer. The driver finds that out too late, and
      // complains in this way from the second time on.
      throw new SQLException("the statement is empty", e);
    }
  }

  /** Takes back a statement that was reset, or that an error has finalized. */
  void giveBack(Prepared prepared) throws SQLException {
    int length = prepared.sql().length();
    boolean keep = !prepared.isClosed() && length <= charactersMax && statementsMax > 0;
    @Nullable Prepared unwanted = keep ? idle.put(prepared.sql(), prepared) : prepared;
    if (keep && unwanted == null) {
      characters += length;
    }
    if (unwanted != null) {
      unwanted.jdbc().close();
    }
    Iterator<Map.Entry<String, Prepared>> eldest = idle.entrySet().iterator();
    while (idle.size() > statementsMax || characters > charactersMax) {
      Prepared evicted = eldest.next().getValue();
      eldest.remove();
      characters -= evicted.sql().length();
      evicted.jdbc().close();
    }
  }

  /** How many statements wait to be used again. */
  int size() {
    return idle.size();
  }
}
