package storage;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The journal of several nodes: a table in PostgreSQL, written through pekko-persistence-jdbc,
 * whose settings for that are {@link #appendPool}.
 *
 * <p>A commit returns after the server has synced it: {@code synchronous_commit} is on in every
 * session, whatever the server's default is. The fence is the table's unique (persistence id,
 * sequence number). Everything is asked of a primary, never of a standby, which may lag behind.
 *
 * <p>Heads, pages of events, the clock, and cutting and measuring have a connection each, so that
 * none waits behind a large page. Nothing is connected before the first question. A question is
 * answered or fails within about 10 s, even when the server is frozen, after those of its kind that
 * were asked before it; to cut and to measure takes many questions.
 *
 * <p>To cut the journal takes the privilege to delete, which a node need not have otherwise. The
 * space of what was cut away is used again by later events once the server's autovacuum has passed.
 */
public final class PostgresJournal implements Journal {

  private static final Logger LOG = LoggerFactory.getLogger(PostgresJournal.class);

  /** The first version with all that is relied on; older ones are no longer maintained. */
  private static final int VERSION_MIN = 120000;

  private static final int STATEMENT_TIMEOUT_MILLIS = 5000;
  private static final int APPEND_TIMEOUT_MILLIS = 2000;
  private static final int APPEND_CONNECTIONS = 4;

  private static final String SERVER =
      """
      SELECT pg_is_in_recovery(), current_setting('server_version_num')::int,
        current_setting('server_version'), current_setting('fsync'),
        current_setting('full_page_writes'), current_setting('synchronous_commit')
      """;

  /** An index of exactly the two columns, unique at once and for all rows. */
  private static final String FENCE =
      """
      SELECT EXISTS (
        SELECT 1 FROM pg_index i
        WHERE i.indrelid = to_regclass('event_journal')
          AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
          AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a
               WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))
            = ARRAY['persistence_id', 'sequence_number'])
      """;

  private static final String LOGGED =
      "SELECT relpersistence = 'p' FROM pg_class WHERE oid = to_regclass('event_journal')";

  private static final String PRIVILEGES =
      """
      SELECT has_table_privilege('event_journal', 'SELECT')
        AND has_table_privilege('event_journal', 'INSERT')
        AND coalesce(has_sequence_privilege(
          pg_get_serial_sequence('event_journal', 'ordering'), 'USAGE'), true)
      """;

  private static final String MAY_DELETE = "SELECT has_table_privilege('event_journal', 'DELETE')";

  private static final String HEAD =
      """
      SELECT pg_is_in_recovery(),
        (SELECT max(sequence_number) FROM event_journal WHERE persistence_id = ?)
      """;

  private static final String FIRST =
      """
      SELECT pg_is_in_recovery(),
        (SELECT min(sequence_number) FROM event_journal WHERE persistence_id = ?)
      """;

  /**
   * The rows before which less than the wished bytes lie. The sum needs the payloads' lengths only,
   * which the server knows without reading them.
   */
  private static final String PAGE =
      """
      SELECT sequence_number, event_payload FROM (
        SELECT sequence_number, event_payload,
          sum(octet_length(event_payload)) OVER (ORDER BY sequence_number)
            - octet_length(event_payload) AS bytes_before
        FROM (SELECT sequence_number, event_payload FROM event_journal
              WHERE persistence_id = ? AND sequence_number >= ?
              ORDER BY sequence_number LIMIT ?) AS events
        ) AS summed
      WHERE bytes_before < ? ORDER BY sequence_number
      """;

  private static final String COUNT =
      "SELECT count(*) FROM event_journal"
          + " WHERE persistence_id = ? AND sequence_number BETWEEN ? AND ?";

  /** Any number of ours, the same in all nodes: who cuts a journal of this database now. */
  private static final long CUTTING_LOCK = 0x7065712d637574L;

  /**
   * Where a step ends that cuts. It begins where the one before has ended, never at the beginning:
   * what was deleted stays in the index until a vacuum, and would be passed over each time.
   */
  private static final String STEP =
      """
      SELECT max(sequence_number) FROM (
        SELECT sequence_number,
          sum(octet_length(event_payload)) OVER (ORDER BY sequence_number)
            - octet_length(event_payload) AS bytes_before
        FROM (SELECT sequence_number, event_payload FROM event_journal
              WHERE persistence_id = ? AND sequence_number BETWEEN ? AND ?
              ORDER BY sequence_number LIMIT ?) AS events
        ) AS summed
      WHERE bytes_before < ?
      """;

  /** The last event stays even if the journal was replaced by a shorter one just now. */
  private static final String CUT =
      """
      DELETE FROM event_journal WHERE persistence_id = ? AND sequence_number BETWEEN ? AND ?
        AND sequence_number <
          (SELECT max(sequence_number) FROM event_journal WHERE persistence_id = ?)
      """;

  /** Of a part of the journal, so that the time for one question is enough. */
  private static final String LENGTHS =
      """
      SELECT coalesce(max(sequence_number), 0), coalesce(sum(octet_length(event_payload)), 0)
      FROM (SELECT sequence_number, event_payload FROM event_journal
            WHERE persistence_id = ? AND sequence_number > ?
            ORDER BY sequence_number LIMIT ?) AS events
      """;

  private static final int MEASURED_AT_ONCE = 50_000;

  private static final String CLOCK =
      "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

  private final PostgresSettings settings;
  private volatile boolean prepared;
  private volatile boolean saidMayNotDelete;
  private final PostgresConnection preparation;
  private final PostgresConnection heads;
  private final PostgresConnection pages;
  private final PostgresConnection clock;
  private final PostgresConnection upkeep;

  /** Connects to nothing yet. */
  public PostgresJournal(PostgresSettings settings) {
    this.settings = settings;
    this.preparation = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
    this.heads = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
    this.pages = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
    this.clock = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
    this.upkeep = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
  }

  /**
   * Checks that the server keeps what it acknowledges, and creates the tables that are missing, the
   * arbiter's too. To be called before anything else, as often as it takes; several nodes may do so
   * at the same moment.
   *
   * @throws JournalRefusedException if trying again is of no use until an operator has acted
   * @throws JournalException if the server cannot be reached or is not ready yet
   */
  public void prepare() throws JournalException {
    preparation.ask(
        connection -> {
          try (Statement statement = connection.createStatement()) {
            checkServer(statement);
          }
          return true;
        });
    preparation.transact(
        connection -> {
          PostgresTables.create(connection);
          return true;
        });
    preparation.ask(
        connection -> {
          try (Statement statement = connection.createStatement()) {
            checkTable(statement);
          }
          return true;
        });
    preparation.drop();
    prepared = true;
  }

  /** Whoever asks first, before the tables are there, prepares them. */
  private void requirePrepared() throws JournalException {
    if (!prepared) {
      prepare();
    }
  }

  private void checkServer(Statement statement) throws SQLException, JournalException {
    try (ResultSet row = statement.executeQuery(SERVER)) {
      row.next();
      requirePrimary(row.getBoolean(1));
      if (row.getInt(2) < VERSION_MIN) {
        throw refused("runs PostgreSQL " + row.getString(3) + ": it must be 12 or newer");
      }
      if ("off".equals(row.getString(4))) {
        throw refused("runs with fsync=off: what it acknowledges is lost when its machine fails");
      }
      if ("off".equals(row.getString(5))) {
        LOG.warn(
            "the journal at {} runs with full_page_writes=off, which is safe only on file systems"
                + " that never tear a page",
            settings.place());
      }
      if ("off".equals(row.getString(6))) {
        throw refused(
            "does not take synchronous_commit=on from this node: something between them, such as a"
                + " connection pooler, drops the settings of sessions");
      }
    }
  }

  private void checkTable(Statement statement) throws SQLException, JournalException {
    if (!PostgresTables.isTrue(statement, FENCE)) {
      throw refused(
          "has a table event_journal without a unique index of persistence_id and sequence_number");
    }
    if (!PostgresTables.isTrue(statement, LOGGED)) {
      throw refused("has an unlogged table event_journal, which a crash of the server empties");
    }
    if (!PostgresTables.isTrue(statement, PRIVILEGES)) {
      throw refused("does not let this user read and insert into the table event_journal");
    }
    if (!PostgresTables.isTrue(statement, MAY_DELETE) && !saidMayNotDelete) {
      saidMayNotDelete = true;
      LOG.warn("{}; writes go on, and it grows without end", mayNotDelete());
    }
  }

  private String mayNotDelete() {
    return "the journal at "
        + settings.place()
        + " does not let this user delete from the table event_journal, so that it cannot be cut:"
        + " GRANT DELETE ON event_journal TO this user";
  }

  private JournalRefusedException refused(String problem) {
    return new JournalRefusedException("the journal at " + settings.place() + " " + problem);
  }

  /** It may be promoted at any moment, so this is no refusal. */
  private void requirePrimary(boolean inRecovery) throws JournalException {
    if (inRecovery) {
      throw new JournalException(
          "the journal at " + settings.place() + " is a standby, which must not be asked");
    }
  }

  @Override
  public long head() throws JournalException {
    return end(HEAD);
  }

  @Override
  public long first() throws JournalException {
    return Math.max(1, end(FIRST));
  }

  /** The number at one end of the journal, of the primary; 0 if it is empty. */
  private long end(String question) throws JournalException {
    requirePrepared();
    return heads.ask(
        connection -> {
          try (PreparedStatement query = connection.prepareStatement(question)) {
            query.setString(1, PERSISTENCE_ID);
            try (ResultSet row = query.executeQuery()) {
              row.next();
              requirePrimary(row.getBoolean(1));
              return row.getLong(2);
            }
          }
        });
  }

  @Override
  public List<StoredEvent> read(long from, int eventsMax, long bytesMax) throws JournalException {
    requirePrepared();
    return pages.ask(
        connection -> {
          try (PreparedStatement query = connection.prepareStatement(PAGE)) {
            query.setString(1, PERSISTENCE_ID);
            query.setLong(2, from);
            query.setInt(3, eventsMax);
            query.setLong(4, bytesMax);
            try (ResultSet row = query.executeQuery()) {
              return events(from, row);
            }
          }
        });
  }

  private static List<StoredEvent> events(long from, ResultSet row)
      throws SQLException, JournalException {
    List<StoredEvent> events = new ArrayList<>();
    while (row.next()) {
      long seq = row.getLong(1);
      long expected = from + events.size();
      if (seq != expected) {
        throw JournalGapException.of(expected, seq, first(row.getStatement().getConnection()));
      }
      events.add(new StoredEvent(seq, row.getBytes(2)));
    }
    return JournalDamagedException.before(events);
  }

  private static long first(Connection connection) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(FIRST)) {
      query.setString(1, PERSISTENCE_ID);
      try (ResultSet row = query.executeQuery()) {
        row.next();
        return Math.max(1, row.getLong(2));
      }
    }
  }

  @Override
  public long count(long from, long to) throws JournalException {
    requirePrepared();
    return pages.ask(
        connection -> {
          try (PreparedStatement query = connection.prepareStatement(COUNT)) {
            query.setString(1, PERSISTENCE_ID);
            query.setLong(2, from);
            query.setLong(3, to);
            try (ResultSet row = query.executeQuery()) {
              row.next();
              return row.getLong(1);
            }
          }
        });
  }

  @Override
  public void trim(long to) throws JournalException {
    requirePrepared();
    requireMayDelete();
    TrimSteps.run(this, to, this::cut);
  }

  /** Asked each time, because an operator can grant it at any time. */
  private void requireMayDelete() throws JournalException {
    upkeep.ask(
        connection -> {
          try (Statement statement = connection.createStatement()) {
            if (!PostgresTables.isTrue(statement, MAY_DELETE)) {
              throw new JournalException(mayNotDelete());
            }
          }
          return true;
        });
  }

  /** Of several nodes one after the other, so that none waits for rows in another's order. */
  private long cut(long from, long to) throws JournalException {
    return upkeep.transact(
        connection -> {
          try (Statement lock = connection.createStatement()) {
            lock.execute("SELECT pg_advisory_xact_lock(" + CUTTING_LOCK + ")");
          }
          long last = endOfStep(connection, from, to);
          try (PreparedStatement delete = connection.prepareStatement(CUT)) {
            delete.setString(1, PERSISTENCE_ID);
            delete.setLong(2, from);
            delete.setLong(3, last);
            delete.setString(4, PERSISTENCE_ID);
            delete.executeUpdate();
          }
          return last;
        });
  }

  private static long endOfStep(Connection connection, long from, long to) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(STEP)) {
      query.setString(1, PERSISTENCE_ID);
      query.setLong(2, from);
      query.setLong(3, to);
      query.setInt(4, TrimSteps.EVENTS_MAX);
      query.setLong(5, TrimSteps.BYTES_MAX);
      try (ResultSet row = query.executeQuery()) {
        row.next();
        long last = row.getLong(1);
        return row.wasNull() ? to : last;
      }
    }
  }

  @Override
  public long bytes() throws JournalException {
    requirePrepared();
    long bytes = 0;
    long[] part = lengths(0);
    while (part[0] > 0) {
      bytes += part[1];
      part = lengths(part[0]);
    }
    return bytes;
  }

  /** The last number of the part behind a number, 0 if there is none, and its bytes. */
  private long[] lengths(long behind) throws JournalException {
    return upkeep.ask(
        connection -> {
          try (PreparedStatement query = connection.prepareStatement(LENGTHS)) {
            query.setString(1, PERSISTENCE_ID);
            query.setLong(2, behind);
            query.setInt(3, MEASURED_AT_ONCE);
            try (ResultSet row = query.executeQuery()) {
              row.next();
              return new long[] {row.getLong(1), row.getLong(2)};
            }
          }
        });
  }

  @Override
  public long timeMicros() throws JournalException {
    requirePrepared();
    return clock.ask(
        connection -> {
          try (Statement statement = connection.createStatement();
              ResultSet row = statement.executeQuery(CLOCK)) {
            row.next();
            return row.getLong(1);
          }
        });
  }

  @Override
  public void close() {
    preparation.close();
    heads.close();
    pages.close();
    clock.close();
    upkeep.close();
  }

  /**
   * The configuration with which pekko-persistence-jdbc appends to this journal: a pool that
   * nothing else uses, and limits that keep an append of a frozen or cut off process from holding
   * up its successors. Keys are paths; values hold the password.
   */
  public static Map<String, Object> appendPool(PostgresSettings settings) {
    Properties properties = settings.properties(APPEND_TIMEOUT_MILLIS);
    Map<String, Object> driverProperties = new LinkedHashMap<>();
    for (String name : properties.stringPropertyNames()) {
      driverProperties.put(name, properties.getProperty(name));
    }
    String slick = "pekko-persistence-jdbc.shared-databases.slick.";
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put(slick + "profile", "slick.jdbc.PostgresProfile$");
    keys.put(slick + "db.connectionPool", "HikariCP");
    keys.put(slick + "db.driver", "org.postgresql.Driver");
    keys.put(slick + "db.url", settings.bareUrl());
    keys.put(slick + "db.properties", driverProperties);
    // One append is in flight at a time; the others serve a successor while that one hangs. Slick
    // wants the three to be equal.
    keys.put(slick + "db.numThreads", APPEND_CONNECTIONS);
    keys.put(slick + "db.maxConnections", APPEND_CONNECTIONS);
    keys.put(slick + "db.minConnections", APPEND_CONNECTIONS);
    // A node starts without the server, and finds it later.
    keys.put(slick + "db.initializationFailTimeout", -1);
    // Also the longest pause of the pool between two attempts to connect, so that appends work
    // again
    // that soon after an outage of any length.
    keys.put(slick + "db.connectionTimeout", 1000);
    // Less, so that one append can pass over a connection that is silently dead.
    keys.put(slick + "db.validationTimeout", 500);
    keys.put(slick + "db.maxLifetime", 1_800_000);
    // Never open: it would keep appends from a server that is back. The time is longer than all
    // time-outs of an append together, so that none outlives its failure.
    String breaker = "jdbc-journal.circuit-breaker.";
    keys.put(breaker + "max-failures", Integer.MAX_VALUE);
    keys.put(breaker + "call-timeout", "15s");
    keys.put(breaker + "reset-timeout", "1s");
    return keys;
  }
}
