package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Column;
import sql.Statement;
import sql.Value;
import storage.ReadFailure.Kind;

@Timeout(60)
class ReadPoolTest {

  private static final String ENDLESS =
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

  @TempDir private Path folder;
  private Path file;
  private DeterministicFunctions functions;
  private Connection applying;
  private ReadPool pool;

  @BeforeEach
  void open() throws SQLException {
    file = folder.resolve("replica.db");
    functions = new DeterministicFunctions();
    applying = applying(file);
    write("CREATE TABLE _peqlite_position (seq INTEGER)");
    write("INSERT INTO _peqlite_position VALUES (7)");
    write("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(36) UNIQUE)");
    write("INSERT INTO t VALUES (1, 'one'), (2, 'two')");
    pool = pool(2);
  }

  @AfterEach
  void close() throws SQLException {
    pool.close();
    applying.close();
    functions.close();
  }

  @Test
  void returnsValuesByTheirStorageClass() throws ReadFailure {
    Rows rows =
        query(
            "SELECT 1, 1.5, 'a' || char(0) || '\u00e4\ud83d\ude00', x'00ff', NULL, x'', '',"
                + " 9223372036854775807, 1e999, ?, ?, ?, ?, ?",
            new Value.Int64(Long.MIN_VALUE),
            new Value.Real(-0.5),
            new Value.Text("it's"),
            new Value.Blob(new byte[] {1}),
            Value.NULL);
    assertEquals(
        List.of(
            new Value.Int64(1),
            new Value.Real(1.5),
            new Value.Text("a\0\u00e4\ud83d\ude00"),
            new Value.Blob(new byte[] {0, (byte) 0xff}),
            Value.NULL,
            new Value.Blob(new byte[0]),
            new Value.Text(""),
            new Value.Int64(Long.MAX_VALUE),
            new Value.Real(Double.POSITIVE_INFINITY),
            new Value.Int64(Long.MIN_VALUE),
            new Value.Real(-0.5),
            new Value.Text("it's"),
            new Value.Blob(new byte[] {1}),
            Value.NULL),
        rows.rows.get(0));
  }

  @Test
  void describesTheColumnsAlsoWithoutRows() throws ReadFailure {
    Rows rows = query("SELECT id, name AS n, id + 1 FROM t AS u WHERE id = ?", new Value.Int64(3));
    assertEquals(
        List.of(
            new Column("id", "t", "INTEGER"),
            new Column("n", "t", "VARCHAR(36)"),
            new Column("id + 1", "", "")),
        rows.columns);
    assertEquals(List.of(), rows.rows);
  }

  @Test
  void describesTheColumnsAsTheyAreNow() throws ReadFailure, SQLException {
    query("SELECT * FROM t WHERE id = 1");
    write("ALTER TABLE t RENAME COLUMN name TO title");
    assertEquals(new Column("title", "t", "VARCHAR(36)"), query("SELECT * FROM t").columns.get(1));
    assertEquals(
        new Column("title", "t", "VARCHAR(36)"),
        query("SELECT * FROM t WHERE id = 1").columns.get(1));
    write("DROP TABLE t");
    write("CREATE TABLE t (id, title INT, more)");
    assertEquals(
        List.of(
            new Column("id", "t", ""),
            new Column("title", "t", "INT"),
            new Column("more", "t", "")),
        query("SELECT * FROM t WHERE id = 1").columns);
    write("INSERT INTO t VALUES (1, 2, 3)");
    assertEquals(
        new Column("title", "t", "INT"), query("SELECT * FROM t WHERE id = 1").columns.get(1));
  }

  @Test
  void describesTheColumnsOfItsSnapshotWhileTheSchemaChanges() throws Exception {
    Statement statement = Statement.of("SELECT * FROM t WHERE id = 1");
    try (ReadPool one = pool(1)) {
      one.query(statement, limits(), new Rows());
      one.read(
          snapshot -> {
            write("ALTER TABLE t RENAME COLUMN name TO title");
            Rows old = new Rows();
            snapshot.query(statement, limits(), old);
            assertEquals("name", old.columns.get(1).name());
            return null;
          },
          soon());
      Rows now = new Rows();
      one.query(statement, limits(), now);
      assertEquals("title", now.columns.get(1).name());
    }
  }

  @Test
  void holdsOneStateStillForAllStatementsOfASnapshot() throws Exception {
    pool.read(
        snapshot -> {
          assertEquals(7, snapshot.seq());
          Rows before = new Rows();
          snapshot.query(Statement.of("SELECT count(*) FROM t"), limits(), before);
          write("INSERT INTO t VALUES (3, 'three')");
          write("UPDATE _peqlite_position SET seq = 8");
          Rows after = new Rows();
          snapshot.query(Statement.of("SELECT count(*) FROM t"), limits(), after);
          assertEquals(before.rows, after.rows);
          return null;
        },
        soon());
    assertEquals(8L, pool.read(ReadSnapshot::seq, soon()));
    assertEquals(8L, get(pool.submit(ReadSnapshot::seq)));
    assertEquals(0, pool.active());
  }

  @Test
  void isAtPositionZeroBeforeTheReplicaHasMadeItsTables() throws Exception {
    Path empty = folder.resolve("empty.db");
    try (Connection made = applying(empty);
        ReadPool reads = ReadPool.open(empty, new ReadSettings(1, 1, false, 1 << 20, 1 << 20))) {
      assertEquals(0L, reads.read(ReadSnapshot::seq, soon()));
      write(made, "CREATE TABLE _peqlite_position (seq INTEGER)");
      assertEquals(0L, reads.read(ReadSnapshot::seq, soon()));
      write(made, "INSERT INTO _peqlite_position VALUES (5)");
      assertEquals(5L, reads.read(ReadSnapshot::seq, soon()));
    }
  }

  @Test
  void opensTheFileOnlyWhenItIsNeeded() throws Exception {
    Path later = folder.resolve("later.db");
    try (ReadPool reads = ReadPool.open(later, new ReadSettings(1, 1, false, 1 << 20, 1 << 20))) {
      ReadFailure failure =
          assertThrows(ReadFailure.class, () -> reads.read(ReadSnapshot::seq, soon()));
      assertEquals(Kind.ENVIRONMENT, failure.kind());
      assertFalse(Files.exists(later));
      applying(later).close();
      assertEquals(0L, reads.read(ReadSnapshot::seq, soon()));
    }
  }

  @Test
  void streamsAMillionRows() throws ReadFailure {
    long[] seen = new long[2];
    pool.query(
        Statement.of(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000)"
                + " SELECT i, CASE WHEN i = 1000000 THEN 'last' END FROM n"),
        new ReadLimits(soon(), 1_000_000, Long.MAX_VALUE),
        new RowSink() {
          private Value[] first;

          @Override
          public void columns(List<Column> columns) {
            assertEquals(0, seen[0]);
          }

          @Override
          public void row(Value[] row) {
            if (first == null) {
              first = row;
            }
            assertSame(first, row);
            seen[0]++;
            // Each row arrives when it is read: this one before the last was computed.
            assertEquals(seen[0], ((Value.Int64) row[0]).value());
            seen[1] += row[1] == Value.NULL ? 0 : 1;
          }
        });
    assertEquals(1_000_000, seen[0]);
    assertEquals(1, seen[1]);
  }

  @Test
  void interruptsAtTheDeadline() {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(50);
    ReadFailure failure =
        assertThrows(
            ReadFailure.class,
            () -> pool.query(Statement.of(ENDLESS), new ReadLimits(deadline, 10, 10), new Rows()));
    assertEquals(Kind.TIMEOUT, failure.kind());
    assertEquals("query timeout", failure.text());
    assertTrue(System.nanoTime() - deadline >= 0);
    assertDoesNotLeak();
  }

  @Test
  void interruptsAStreamWhoseSinkIsSlowerThanTheDeadline() throws Exception {
    ReadLimits passed = new ReadLimits(System.nanoTime() + 20_000_000, 1 << 20, 1 << 20);
    ReadFailure failure =
        assertThrows(
            ReadFailure.class,
            () ->
                pool.query(
                    Statement.of("SELECT 1 FROM t, t, t, t, t, t, t, t, t, t"),
                    passed,
                    new Rows() {
                      @Override
                      public void row(Value[] row) {
                        while (System.nanoTime() - passed.deadlineNanos() < 0) {
                          Thread.onSpinWait();
                        }
                        super.row(row);
                      }
                    }));
    assertEquals(Kind.TIMEOUT, failure.kind());
    assertDoesNotLeak();
  }

  @Test
  void refusesToStartAfterTheDeadline() {
    ReadFailure failure =
        assertThrows(
            ReadFailure.class,
            () ->
                pool.query(
                    Statement.of("SELECT 1"),
                    new ReadLimits(System.nanoTime() - 1, 10, 10),
                    new Rows()));
    assertEquals(Kind.TIMEOUT, failure.kind());
    assertDoesNotLeak();
  }

  @Test
  void limitsTheRowsOfAllStatementsTogether() throws Exception {
    ReadLimits three = new ReadLimits(soon(), 3, 1000);
    pool.read(
        snapshot -> {
          Rows rows = new Rows();
          snapshot.query(Statement.of("SELECT id FROM t"), three, rows);
          Rows more = new Rows();
          ReadFailure failure =
              assertThrows(
                  ReadFailure.class,
                  () -> snapshot.query(Statement.of("SELECT id FROM t"), three, more));
          assertEquals(Kind.TOO_LARGE, failure.kind());
          assertTrue(failure.text().contains("3 rows"));
          assertTrue(failure.text().contains("peqlite.read.rows-max"));
          assertEquals(2, rows.rows.size());
          assertEquals(1, more.rows.size());
          return null;
        },
        soon());
    pool.query(Statement.of("SELECT id FROM t UNION ALL VALUES (3)"), three, new Rows());
    assertDoesNotLeak();
  }

  @Test
  void limitsTheBytes() throws ReadFailure {
    Statement statement = Statement.of("SELECT '\u00e4\u20ac\ud83d\ude00', x'0000', 1, NULL");
    pool.query(statement, new ReadLimits(soon(), 1, 19), new Rows());
    ReadFailure failure =
        assertThrows(
            ReadFailure.class,
            () -> pool.query(statement, new ReadLimits(soon(), 1, 18), new Rows()));
    assertEquals(Kind.TOO_LARGE, failure.kind());
    assertTrue(failure.text().contains("18 bytes"));
    assertTrue(failure.text().contains("peqlite.read.bytes-max"));
    assertDoesNotLeak();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO t VALUES (3, 'x')",
        "INSERT INTO t VALUES (3, 'x') RETURNING id",
        "WITH a AS (SELECT 1) DELETE FROM t",
        "UPDATE t SET name = 'x'",
        "CREATE TABLE u (x)",
        "DROP TABLE t",
        "CREATE TEMP TABLE t (x)",
        "ANALYZE",
        "PRAGMA user_version = 5",
        "BEGIN IMMEDIATE"
      })
  void refusesWrites(String sql) throws Exception {
    byte[] before = Files.readAllBytes(file);
    ReadFailure failure = assertThrows(ReadFailure.class, () -> query(sql));
    assertEquals("attempt to change database via query operation", failure.text());
    assertEquals(Kind.WRITE, failure.kind());
    pool.read(
        snapshot -> {
          ReadFailure again =
              assertThrows(
                  ReadFailure.class, () -> snapshot.query(Statement.of(sql), limits(), new Rows()));
          assertTrue(
              again.kind() == Kind.WRITE
                  || again.text().equals("cannot start a transaction within a transaction"));
          return null;
        },
        soon());
    assertEquals(List.of(List.of(new Value.Int64(2))), query("SELECT count(*) FROM t").rows);
    assertTrue(Arrays.equals(before, Files.readAllBytes(file)));
    assertDoesNotLeak();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"ATTACH 'other.db' AS o", "VACUUM INTO 'other.db'", "SELECT load_extension('x')"})
  void touchesNothingElse(String sql) {
    ReadFailure failure = assertThrows(ReadFailure.class, () -> query(sql));
    assertTrue(failure.kind() == Kind.STATEMENT || failure.kind() == Kind.WRITE);
    assertFalse(Files.exists(Path.of("other.db")));
    assertDoesNotLeak();
  }

  @Test
  void deliversNoColumnsForAStatementWithoutAny() throws ReadFailure {
    Rows rows = query("CREATE TABLE IF NOT EXISTS t (x)");
    assertEquals(List.of(), rows.columns);
    assertEquals(List.of(), rows.rows);
  }

  @Test
  void doesNotStayInATransactionThatAStatementBegan() throws Exception {
    try (ReadPool one = pool(1)) {
      one.query(Statement.of("BEGIN"), limits(), new Rows());
      one.query(Statement.of("SELECT * FROM t"), limits(), new Rows());
      one.query(Statement.of("SAVEPOINT s"), limits(), new Rows());
      one.query(Statement.of("SELECT * FROM t"), limits(), new Rows());
      write("UPDATE _peqlite_position SET seq = 9");
      assertEquals(9L, one.read(ReadSnapshot::seq, soon()));
      one.read(
          snapshot -> {
            ReadFailure failure =
                assertThrows(
                    ReadFailure.class,
                    () -> snapshot.query(Statement.of("COMMIT"), limits(), new Rows()));
            assertEquals("a read cannot control its transaction", failure.text());
            return null;
          },
          soon());
      assertEquals(9L, one.read(ReadSnapshot::seq, soon()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"SELECT * FROM bar", "blah", "SELECT abs('x', 1)", "SELECT json('{')"})
  void reportsAStatementsErrorInSqlitesWords(String sql) throws ReadFailure {
    for (int i = 0; i < 3; i++) {
      ReadFailure failure = assertThrows(ReadFailure.class, () -> query(sql));
      assertEquals(Kind.STATEMENT, failure.kind());
      assertFalse(failure.text().contains("SQLITE_"), failure.text());
    }
    assertEquals(2, query("SELECT id FROM t").rows.size());
    assertDoesNotLeak();
  }

  @Test
  void goesOnInASnapshotAfterAFailedStatement() throws Exception {
    pool.read(
        snapshot -> {
          assertThrows(
              ReadFailure.class,
              () -> snapshot.query(Statement.of("SELECT * FROM bar"), limits(), new Rows()));
          Rows rows = new Rows();
          snapshot.query(Statement.of("SELECT id FROM t"), limits(), rows);
          assertEquals(2, rows.rows.size());
          return null;
        },
        soon());
  }

  @Test
  void refusesWhatIsNotOneStatementWithItsParameters() {
    for (Statement wrong :
        List.of(
            Statement.of("SELECT ?, ?", Value.NULL),
            Statement.of("SELECT ?", Value.NULL, Value.NULL),
            Statement.of("SELECT 1\0, 2"),
            Statement.of(" -- nothing"),
            Statement.of(""),
            Statement.of(" -- nothing"))) {
      ReadFailure failure =
          assertThrows(ReadFailure.class, () -> pool.query(wrong, limits(), new Rows()));
      assertEquals(Kind.STATEMENT, failure.kind(), failure.text());
    }
    ReadFailure failure =
        assertThrows(ReadFailure.class, () -> query("SELECT ?, ?", new Value.Int64(1)));
    assertEquals("not enough args to execute query: want 2 got 1", failure.text());
  }

  @Test
  void letsASinkThrowWithoutLosingItsConnection() throws Exception {
    for (int i = 0; i < 10; i++) {
      IllegalStateException thrown =
          assertThrows(
              IllegalStateException.class,
              () ->
                  pool.query(
                      Statement.of("SELECT id FROM t"),
                      limits(),
                      new Rows() {
                        @Override
                        public void row(Value[] row) {
                          throw new IllegalStateException("enough");
                        }
                      }));
      assertEquals("enough", thrown.getMessage());
      CompletionStage<Object> failed =
          pool.submit(
              snapshot -> {
                throw new IllegalArgumentException("no");
              });
      CompletionException completed =
          assertThrows(CompletionException.class, () -> failed.toCompletableFuture().join());
      assertInstanceOf(IllegalArgumentException.class, completed.getCause());
    }
    assertDoesNotLeak();
    assertDoesNotHoldTheLog();
  }

  @Test
  void runsTheSameStatementInsideOfItself() throws Exception {
    Statement statement = Statement.of("SELECT id FROM t ORDER BY id");
    List<Integer> sizes = new ArrayList<>();
    pool.read(
        snapshot -> {
          snapshot.query(
              statement,
              limits(),
              new Rows() {
                @Override
                public void row(Value[] row) {
                  Rows inner = new Rows();
                  try {
                    snapshot.query(statement, limits(), inner);
                  } catch (ReadFailure e) {
                    throw new AssertionError(e);
                  }
                  sizes.add(inner.rows.size());
                }
              });
          return null;
        },
        soon());
    assertEquals(List.of(2, 2), sizes);
  }

  @Test
  void endsTheSnapshotWithTheWork() throws Exception {
    ReadSnapshot[] kept = new ReadSnapshot[1];
    pool.read(
        snapshot -> {
          kept[0] = snapshot;
          return null;
        },
        soon());
    assertThrows(
        IllegalStateException.class,
        () -> kept[0].query(Statement.of("SELECT 1"), limits(), new Rows()));
    assertDoesNotHoldTheLog();
  }

  @Test
  void servesManyThreadsWithFewConnections() throws Exception {
    AtomicBoolean stop = new AtomicBoolean();
    ExecutorService threads = Executors.newFixedThreadPool(17);
    try {
      Future<?> writer =
          threads.submit(
              () -> {
                for (int i = 0; !stop.get(); i++) {
                  write("UPDATE _peqlite_position SET seq = " + (8 + i));
                }
                return null;
              });
      List<Future<Integer>> readers = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        readers.add(threads.submit(this::readManyTimes));
      }
      for (Future<Integer> reader : readers) {
        assertEquals(300, reader.get());
      }
      stop.set(true);
      writer.get();
    } finally {
      stop.set(true);
      threads.shutdownNow();
    }
    assertDoesNotLeak();
  }

  private int readManyTimes() throws Exception {
    long last = 0;
    int done = 0;
    for (int i = 0; i < 100; i++) {
      assertTrue(pool.active() <= 2);
      long seq = pool.read(ReadSnapshot::seq, soon());
      assertTrue(seq >= last);
      last = get(pool.submit(ReadSnapshot::seq));
      assertTrue(last >= seq);
      assertEquals(2, query("SELECT * FROM t").rows.size());
      done += 3;
    }
    return done;
  }

  @Test
  void refusesAtOnceWhenTheQueueIsFull() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    try (ReadPool small = ReadPool.open(file, new ReadSettings(1, 2, false, 1 << 20, 1 << 20))) {
      CountDownLatch started = new CountDownLatch(1);
      List<CompletionStage<Boolean>> accepted = new ArrayList<>();
      accepted.add(
          small.submit(
              snapshot -> {
                started.countDown();
                return release.await(30, TimeUnit.SECONDS);
              }));
      started.await();
      accepted.add(small.submit(snapshot -> true));
      accepted.add(small.submit(snapshot -> true));
      assertEquals(2, small.queued());
      assertEquals(1, small.active());
      assertThrows(RejectedExecutionException.class, () -> small.submit(snapshot -> true));
      long passed = System.nanoTime();
      assertThrows(RejectedExecutionException.class, () -> small.read(snapshot -> true, passed));
      ReadFailure failure =
          assertThrows(
              ReadFailure.class,
              () ->
                  small.query(Statement.of("SELECT 1"), new ReadLimits(passed, 1, 1), new Rows()));
      assertEquals(Kind.TIMEOUT, failure.kind());
      release.countDown();
      for (CompletionStage<Boolean> each : accepted) {
        assertTrue(get(each));
      }
    }
  }

  @Test
  void interruptsRunningReadsAndRefusesWaitingOnesWhenItIsClosed() throws Exception {
    ReadPool small = ReadPool.open(file, new ReadSettings(1, 5, false, 1 << 20, 1 << 20));
    CountDownLatch started = new CountDownLatch(1);
    CompletionStage<Object> running =
        small.submit(
            snapshot -> {
              started.countDown();
              snapshot.query(Statement.of(ENDLESS), limits(), new Rows());
              return null;
            });
    started.await();
    CompletionStage<Long> waiting = small.submit(ReadSnapshot::seq);
    CompletableFuture<Object> calling =
        CompletableFuture.supplyAsync(
            () -> assertThrows(RejectedExecutionException.class, () -> small.read(s -> 1, soon())));
    small.close();
    CompletionException interrupted =
        assertThrows(CompletionException.class, () -> running.toCompletableFuture().join());
    ReadFailure failure = assertInstanceOf(ReadFailure.class, interrupted.getCause());
    assertEquals(Kind.ENVIRONMENT, failure.kind());
    CompletionException refused =
        assertThrows(CompletionException.class, () -> waiting.toCompletableFuture().join());
    assertInstanceOf(RejectedExecutionException.class, refused.getCause());
    calling.join();
    assertThrows(RejectedExecutionException.class, () -> small.submit(ReadSnapshot::seq));
    assertThrows(RejectedExecutionException.class, () -> small.read(ReadSnapshot::seq, soon()));
    small.close();
  }

  @Test
  void readsTheNewFileAfterItWasReplaced() throws Exception {
    Path other = folder.resolve("other.db");
    try (Connection made = applying(other)) {
      write(made, "CREATE TABLE _peqlite_position (seq INTEGER)");
      write(made, "INSERT INTO _peqlite_position VALUES (100)");
      write(made, "PRAGMA wal_checkpoint(TRUNCATE)");
    }
    assertEquals(7L, pool.read(ReadSnapshot::seq, soon()));
    assertEquals(7L, get(pool.submit(ReadSnapshot::seq)));
    applying.close();
    pool.quiesce(
        10_000,
        () -> {
          pool.reopen();
          assertEquals(0, pool.active());
          replace(other);
        });
    assertEquals(100L, pool.read(ReadSnapshot::seq, soon()));
    assertEquals(100L, get(pool.submit(ReadSnapshot::seq)));
  }

  private void replace(Path other) {
    try {
      Files.deleteIfExists(folder.resolve("replica.db-wal"));
      Files.deleteIfExists(folder.resolve("replica.db-shm"));
      Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void doesNotKeepABorrowedConnectionToAReplacedFile() throws Exception {
    try (ReadPool one = pool(1)) {
      one.read(
          snapshot -> {
            one.reopen();
            // The old connection still reads what it began to read.
            snapshot.query(Statement.of("SELECT * FROM t"), limits(), new Rows());
            return null;
          },
          soon());
      assertEquals(7L, one.read(ReadSnapshot::seq, soon()));
    }
  }

  @Test
  void holdsBackNewReadsWhileACheckpointRuns() throws Exception {
    CountDownLatch reading = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    CompletionStage<Boolean> running =
        pool.submit(
            snapshot -> {
              reading.countDown();
              return release.await(30, TimeUnit.SECONDS);
            });
    reading.await();
    List<String> order = new ArrayList<>();
    CompletableFuture<Long> held = new CompletableFuture<>();
    pool.quiesce(
        1,
        () -> {
          order.add("ran beside the running read");
          pool.submit(ReadSnapshot::seq)
              .thenAccept(
                  seq -> {
                    order.add("read");
                    held.complete(seq);
                  });
          assertThrows(
              RejectedExecutionException.class,
              () -> pool.read(ReadSnapshot::seq, System.nanoTime() + 1_000_000));
          order.add("action ended");
        });
    assertEquals(7L, held.get());
    assertEquals(List.of("ran beside the running read", "action ended", "read"), order);
    release.countDown();
    assertTrue(get(running));
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                pool.quiesce(
                    1000,
                    () -> {
                      throw new IllegalStateException("failed");
                    }));
    assertEquals("failed", thrown.getMessage());
    assertDoesNotLeak();
  }

  @Test
  void throwsAwayAConnectionThatMetADamagedFile() throws Exception {
    Path broken = folder.resolve("broken.db");
    Files.write(broken, "not a database".repeat(1000).getBytes(StandardCharsets.US_ASCII));
    try (ReadPool reads = ReadPool.open(broken, new ReadSettings(1, 1, false, 1 << 20, 1 << 20))) {
      for (int i = 0; i < 2; i++) {
        ReadFailure failure =
            assertThrows(
                ReadFailure.class,
                () -> reads.query(Statement.of("SELECT * FROM t"), limits(), new Rows()));
        assertEquals(Kind.ENVIRONMENT, failure.kind());
        assertEquals("file is not a database", failure.text());
        assertEquals(0, reads.active());
      }
      Files.delete(broken);
      applying(broken).close();
      assertEquals(0L, reads.read(ReadSnapshot::seq, soon()));
    }
  }

  @Test
  void waitsForARecoveringWriterOnlyUntilItsDeadline() throws Exception {
    applying.close();
    try (Connection exclusive = applying(file)) {
      write(exclusive, "PRAGMA locking_mode=EXCLUSIVE");
      write(exclusive, "UPDATE _peqlite_position SET seq = 8");
      ReadFailure failure =
          assertThrows(
              ReadFailure.class,
              () ->
                  pool.query(
                      Statement.of("SELECT * FROM t"),
                      new ReadLimits(System.nanoTime() + 50_000_000, 10, 100),
                      new Rows()));
      assertTrue(failure.kind() == Kind.ENVIRONMENT || failure.kind() == Kind.TIMEOUT);
    }
    assertEquals(8L, pool.read(ReadSnapshot::seq, soon()));
  }

  private void assertDoesNotLeak() {
    assertEquals(0, pool.active());
    assertEquals(0, pool.queued());
  }

  /** A statement that was not reset, or a transaction that was not ended, would prevent this. */
  private void assertDoesNotHoldTheLog() throws SQLException {
    write("INSERT INTO t VALUES (1000, 'x')");
    try (java.sql.Statement statement = applying.createStatement();
        java.sql.ResultSet row = statement.executeQuery("PRAGMA wal_checkpoint(TRUNCATE)")) {
      assertTrue(row.next());
      assertEquals(0, row.getInt(1));
    }
  }

  private Rows query(String sql, Value... parameters) throws ReadFailure {
    Rows rows = new Rows();
    pool.query(Statement.of(sql, parameters), limits(), rows);
    return rows;
  }

  private ReadPool pool(int connections) {
    return ReadPool.open(file, new ReadSettings(connections, 100, false, 1 << 20, 1 << 24));
  }

  private Connection applying(Path path) throws SQLException {
    return DatabaseConnections.openApplying(
        path, new DatabaseConnections.ApplyingSettings(false, 1 << 20, 0), functions);
  }

  private void write(String sql) throws SQLException {
    write(applying, sql);
  }

  private static void write(Connection connection, String sql) throws SQLException {
    try (java.sql.Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static ReadLimits limits() {
    return new ReadLimits(soon(), 1000, 1 << 20);
  }

  private static long soon() {
    return System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
  }

  private static <T> T get(CompletionStage<T> stage) {
    return stage.toCompletableFuture().join();
  }

  /** Keeps everything. */
  private static class Rows implements RowSink {
    private List<Column> columns;
    private final List<List<Value>> rows = new ArrayList<>();

    @Override
    public void columns(List<Column> columns) {
      assertTrue(this.columns == null, "columns come once");
      this.columns = columns;
    }

    @Override
    public void row(Value[] row) {
      rows.add(List.of(row));
    }
  }
}
