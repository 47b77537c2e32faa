package peqlite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.ChangeLog;
import actors.ReadLevel;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.japi.Pair;
import org.apache.pekko.stream.javadsl.Keep;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.SinkQueueWithCancel;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An application has a node in its own process. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
class PeqliteTest {

  private static final Duration WAIT = Duration.ofSeconds(30);

  enum Colour {
    RED,
    BLUE
  }

  record Thing(
      long id,
      String name,
      Double weight,
      byte[] picture,
      Optional<String> noteText,
      Colour colour,
      boolean kept) {}

  record Count(long count) {}

  private Path directory;
  private ActorSystem<Void> system;
  private Peqlite peqlite;
  private Database database;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    directory = folder;
    system = system("application", directory.resolve("data"));
    peqlite = Peqlite.get(system);
    database = peqlite.database();
    done(peqlite.ready());
    done(
        database.execute(
            "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, weight REAL,"
                + " picture BLOB, note_text TEXT, colour TEXT, kept INTEGER)"));
    done(database.execute("CREATE TABLE log (n INTEGER)"));
  }

  @AfterAll
  void stop() throws Exception {
    system.terminate();
    done(system.getWhenTerminated());
  }

  private static ActorSystem<Void> system(String name, Path data, String... more) {
    return ActorSystem.create(Behaviors.empty(), name, config(data, more));
  }

  private static Config config(Path data, String... more) {
    return ConfigFactory.parseString(
            "peqlite.data-dir = \""
                + data
                + "\"\npeqlite.cluster-addr = \"127.0.0.1:0\"\n"
                + "pekko.jvm-shutdown-hooks = off\n"
                + String.join("\n", more))
        .withFallback(ConfigFactory.load());
  }

  private static <T> T done(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(WAIT.toSeconds(), TimeUnit.SECONDS);
  }

  private static DatabaseException failure(CompletionStage<?> stage) {
    ExecutionException failed = assertThrows(ExecutionException.class, () -> done(stage));
    return assertInstanceOf(DatabaseException.class, failed.getCause());
  }

  private long count(String table) throws Exception {
    return done(database.query(Count.class, "SELECT count(*) AS count FROM " + table))
        .get(0)
        .count();
  }

  // ---- Reads and writes

  @Test
  void keepsValuesOfEveryKindAndMakesRecordsOfThem() throws Exception {
    byte[] picture = {1, 2, -1};
    WriteResult inserted =
        done(
            database.execute(
                "INSERT INTO thing (name, weight, picture, note_text, colour, kept)"
                    + " VALUES (?, ?, ?, ?, ?, ?)",
                "\u20ac\ud83d\ude00",
                1.5,
                picture,
                null,
                Colour.BLUE,
                true));
    assertFalse(inserted.duplicate());
    assertEquals(1, inserted.rowsAffected());
    StatementOutcome.Changed changed =
        assertInstanceOf(StatementOutcome.Changed.class, inserted.outcomes().get(0));
    Thing thing =
        done(database
                .withMinSeq(inserted.position().seq())
                .query(
                    Thing.class,
                    "SELECT * FROM thing WHERE id = ?",
                    changed.lastInsertId().orElseThrow()))
            .get(0);
    assertEquals("\u20ac\ud83d\ude00", thing.name());
    assertEquals(1.5, thing.weight());
    assertArrayEquals(picture, thing.picture());
    assertEquals(Optional.empty(), thing.noteText());
    assertEquals(Colour.BLUE, thing.colour());
    assertTrue(thing.kept());
  }

  @Test
  void takesParametersByName() throws Exception {
    Rows rows =
        done(
            database.query(
                Sql.named("SELECT :a + @b AS sum, $c AS c", Map.of("a", 1, "b", 2L, "c", 'x'))));
    Row row = rows.first().orElseThrow();
    assertEquals(3, row.getInt("SUM"));
    assertEquals("x", row.get("c"));
    assertEquals(List.of("sum", "c"), rows.columns());
    assertEquals("x", done(database.query(r -> r.getString(1), "SELECT 1, 'x'")).get(0));
  }

  @Test
  void aRowSaysWhatIsWrongWithAWish() throws Exception {
    Row row = done(database.query("SELECT 1.5 AS half, NULL AS none")).rows().get(0);
    assertTrue(row.isNull("none"));
    assertEquals(
        "column half is a real number, not an integer",
        assertThrows(IllegalStateException.class, () -> row.getLong("half")).getMessage());
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> row.get("whole"))
            .getMessage()
            .contains("there is no column whole, only half, none"));
    assertThrows(IllegalArgumentException.class, () -> row.get(2));
    Rows rows = done(database.query("SELECT 1 AS other"));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> rows.as(Count.class))
            .getMessage()
            .contains("component count"));
    Rows nothing = done(database.query("SELECT NULL AS count"));
    assertThrows(IllegalStateException.class, () -> nothing.as(Count.class));
  }

  @Test
  void refusesValuesThatSqliteHasNoTypeFor() {
    for (Object wrong :
        Arrays.asList(Duration.ZERO, new java.math.BigDecimal("1.1"), Double.NaN, "\ud800")) {
      assertThrows(IllegalArgumentException.class, () -> Sql.of("SELECT ?", wrong));
    }
  }

  @Test
  void aTransactionIsAllOrNothing() throws Exception {
    long before = count("log");
    WriteResult both =
        done(
            database.transaction(
                Sql.of("INSERT INTO log VALUES (?)", 1),
                Sql.of("SELECT count(*) FROM log"),
                Sql.of("INSERT INTO log VALUES (2) RETURNING n")));
    StatementOutcome.Returned seen = (StatementOutcome.Returned) both.outcomes().get(1);
    assertEquals(before + 1, seen.rows().rows().get(0).getLong(0));
    StatementOutcome.Returned returned = (StatementOutcome.Returned) both.outcomes().get(2);
    assertEquals(2, returned.rows().rows().get(0).getInt("n"));

    DatabaseException failed =
        failure(
            database.transaction(
                Sql.of("INSERT INTO log VALUES (3)"), Sql.of("INSERT INTO nowhere VALUES (4)")));
    assertEquals(DatabaseException.Kind.SQL, failed.kind());
    assertTrue(failed.getMessage().contains("no such table: nowhere"), failed::getMessage);
    assertTrue(failed.position().isPresent());
    assertEquals(before + 2, count("log"));
  }

  @Test
  void theStatementsOfABatchStandForThemselves() throws Exception {
    long before = count("log");
    List<StatementOutcome> outcomes =
        done(database.batch(
                List.of(
                    Sql.of("INSERT INTO log VALUES (1)"),
                    Sql.of("INSERT INTO nowhere VALUES (2)"),
                    Sql.of("INSERT INTO log VALUES (3)"))))
            .outcomes();
    assertInstanceOf(StatementOutcome.Changed.class, outcomes.get(0));
    assertTrue(((StatementOutcome.Failed) outcomes.get(1)).message().contains("nowhere"));
    assertEquals(before + 2, count("log"));
  }

  @Test
  void aWriteUnderAKeyIsDoneOnce() throws Exception {
    long before = count("log");
    Database keyed = database.withIdempotencyKey("key-1");
    WriteResult first = done(keyed.execute("INSERT INTO log VALUES (1)"));
    WriteResult again = done(keyed.execute("INSERT INTO log VALUES (1)"));
    assertTrue(again.duplicate());
    assertEquals(first.position(), again.position());
    assertEquals(first.outcomes(), again.outcomes());
    assertEquals(before + 1, count("log"));
    assertEquals(
        DatabaseException.Kind.KEY_CONFLICT,
        failure(keyed.execute("INSERT INTO log VALUES (2)")).kind());
    assertThrows(IllegalArgumentException.class, () -> database.withIdempotencyKey(""));
  }

  @Test
  void readsAtEveryLevel() throws Exception {
    WriteResult written = done(database.execute("INSERT INTO log VALUES (9)"));
    for (ReadLevel level : ReadLevel.values()) {
      Rows rows = done(database.withReadLevel(level).query("SELECT count(*) FROM log"));
      assertTrue(rows.seq() >= written.position().seq(), level.name());
    }
    assertTrue(done(database.withFreshness(WAIT).query("SELECT 1")).seq() > 0);
    DatabaseException late =
        failure(
            database
                .withTimeout(Duration.ofMillis(50))
                .withMinSeq(written.position().seq() + 1_000_000)
                .query("SELECT 1"));
    assertEquals(DatabaseException.Kind.UNAVAILABLE, late.kind());
  }

  @Test
  void saysWhatIsWrongWithARequest() {
    for (String wrong :
        List.of(
            "",
            "-- nothing",
            "INSERT INTO log VALUES (1); DELETE FROM log",
            "INSERT INTO log VALUES (?)",
            "BEGIN",
            "ATTACH 'x' AS y",
            "PRAGMA journal_mode=DELETE",
            "INSERT INTO _peqlite_position VALUES (1)")) {
      assertEquals(DatabaseException.Kind.INVALID, failure(database.execute(wrong)).kind(), wrong);
    }
    assertEquals(DatabaseException.Kind.INVALID, failure(database.query("DELETE FROM log")).kind());
    assertEquals(DatabaseException.Kind.SQL, failure(database.query("SELEC 1")).kind());
    assertEquals(DatabaseException.Kind.INVALID, failure(database.transaction(List.of())).kind());
    assertEquals(
        DatabaseException.Kind.TOO_LARGE,
        failure(database.execute("INSERT INTO log VALUES (?)", new byte[33 << 20])).kind());
  }

  @Test
  void aReadThatTakesTooLongIsInterrupted() {
    assertEquals(
        DatabaseException.Kind.TIMEOUT,
        failure(
                database
                    .withTimeout(Duration.ofMillis(200))
                    .query(
                        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                            + " SELECT count(*) FROM n"))
            .kind());
  }

  // ---- By messages

  @Test
  void takesQuestionsOfActors() throws Exception {
    WriteResult written =
        done(
            AskPattern.askWithStatus(
                peqlite.actor(),
                replyTo ->
                    new DatabaseCommand.Write(
                        List.of(Sql.of("INSERT INTO log VALUES (5)")),
                        true,
                        WriteOptions.DEFAULT.withTimeout(WAIT),
                        replyTo),
                WAIT,
                system.scheduler()));
    Rows rows =
        done(
            AskPattern.askWithStatus(
                peqlite.actor(),
                replyTo ->
                    new DatabaseCommand.Read(
                        Sql.of("SELECT count(*) FROM log"),
                        ReadOptions.DEFAULT.withMinSeq(written.position().seq()),
                        replyTo),
                WAIT,
                system.scheduler()));
    assertTrue(rows.rows().get(0).getLong(0) > 0);
    CompletionStage<Rows> wrong =
        AskPattern.askWithStatus(
            peqlite.actor(),
            replyTo ->
                new DatabaseCommand.Read(Sql.of("SELECT nope"), ReadOptions.DEFAULT, replyTo),
            WAIT,
            system.scheduler());
    assertEquals(DatabaseException.Kind.SQL, failure(wrong).kind());
  }

  // ---- At SQLite's own speed

  @Test
  void hasReadOnlyConnectionsToTheLocalDatabase() throws Exception {
    done(database.execute("INSERT INTO log VALUES (6)"));
    try (Connection connection = peqlite.dataSource().getConnection();
        java.sql.Statement statement = connection.createStatement()) {
      try (ResultSet rows = statement.executeQuery("SELECT count(*) FROM log")) {
        assertEquals(count("log"), rows.getLong(1));
      }
      for (String write :
          List.of("DELETE FROM log", "CREATE TEMP TABLE x (a)", "PRAGMA user_version=3")) {
        assertThrows(SQLException.class, () -> statement.executeUpdate(write), write);
      }
    }
    assertNotEquals(0, count("log"));
  }

  // ---- Changes

  @Test
  void followsWhatIsApplied() throws Exception {
    Pair<CompletionStage<Long>, SinkQueueWithCancel<Change>> stream =
        peqlite.changes().toMat(Sink.queue(), Keep.both()).run(system);
    long began = done(stream.first());
    done(database.execute("INSERT INTO log VALUES (?)", 70));
    done(
        database.batch(
            List.of(
                Sql.of("INSERT INTO log VALUES (?), (?)", 71, "x"),
                Sql.of("INSERT INTO nowhere VALUES (72)"))));
    failure(
        database.transaction(
            Sql.of("INSERT INTO log VALUES (73)"), Sql.of("INSERT INTO nowhere VALUES (74)")));
    WriteResult last = done(database.execute("INSERT INTO log VALUES (75)"));
    SinkQueueWithCancel<Change> queue = stream.second();
    Change first = change(queue);
    assertTrue(first.position().seq() > began);
    assertTrue(first.transaction());
    assertEquals(
        List.of(
            new Change.Statement(
                "INSERT INTO log VALUES (?)", List.<Object>of(70L), Optional.empty())),
        first.statements());
    Change batch = change(queue);
    assertFalse(batch.transaction());
    assertEquals(List.of(71L, "x"), batch.statements().get(0).parameters());
    assertEquals(
        List.of(true, false),
        batch.statements().stream().map(statement -> statement.error().isEmpty()).toList());
    Change end = change(queue);
    assertEquals(last.position(), end.position());
    assertTrue(end.time().isAfter(first.time()));
    queue.cancel();

    SinkQueueWithCancel<Change> again =
        peqlite.changes(first.position().seq()).runWith(Sink.queue(), system);
    assertEquals(batch.position(), change(again).position());
    again.cancel();
    ExecutionException lost =
        assertThrows(
            ExecutionException.class, () -> done(peqlite.changes(0).runWith(Sink.head(), system)));
    assertInstanceOf(ChangeLog.ChangesLostException.class, lost.getCause());
  }

  private static Change change(SinkQueueWithCancel<Change> queue) throws Exception {
    return done(queue.pull()).orElseThrow();
  }

  // ---- The application is left alone

  @Test
  void leavesTheApplicationsConfigurationAlone() {
    Config config = system.settings().config();
    assertEquals("local", config.getString("pekko.actor.provider"));
    assertFalse(config.hasPath("peqlite.sequencer"));
    assertEquals("", config.getString("pekko.persistence.journal.plugin"));
    assertSame(peqlite, Peqlite.get(system));
    assertSame(peqlite, Peqlite.get(system.classicSystem()));
    assertEquals(Optional.empty(), peqlite.url());
    assertTrue(peqlite.status().ready());
  }

  @Test
  void keepsItsDataOverAStopAndIsReachedByHttpWhereThatIsWanted() throws Exception {
    Path data = directory.resolve("other");
    String http = "peqlite.http-addr = \"127.0.0.1:0\"";
    String atStart = "pekko.actor.typed.extensions = [\"peqlite.Peqlite$Id\"]";
    ActorSystem<Void> first = system("first", data, http, atStart);
    assertTrue(Files.exists(data.resolve("lock")), "it starts with the system");
    Peqlite node = Peqlite.get(first);
    assertTrue(node.url().orElseThrow().startsWith("http://127.0.0.1:"));
    done(node.ready());
    done(node.database().execute("CREATE TABLE kept (n)"));
    done(node.database().execute("INSERT INTO kept VALUES (1)"));
    Connection open = node.dataSource().getConnection();
    first.terminate();
    done(first.getWhenTerminated());
    assertTrue(open.isClosed());
    assertEquals(
        DatabaseException.Kind.NOT_APPLIED,
        failure(node.database().execute("INSERT INTO kept VALUES (2)")).kind());
    assertEquals(
        DatabaseException.Kind.UNAVAILABLE, failure(node.database().query("SELECT 1")).kind());

    ActorSystem<Void> second = system("second", data);
    Peqlite anew = Peqlite.get(second);
    done(anew.ready());
    assertEquals(
        OptionalLong.of(1),
        done(anew.database().query(row -> row.getLong(0), "SELECT count(*) FROM kept")).stream()
            .mapToLong(Long::longValue)
            .findFirst());
    second.terminate();
    done(second.getWhenTerminated());
  }

  @Test
  void saysInOneLineWhyItCannotStart() throws Exception {
    Map<String, String> wrong =
        Map.of(
            "peqlite.data-dri = x",
            "there is no key 'peqlite.data-dri'",
            "peqlite.read.connections = none",
            "peqlite.read.connections",
            "peqlite.data-dir = \"" + directory.resolve("data") + "\"",
            "another node is running");
    for (Map.Entry<String, String> one : wrong.entrySet()) {
      ActorSystem<Void> system = system("wrong", directory.resolve("wrong"), one.getKey());
      try {
        String message =
            assertThrows(IllegalStateException.class, () -> Peqlite.get(system)).getMessage();
        assertTrue(message.contains(one.getValue()), message);
        assertFalse(message.contains("\n"), message);
      } finally {
        system.terminate();
        done(system.getWhenTerminated());
      }
    }
  }
}
