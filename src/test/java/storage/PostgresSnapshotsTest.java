package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots as rows of a real PostgreSQL; the tests share a server, each with its own schema. */
class PostgresSnapshotsTest {

  private static final String JOURNAL = "the journal";
  private static final BooleanSupplier ALWAYS = () -> true;
  private static final int PIECE = PostgresSnapshots.PIECE_BYTES;

  @TempDir static Path servers;
  private static PostgresServer server;
  private static final AtomicInteger SCHEMAS = new AtomicInteger();

  @TempDir Path folder;
  private final String schema = "snapshots_" + SCHEMAS.incrementAndGet();
  private PostgresSnapshots snapshots;

  @BeforeAll
  static void startServer() throws Exception {
    server = PostgresServer.start(servers);
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void open() throws Exception {
    server.execute("CREATE SCHEMA " + schema);
    try (PostgresJournal journal = new PostgresJournal(settings())) {
      journal.prepare();
    }
    snapshots = new PostgresSnapshots(settings());
  }

  @AfterEach
  void close() {
    snapshots.close();
  }

  private PostgresSettings settings() {
    return settings(PostgresServer.USER, PostgresServer.PASSWORD);
  }

  private PostgresSettings settings(String user, String password) {
    return new PostgresSettings(
        server.bareUrl() + "?currentSchema=" + schema, Optional.of(user), Optional.of(password));
  }

  /** A file of bytes that do not repeat. */
  private Path file(String name, int bytes) throws IOException {
    byte[] content = new byte[bytes];
    new Random(name.hashCode()).nextBytes(content);
    return Files.write(folder.resolve(name), content);
  }

  private void assertKept(PostgresSnapshots.Kept kept, Path file) throws Exception {
    byte[] expected = Files.readAllBytes(file);
    assertEquals(expected.length, kept.bytes());
    for (int piece = 0; piece < kept.pieces(); piece++) {
      int from = piece * PIECE;
      assertArrayEquals(
          Arrays.copyOfRange(expected, from, Math.min(from + PIECE, expected.length)),
          snapshots.piece(kept.id(), piece));
    }
    int behind = kept.pieces();
    JournalException missing =
        assertThrows(JournalException.class, () -> snapshots.piece(kept.id(), behind));
    assertTrue(
        missing
            .getMessage()
            .endsWith("does not hold piece " + behind + " of snapshot " + kept.id()),
        missing.getMessage());
  }

  private long number(String query) throws SQLException {
    try (Connection connection =
            DriverManager.getConnection(server.url() + "&currentSchema=" + schema);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      return row.getLong(1);
    }
  }

  private void execute(String sql) throws SQLException {
    server.execute("SET search_path TO " + schema + "; " + sql);
  }

  private long pieces() throws SQLException {
    return number("SELECT count(*) FROM peqlite_snapshot_pieces");
  }

  @Test
  void givesBackWhatItKeptTheNewestFirst() throws Exception {
    assertEquals(List.of(), snapshots.list());
    Path older = file("older", 2 * PIECE);
    Path newer = file("newer", 2 * PIECE + 1);
    Path empty = file("empty", 0);
    snapshots.put("b", JOURNAL, 900, newer, ALWAYS);
    snapshots.put("a", JOURNAL, 80, older, ALWAYS);
    snapshots.put("c", JOURNAL, 7, empty, ALWAYS);
    List<PostgresSnapshots.Kept> kept = snapshots.list();
    assertEquals(
        List.of(
            new PostgresSnapshots.Kept("b", JOURNAL, 900, 2 * PIECE + 1, 3),
            new PostgresSnapshots.Kept("a", JOURNAL, 80, 2 * PIECE, 2),
            new PostgresSnapshots.Kept("c", JOURNAL, 7, 0, 1)),
        kept);
    assertKept(kept.get(0), newer);
    assertKept(kept.get(1), older);
    assertKept(kept.get(2), empty);
    snapshots.put("a", JOURNAL, 80, older, () -> false);
    assertEquals(kept, snapshots.list(), "once more is nothing");
  }

  @Test
  void countsOnlyWhenItIsCompleteAndGoesOnWhereItWas() throws Exception {
    Path file = file("file", 4 * PIECE - 5);
    AtomicInteger asked = new AtomicInteger();
    snapshots.put("a", JOURNAL, 9, file, () -> asked.incrementAndGet() <= 2);
    assertEquals(List.of(), snapshots.list());
    assertEquals(2, pieces());
    server.kill();
    assertThrows(JournalException.class, () -> snapshots.put("a", JOURNAL, 9, file, () -> true));
    server.startAgain();
    asked.set(0);
    snapshots.put("a", JOURNAL, 9, file, () -> asked.incrementAndGet() > 0);
    assertEquals(2, asked.get(), "only what was missing");
    assertKept(snapshots.list().get(0), file);
  }

  @Test
  void keepsNoOtherFileUnderTheSameName() throws Exception {
    snapshots.put("a", JOURNAL, 9, file("file", 10), () -> false);
    Path other = file("other", 11);
    JournalException refused =
        assertThrows(JournalException.class, () -> snapshots.put("a", JOURNAL, 9, other, ALWAYS));
    assertTrue(
        refused.getMessage().endsWith("keeps another snapshot under the name a"),
        refused.getMessage());
    assertThrows(
        JournalException.class, () -> snapshots.put("a", JOURNAL, 10, file("file", 10), ALWAYS));
    assertThrows(
        JournalException.class, () -> snapshots.put("a", "another", 9, file("file", 10), ALWAYS));
    assertEquals(List.of(), snapshots.list());
  }

  @Test
  void noticesThatTheFileChanges() throws Exception {
    Path file = file("file", 3 * PIECE);
    BooleanSupplier cutting =
        () -> {
          try {
            Files.write(file, new byte[PIECE / 2]);
            return true;
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        };
    assertThrows(IOException.class, () -> snapshots.put("a", JOURNAL, 9, file, cutting));
    assertEquals(List.of(), snapshots.list());
  }

  @Test
  void deletesAllOfASnapshotAndNothingElse() throws Exception {
    Path large = file("large", 40 * PIECE);
    Path other = file("other", 2 * PIECE);
    snapshots.put("a", JOURNAL, 9, large, ALWAYS);
    snapshots.put("b", JOURNAL, 10, other, ALWAYS);
    snapshots.delete("a");
    assertEquals(1, snapshots.list().size());
    assertKept(snapshots.list().get(0), other);
    assertEquals(2, pieces());
    snapshots.delete("a");
    assertEquals(1, number("SELECT count(*) FROM peqlite_snapshots"));
  }

  @Test
  void deletesWhatWasNeverFinishedOrOnlyPartlyDeleted() throws Exception {
    Path file = file("file", 3 * PIECE);
    AtomicInteger asked = new AtomicInteger();
    snapshots.put("unfinished", JOURNAL, 1, file, () -> asked.incrementAndGet() <= 1);
    snapshots.put("deleted", JOURNAL, 2, file, ALWAYS);
    snapshots.put("kept", JOURNAL, 3, file, ALWAYS);
    execute(
        "UPDATE peqlite_snapshots SET complete = false WHERE id = 'deleted';"
            + " DELETE FROM peqlite_snapshot_pieces WHERE id = 'deleted' AND piece = 0");
    snapshots.deleteUnfinished(Duration.ofHours(1));
    assertEquals(3, number("SELECT count(*) FROM peqlite_snapshots"), "they are not old enough");
    snapshots.deleteUnfinished(Duration.ZERO);
    assertEquals(1, number("SELECT count(*) FROM peqlite_snapshots"));
    assertEquals(3, pieces());
    assertKept(snapshots.list().get(0), file);
  }

  /** Whoever writes it hears of it, and nothing that is half there counts. */
  @Test
  void isDeletedWhileItIsWritten() throws Exception {
    Path file = file("file", 5 * PIECE);
    AtomicInteger asked = new AtomicInteger();
    BooleanSupplier deletingThen =
        () -> {
          if (asked.incrementAndGet() == 3) {
            try (PostgresSnapshots others = new PostgresSnapshots(settings())) {
              others.delete("a");
            } catch (JournalException e) {
              throw new AssertionError(e);
            }
          }
          return true;
        };
    JournalException deleted =
        assertThrows(
            JournalException.class, () -> snapshots.put("a", JOURNAL, 9, file, deletingThen));
    assertTrue(deleted.getMessage().endsWith("it is being deleted"), deleted.getMessage());
    assertEquals(0, number("SELECT count(*) FROM peqlite_snapshots"));
    assertEquals(0, pieces());
    snapshots.put("a", JOURNAL, 9, file, ALWAYS);
    assertKept(snapshots.list().get(0), file);
  }

  @Test
  void isWrittenByTwoAtOnce() throws Exception {
    Path file = file("file", 12 * PIECE + 1);
    CompletableFuture<Void> other =
        CompletableFuture.runAsync(
            () -> {
              try (PostgresSnapshots others = new PostgresSnapshots(settings())) {
                others.put("a", JOURNAL, 9, file, ALWAYS);
              } catch (JournalException | IOException e) {
                throw new AssertionError(e);
              }
            });
    snapshots.put("a", JOURNAL, 9, file, ALWAYS);
    other.get(60, TimeUnit.SECONDS);
    assertEquals(1, snapshots.list().size());
    assertKept(snapshots.list().get(0), file);
  }

  @Test
  void saysWhichPieceIsMissing() throws Exception {
    snapshots.put("a", JOURNAL, 9, file("file", 3 * PIECE), ALWAYS);
    execute("DELETE FROM peqlite_snapshot_pieces WHERE piece = 1");
    JournalException missing = assertThrows(JournalException.class, () -> snapshots.piece("a", 1));
    assertTrue(
        missing.getMessage().endsWith("does not hold piece 1 of snapshot a"), missing.getMessage());
    assertEquals(PIECE, snapshots.piece("a", 2).length);
  }

  /** As with a database from before there were snapshots, whose user may not create tables. */
  @Test
  void aJournalWithoutTablesForSnapshotsWorks() throws Exception {
    String user = schema + "_user";
    server.execute("CREATE ROLE " + user + " LOGIN PASSWORD 'some'");
    execute("DROP TABLE peqlite_snapshot_pieces, peqlite_snapshots");
    server.execute("GRANT USAGE ON SCHEMA " + schema + " TO " + user);
    server.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + schema + " TO " + user);
    server.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA " + schema + " TO " + user);
    try (PostgresJournal journal = new PostgresJournal(settings(user, "some"));
        PostgresSnapshots theirs = new PostgresSnapshots(settings(user, "some"))) {
      journal.prepare();
      assertEquals(0, journal.head());
      JournalException without = assertThrows(JournalException.class, theirs::list);
      assertTrue(
          without.getMessage().contains("has no tables for snapshots"), without.getMessage());
      try (PostgresJournal owners = new PostgresJournal(settings())) {
        owners.prepare();
      }
      server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA " + schema + " TO " + user);
      assertEquals(List.of(), theirs.list());
    }
  }

  /** Compressing what is compressed already costs time and saves nothing. */
  @Test
  void isStoredAsItIs() throws Exception {
    assertEquals(
        1,
        number(
            "SELECT count(*) FROM pg_attribute WHERE attname = 'bytes' AND attstorage = 'e'"
                + " AND attrelid = to_regclass('peqlite_snapshot_pieces')"));
  }
}
