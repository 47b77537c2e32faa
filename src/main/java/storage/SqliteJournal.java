package storage;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The journal of a single node: a SQLite file of its own, written through pekko-persistence-jdbc
 * with {@code synchronous=FULL}, so that a commit returns after fsync.
 *
 * <p>This class creates the table that the plugin writes to, and reads it by a connection of its
 * own, apart from the appends; it is cut and measured by further ones. The fence is the table's
 * unique (persistence id, sequence number).
 *
 * <p>The pages of events that were cut away are used again by later ones: the file does not shrink,
 * and does not grow while as much is cut away as comes.
 */
public final class SqliteJournal implements Journal {

  private static final int BUSY_TIMEOUT_MILLIS = 5000;

  private static final int SQLITE_BUSY = 5;
  private static final long CUT_AGAIN_NANOS = 200_000;
  private static final long CUT_WAIT_MAX_NANOS = 20_000_000_000L;

  private static final String CREATE_TABLE =
      """
      CREATE TABLE IF NOT EXISTS event_journal (
        ordering INTEGER PRIMARY KEY AUTOINCREMENT,
        persistence_id TEXT NOT NULL,
        sequence_number INTEGER NOT NULL,
        deleted INTEGER NOT NULL DEFAULT 0,
        writer TEXT NOT NULL,
        write_timestamp INTEGER NOT NULL,
        adapter_manifest TEXT NOT NULL,
        event_payload BLOB NOT NULL,
        event_ser_id INTEGER NOT NULL,
        event_ser_manifest TEXT NOT NULL,
        meta_payload BLOB,
        meta_ser_id INTEGER,
        meta_ser_manifest TEXT,
        UNIQUE (persistence_id, sequence_number))
      """;

  private static final String STEP =
      """
      SELECT sequence_number, length(event_payload) FROM event_journal
      WHERE persistence_id = ? AND sequence_number BETWEEN ? AND ?
      ORDER BY sequence_number LIMIT ?
      """;

  /** The last event stays even if the journal was replaced by a shorter one just now. */
  private static final String CUT =
      """
      DELETE FROM event_journal WHERE persistence_id = ? AND sequence_number <= ?
        AND sequence_number <
          (SELECT max(sequence_number) FROM event_journal WHERE persistence_id = ?)
      """;

  private final String url;
  private volatile boolean closed;
  private @Nullable Connection connection;

  private SqliteJournal(String url) {
    this.url = url;
  }

  /**
   * Creates the file and its table if they are missing.
   *
   * @throws JournalException if that cannot be done, or the file is not a journal
   */
  public static SqliteJournal open(Path file) throws JournalException {
    String url = url(file);
    boolean existed = Files.exists(file);
    try (Connection connection = DriverManager.getConnection(url);
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE_TABLE);
      requireDurable(statement);
    } catch (SQLException e) {
      throw new JournalException(
          "cannot " + (existed ? "open" : "create") + " the journal " + file + ": " + text(e), e);
    }
    return new SqliteJournal(url);
  }

  /** The JDBC address that the appending pool must use too: it carries the durability settings. */
  public static String url(Path file) {
    return "jdbc:sqlite:"
        + file.toAbsolutePath()
        + "?journal_mode=WAL&synchronous=FULL&busy_timeout="
        + BUSY_TIMEOUT_MILLIS;
  }

  /** A journal that does not fsync would break the promise made with every answer. */
  private static void requireDurable(Statement statement) throws SQLException, JournalException {
    try (ResultSet row = statement.executeQuery("PRAGMA synchronous")) {
      if (!row.next() || row.getInt(1) < 2) {
        throw new JournalException("the journal's connection does not run with synchronous=FULL");
      }
    }
    try (ResultSet row = statement.executeQuery("PRAGMA journal_mode")) {
      if (!row.next() || !"wal".equalsIgnoreCase(row.getString(1))) {
        throw new JournalException("the journal's file system cannot hold a write-ahead log");
      }
    }
  }

  @Override
  public synchronized long head() throws JournalException {
    try {
      return number(connection(), "SELECT max(sequence_number)");
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  @Override
  public synchronized long first() throws JournalException {
    try {
      return first(connection());
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  private static long first(Connection connection) throws SQLException {
    return Math.max(1, number(connection, "SELECT min(sequence_number)"));
  }

  /** One number about all events; 0 if there are none. */
  private static long number(Connection connection, String select) throws SQLException {
    try (PreparedStatement query =
        connection.prepareStatement(select + " FROM event_journal WHERE persistence_id = ?")) {
      query.setString(1, PERSISTENCE_ID);
      try (ResultSet row = query.executeQuery()) {
        return row.next() ? row.getLong(1) : 0;
      }
    }
  }

  @Override
  public synchronized long count(long from, long to) throws JournalException {
    try (PreparedStatement query =
        connection()
            .prepareStatement(
                "SELECT count(*) FROM event_journal"
                    + " WHERE persistence_id = ? AND sequence_number BETWEEN ? AND ?")) {
      query.setString(1, PERSISTENCE_ID);
      query.setLong(2, from);
      query.setLong(3, to);
      try (ResultSet row = query.executeQuery()) {
        return row.next() ? row.getLong(1) : 0;
      }
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  @Override
  public synchronized List<StoredEvent> read(long from, int eventsMax, long bytesMax)
      throws JournalException {
    List<StoredEvent> events = new ArrayList<>();
    try (PreparedStatement query =
        connection()
            .prepareStatement(
                "SELECT sequence_number, event_payload FROM event_journal"
                    + " WHERE persistence_id = ? AND sequence_number >= ?"
                    + " ORDER BY sequence_number LIMIT ?")) {
      query.setString(1, PERSISTENCE_ID);
      query.setLong(2, from);
      query.setInt(3, eventsMax);
      long bytes = 0;
      try (ResultSet row = query.executeQuery()) {
        while (bytes < bytesMax && row.next()) {
          long seq = row.getLong(1);
          if (seq != from + events.size()) {
            throw JournalGapException.of(from + events.size(), seq, first(connection()));
          }
          byte[] stored = row.getBytes(2);
          // Nobody has written a NULL: it is no event, and is found damaged below.
          byte[] payload = stored == null ? new byte[0] : stored;
          bytes += payload.length;
          events.add(new StoredEvent(seq, payload));
        }
      }
    } catch (SQLException e) {
      throw failed(e);
    }
    return JournalDamagedException.before(events);
  }

  /**
   * Not synced: what a power failure brings back of what was cut away is cut away again. An append,
   * which syncs the whole write-ahead log, is as durable as ever.
   */
  @Override
  public void trim(long to) throws JournalException {
    try (Connection cutting = DriverManager.getConnection(url)) {
      try (Statement statement = cutting.createStatement()) {
        statement.execute("PRAGMA synchronous = NORMAL");
        statement.execute("PRAGMA busy_timeout = 0");
      }
      TrimSteps.run(this, to, (from, last) -> cutWhenFree(cutting, from, last));
    } catch (SQLException e) {
      throw notCut(e);
    }
  }

  /**
   * Looks for the lock far more often than SQLite itself would, which may never find it free beside
   * appends that follow each other at once.
   */
  private long cutWhenFree(Connection cutting, long from, long to) throws JournalException {
    long beganNanos = System.nanoTime();
    while (true) {
      if (closed) {
        throw new JournalException("the journal was closed");
      }
      try {
        return cut(cutting, from, to);
      } catch (SQLException e) {
        boolean busy = (e.getErrorCode() & 0xff) == SQLITE_BUSY;
        if (!busy || System.nanoTime() - beganNanos > CUT_WAIT_MAX_NANOS) {
          throw notCut(e);
        }
      }
      TrimSteps.pause(CUT_AGAIN_NANOS);
    }
  }

  private static long cut(Connection cutting, long from, long to) throws SQLException {
    try (PreparedStatement step = cutting.prepareStatement(STEP);
        PreparedStatement delete = cutting.prepareStatement(CUT)) {
      step.setString(1, PERSISTENCE_ID);
      step.setLong(2, from);
      step.setLong(3, to);
      step.setInt(4, TrimSteps.EVENTS_MAX);
      long last = to; // where nothing is left to be taken away
      long bytes = 0;
      try (ResultSet row = step.executeQuery()) {
        while (bytes < TrimSteps.BYTES_MAX && row.next()) {
          last = row.getLong(1);
          bytes += row.getLong(2);
        }
      }
      delete.setString(1, PERSISTENCE_ID);
      delete.setLong(2, last);
      delete.setString(3, PERSISTENCE_ID);
      delete.executeUpdate();
      return last;
    }
  }

  private static JournalException notCut(SQLException e) {
    return new JournalException("cannot cut the journal: " + text(e), e);
  }

  /** By a connection of its own, since others ask for the head meanwhile. */
  @Override
  public long bytes() throws JournalException {
    try (Connection measuring = DriverManager.getConnection(url)) {
      return number(measuring, "SELECT sum(length(event_payload))");
    } catch (SQLException e) {
      throw new JournalException("cannot read the journal: " + text(e), e);
    }
  }

  /** The database has no clock of its own. */
  @Override
  public long timeMicros() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }

  /** Opened on first use and again after a failure, so that a mended file is found again. */
  private Connection connection() throws SQLException {
    Connection open = connection;
    if (open == null) {
      open = DriverManager.getConnection(url);
      connection = open;
    }
    return open;
  }

  private JournalException failed(SQLException e) {
    drop();
    return new JournalException("cannot read the journal: " + text(e), e);
  }

  private static String text(SQLException e) {
    return String.valueOf(e.getMessage());
  }

  @Override
  public void close() {
    closed = true;
    drop();
  }

  private synchronized void drop() {
    Connection open = connection;
    connection = null;
    if (open != null) {
      try {
        open.close();
      } catch (SQLException ignored) {
        // It was only read from; nothing can be lost by a failing close.
      }
    }
  }
}
