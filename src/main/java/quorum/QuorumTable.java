package quorum;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import storage.ArbiterLedger;
import storage.EventHash;
import storage.FormatException;
import storage.JournalException;
import storage.JournalGapException;
import storage.StoredEvent;
import storage.TrimSteps;

/**
 * This node's copy of the journal, a SQLite file: what the commands of the Raft log have made of it
 * up to one entry, which stands in the file beside the rows.
 *
 * <p>Commits are not synced: the Raft log, which is, brings back what a power failure takes. {@link
 * #checkpoint} syncs the file, and only what is before a checkpoint may leave the Raft log.
 *
 * <p>The pages of events that were cut away are used again by later ones: the file does not shrink,
 * and does not grow while as much is cut away as comes.
 *
 * <p>Changes come from one thread at a time, and are seen by others after {@link #commit}. What
 * reads events may be called from any thread at any time, and sees what is committed.
 */
final class QuorumTable implements AutoCloseable {

  private static final int FORMAT = 1;
  private static final int BUSY_TIMEOUT_MILLIS = 5000;

  private static final String CREATE_EVENTS =
      """
      CREATE TABLE IF NOT EXISTS event_journal (
        sequence_number INTEGER PRIMARY KEY,
        event_payload BLOB NOT NULL,
        event_ser_id INTEGER NOT NULL,
        event_ser_manifest TEXT NOT NULL)
      """;

  private static final String CREATE_STATE =
      """
      CREATE TABLE IF NOT EXISTS peqlite_state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        format INTEGER NOT NULL,
        group_id TEXT NOT NULL,
        term INTEGER NOT NULL,
        entry INTEGER NOT NULL,
        highest INTEGER NOT NULL,
        hash BLOB NOT NULL,
        trimmed_to INTEGER NOT NULL,
        ledger BLOB NOT NULL)
      """;

  private static final String INSERT =
      """
      INSERT OR REPLACE INTO event_journal
        (sequence_number, event_payload, event_ser_id, event_ser_manifest) VALUES (?, ?, ?, ?)
      """;

  private static final String UPDATE =
      "UPDATE peqlite_state SET term = ?, entry = ?, highest = ?, hash = ?, trimmed_to = ?,"
          + " ledger = ?";

  private static final String COUNT =
      "SELECT count(*) FROM event_journal WHERE sequence_number BETWEEN ? AND"
          + " min(?, (SELECT highest FROM peqlite_state))";

  private static final String FIRST =
      "SELECT min(sequence_number) FROM event_journal"
          + " WHERE sequence_number <= (SELECT highest FROM peqlite_state)";

  private static final String STEP =
      """
      SELECT max(sequence_number) FROM (
        SELECT sequence_number, sum(bytes) OVER (ORDER BY sequence_number) - bytes AS bytes_before
        FROM (SELECT sequence_number, length(event_payload) AS bytes FROM event_journal
              WHERE sequence_number BETWEEN ? AND ? ORDER BY sequence_number LIMIT ?))
      WHERE bytes_before < ?
      """;

  private static final String BYTES =
      "SELECT sum(length(event_payload)) FROM event_journal"
          + " WHERE sequence_number <= (SELECT highest FROM peqlite_state)";

  private final String url;
  private final Connection writes;
  private final PreparedStatement insert;
  private final PreparedStatement update;
  private final Object readLock = new Object();
  // Guarded by the lock.
  private @Nullable Connection reads;
  private boolean closed;
  private final Object measureLock = new Object();

  /** The last event that {@link #read} sees. */
  private volatile long visible;

  // Of the transaction that is open, or of the last one.
  private long term;
  private long entry;
  private long highest;
  private byte[] hash;
  private long trimmedTo;
  private ArbiterLedger ledger;
  private boolean ledgerChanged;
  private byte[] ledgerBytes;

  private QuorumTable(String url, Connection writes, ResultSet state)
      throws SQLException, FormatException {
    this.url = url;
    this.writes = writes;
    this.insert = writes.prepareStatement(INSERT);
    this.update = writes.prepareStatement(UPDATE);
    term = state.getLong("term");
    entry = state.getLong("entry");
    highest = state.getLong("highest");
    visible = highest;
    hash = state.getBytes("hash");
    trimmedTo = state.getLong("trimmed_to");
    ledgerBytes = state.getBytes("ledger");
    ledger = ArbiterLedger.decode(ledgerBytes);
  }

  /**
   * Creates the file if it is missing.
   *
   * @param groupId the group whose journal it is
   * @throws CopyDamagedException if the file is not what was written, as far as opening it tells
   * @throws JournalException if it cannot be opened, or is another group's
   */
  static QuorumTable open(Path file, String groupId) throws JournalException {
    String url =
        "jdbc:sqlite:"
            + file.toAbsolutePath()
            + "?journal_mode=WAL&synchronous=NORMAL&busy_timeout="
            + BUSY_TIMEOUT_MILLIS;
    try {
      Connection connection = DriverManager.getConnection(url);
      try {
        return open(file, groupId, url, connection);
      } catch (SQLException | FormatException | JournalException | RuntimeException e) {
        close(connection);
        throw e;
      }
    } catch (SQLException | FormatException e) {
      if (CopyDamagedException.isDamage(e)) {
        throw new CopyDamagedException("the journal " + file + " is damaged: " + e.getMessage(), e);
      }
      throw new JournalException("cannot open the journal " + file + ": " + e.getMessage(), e);
    }
  }

  private static QuorumTable open(Path file, String groupId, String url, Connection connection)
      throws SQLException, FormatException, JournalException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(CREATE_EVENTS);
      statement.execute(CREATE_STATE);
      try (PreparedStatement first =
          connection.prepareStatement(
              "INSERT OR IGNORE INTO peqlite_state VALUES (1, ?, ?, 0, -1, 0, ?, 0, ?)")) {
        first.setInt(1, FORMAT);
        first.setString(2, groupId);
        first.setBytes(3, EventHash.none());
        first.setBytes(4, ArbiterLedger.empty().encode());
        first.executeUpdate();
      }
      QuorumTable table;
      try (ResultSet state = statement.executeQuery("SELECT * FROM peqlite_state")) {
        state.next();
        if (state.getInt("format") > FORMAT) {
          throw new JournalException("the journal " + file + " needs a newer peqlite");
        }
        if (!groupId.equals(state.getString("group_id"))) {
          throw new JournalException("the journal " + file + " belongs to another cluster");
        }
        table = new QuorumTable(url, connection, state);
      }
      table.requireEnd();
      // What a copying that was broken off has left.
      statement.executeUpdate("DELETE FROM event_journal WHERE sequence_number > " + table.highest);
      connection.setAutoCommit(false);
      return table;
    }
  }

  /** What stands beside the rows decides which of them count: it has to belong to them. */
  private void requireEnd() throws SQLException, CopyDamagedException {
    if (highest > 0 && !Arrays.equals(hash, EventHash.of(lastPayload()))) {
      throw new CopyDamagedException(
          "the journal is damaged: its last event, " + highest + ", is not what was written");
    }
  }

  /**
   * Whose journal a file is.
   *
   * @throws JournalException if it cannot be read
   */
  static String groupOf(Path file) throws JournalException {
    try (Connection connection =
            DriverManager.getConnection("jdbc:sqlite:" + file.toAbsolutePath());
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT group_id FROM peqlite_state")) {
      row.next();
      return row.getString(1);
    } catch (SQLException e) {
      throw new JournalException("cannot read the journal " + file + ": " + e.getMessage(), e);
    }
  }

  /** Commits, as the copy of another group, whose log begins behind what it holds. */
  synchronized void regroup(String groupId, long atEntry) throws SQLException {
    try (PreparedStatement change =
        writes.prepareStatement("UPDATE peqlite_state SET group_id = ?")) {
      change.setString(1, groupId);
      change.executeUpdate();
    }
    ledger(ArbiterLedger.empty());
    commit(0, Math.max(atEntry, 0));
  }

  /** Forgets what was changed since the last commit; the table is to be closed then. */
  synchronized void rollback() throws SQLException {
    writes.rollback();
  }

  /** The last event's bytes, in the open transaction too; none if there is no event. */
  synchronized byte[] lastPayload() throws SQLException {
    try (PreparedStatement query =
        writes.prepareStatement(
            "SELECT event_payload FROM event_journal WHERE sequence_number = ?")) {
      query.setLong(1, highest);
      try (ResultSet row = query.executeQuery()) {
        return row.next() ? row.getBytes(1) : new byte[0];
      }
    }
  }

  /** The entry of the Raft log whose effect is the last in the open or last transaction. */
  synchronized long entry() {
    return entry;
  }

  /** That entry's term. */
  synchronized long term() {
    return term;
  }

  /** The last event that can be read; one of the open transaction cannot yet. */
  long visible() {
    return visible;
  }

  /** The last event's sequence number, 0 if there never was one; it may not be readable yet. */
  synchronized long highest() {
    return highest;
  }

  /** The last event. */
  synchronized Answer.End end() {
    return new Answer.End(highest, hash.clone());
  }

  /** The last event's hash. */
  synchronized byte[] hash() {
    return hash.clone();
  }

  /** The arbiter's. */
  synchronized ArbiterLedger ledger() {
    return ledger;
  }

  /** Everything but the events. */
  synchronized Answer.State state() {
    return new Answer.State(term, entry, highest, hash.clone(), trimmedTo, ledger.encode());
  }

  /**
   * Adds the next event, if the journal ends with the one before it.
   *
   * @return whether it stands there now, or stood there before
   */
  synchronized boolean append(Command.Append append) throws SQLException {
    if (append.seq() == highest + 1 && Arrays.equals(append.previousHash(), hash)) {
      insert(append.seq(), append.serializerId(), append.manifest(), append.payload());
      highest = append.seq();
      hash = EventHash.of(append.payload());
      return true;
    }
    return holds(append.seq(), append.payload());
  }

  private boolean holds(long seq, byte[] payload) throws SQLException {
    try (PreparedStatement query =
        writes.prepareStatement(
            "SELECT event_payload FROM event_journal WHERE sequence_number = ?")) {
      query.setLong(1, seq);
      try (ResultSet row = query.executeQuery()) {
        return row.next() && Arrays.equals(payload, row.getBytes(1));
      }
    }
  }

  private void insert(long seq, int serializerId, String manifest, byte[] payload)
      throws SQLException {
    insert.setLong(1, seq);
    insert.setBytes(2, payload);
    insert.setInt(3, serializerId);
    insert.setString(4, manifest);
    insert.executeUpdate();
  }

  /** Takes events away, but never the last one; the fewer, the shorter the others wait. */
  synchronized void trim(long toSeq) throws SQLException {
    long to = Math.min(toSeq, highest - 1);
    if (to > trimmedTo) {
      try (PreparedStatement delete =
          writes.prepareStatement("DELETE FROM event_journal WHERE sequence_number <= ?")) {
        delete.setLong(1, to);
        delete.executeUpdate();
      }
      trimmedTo = to;
    }
  }

  /** Replaces the arbiter's ledger. */
  synchronized void ledger(ArbiterLedger next) {
    if (next != ledger) {
      ledger = next;
      ledgerChanged = true;
    }
  }

  /** Makes what was changed since the last commit visible, as the effect up to an entry. */
  synchronized void commit(long atTerm, long atEntry) throws SQLException {
    term = atTerm;
    entry = atEntry;
    if (ledgerChanged) {
      ledgerBytes = ledger.encode();
      ledgerChanged = false;
    }
    update.setLong(1, term);
    update.setLong(2, entry);
    update.setLong(3, highest);
    update.setBytes(4, hash);
    update.setLong(5, trimmedTo);
    update.setBytes(6, ledgerBytes);
    update.executeUpdate();
    writes.commit();
    visible = highest;
  }

  /**
   * Stores rows that were copied from another node, unseen until {@link #adopt} or until the same
   * events are appended.
   */
  synchronized void stage(List<Answer.Row> rows) throws SQLException {
    for (Answer.Row row : rows) {
      insert(row.seq(), row.serializerId(), row.manifest(), row.payload());
    }
    writes.commit();
  }

  /**
   * Takes another node's state over, unless this one is as far; the rows up to its end must be
   * there or staged.
   *
   * @throws FormatException if its ledger cannot be read
   */
  synchronized void adopt(Answer.State state) throws SQLException, FormatException {
    if (state.index() <= entry) {
      return;
    }
    ledger(ArbiterLedger.decode(state.ledger()));
    highest = state.highest();
    hash = state.hash();
    trim(state.trimmedTo());
    commit(state.term(), state.index());
  }

  /** Writes everything into the file itself and syncs it. */
  synchronized void checkpoint() throws SQLException {
    // A checkpoint is not allowed inside a transaction.
    writes.setAutoCommit(true);
    try (Statement statement = writes.createStatement();
        ResultSet row = statement.executeQuery("PRAGMA wal_checkpoint(FULL)")) {
      row.next();
      if (row.getInt(1) != 0 || row.getInt(2) != row.getInt(3)) {
        throw new SQLException(
            "a checkpoint of the journal wrote "
                + row.getInt(3)
                + " of "
                + row.getInt(2)
                + " pages");
      }
    } finally {
      writes.setAutoCommit(false);
    }
  }

  /** See {@link storage.Journal#read}. */
  List<StoredEvent> read(long from, int eventsMax, long bytesMax)
      throws SQLException, JournalGapException {
    List<StoredEvent> events = new ArrayList<>();
    for (Answer.Row row : rows(from, eventsMax, bytesMax)) {
      long expected = from + events.size();
      if (row.seq() != expected) {
        throw JournalGapException.of(expected, row.seq(), first());
      }
      events.add(new StoredEvent(row.seq(), row.payload()));
    }
    return events;
  }

  /** Rows in order from a number on, wherever the first one is; one at least if there is one. */
  List<Answer.Row> rows(long from, int rowsMax, long bytesMax) throws SQLException {
    List<Answer.Row> rows = new ArrayList<>();
    synchronized (readLock) {
      try (PreparedStatement query =
          reads()
              .prepareStatement(
                  "SELECT sequence_number, event_ser_id, event_ser_manifest, event_payload"
                      + " FROM event_journal WHERE sequence_number >= ?"
                      + " AND sequence_number <= (SELECT highest FROM peqlite_state)"
                      + " ORDER BY sequence_number LIMIT ?")) {
        query.setLong(1, from);
        query.setInt(2, rowsMax);
        long bytes = 0;
        try (ResultSet row = query.executeQuery()) {
          while (bytes < bytesMax && row.next()) {
            byte[] stored = row.getBytes(4);
            // Nobody has written a NULL: it is no event, and is found damaged by who reads it.
            byte[] payload = stored == null ? new byte[0] : stored;
            bytes += payload.length;
            rows.add(new Answer.Row(row.getLong(1), row.getInt(2), row.getString(3), payload));
          }
        }
      } catch (SQLException e) {
        closeReads();
        throw e;
      }
    }
    return rows;
  }

  /** See {@link storage.Journal#count}. */
  long count(long from, long to) throws SQLException {
    return number(COUNT, from, to);
  }

  /** The first event of this copy; see {@link storage.Journal#first}. */
  long first() throws SQLException {
    return Math.max(1, number(FIRST));
  }

  /** The last event of a step that cuts, or {@code to} if none is left; see {@link TrimSteps}. */
  long endOfStep(long from, long to) throws SQLException {
    long end = number(STEP, from, to, TrimSteps.EVENTS_MAX, TrimSteps.BYTES_MAX);
    return end == 0 ? to : end;
  }

  private long number(String question, long... parameters) throws SQLException {
    synchronized (readLock) {
      try (PreparedStatement query = reads().prepareStatement(question)) {
        for (int i = 0; i < parameters.length; i++) {
          query.setLong(i + 1, parameters[i]);
        }
        try (ResultSet row = query.executeQuery()) {
          row.next();
          return row.getLong(1);
        }
      } catch (SQLException e) {
        closeReads();
        throw e;
      }
    }
  }

  /** By a connection of its own, since others read meanwhile; see {@link storage.Journal#bytes}. */
  long bytes() throws SQLException {
    synchronized (measureLock) {
      requireOpen();
      try (Connection measuring = DriverManager.getConnection(url);
          Statement statement = measuring.createStatement();
          ResultSet row = statement.executeQuery(BYTES)) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** Another file may stand there afterwards, of which this knows nothing. */
  private void requireOpen() throws SQLException {
    synchronized (readLock) {
      if (closed) {
        throw new SQLException("this node's copy of the journal is closed");
      }
    }
  }

  private Connection reads() throws SQLException {
    requireOpen();
    Connection open = reads;
    if (open == null) {
      open = DriverManager.getConnection(url);
      reads = open;
    }
    return open;
  }

  private void closeReads() {
    Connection open = reads;
    reads = null;
    close(open);
  }

  private static void close(@Nullable Connection connection) {
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException ignored) {
        // What was committed is in the file, and in the Raft log.
      }
    }
  }

  /** Waits for who reads it: nothing of this process has the file open afterwards. */
  @Override
  public void close() {
    synchronized (readLock) {
      closed = true;
      closeReads();
    }
    synchronized (measureLock) {
      // Nobody measures any more.
    }
    synchronized (this) {
      close(writes);
    }
  }
}
