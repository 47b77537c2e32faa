package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class DatabaseCopyTest {

  private static final String SECRET = "nobody is to read this key";

  @TempDir private Path folder;
  private Path file;
  private Path copy;
  private Connection writing;

  @BeforeEach
  void open() throws SQLException {
    file = folder.resolve("replica.db");
    copy = folder.resolve("copy.db");
    writing = DriverManager.getConnection("jdbc:sqlite:" + file);
    run("PRAGMA journal_mode=WAL");
    run("CREATE TABLE _peqlite_position (seq INTEGER)");
    run("CREATE TABLE _peqlite_keys (key TEXT)");
    run("CREATE TABLE t (seq INTEGER, filler)");
    run("INSERT INTO _peqlite_position VALUES (0)");
    run("INSERT INTO _peqlite_keys VALUES ('" + SECRET + "')");
  }

  @AfterEach
  void close() throws SQLException {
    writing.close();
  }

  private void run(String sql) throws SQLException {
    try (Statement statement = writing.createStatement()) {
      statement.execute(sql);
    }
  }

  private long take() throws SQLException {
    try (Connection source = DriverManager.getConnection("jdbc:sqlite:" + file + "?open_mode=1")) {
      return DatabaseCopy.take(source, copy);
    }
  }

  private long asked(String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + copy);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? row.getLong(1) : -1;
    }
  }

  private String integrity() throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + copy);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("PRAGMA integrity_check")) {
      return row.getString(1);
    }
  }

  private void event() throws SQLException {
    run("BEGIN");
    run("UPDATE _peqlite_position SET seq = seq + 1");
    run("INSERT INTO t SELECT seq, randomblob(2000) FROM _peqlite_position");
    run("COMMIT");
  }

  @Test
  void isOfOneStateThoughSomebodyWritesAllTheTime() throws Exception {
    run(
        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)"
            + " SELECT 0, randomblob(2000) FROM n");
    AtomicBoolean enough = new AtomicBoolean();
    CompletableFuture<Long> writer =
        CompletableFuture.supplyAsync(
            () -> {
              long written = 0;
              try {
                while (!enough.get()) {
                  event();
                  written++;
                }
              } catch (SQLException e) {
                throw new IllegalStateException(e);
              }
              return written;
            });
    for (int time = 0; time < 5; time++) {
      long seq = take();
      assertEquals(seq, asked("SELECT seq FROM _peqlite_position"));
      assertEquals(seq, asked("SELECT max(seq) FROM t"));
      assertEquals(seq, asked("SELECT count(*) FROM t WHERE seq > 0"));
      assertEquals("ok", integrity());
      Files.delete(copy);
    }
    enough.set(true);
    assertTrue(writer.get(20, TimeUnit.SECONDS) > 5, "somebody wrote meanwhile");
  }

  @Test
  void whatIsForTheOutsideHoldsNothingInternal() throws Exception {
    event();
    run("DELETE FROM t");
    event();
    take();
    DatabaseCopy.prepareForOutside(copy, false, true);
    byte[] bytes = Files.readAllBytes(copy);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    assertFalse(text.contains(SECRET));
    assertFalse(text.contains("_peqlite"));
    assertArrayEquals(new byte[] {2, 2}, Arrays.copyOfRange(bytes, 18, 20));
    assertEquals(1, asked("SELECT count(*) FROM t"));
    assertEquals("ok", integrity());
  }

  @Test
  void freePagesCanBeLeftOut() throws Exception {
    for (int i = 0; i < 200; i++) {
      event();
    }
    run("DELETE FROM t WHERE seq > 1");
    take();
    DatabaseCopy.prepareForOutside(copy, false, false);
    long before = Files.size(copy);
    assertArrayEquals(new byte[] {1, 1}, Arrays.copyOfRange(Files.readAllBytes(copy), 18, 20));
    DatabaseCopy.prepareForOutside(copy, true, false);
    assertTrue(Files.size(copy) < before / 10, () -> before + " bytes before");
    assertEquals(1, asked("SELECT count(*) FROM t"));
  }
}
