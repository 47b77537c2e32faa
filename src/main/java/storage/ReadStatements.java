package storage;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConnection;
import org.sqlite.core.CoreStatement;
import sql.Column;

/**
 * The prepared statements of one connection, the least recently used thrown away first. A statement
 * that is in use is not in the cache, so the same SQL can run inside of itself. For the thread that
 * holds the connection.
 */
final class ReadStatements {

  /** A prepared statement, and what is known of it. */
  static final class Prepared {
    private final String sql;
    private final PreparedStatement jdbc;
    private final CoreStatement core;
    private final long address;
    private final int parameters;
    private List<Column> columns = List.of();
    private long schemaVersion = -1;

    private Prepared(String sql, PreparedStatement jdbc, long address, int parameters) {
      this.sql = sql;
      this.jdbc = jdbc;
      this.core = (CoreStatement) jdbc;
      this.address = address;
      this.parameters = parameters;
    }

    String sql() {
      return sql;
    }

    /** What closes it. */
    PreparedStatement jdbc() {
      return jdbc;
    }

    /** The same, as the driver's inner layer sees it. */
    CoreStatement core() {
      return core;
    }

    /** The same, as SQLite sees it; not to be used once the statement is closed. */
    long address() {
      return address;
    }

    /** How many parameters it has. */
    int parameters() {
      return parameters;
    }

    /** Its columns under that version of the schema, if they are known. */
    @Nullable List<Column> columns(long schemaVersion) {
      return this.schemaVersion == schemaVersion ? columns : null;
    }

    /** Keeps its columns under a version of the schema. */
    void remember(long schemaVersion, List<Column> columns) {
      this.schemaVersion = schemaVersion;
      this.columns = columns;
    }

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
      long address =
          ((CoreStatement) jdbc)
              .pointer.<RuntimeException>safeRunLong((database, pointer) -> pointer);
      int parameters = jdbc.getParameterMetaData().getParameterCount();
      return new Prepared(sql, jdbc, address, parameters);
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
