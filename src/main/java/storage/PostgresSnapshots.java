package storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Snapshot files as rows of the journal's PostgreSQL, so that to lose every node's disk loses
 * nothing: a snapshot that is kept here is as durable as the journal.
 *
 * <p>A snapshot is kept in pieces, each in a transaction of its own, and counts once the last one
 * is there. The tables are made by {@link PostgresJournal#prepare}. What the bytes are is nobody's
 * business here: who reads them checks them.
 *
 * <p>Thread-safe. Everything blocks; each piece is written, read or deleted within about 10 s or
 * fails, even when the server is frozen. Nothing is connected before the first question.
 */
public final class PostgresSnapshots implements SnapshotStore {

  private static final int STATEMENT_TIMEOUT_MILLIS = 5000;

  /** Pieces that are deleted in one transaction. */
  private static final int DELETED_AT_ONCE = 16;

  /** Far more than anybody keeps. */
  private static final int LISTED_MAX = 1000;

  private static final String LIST =
      "SELECT id, journal_id, seq, bytes, pieces FROM peqlite_snapshots WHERE complete"
          + " ORDER BY seq DESC, created DESC, id LIMIT "
          + LISTED_MAX;

  private static final String BEGIN =
      """
      INSERT INTO peqlite_snapshots (id, journal_id, seq, bytes, pieces, complete)
      VALUES (?, ?, ?, ?, ?, false) ON CONFLICT (id) DO NOTHING
      """;

  private static final String BEGUN =
      """
      SELECT complete, journal_id = ? AND seq = ? AND bytes = ? AND pieces = ?
      FROM peqlite_snapshots WHERE id = ?
      """;

  private static final String PRESENT =
      "SELECT piece FROM peqlite_snapshot_pieces WHERE id = ? ORDER BY piece";

  private static final String ADD =
      """
      INSERT INTO peqlite_snapshot_pieces (id, piece, bytes) VALUES (?, ?, ?)
      ON CONFLICT (id, piece) DO NOTHING
      """;

  private static final String TOUCH = "UPDATE peqlite_snapshots SET created = now() WHERE id = ?";

  private static final String COMPLETE =
      """
      UPDATE peqlite_snapshots SET complete = true WHERE id = ? AND pieces =
        (SELECT count(*) FROM peqlite_snapshot_pieces p WHERE p.id = peqlite_snapshots.id)
      """;

  /** A longer one was not written here. */
  private static final String PIECE =
      "SELECT bytes FROM peqlite_snapshot_pieces WHERE id = ? AND piece = ?"
          + " AND octet_length(bytes) <= "
          + PIECE_BYTES;

  private static final String WITHDRAW =
      "UPDATE peqlite_snapshots SET complete = false WHERE id = ? AND complete";

  private static final String DELETE_PIECES =
      """
      DELETE FROM peqlite_snapshot_pieces WHERE id = ? AND piece IN
        (SELECT piece FROM peqlite_snapshot_pieces WHERE id = ? ORDER BY piece LIMIT ?)
      """;

  private static final String DELETE = "DELETE FROM peqlite_snapshots WHERE id = ?";

  private static final String UNFINISHED =
      """
      SELECT id FROM peqlite_snapshots
      WHERE NOT complete AND created <= now() - ? * interval '1 millisecond'
      """;

  private final PostgresSettings settings;
  private final PostgresConnection reads;
  private final PostgresConnection writes;
  private volatile boolean tablesSeen;

  /** Connects to nothing yet. */
  public PostgresSnapshots(PostgresSettings settings) {
    this.settings = settings;
    this.reads = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
    this.writes = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
  }

  /** The complete ones, the newest, with the highest {@code seq}, first. */
  @Override
  public List<Kept> list() throws JournalException {
    requireTables();
    return reads.ask(
        connection -> {
          List<Kept> kept = new ArrayList<>();
          try (Statement query = connection.createStatement();
              ResultSet row = query.executeQuery(LIST)) {
            while (row.next()) {
              kept.add(
                  new Kept(
                      row.getString(1),
                      row.getString(2),
                      row.getLong(3),
                      row.getLong(4),
                      row.getInt(5)));
            }
          }
          return kept;
        });
  }

  /**
   * Keeps a file. Called again after a failure, it goes on with the pieces that are missing; does
   * nothing when the snapshot is complete.
   *
   * @param id names the file's bytes: no other file may ever be kept under it
   * @param journalId the journal it belongs to
   * @param seq the last event in it
   * @param file must not change meanwhile
   * @param isWanted asked before each piece; at a no this returns, and the snapshot stays
   *     unfinished
   * @throws JournalException if the server cannot be asked, or something else is kept under the id,
   *     or it is being deleted
   * @throws IOException if the file cannot be read, or changed
   */
  @Override
  public void put(String id, String journalId, long seq, Path file, BooleanSupplier isWanted)
      throws JournalException, IOException {
    requireTables();
    long bytes = Files.size(file);
    Kept snapshot = new Kept(id, journalId, seq, bytes, pieces(bytes));
    if (begin(snapshot)) {
      return;
    }
    Set<Integer> present = present(id);
    int last = snapshot.pieces() - 1;
    try (InputStream in = Files.newInputStream(file)) {
      for (int piece = 0; piece <= last; piece++) {
        boolean isLast = piece == last;
        // The last one is taken in any case, since it completes the others.
        if (present.contains(piece) && !isLast) {
          in.skipNBytes(PIECE_BYTES);
          continue;
        }
        if (!isWanted.getAsBoolean()) {
          return;
        }
        byte[] read = in.readNBytes(PIECE_BYTES);
        if (read.length != (isLast ? bytes - (long) last * PIECE_BYTES : PIECE_BYTES)) {
          throw new IOException("the snapshot's file " + file + " changed while it was read");
        }
        add(snapshot, piece, read);
      }
    }
  }

  private static int pieces(long bytes) throws IOException {
    long pieces = Math.max(1, (bytes + PIECE_BYTES - 1) / PIECE_BYTES);
    if (pieces > Integer.MAX_VALUE) {
      throw new IOException("a snapshot of " + bytes + " bytes is too large to be kept");
    }
    return (int) pieces;
  }

  /** Whether it is complete already. */
  private boolean begin(Kept snapshot) throws JournalException {
    return writes.transact(
        connection -> {
          try (PreparedStatement insert = connection.prepareStatement(BEGIN)) {
            insert.setString(1, snapshot.id());
            insert.setString(2, snapshot.journalId());
            insert.setLong(3, snapshot.seq());
            insert.setLong(4, snapshot.bytes());
            insert.setInt(5, snapshot.pieces());
            insert.executeUpdate();
          }
          try (PreparedStatement query = connection.prepareStatement(BEGUN)) {
            query.setString(1, snapshot.journalId());
            query.setLong(2, snapshot.seq());
            query.setLong(3, snapshot.bytes());
            query.setInt(4, snapshot.pieces());
            query.setString(5, snapshot.id());
            try (ResultSet row = query.executeQuery()) {
              if (!row.next()) {
                throw deleted(snapshot.id());
              }
              if (!row.getBoolean(2)) {
                throw failed("keeps another snapshot under the name " + snapshot.id());
              }
              return row.getBoolean(1);
            }
          }
        });
  }

  private Set<Integer> present(String id) throws JournalException {
    return writes.ask(
        connection -> {
          Set<Integer> present = new HashSet<>();
          try (PreparedStatement query = connection.prepareStatement(PRESENT)) {
            query.setString(1, id);
            try (ResultSet row = query.executeQuery()) {
              while (row.next()) {
                present.add(row.getInt(1));
              }
            }
          }
          return present;
        });
  }

  private void add(Kept snapshot, int piece, byte[] bytes) throws JournalException {
    writes.transact(
        connection -> {
          // First, so that who deletes it waits, or is seen.
          if (update(connection, TOUCH, snapshot.id()) == 0) {
            throw deleted(snapshot.id());
          }
          try (PreparedStatement insert = connection.prepareStatement(ADD)) {
            insert.setString(1, snapshot.id());
            insert.setInt(2, piece);
            insert.setBytes(3, bytes);
            insert.executeUpdate();
          }
          if (piece == snapshot.pieces() - 1 && update(connection, COMPLETE, snapshot.id()) == 0) {
            throw deleted(snapshot.id());
          }
          return true;
        });
  }

  private static int update(Connection connection, String sql, String id) throws SQLException {
    try (PreparedStatement update = connection.prepareStatement(sql)) {
      update.setString(1, id);
      return update.executeUpdate();
    }
  }

  /**
   * The bytes of a piece.
   *
   * @param piece from 0
   * @throws JournalException if it is not there, or the server cannot be asked
   */
  @Override
  public byte[] piece(String id, int piece) throws JournalException {
    requireTables();
    return reads.ask(
        connection -> {
          try (PreparedStatement query = connection.prepareStatement(PIECE)) {
            query.setString(1, id);
            query.setInt(2, piece);
            try (ResultSet row = query.executeQuery()) {
              byte @Nullable [] bytes = row.next() ? row.getBytes(1) : null;
              if (bytes == null) {
                throw failed("does not hold piece " + piece + " of snapshot " + id);
              }
              return bytes;
            }
          }
        });
  }

  /**
   * Deletes a snapshot, in steps; it no longer counts from the first one on. Nothing happens if it
   * is not there. What a failure leaves, {@link #deleteUnfinished} finds.
   */
  @Override
  public void delete(String id) throws JournalException {
    requireTables();
    writes.ask(connection -> update(connection, WITHDRAW, id));
    while (deletePieces(id) > 0) {
      // The next step.
    }
    writes.ask(connection -> update(connection, DELETE, id));
  }

  private int deletePieces(String id) throws JournalException {
    return writes.ask(
        connection -> {
          try (PreparedStatement delete = connection.prepareStatement(DELETE_PIECES)) {
            delete.setString(1, id);
            delete.setString(2, id);
            delete.setInt(3, DELETED_AT_ONCE);
            return delete.executeUpdate();
          }
        });
  }

  /**
   * Deletes the snapshots that are not complete, or no longer, and to which nobody has added a
   * piece for some time, by the server's clock.
   */
  @Override
  public void deleteUnfinished(Duration olderThan) throws JournalException {
    requireTables();
    List<String> unfinished =
        reads.ask(
            connection -> {
              List<String> ids = new ArrayList<>();
              try (PreparedStatement query = connection.prepareStatement(UNFINISHED)) {
                query.setLong(1, olderThan.toMillis());
                try (ResultSet row = query.executeQuery()) {
                  while (row.next()) {
                    ids.add(row.getString(1));
                  }
                }
              }
              return ids;
            });
    for (String id : unfinished) {
      delete(id);
    }
  }

  /** Where the user may not create tables, they can be missing although the journal works. */
  private void requireTables() throws JournalException {
    if (tablesSeen) {
      return;
    }
    tablesSeen =
        reads.ask(
            connection -> {
              try (Statement statement = connection.createStatement()) {
                return PostgresTables.isTrue(statement, PostgresTables.SNAPSHOTS_EXIST);
              }
            });
    if (!tablesSeen) {
      throw failed(
          "has no tables for snapshots, which this user may not create: start a node once as a user"
              + " who may");
    }
  }

  private JournalException deleted(String id) {
    return failed("no longer holds all of snapshot " + id + ": it is being deleted");
  }

  private JournalException failed(String problem) {
    return new JournalException("the journal at " + settings.place() + " " + problem);
  }

  /** Frees the connections; what is being asked then fails. */
  @Override
  public void close() {
    reads.close();
    writes.close();
  }
}
