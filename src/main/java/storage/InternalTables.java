package storage;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import sql.Position;

/**
 * The tables that a replica keeps beside the user's, in the same file, so that data and position
 * are committed together. SQL cannot touch them: their names begin with {@link
 * sql.StatementRules#RESERVED_PREFIX}.
 */
final class InternalTables {

  /** Digests of the outcomes up to this many last events are kept. */
  private static final int DIGESTS_KEPT = 4096;

  /** Came later than the others: a database of an older release gets it when it is opened. */
  private static final String CREATE_ABORTED =
      """
      CREATE TABLE IF NOT EXISTS _peqlite_aborted (
        seq INTEGER NOT NULL,             -- a request that was given up by a verdict
        idx INTEGER NOT NULL,
        PRIMARY KEY (seq, idx)) WITHOUT ROWID
      """;

  /** Came later too. */
  private static final String CREATE_PIECES =
      """
      CREATE TABLE IF NOT EXISTS _peqlite_pieces (
        id INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,             -- the session's position
        idx INTEGER NOT NULL,
        load TEXT NOT NULL,
        piece INTEGER NOT NULL,
        bytes BLOB NOT NULL,              -- compressed
        UNIQUE (seq, idx, load, piece))
      """;

  private static final List<String> CREATE =
      List.of(
          """
          CREATE TABLE _peqlite_position (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            seq INTEGER NOT NULL,         -- the last event applied in full
            idx INTEGER NOT NULL,         -- entries of the next event that are applied already
            statement INTEGER NOT NULL,   -- statements of the next entry that are applied already
            last_rowid INTEGER NOT NULL,  -- last_insert_rowid() within a request cut in pieces
            last_changes INTEGER NOT NULL,-- changes() there
            hash BLOB NOT NULL,           -- of event seq
            journal_id TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            timestamp INTEGER NOT NULL,   -- of event seq, microseconds
            clock INTEGER NOT NULL,       -- by which keys age, microseconds
            digest INTEGER NOT NULL,      -- of the outcomes of the next event so far
            key_count INTEGER NOT NULL,
            settings INTEGER NOT NULL,    -- whether the four below are known
            foreign_keys INTEGER NOT NULL,
            key_age INTEGER NOT NULL,     -- microseconds
            keys_max INTEGER NOT NULL,
            key_outcome_bytes_max INTEGER NOT NULL)
          """,
          """
          CREATE TABLE _peqlite_sessions (
            seq INTEGER NOT NULL,
            idx INTEGER NOT NULL,
            node TEXT NOT NULL,
            nonce TEXT NOT NULL,
            low INTEGER NOT NULL,         -- every number up to here is taken
            strays BLOB NOT NULL,         -- numbers above it that are taken, 8 bytes each
            PRIMARY KEY (seq, idx)) WITHOUT ROWID
          """,
          """
          CREATE TABLE _peqlite_keys (
            user TEXT NOT NULL,
            key TEXT NOT NULL,
            hash BLOB NOT NULL,           -- of the request
            seq INTEGER NOT NULL,
            idx INTEGER NOT NULL,
            outcome BLOB,                 -- null if it was too large to be kept
            clock INTEGER NOT NULL,
            PRIMARY KEY (user, key)) WITHOUT ROWID
          """,
          "CREATE INDEX _peqlite_keys_by_clock ON _peqlite_keys (clock)",
          """
          CREATE TABLE _peqlite_parts (
            part INTEGER PRIMARY KEY,
            seq INTEGER NOT NULL,         -- the session's position
            idx INTEGER NOT NULL,
            number INTEGER NOT NULL,
            bytes BLOB NOT NULL)
          """,
          """
          CREATE TABLE _peqlite_results (
            statement INTEGER PRIMARY KEY,
            result BLOB NOT NULL)
          """,
          """
          CREATE TABLE _peqlite_digests (
            slot INTEGER PRIMARY KEY,
            seq INTEGER NOT NULL,
            digest INTEGER NOT NULL)
          """,
          CREATE_ABORTED,
          CREATE_PIECES,
          "CREATE TABLE _peqlite_rowid (id INTEGER PRIMARY KEY)",
          "CREATE TABLE _peqlite_space (id INTEGER PRIMARY KEY, bytes BLOB)");

  /** What is more than scratch space, but for the position. */
  private static final List<String> COPIED =
      List.of(
          "_peqlite_sessions",
          "_peqlite_keys",
          "_peqlite_parts",
          "_peqlite_digests",
          "_peqlite_aborted",
          "_peqlite_pieces");

  private InternalTables() {}

  /** Creates the tables in an empty database; does nothing where they are. */
  static void create(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      try (ResultSet row =
          statement.executeQuery(
              "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_peqlite_position'")) {
        if (row.next()) {
          statement.execute(CREATE_ABORTED);
          statement.execute(CREATE_PIECES);
          return;
        }
      }
      statement.execute("BEGIN IMMEDIATE");
      for (String create : CREATE) {
        statement.execute(create);
      }
      ReplicaState state = new ReplicaState();
      try (StatementCache statements = new StatementCache(connection, 0)) {
        savePosition(statements, state);
      }
      statement.execute("COMMIT");
    }
  }

  /**
   * Takes over into a database, where these tables are empty, what another holds in them, but for
   * its position and the pieces of one load.
   */
  static void copy(Connection from, Connection to, Position session, String load)
      throws SQLException {
    for (String table : COPIED) {
      String all = "SELECT * FROM " + table;
      String select =
          table.equals("_peqlite_pieces")
              ? all
                  + " WHERE NOT (seq = "
                  + session.seq()
                  + " AND idx = "
                  + session.index()
                  + " AND load = '"
                  + load.replace("'", "''")
                  + "')"
              : all;
      copy(from, to, table, select);
    }
  }

  private static void copy(Connection from, Connection to, String table, String select)
      throws SQLException {
    try (PreparedStatement query = from.prepareStatement(select);
        ResultSet row = query.executeQuery()) {
      int columns = row.getMetaData().getColumnCount();
      List<String> names = new ArrayList<>();
      for (int i = 1; i <= columns; i++) {
        names.add(row.getMetaData().getColumnName(i));
      }
      String marks = "?, ".repeat(columns - 1) + "?";
      try (PreparedStatement insert =
          to.prepareStatement(
              "INSERT INTO "
                  + table
                  + " ("
                  + String.join(", ", names)
                  + ") VALUES ("
                  + marks
                  + ")")) {
        while (row.next()) {
          for (int i = 1; i <= columns; i++) {
            insert.setObject(i, row.getObject(i));
          }
          insert.executeUpdate();
        }
      }
    }
  }

  static ReplicaState loadPosition(Connection connection) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(
            "SELECT seq, idx, statement, last_rowid, hash, journal_id, epoch, timestamp, clock,"
                + " digest, key_count, settings, foreign_keys, key_age, keys_max,"
                + " key_outcome_bytes_max, last_changes,"
                + " coalesce((SELECT d.digest FROM _peqlite_digests AS d"
                + " WHERE d.slot = p.seq % ? AND d.seq = p.seq), 0)"
                + " FROM _peqlite_position AS p WHERE id = 1")) {
      query.setInt(1, DIGESTS_KEPT);
      try (ResultSet row = query.executeQuery()) {
        return position(row);
      }
    }
  }

  private static ReplicaState position(ResultSet row) throws SQLException {
    if (!row.next()) {
      throw new SQLException("the database has lost its position: it was changed from outside");
    }
    ReplicaState state = new ReplicaState();
    state.seq = row.getLong(1);
    state.index = row.getInt(2);
    state.statement = row.getInt(3);
    state.lastRowid = row.getLong(4);
    state.hash = row.getBytes(5);
    state.journalId = row.getString(6);
    state.epoch = row.getLong(7);
    state.timestampMicros = row.getLong(8);
    state.clockMicros = row.getLong(9);
    state.digest = row.getLong(10);
    state.keyCount = row.getLong(11);
    state.lastChanges = row.getLong(17);
    if (row.getInt(12) != 0) {
      state.settings =
          new ReplicatedSettings(
              row.getInt(13) != 0,
              Duration.ofNanos(row.getLong(14) * 1000),
              row.getLong(15),
              row.getInt(16));
    }
    state.digests = row.getLong(18);
    return state;
  }

  static void savePosition(StatementCache statements, ReplicaState state) throws SQLException {
    PreparedStatement write =
        statements.internal(
            "INSERT OR REPLACE INTO _peqlite_position (id, seq, idx, statement, last_rowid, hash,"
                + " journal_id, epoch, timestamp, clock, digest, key_count, settings,"
                + " foreign_keys, key_age, keys_max, key_outcome_bytes_max, last_changes)"
                + " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    write.setLong(1, state.seq);
    write.setInt(2, state.index);
    write.setInt(3, state.statement);
    write.setLong(4, state.lastRowid);
    write.setBytes(5, state.hash);
    write.setString(6, state.journalId);
    write.setLong(7, state.epoch);
    write.setLong(8, state.timestampMicros);
    write.setLong(9, state.clockMicros);
    write.setLong(10, state.digest);
    write.setLong(11, state.keyCount);
    ReplicatedSettings settings = state.settings;
    write.setInt(12, settings == null ? 0 : 1);
    write.setInt(13, settings != null && settings.foreignKeys() ? 1 : 0);
    write.setLong(14, settings == null ? 0 : settings.keyAge().toNanos() / 1000);
    write.setLong(15, settings == null ? 0 : settings.keysMax());
    write.setInt(16, settings == null ? 0 : settings.keyOutcomeBytesMax());
    write.setLong(17, state.lastChanges);
    write.execute();
  }

  /** Keeps that a request was given up. */
  static void saveAborted(StatementCache statements, Position position) throws SQLException {
    PreparedStatement write =
        statements.internal("INSERT OR IGNORE INTO _peqlite_aborted (seq, idx) VALUES (?, ?)");
    write.setLong(1, position.seq());
    write.setInt(2, position.index());
    write.execute();
  }

  /** Whether a request was given up here. */
  static boolean isAborted(StatementCache statements, Position position) throws SQLException {
    PreparedStatement query =
        statements.internal("SELECT 1 FROM _peqlite_aborted WHERE seq = ? AND idx = ?");
    query.setLong(1, position.seq());
    query.setInt(2, position.index());
    try (ResultSet row = query.executeQuery()) {
      return row.next();
    }
  }

  /** The digest of an event's outcomes, if it is still kept. */
  static OptionalLong digest(StatementCache statements, long seq) throws SQLException {
    PreparedStatement query =
        statements.internal("SELECT digest FROM _peqlite_digests WHERE slot = ? AND seq = ?");
    query.setLong(1, seq % DIGESTS_KEPT);
    query.setLong(2, seq);
    try (ResultSet row = query.executeQuery()) {
      return row.next() ? OptionalLong.of(row.getLong(1)) : OptionalLong.empty();
    }
  }

  /** Keeps the digest of all outcomes up to an event; an old one makes room. */
  static void saveDigest(StatementCache statements, long seq, long digest) throws SQLException {
    PreparedStatement write =
        statements.internal(
            "INSERT OR REPLACE INTO _peqlite_digests (slot, seq, digest) VALUES (?, ?, ?)");
    write.setLong(1, seq % DIGESTS_KEPT);
    write.setLong(2, seq);
    write.setLong(3, digest);
    write.execute();
  }
}
