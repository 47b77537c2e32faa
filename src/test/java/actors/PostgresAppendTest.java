package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import process.SilentRelay;
import storage.PostgresJournal;
import storage.PostgresServer;
import storage.PostgresSettings;
import storage.StoredEvents;

/**
 * Appends through the plugin and its pool, as a sequencer does, to a PostgreSQL that goes away,
 * freezes, and comes back. Times are printed; asserted is only that it is not a matter of the
 * default time-outs, which are tens of seconds.
 */
class PostgresAppendTest {

  /** Longer than all time-outs together. */
  private static final Duration LONG = Duration.ofSeconds(40);

  /** Far more than the time that is meant, far less than the defaults of the pool. */
  private static final long SOON_MILLIS = 20_000;

  private static final Object ENDED = "the writer has ended";

  @TempDir Path folder;
  private PostgresServer server;
  private PostgresJournal journal;
  private Optional<ActorTestKit> testKit = Optional.empty();

  @BeforeEach
  void start() throws Exception {
    server = PostgresServer.start(folder);
    journal = new PostgresJournal(server.settings());
    journal.prepare();
  }

  @AfterEach
  void stop() {
    testKit.ifPresent(ActorTestKit::shutdownTestKit);
    journal.close();
    server.close();
  }

  private ActorTestKit testKit() {
    return testKit(server.settings());
  }

  private ActorTestKit testKit(PostgresSettings settings) {
    if (testKit.isEmpty()) {
      testKit =
          Optional.of(
              ActorTestKit.create(
                  ConfigFactory.parseMap(PostgresJournal.appendPool(settings))
                      .withFallback(TestConfig.local())));
    }
    return testKit.get();
  }

  private record Writer(TestProbe<Object> heard, ActorRef<LogWriter.Append> actor) {

    boolean appends(int value) {
      actor.tell(new LogWriter.Append(event(value)));
      return heard.receiveMessage(LONG) instanceof Sequencer.Persisted;
    }
  }

  private static byte[] event(int value) {
    return StoredEvents.holding(new byte[] {(byte) value});
  }

  /** A writer that is ready; empty if it could not find out where the journal ends. */
  private Optional<Writer> writer() {
    TestProbe<Object> heard = testKit().createTestProbe(Object.class);
    ActorRef<LogWriter.Append> actor = testKit().spawn(LogWriter.create(heard.getRef().narrow()));
    testKit().spawn(tellOfTheEnd(actor, heard.getRef()));
    return heard.receiveMessage(LONG) instanceof Sequencer.WriterReady
        ? Optional.of(new Writer(heard, actor))
        : Optional.empty();
  }

  private static Behavior<Object> tellOfTheEnd(ActorRef<?> actor, ActorRef<Object> listener) {
    return Behaviors.setup(
        context -> {
          context.watchWith(actor, ENDED);
          return Behaviors.receiveMessage(
              ended -> {
                listener.tell(ended);
                return Behaviors.stopped();
              });
        });
  }

  /** Starts writers until one has appended an event, as the sequencer's host does. */
  private void appendAtLast() {
    while (!writer().map(writer -> writer.appends(1)).orElse(false)) {
      // Each failure takes its time.
    }
  }

  private static void print(String what, long sinceNanos) {
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - sinceNanos);
    System.out.println("appended " + millis + " ms after " + what);
    assertTrue(millis < SOON_MILLIS, what + ": " + millis + " ms");
  }

  @Test
  void appendsAndIsFenced() throws Exception {
    Writer first = writer().orElseThrow();
    Writer second = writer().orElseThrow();
    assertTrue(first.appends(1));
    assertFalse(second.appends(9));
    assertTrue(first.appends(2));
    assertEquals(2, journal.head());
    assertArrayEquals(event(1), journal.read(1, 10, 1000).get(0).bytes());
    assertArrayEquals(event(2), journal.read(1, 10, 1000).get(1).bytes());
  }

  @Test
  void goesOnBehindTheEndOfAJournalThatIsCut() throws Exception {
    Writer writer = writer().orElseThrow();
    assertTrue(writer.appends(1));
    assertTrue(writer.appends(2));
    journal.trim(2);
    assertEquals(2, journal.first());
    assertTrue(writer().orElseThrow().appends(3));
    assertFalse(writer.appends(9), "it still expects number 3");
    journal.trim(2);
    assertTrue(writer().orElseThrow().appends(4));
    assertEquals(3, journal.first());
    assertEquals(4, journal.head());
  }

  /** A trigger looks at the session that appends. */
  @Test
  void appendsInSessionsThatSyncAndDoNotHang() throws Exception {
    server.execute("ALTER DATABASE " + PostgresServer.DATABASE + " SET synchronous_commit = off");
    server.execute("CREATE TABLE seen (settings TEXT)");
    server.execute(
        """
        CREATE FUNCTION see() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO seen VALUES (concat_ws(' ', current_setting('application_name'),
            current_setting('synchronous_commit'), current_setting('lock_timeout'),
            current_setting('idle_in_transaction_session_timeout'),
            current_setting('statement_timeout'), current_setting('transaction_isolation')));
          RETURN NEW; END $$
        """);
    server.execute(
        "CREATE TRIGGER see BEFORE INSERT ON event_journal FOR EACH ROW EXECUTE FUNCTION see()");
    appendAtLast();
    try (Connection connection = server.connect();
        PreparedStatement query = connection.prepareStatement("SELECT settings FROM seen");
        ResultSet row = query.executeQuery()) {
      assertTrue(row.next());
      assertEquals("peqlite on 2s 2s 2s read committed", row.getString(1));
      assertFalse(row.next());
    }
  }

  @Test
  void startsWithoutTheServerAndFindsItLater() throws Exception {
    server.stop();
    assertTrue(writer().isEmpty());
    server.startAgain();
    long upNanos = System.nanoTime();
    appendAtLast();
    print("the server was there for the first time", upNanos);
  }

  @Test
  void appendsSoonAfterTheServerIsBack() throws Exception {
    appendAtLast();
    for (boolean kill : new boolean[] {true, false}) {
      if (kill) {
        server.kill();
      } else {
        server.stop();
      }
      CompletableFuture<Void> appended = CompletableFuture.runAsync(this::appendAtLast);
      // Long enough for the pool to have failed several times, and to wait between attempts.
      TimeUnit.SECONDS.sleep(3);
      server.startAgain();
      long upNanos = System.nanoTime();
      appended.get(LONG.toSeconds(), TimeUnit.SECONDS);
      print("the server was back", upNanos);
    }
  }

  @Test
  void appendsSoonAfterTheServerWasFrozen() throws Exception {
    Writer writer = writer().orElseThrow();
    assertTrue(writer.appends(1));
    server.pause();
    CompletableFuture<Boolean> inDoubt = CompletableFuture.supplyAsync(() -> writer.appends(2));
    TimeUnit.SECONDS.sleep(6);
    server.resume();
    long goesOnNanos = System.nanoTime();
    assertFalse(inDoubt.get(LONG.toSeconds(), TimeUnit.SECONDS), "it gave up before");
    appendAtLast();
    print("the server went on", goesOnNanos);
  }

  /** A process that was frozen between inserting and committing must not keep the number. */
  @Test
  void aFrozenAppendGivesItsNumberBack() throws Exception {
    appendAtLast();
    long next = journal.head() + 1;
    try (Connection frozen = DriverManager.getConnection(server.bareUrl(), poolProperties())) {
      frozen.setAutoCommit(false);
      try (PreparedStatement insert =
          frozen.prepareStatement(
              "INSERT INTO event_journal (persistence_id, sequence_number, writer, event_payload,"
                  + " event_ser_id, event_ser_manifest) VALUES ('peqlite', ?, 'w', '', 1, '')")) {
        insert.setLong(1, next);
        insert.executeUpdate();
      }
      long startNanos = System.nanoTime();
      appendAtLast();
      print("another had inserted and not committed", startNanos);
      assertEquals(next, journal.head());
    }
  }

  /** How the pool connects. */
  private Properties poolProperties() {
    Properties properties = new Properties();
    Object given =
        PostgresJournal.appendPool(server.settings())
            .get("pekko-persistence-jdbc.shared-databases.slick.db.properties");
    ((Map<?, ?>) given).forEach((name, value) -> properties.put(name, value));
    return properties;
  }

  /** A firewall that forgot all connections answers nothing; the pool must find out by itself. */
  @Test
  void passesOverConnectionsThatAreSilentlyDead() throws Exception {
    try (SilentRelay relay = new SilentRelay(server.port())) {
      testKit(
          new PostgresSettings(
              "jdbc:postgresql://127.0.0.1:" + relay.port() + "/" + PostgresServer.DATABASE,
              Optional.of(PostgresServer.USER),
              Optional.of(PostgresServer.PASSWORD)));
      appendAtLast();
      TimeUnit.SECONDS.sleep(1);
      relay.forget();
      long forgotNanos = System.nanoTime();
      appendAtLast();
      print("all connections were dead, unused", forgotNanos);
      appendAtLast();
      relay.forget();
      forgotNanos = System.nanoTime();
      appendAtLast();
      print("all connections were dead, in use", forgotNanos);
    }
  }
}
