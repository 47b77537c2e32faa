package storage;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.UUID;

/**
 * The tables in PostgreSQL: the journal's, which pekko-persistence-jdbc writes to, the arbiter's,
 * and those for snapshots, without which a node works too. Their names have no schema, so that
 * {@code currentSchema} in the address chooses it.
 */
final class PostgresTables {

  /** Any number of ours, the same in all nodes: who creates tables in this database now. */
  private static final long CREATION_LOCK = 0x7065716c697465L;

  private static final String EVENT_JOURNAL =
      """
      CREATE TABLE IF NOT EXISTS event_journal (
        ordering BIGSERIAL,
        persistence_id VARCHAR(255) NOT NULL,
        sequence_number BIGINT NOT NULL,
        deleted BOOLEAN DEFAULT FALSE NOT NULL,
        writer VARCHAR(255) NOT NULL,
        write_timestamp BIGINT,
        adapter_manifest VARCHAR(255),
        event_payload BYTEA NOT NULL,
        event_ser_id INTEGER NOT NULL,
        event_ser_manifest VARCHAR(255) NOT NULL,
        meta_payload BYTEA,
        meta_ser_id INTEGER,
        meta_ser_manifest VARCHAR(255),
        PRIMARY KEY (persistence_id, sequence_number))
      """;

  private static final String CLUSTER =
      """
      CREATE TABLE IF NOT EXISTS peqlite_cluster (
        only_row BOOLEAN PRIMARY KEY CHECK (only_row),
        cluster_id TEXT NOT NULL,
        formation BIGINT NOT NULL,
        former_address TEXT,
        former_uid BIGINT)
      """;

  private static final String PROCESS =
      """
      CREATE TABLE IF NOT EXISTS peqlite_process (
        address TEXT NOT NULL,
        uid BIGINT NOT NULL,
        node_id TEXT NOT NULL,
        formation BIGINT NOT NULL,
        member BOOLEAN NOT NULL,
        entered_at BIGINT NOT NULL,
        attended_from BIGINT NOT NULL,
        heard_at BIGINT NOT NULL,
        PRIMARY KEY (address, uid))
      """;

  private static final String PUT_OUT =
      """
      CREATE TABLE IF NOT EXISTS peqlite_put_out (
        address TEXT NOT NULL,
        uid BIGINT NOT NULL,
        formation BIGINT NOT NULL,
        reason TEXT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (address, uid))
      """;

  /** {@code created} is moved on with every piece, until the snapshot is complete. */
  private static final String SNAPSHOTS =
      """
      CREATE TABLE IF NOT EXISTS peqlite_snapshots (
        id TEXT PRIMARY KEY,
        journal_id TEXT NOT NULL,
        seq BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        pieces INTEGER NOT NULL,
        complete BOOLEAN NOT NULL,
        created TIMESTAMPTZ NOT NULL DEFAULT now())
      """;

  private static final String SNAPSHOT_PIECES =
      """
      CREATE TABLE IF NOT EXISTS peqlite_snapshot_pieces (
        id TEXT NOT NULL REFERENCES peqlite_snapshots (id) ON DELETE CASCADE,
        piece INTEGER NOT NULL,
        bytes BYTEA NOT NULL,
        PRIMARY KEY (id, piece))
      """;

  /** They are compressed already. */
  private static final String UNCOMPRESSED =
      "ALTER TABLE peqlite_snapshot_pieces ALTER COLUMN bytes SET STORAGE EXTERNAL";

  /** Whether both tables for snapshots are there. */
  static final String SNAPSHOTS_EXIST =
      """
      SELECT to_regclass('peqlite_snapshots') IS NOT NULL
        AND to_regclass('peqlite_snapshot_pieces') IS NOT NULL
      """;

  private static final String MAY_CREATE =
      "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";

  private static final String ALL_EXIST =
      """
      SELECT to_regclass('event_journal') IS NOT NULL
        AND to_regclass('peqlite_process') IS NOT NULL
        AND to_regclass('peqlite_put_out') IS NOT NULL
        AND to_regclass('peqlite_cluster') IS NOT NULL
      """;

  private PostgresTables() {}

  /**
   * Creates what is missing, in the transaction of the connection. Several nodes may do so at the
   * same moment.
   */
  static void create(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      // IF NOT EXISTS alone fails when another creates the same table at the same moment.
      statement.execute("SELECT pg_advisory_xact_lock(" + CREATION_LOCK + ")");
      // Asked first because creating needs a privilege that a node need not have.
      if (!isTrue(statement, ALL_EXIST)) {
        statement.execute(EVENT_JOURNAL);
        statement.execute(PROCESS);
        statement.execute(PUT_OUT);
        statement.execute(CLUSTER);
      }
      // Older versions had none: whoever may only use tables goes on without.
      if (!isTrue(statement, SNAPSHOTS_EXIST) && isTrue(statement, MAY_CREATE)) {
        statement.execute(SNAPSHOTS);
        statement.execute(SNAPSHOT_PIECES);
        statement.execute(UNCOMPRESSED);
      }
    }
    try (PreparedStatement insert =
        connection.prepareStatement(
            "INSERT INTO peqlite_cluster (only_row, cluster_id, formation)"
                + " SELECT true, ?, 0 WHERE NOT EXISTS (SELECT 1 FROM peqlite_cluster)")) {
      insert.setString(1, UUID.randomUUID().toString());
      insert.executeUpdate();
    }
  }

  static boolean isTrue(Statement statement, String question) throws SQLException {
    try (ResultSet row = statement.executeQuery(question)) {
      return row.next() && row.getBoolean(1);
    }
  }
}
