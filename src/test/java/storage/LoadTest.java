package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.IdempotencyKey;
import sql.Position;
import sql.WriteOutcome;

/** What is larger than a request becomes the database, or is run, as one step of the order. */
class LoadTest {

  @TempDir Path folder;

  private final EventChain chain = EventChain.create();
  private long number = 1_000_000; // apart from those that the chain gives

  @Test
  void aFileBecomesTheDatabaseAndKeepsWhatTheReplicaKnows() throws Exception {
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.run(chain, "CREATE TABLE old (a)", "INSERT INTO old VALUES (1)");
      replica.run(chain, EventChain.keyed("k", "INSERT INTO old VALUES (2)"));
      Position finish = load(file("CREATE TABLE new (b)", "INSERT INTO new VALUES (7)"));
      chain.write("INSERT INTO new VALUES (8)");

      applyAll(replica);

      assertEquals(List.of("7", "8"), replica.read("SELECT b FROM new ORDER BY b"));
      assertEquals(0, replica.read("SELECT * FROM sqlite_schema WHERE name = 'old'").size());
      assertEquals(ReplicaFixture.executed(), replica.outcome(finish));
      assertEquals(0, replica.read("SELECT * FROM _peqlite_pieces").size());
      // A key from before the load is known behind it.
      Position again = chain.write(EventChain.keyed("k", "INSERT INTO old VALUES (2)"));
      applyAll(replica);
      assertInstanceOf(WriteOutcome.Duplicate.class, replica.outcome(again));
      assertSameAfterReplay(replica);
    }
  }

  /** Two nodes load at once: what has arrived of the one outlives the load of the other. */
  @Test
  void whatAnotherSessionHasSentOutlivesALoad() throws Exception {
    Position other = new Position(chain.head() + 1, 0);
    chain.append(new Entry.SessionOpened("n2", "other"));
    Path mine = file("CREATE TABLE mine (a)");
    Path theirs = file("CREATE TABLE theirs (a)");
    List<LoadStep.Piece> pieces = pieces("theirs", Files.readAllBytes(theirs));
    for (LoadStep.Piece piece : pieces) {
      step(other, piece);
    }
    load(mine);
    step(other, finish("theirs", LoadStep.Content.DATABASE, pieces, Files.readAllBytes(theirs)));
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      applyAll(replica);
      assertEquals(
          List.of("theirs"),
          replica.read("SELECT name FROM sqlite_schema WHERE name NOT LIKE '%peqlite%'"));
      assertSameAfterReplay(replica);
    }
  }

  @Test
  void piecesMayComeInAnyOrderAndTwice() throws Exception {
    byte[] bytes = Files.readAllBytes(file("CREATE TABLE t (a)", filling(3_000)));
    List<LoadStep.Piece> pieces = pieces("l", bytes);
    assertTrue(pieces.size() > 2);
    List<LoadStep.Piece> shuffled = new ArrayList<>(pieces);
    shuffled.addAll(pieces);
    Collections.shuffle(shuffled, new Random(5));
    shuffled.forEach(piece -> step(EventChain.SESSION, piece));
    step(EventChain.SESSION, finish("l", LoadStep.Content.DATABASE, pieces, bytes));
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      applyAll(replica);
      assertEquals(List.of("3000"), replica.read("SELECT count(*) FROM t"));
    }
  }

  @Test
  void withoutAllPiecesNothingChanges() throws Exception {
    byte[] bytes = Files.readAllBytes(file("CREATE TABLE t (a)", filling(3_000)));
    List<LoadStep.Piece> pieces = pieces("l", bytes);
    pieces.subList(1, pieces.size()).forEach(piece -> step(EventChain.SESSION, piece));
    Position missing =
        step(EventChain.SESSION, finish("l", LoadStep.Content.DATABASE, pieces, bytes));
    pieces.forEach(piece -> step(EventChain.SESSION, piece));
    bytes[bytes.length - 1] ^= 1;
    Position other =
        step(EventChain.SESSION, finish("l", LoadStep.Content.DATABASE, pieces, bytes));
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.apply(chain);
      assertTrue(error(replica.outcome(missing)).contains("piece 0 of"));
      assertTrue(error(replica.outcome(other)).contains("not what was sent"));
      assertEquals(0, replica.read("SELECT * FROM _peqlite_pieces").size());
      assertEquals(0, replica.read("SELECT * FROM sqlite_schema WHERE name = 't'").size());
    }
  }

  @Test
  void withTheirSessionAndWithADropPiecesAreForgotten() throws Exception {
    byte[] bytes = Files.readAllBytes(file("CREATE TABLE t (a)"));
    pieces("l", bytes).forEach(piece -> step(EventChain.SESSION, piece));
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.apply(chain);
      assertFalse(replica.read("SELECT * FROM _peqlite_pieces").isEmpty());
      step(EventChain.SESSION, new LoadStep.Drop("l"));
      replica.apply(chain);
      assertTrue(replica.read("SELECT * FROM _peqlite_pieces").isEmpty());
      pieces("m", bytes).forEach(piece -> step(EventChain.SESSION, piece));
      replica.apply(chain);
      assertFalse(replica.read("SELECT * FROM _peqlite_pieces").isEmpty());
      chain.append(new Entry.SessionOpened(EventChain.NODE, "next process"));
      replica.apply(chain);
      assertTrue(replica.read("SELECT * FROM _peqlite_pieces").isEmpty());
    }
  }

  @Test
  void aScriptIsRunWholeOrNotAtAll() throws Exception {
    Position good =
        script("CREATE TABLE t (a UNIQUE)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)");
    Position bad =
        script("INSERT INTO t VALUES (3)", "CREATE TABLE u (b)", "INSERT INTO t VALUES (1)");
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.apply(chain);
      assertEquals(ReplicaFixture.executed(ReplicaFixture.inserted(1, 2)), replica.outcome(good));
      assertTrue(
          replica.outcome(bad).toString().contains("statement 3: UNIQUE constraint failed: t.a"),
          () -> replica.outcome(bad).toString());
      assertEquals(List.of("1", "2"), replica.read("SELECT a FROM t ORDER BY a"));
      assertEquals(0, replica.read("SELECT * FROM sqlite_schema WHERE name = 'u'").size());
      assertEquals(0, replica.read("SELECT * FROM _peqlite_pieces").size());
      assertSameAfterReplay(replica);
    }
  }

  @Test
  void aScriptThatViolatesAForeignKeyAtItsEndIsAnOutcome() throws Exception {
    EventChain keys = new EventChain(EventChain.FOREIGN_KEYS);
    try (ReplicaFixture replica = ReplicaFixture.withForeignKeys(folder)) {
      replica.run(
          keys,
          "CREATE TABLE p (id INTEGER PRIMARY KEY)",
          "CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
      byte[] bytes = scriptBytes("INSERT INTO c VALUES (1)");
      pieces("l", bytes).forEach(piece -> step(keys, EventChain.SESSION, piece));
      Position refused =
          step(
              keys,
              EventChain.SESSION,
              finish("l", LoadStep.Content.SCRIPT, pieces("l", bytes), bytes));
      byte[] ordered = scriptBytes("INSERT INTO c VALUES (2)", "INSERT INTO p VALUES (2)");
      pieces("m", ordered).forEach(piece -> step(keys, EventChain.SESSION, piece));
      Position taken =
          step(
              keys,
              EventChain.SESSION,
              finish("m", LoadStep.Content.SCRIPT, pieces("m", ordered), ordered));
      replica.apply(keys);
      assertEquals("FOREIGN KEY constraint failed", error(replica.outcome(refused)));
      assertEquals(Optional.empty(), ((WriteOutcome.Executed) replica.outcome(taken)).error());
      assertEquals(List.of("2"), replica.read("SELECT p FROM c"));
    }
  }

  @Test
  void aRepeatedKeyLoadsOnce() throws Exception {
    Path file = file("CREATE TABLE t (a)");
    byte[] bytes = Files.readAllBytes(file);
    Optional<IdempotencyKey> key = Optional.of(new IdempotencyKey("", "load"));
    List<Position> finishes = new ArrayList<>();
    for (String load : List.of("first", "second")) {
      List<LoadStep.Piece> pieces = pieces(load, bytes);
      pieces.forEach(piece -> step(EventChain.SESSION, piece));
      finishes.add(
          step(
              EventChain.SESSION,
              new LoadStep.Finish(
                  load,
                  LoadStep.Content.DATABASE,
                  pieces.size(),
                  bytes.length,
                  EventHash.of(bytes),
                  key)));
      chain.write("INSERT INTO t VALUES (1)");
    }
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      applyAll(replica);
      WriteOutcome second = replica.outcome(finishes.get(1));
      assertEquals(finishes.get(0), ((WriteOutcome.Duplicate) second).original());
      assertEquals(List.of("2"), replica.read("SELECT count(*) FROM t"));
    }
  }

  @Test
  void aVacuumGivesSpaceBackAndChangesNothingElse() throws Exception {
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.run(chain, "CREATE TABLE t (a)", "CREATE INDEX ta ON t (a)", filling(3_000));
      replica.run(chain, "DELETE FROM t WHERE rowid % 10 <> 7");
      replica.applier().checkpoint();
      final long before = Files.size(folder.resolve("replica.db"));
      final List<String> rowids = replica.read("SELECT rowid FROM t ORDER BY rowid");
      Position at = chain.next(0);
      chain.append(new Entry.Vacuum());
      chain.write("INSERT INTO t VALUES (5)");
      ApplyResult result = replica.apply(chain);
      assertEquals(new ApplyResult.Replaced(at, List.of()), result);
      applyAll(replica);
      assertTrue(Files.size(folder.resolve("replica.db")) < before / 2);
      assertEquals(rowids, replica.read("SELECT rowid FROM t WHERE a <> 5 ORDER BY rowid"));
      assertEquals(List.of("ok"), replica.read("PRAGMA integrity_check"));
      assertSameAfterReplay(replica);
    }
  }

  /** A load is an event like any other to who asks for the past. */
  @Test
  void thePastIsThatOfTheLoadedDatabase() throws Exception {
    chain.write("CREATE TABLE old (a)");
    load(file("CREATE TABLE t (b)", filling(20)));
    chain.write("DELETE FROM t WHERE rowid > 3");
    chain.append(new Entry.Vacuum());
    script("CREATE TABLE u (c)", "INSERT INTO u VALUES (1)");
    chain.write("INSERT INTO u VALUES (2)");
    EventChain all = chain;
    for (long seq = 1; seq <= all.head(); seq++) {
      Path past = folder.resolve("past.db");
      PastDatabase made =
          new PastDatabase(
              (from, events, bytes) -> all.events().stream().skip(from - 1).limit(events).toList(),
              1 << 20,
              0);
      made.make(Optional.empty(), new PastTarget.AfterEvent(seq), past);
      Path there = Files.createDirectory(folder.resolve("stopped" + seq));
      try (ReplicaFixture replica = ReplicaFixture.open(there)) {
        applyAll(replica, all.events().subList(0, (int) seq));
        try (ReplicaFixture read = replica.openCopy(past)) {
          assertEquals(replica.digest(), read.digest(), "as of event " + seq);
        }
      }
    }
  }

  /** Each state that a crash can leave the files in ends with the one or the other database. */
  @Test
  void aCrashWhileTheFileIsReplacedLeavesOneOfTheTwo() throws Exception {
    Path database = folder.resolve("replica.db");
    load(file("CREATE TABLE new (b)"));
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.run(EventChain.create(), "CREATE TABLE unused (a)");
      Files.deleteIfExists(folder.resolve("unused"));
    }
    Files.delete(database);
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      assertInstanceOf(ApplyResult.Replaced.class, replica.apply(chain));
      long reached = replica.seq();
      // Before the first step: the old one is there, and makes it again.
      replica.reopen();
      assertFalse(Files.exists(ReplicaFiles.loaded(database)));
      assertEquals(reached, replica.seq());
      assertInstanceOf(ApplyResult.Replaced.class, replica.apply(chain));
      // After it: the old log must not be played into the new file.
      replica.applier().close();
      Files.delete(database);
      // Nothing but the file itself belongs to it, which says that it is used with a log.
      assertFalse(Files.exists(folder.resolve("replica.db.loading-wal")));
      assertFalse(Files.exists(folder.resolve("replica.db.loaded-wal")));
      assertEquals(2, Files.readAllBytes(ReplicaFiles.loaded(database))[18]);
      Files.write(database.resolveSibling("replica.db-wal"), new byte[4096]);
      replica.reopen();
      assertEquals(1, replica.read("SELECT 1 FROM sqlite_schema WHERE name = 'new'").size());
      assertInstanceOf(ApplyResult.Applied.class, replica.apply(chain));
      assertEquals(chain.head(), replica.seq());
    }
  }

  @Test
  void whatCannotBecomeTheDatabaseIsRefusedAndSaysWhy() throws Exception {
    Path time = file("CREATE TABLE t (a)", "CREATE VIEW v AS SELECT load_extension('x')");
    assertTrue(refusal(time).contains("view v"), () -> refusal(time));
    Path wide = file("PRAGMA encoding = 'UTF-16'", "CREATE TABLE t (a)");
    assertTrue(refusal(wide).contains("UTF-8"));
    Path damaged = file("CREATE TABLE t (a)", "CREATE INDEX i ON t (a)", filling(1_000));
    byte[] bytes = Files.readAllBytes(damaged);
    Arrays.fill(bytes, 8_192, 12_288, (byte) 77);
    Files.write(damaged, bytes);
    assertTrue(refusal(damaged).contains("damaged") || refusal(damaged).contains("no sound"));
    Path text = folder.resolve("text");
    Files.writeString(text, "SQLite format 3\0 and then nothing of the kind");
    assertTrue(refusal(text).contains("no sound SQLite database"), () -> refusal(text));
  }

  /** Whatever SQL can make here may come in by a file. */
  @Test
  void aFileMayHoldWhatEveryDatabaseMayHold() throws Exception {
    Path file =
        file(
            "PRAGMA page_size = 8192",
            "PRAGMA auto_vacuum = INCREMENTAL",
            "PRAGMA user_version = 7",
            "CREATE TABLE t (a PRIMARY KEY, b AS (a * 2) STORED) WITHOUT ROWID",
            "CREATE INDEX ti ON t (sqrt(a), b) WHERE a > 1",
            "CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT, j TEXT) STRICT",
            "CREATE VIEW v AS SELECT sum(a) AS n FROM t",
            "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO s(j) VALUES (new.b); END",
            "CREATE VIRTUAL TABLE f USING fts5(x)",
            "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)",
            "INSERT INTO t(a) VALUES (2), (3), (4)",
            "INSERT INTO f VALUES ('one two'), ('two three')",
            "INSERT INTO r VALUES (1, 0.5, 1.5)",
            "ANALYZE");
    LoadFile.prepare(file, false);
    load(file);
    chain.write("INSERT INTO t(a) VALUES (5)");
    chain.write("INSERT INTO f VALUES ('three four')");
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      applyAll(replica);
      assertEquals(List.of("14"), replica.read("SELECT n FROM v"));
      assertEquals(List.of("4|10"), replica.read("SELECT id, j FROM s WHERE id = 4"));
      assertEquals(List.of("2"), replica.read("SELECT count(*) FROM f WHERE f MATCH 'three'"));
      assertEquals(List.of("7"), replica.read("PRAGMA user_version"));
      assertEquals(List.of("ok"), replica.read("PRAGMA integrity_check"));
      assertSameAfterReplay(replica);
    }
  }

  @Test
  void whatAnotherClusterHasLeftInAFileIsLeftAside() throws Exception {
    Path file =
        file(
            "CREATE TABLE t (a)",
            "CREATE TABLE _peqlite_position (seq)",
            "CREATE TABLE _PEQLITE_other (seq)",
            "CREATE VIEW _peqlite_view AS SELECT 1",
            "CREATE TRIGGER _peqlite_trigger AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE INDEX _peqlite_index ON t (a)",
            "PRAGMA journal_mode = WAL",
            "INSERT INTO t VALUES (1)");
    LoadFile.prepare(file, false);
    assertFalse(Files.exists(file.resolveSibling(file.getFileName() + "-wal")));
    load(file);
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      applyAll(replica);
      assertEquals(List.of("1"), replica.read("SELECT a FROM t"));
      assertEquals(
          0,
          replica
              .read(
                  "SELECT name FROM sqlite_schema WHERE name LIKE '%other' OR name LIKE '%view'"
                      + " OR name LIKE '%trigger' OR name LIKE '%peqlite_index'")
              .size());
      assertEquals(List.of("" + chain.head()), replica.read("SELECT seq FROM _peqlite_position"));
    }
  }

  private String refusal(Path file) {
    return String.valueOf(
        assertThrows(LoadFile.UnloadableException.class, () -> LoadFile.prepare(file, false))
            .getMessage());
  }

  private static String error(WriteOutcome outcome) {
    return ((WriteOutcome.Executed) outcome).error().orElseThrow();
  }

  private static String filling(int rows) {
    return "INSERT INTO t SELECT hex(randomblob(400)) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION"
        + " ALL SELECT i + 1 FROM n WHERE i < "
        + rows
        + ") SELECT i FROM n)";
  }

  private int files;

  private Path file(String... statements) throws SQLException {
    files++;
    Path file = folder.resolve("file" + files + ".db");
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
    return file;
  }

  private static byte[] scriptBytes(String... statements) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (LoadedScript.Writer writer = new LoadedScript.Writer(bytes)) {
      for (String statement : statements) {
        writer.add(statement);
      }
    }
    return bytes.toByteArray();
  }

  private Position script(String... statements) throws IOException {
    return load("script" + number, LoadStep.Content.SCRIPT, scriptBytes(statements));
  }

  private Position load(Path file) throws IOException {
    return load("file" + number, LoadStep.Content.DATABASE, Files.readAllBytes(file));
  }

  private Position load(String name, LoadStep.Content content, byte[] bytes) {
    List<LoadStep.Piece> pieces = pieces(name, bytes);
    pieces.forEach(piece -> step(EventChain.SESSION, piece));
    return step(EventChain.SESSION, finish(name, content, pieces, bytes));
  }

  private static List<LoadStep.Piece> pieces(String load, byte[] bytes) {
    List<LoadStep.Piece> pieces = new ArrayList<>();
    for (int at = 0; at < bytes.length; at += LoadStep.PIECE_BYTES_MAX) {
      byte[] plain =
          Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + LoadStep.PIECE_BYTES_MAX));
      pieces.add(new LoadStep.Piece(load, pieces.size(), Zstd.compress(plain)));
    }
    return pieces;
  }

  private static LoadStep.Finish finish(
      String load, LoadStep.Content content, List<LoadStep.Piece> pieces, byte[] bytes) {
    return new LoadStep.Finish(
        load, content, pieces.size(), bytes.length, EventHash.of(bytes), Optional.empty());
  }

  private Position step(Position session, LoadStep step) {
    return step(chain, session, step);
  }

  private Position step(EventChain chain, Position session, LoadStep step) {
    number++;
    Position at = chain.next(0);
    chain.append(new Entry.Submitted(session, numberOf(chain, session), LoadCodec.encode(step)));
    return at;
  }

  /** Numbers as the chain gives them, so that none is too far ahead. */
  private static long numberOf(EventChain chain, Position session) {
    Entry.Submitted next =
        (Entry.Submitted) chain.request(session, EventChain.statements("SELECT 1"));
    return next.number();
  }

  /** As a replica does it, files replaced where the journal says so. */
  private void applyAll(ReplicaFixture replica) throws Exception {
    applyAll(replica, chain.events());
  }

  private static void applyAll(ReplicaFixture replica, List<StoredEvent> events) throws Exception {
    ApplyResult result = replica.apply(events);
    while (result instanceof ApplyResult.Replaced replaced) {
      replica.applier().close();
      ReplicaFiles.replaceByLoaded(replica.file());
      replica.reopen();
      replaced.applied().forEach(entry -> replica.told.put(entry.position(), entry));
      result = replica.apply(events);
    }
    assertEquals(new ApplyResult.Applied(), result);
  }

  private void assertSameAfterReplay(ReplicaFixture replica) throws Exception {
    Path second = Files.createDirectory(folder.resolve("second"));
    try (ReplicaFixture replay = ReplicaFixture.open(second)) {
      applyAll(replay);
      assertEquals(replica.digest(), replay.digest());
    }
  }
}
