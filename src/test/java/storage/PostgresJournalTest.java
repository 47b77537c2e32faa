package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The journal in a real PostgreSQL; appended to here by the statement that the plugin uses. The
 * tests share a server, each with a schema of its own.
 */
class PostgresJournalTest extends JournalContract {

  private static final String UNIQUE_VIOLATION = "23505";
  private static final int NODES = 6;

  @TempDir static Path servers;
  private static PostgresServer server;
  private static final AtomicInteger SCHEMAS = new AtomicInteger();

  private final String schema = "journal_" + SCHEMAS.incrementAndGet();

  @BeforeAll
  static void startServer() throws Exception {
    server = PostgresServer.start(servers);
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @Override
  protected PostgresJournal openJournal() throws Exception {
    server.execute("CREATE SCHEMA IF NOT EXISTS " + schema);
    PostgresJournal journal = new PostgresJournal(settings());
    journal.prepare();
    return journal;
  }

  private PostgresSettings settings() {
    return settings(server.bareUrl() + "?currentSchema=" + schema);
  }

  private static PostgresSettings settings(String url) {
    return new PostgresSettings(
        url, Optional.of(PostgresServer.USER), Optional.of(PostgresServer.PASSWORD));
  }

  @Override
  protected boolean append(long seq, byte[] bytes) throws SQLException {
    return append(Journal.PERSISTENCE_ID, seq, bytes);
  }

  private boolean append(String persistenceId, long seq, byte[] bytes) throws SQLException {
    try (Connection connection = connect();
        PreparedStatement insert =
            connection.prepareStatement(
                "INSERT INTO event_journal (persistence_id, sequence_number, writer,"
                    + " write_timestamp, adapter_manifest, event_payload, event_ser_id,"
                    + " event_ser_manifest) VALUES (?, ?, 'w', 0, '', ?, 1, '')")) {
      insert.setString(1, persistenceId);
      insert.setLong(2, seq);
      insert.setBytes(3, bytes);
      insert.execute();
      return true;
    } catch (SQLException e) {
      if (UNIQUE_VIOLATION.equals(e.getSQLState())) {
        return false;
      }
      throw e;
    }
  }

  @Override
  protected void remove(long seq) throws SQLException {
    execute("DELETE FROM event_journal WHERE sequence_number = " + seq);
  }

  @Override
  protected void replace(long seq, byte[] bytes) throws SQLException {
    execute(
        "UPDATE event_journal SET event_payload = '\\x"
            + HexFormat.of().formatHex(bytes)
            + "' WHERE sequence_number = "
            + seq);
  }

  private Connection connect() throws SQLException {
    return DriverManager.getConnection(server.url() + "&currentSchema=" + schema);
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  @Test
  void looksAtNothingButItsOwnEvents() throws Exception {
    append("another actor", 1, new byte[1]);
    append("another actor", 2, new byte[1]);
    append(1, bytes(1, 1));
    try (Journal journal = openJournal()) {
      assertEquals(1, journal.head());
      assertEquals(1, journal.count(1, 10));
    }
  }

  @Test
  void isPreparedByManyNodesAtOnce() throws Exception {
    for (int round = 0; round < 5; round++) {
      execute("DROP SCHEMA " + schema + " CASCADE");
      execute("CREATE SCHEMA " + schema);
      CyclicBarrier together = new CyclicBarrier(NODES);
      List<CompletableFuture<String>> nodes = new ArrayList<>();
      for (int i = 0; i < NODES; i++) {
        nodes.add(CompletableFuture.supplyAsync(() -> prepareTogether(together)));
      }
      String first = nodes.get(0).get(60, TimeUnit.SECONDS);
      for (CompletableFuture<String> node : nodes) {
        assertEquals(first, node.get(60, TimeUnit.SECONDS), "all find the same cluster");
      }
    }
  }

  private String prepareTogether(CyclicBarrier together) {
    try (PostgresJournal journal = new PostgresJournal(settings());
        PostgresArbiter arbiter = new PostgresArbiter(settings())) {
      together.await(60, TimeUnit.SECONDS);
      journal.prepare();
      assertEquals(0, journal.head());
      return arbiter.clusterId();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void needsNoPrivilegeToCreateWhereTheTablesAre() throws Exception {
    String user = schema + "_user";
    server.execute("CREATE ROLE " + user + " LOGIN PASSWORD 'some'");
    PostgresSettings theirs =
        new PostgresSettings(
            server.bareUrl() + "?currentSchema=" + schema, Optional.of(user), Optional.of("some"));
    server.execute("GRANT USAGE ON SCHEMA " + schema + " TO " + user);
    try (PostgresJournal journal = new PostgresJournal(theirs)) {
      JournalException refused = assertThrows(JournalRefusedException.class, journal::prepare);
      assertTrue(refused.getMessage().contains("refuses this node: "), refused.getMessage());
      assertThrows(JournalRefusedException.class, journal::head);
      String allTables = " ON ALL TABLES IN SCHEMA " + schema + " TO " + user;
      server.execute("GRANT SELECT, UPDATE" + allTables);
      server.execute("GRANT INSERT ON " + schema + ".peqlite_cluster TO " + user);
      refused = assertThrows(JournalRefusedException.class, journal::prepare);
      assertTrue(
          refused
              .getMessage()
              .endsWith("does not let this user read and insert into the table event_journal"),
          refused.getMessage());
      server.execute("GRANT INSERT" + allTables);
      server.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA " + schema + " TO " + user);
      journal.prepare();
      assertEquals(0, journal.head());
    }
  }

  @Test
  void syncsWhateverTheServersDefaultIs() throws Exception {
    String user = schema + "_lazy";
    server.execute("CREATE ROLE " + user + " LOGIN SUPERUSER PASSWORD 'some'");
    server.execute("ALTER ROLE " + user + " SET synchronous_commit = off");
    server.execute("ALTER ROLE " + user + " SET default_transaction_isolation = 'serializable'");
    PostgresSettings theirs =
        new PostgresSettings(
            server.bareUrl() + "?options=-c%20synchronous_commit=off%20-c%20work_mem=2MB",
            Optional.of(user),
            Optional.of("some"));
    try (Connection connection =
            DriverManager.getConnection(theirs.bareUrl(), theirs.properties(2000));
        Statement statement = connection.createStatement()) {
      Map<String, String> expected =
          Map.of(
              "synchronous_commit", "on",
              "default_transaction_isolation", "read committed",
              "idle_in_transaction_session_timeout", "2s",
              "lock_timeout", "2s",
              "statement_timeout", "2s",
              "work_mem", "2MB",
              "application_name", "peqlite");
      for (Map.Entry<String, String> setting : expected.entrySet()) {
        try (ResultSet row = statement.executeQuery("SHOW " + setting.getKey())) {
          assertTrue(row.next());
          assertEquals(setting.getValue(), row.getString(1), setting.getKey());
        }
      }
    }
  }

  @Test
  void refusesATableThatIsNoFence() throws Exception {
    execute("ALTER TABLE event_journal DROP CONSTRAINT event_journal_pkey");
    execute("ALTER TABLE event_journal ADD UNIQUE (sequence_number)");
    execute("CREATE INDEX ON event_journal (persistence_id, sequence_number)");
    try (PostgresJournal journal = new PostgresJournal(settings())) {
      JournalException refused = assertThrows(JournalRefusedException.class, journal::prepare);
      assertTrue(refused.getMessage().contains("without a unique index"), refused.getMessage());
      execute("CREATE UNIQUE INDEX ON event_journal (sequence_number, persistence_id)");
      journal.prepare();
    }
  }

  @Test
  void refusesAnUnloggedTable() throws Exception {
    execute("ALTER TABLE event_journal SET UNLOGGED");
    try (PostgresJournal journal = new PostgresJournal(settings())) {
      JournalException refused = assertThrows(JournalRefusedException.class, journal::prepare);
      assertTrue(refused.getMessage().contains("unlogged"), refused.getMessage());
    }
  }

  @Test
  void refusesAServerThatDoesNotSync() throws Exception {
    try (PostgresServer careless =
            PostgresServer.in(servers).set("fsync", "off").set("full_page_writes", "off").start();
        PostgresJournal journal = new PostgresJournal(careless.settings())) {
      JournalException refused = assertThrows(JournalRefusedException.class, journal::prepare);
      assertTrue(refused.getMessage().contains("fsync=off"), refused.getMessage());
    }
  }

  @Test
  void asksNoStandbyButWaitsForItsPromotion() throws Exception {
    try (PostgresServer standby = PostgresServer.start(servers);
        PostgresJournal journal = new PostgresJournal(standby.settings())) {
      journal.prepare();
      standby.becomeStandby();
      assertPassing(assertThrows(JournalException.class, journal::prepare));
      assertPassing(assertThrows(JournalException.class, journal::head));
      assertPassing(assertThrows(JournalException.class, () -> journal.read(1, 1, 1)));
      standby.execute("SELECT pg_promote()");
      journal.prepare();
      assertEquals(0, journal.head());
    }
  }

  @Test
  void goesToWhicheverServerIsThePrimary() throws Exception {
    try (PostgresServer first = PostgresServer.start(servers);
        PostgresServer second = PostgresServer.start(servers)) {
      for (PostgresServer one : List.of(first, second)) {
        try (PostgresJournal journal = new PostgresJournal(one.settings())) {
          journal.prepare();
        }
      }
      first.becomeStandby();
      String both = "127.0.0.1:%d,127.0.0.1:%d".formatted(first.port(), second.port());
      try (PostgresJournal journal =
          new PostgresJournal(
              settings("jdbc:postgresql://" + both + "/" + PostgresServer.DATABASE))) {
        journal.prepare();
        assertEquals(0, journal.head());
        second.kill();
        String nobody = assertThrows(JournalException.class, journal::head).getMessage();
        assertTrue(nobody.startsWith("cannot reach the journal at " + both), nobody);
        first.execute("SELECT pg_promote()");
        assertEquals(0, journal.head());
      }
    }
  }

  private static void assertPassing(JournalException failure) {
    assertFalse(failure instanceof JournalRefusedException, failure.getMessage());
  }

  @Test
  void saysWhoIsRefusedAndNotThePassword() {
    String wrong = "wrong-5512";
    for (PostgresSettings settings :
        List.of(
            new PostgresSettings(
                server.bareUrl(), Optional.of(PostgresServer.USER), Optional.of(wrong)),
            new PostgresSettings(
                server.bareUrl() + "?user=nobody&password=" + wrong,
                Optional.empty(),
                Optional.empty()),
            new PostgresSettings(
                server.bareUrl().replace("/" + PostgresServer.DATABASE, "/missing"),
                Optional.of(PostgresServer.USER),
                Optional.of(PostgresServer.PASSWORD)))) {
      try (PostgresJournal journal = new PostgresJournal(settings)) {
        JournalException refused = assertThrows(JournalRefusedException.class, journal::prepare);
        for (Throwable cause = refused; cause != null; cause = cause.getCause()) {
          assertFalse(cause.toString().contains(wrong), cause.toString());
          assertFalse(cause.toString().contains(PostgresServer.PASSWORD), cause.toString());
        }
        String place = "127.0.0.1:" + server.port() + "/";
        assertTrue(refused.getMessage().contains(place), refused.getMessage());
        assertFalse(settings.toString().contains(wrong));
      }
    }
  }

  @Test
  void isBackAtOnceAfterAnOutage() throws Exception {
    try (PostgresServer own = PostgresServer.start(servers);
        PostgresJournal journal = new PostgresJournal(own.settings())) {
      own.stop();
      JournalException away = assertThrows(JournalException.class, journal::prepare);
      assertPassing(away);
      assertTrue(away.getMessage().startsWith("cannot reach the journal at 127.0.0.1:"));
      own.startAgain();
      journal.prepare();
      assertEquals(0, journal.head());
      own.kill();
      assertPassing(assertThrows(JournalException.class, journal::head));
      own.startAgain();
      assertEquals(0, journal.head());
      assertEquals(List.of(), journal.read(1, 1, 1));
      own.stop();
      own.startAgain();
      assertEquals(0, journal.head(), "nobody asked meanwhile, so nobody sees it");
      assertEquals(List.of(), journal.read(1, 1, 1));
      assertNotEquals(0, journal.timeMicros());
    }
  }

  @Test
  void answersOrFailsInTimeWhenTheServerIsFrozen() throws Exception {
    try (PostgresServer own = PostgresServer.start(servers);
        PostgresJournal journal = new PostgresJournal(own.settings())) {
      journal.prepare();
      assertEquals(0, journal.head());
      own.pause();
      CompletableFuture<List<StoredEvent>> connecting =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return journal.read(1, 1, 1);
                } catch (JournalException e) {
                  throw new IllegalStateException(e);
                }
              });
      assertPassing(assertThrows(JournalException.class, journal::head));
      assertInstanceOf(
          JournalException.class,
          assertThrows(ExecutionException.class, () -> connecting.get(30, TimeUnit.SECONDS))
              .getCause()
              .getCause());
      own.resume();
      assertEquals(0, journal.head());
    }
  }

  @Test
  void closesWithoutWaitingForTheServer() throws Exception {
    try (PostgresServer own = PostgresServer.start(servers)) {
      PostgresJournal journal = new PostgresJournal(own.settings());
      journal.prepare();
      assertEquals(0, journal.head());
      own.pause();
      CompletableFuture<Throwable> asked =
          CompletableFuture.supplyAsync(() -> assertThrows(JournalException.class, journal::head));
      TimeUnit.MILLISECONDS.sleep(200);
      long startNanos = System.nanoTime();
      journal.close();
      asked.get(30, TimeUnit.SECONDS);
      assertTrue(System.nanoTime() - startNanos < TimeUnit.SECONDS.toNanos(3), "by its time-out");
      assertThrows(JournalException.class, journal::head);
    }
  }

  @Test
  void tellsTheHeadWhileAPageIsBeingRead() throws Exception {
    try (PostgresJournal journal = openJournal()) {
      append(1, bytes(1, 1));
      try (Connection other = connect();
          Statement statement = other.createStatement()) {
        CompletableFuture<List<StoredEvent>> page;
        other.setAutoCommit(false);
        statement.execute("SELECT pg_advisory_xact_lock(1)");
        // Stable, so that the server leaves it out of questions that do not need the payload.
        execute(
            "CREATE FUNCTION wait(bytea) RETURNS bytea LANGUAGE plpgsql STABLE AS"
                + " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN $1; END'");
        execute("ALTER TABLE event_journal RENAME TO stored");
        execute(
            "CREATE VIEW event_journal AS SELECT persistence_id, sequence_number,"
                + " wait(event_payload) AS event_payload FROM stored");
        page =
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return journal.read(1, 1, 1);
                  } catch (JournalException e) {
                    throw new IllegalStateException(e);
                  }
                });
        TimeUnit.MILLISECONDS.sleep(100);
        assertEquals(1, journal.head());
        assertFalse(page.isDone());
        other.commit();
        assertEquals(1, page.get(30, TimeUnit.SECONDS).size());
      }
    }
  }
}
