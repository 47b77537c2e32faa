package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where a scrub is ordered, everybody sees the same, while the apply goes on. */
@Timeout(60)
class ContentScrubTest {

  @TempDir Path folder;

  private ReadPool reads(Path file) {
    return ReadPool.open(
        file, new ReadSettings(1, 10, false, 1 << 20, DatabaseConnections.LENGTH_MAX));
  }

  private static EventChain chain() {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE t (a INTEGER PRIMARY KEY, b)");
    chain.write("INSERT INTO t (b) VALUES (random()), (1), ('x')");
    return chain;
  }

  private static Entry insert(EventChain chain, String sql) {
    return chain.request(EventChain.statements(sql));
  }

  /** Applies a chain and keeps what every scrub in it has seen, begun there and run at the end. */
  private List<String> seen(EventChain chain, String name, boolean oneByOne, int atOnce)
      throws Exception {
    List<ContentScrub> begun = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    Path file = folder.resolve(name);
    List<String> seen = new ArrayList<>();
    try (ReplicaFixture replica = new ReplicaFixture(file, ReplicaFixture.settings(false));
        ReadPool reads = reads(file)) {
      EventApplier.EntryWatch watch =
          new EventApplier.EntryWatch() {
            @Override
            public void before(sql.Position position) {}

            @Override
            public void scrub(long seq, long timestampMicros, String journalId) {
              try {
                begun.add(ContentScrub.begin(reads, seq));
              } catch (SQLException e) {
                problems.add(e.getMessage());
              }
            }
          };
      List<StoredEvent> events = chain.events();
      for (int from = 0; from < events.size(); from += atOnce) {
        List<StoredEvent> batch = events.subList(from, Math.min(events.size(), from + atOnce));
        assertInstanceOf(
            ApplyResult.Applied.class, replica.apply(batch, Map.of(), oneByOne, watch));
      }
      assertEquals(List.of(), problems);
      for (ContentScrub scrub : begun) {
        try (scrub) {
          seen.add(HexFormat.of().formatHex(scrub.run()));
        }
      }
      seen.add(replica.digest());
    }
    return seen;
  }

  @Test
  void everyReplicaSeesTheEndOfTheEventHoweverItApplies() throws Exception {
    EventChain chain = chain();
    chain.append(new Entry.Scrub());
    chain.write("UPDATE t SET b = random()");
    // In the middle of an event: what stands behind it there is seen all the same.
    chain.append(
        insert(chain, "INSERT INTO t (b) VALUES ('before')"),
        new Entry.Scrub(),
        insert(chain, "INSERT INTO t (b) VALUES ('behind')"));
    chain.write("DELETE FROM t");

    List<String> together = seen(chain, "together.db", false, 100);
    assertEquals(3, together.stream().distinct().count(), () -> "" + together);
    assertEquals(together, seen(chain, "apart.db", true, 1));
    assertEquals(together, seen(chain, "mixed.db", true, 3));
  }

  @Test
  void whatTheScrubSeesIsTheContentAtItsEvent() throws Exception {
    EventChain chain = chain();
    chain.append(new Entry.Scrub());
    List<String> upToIt = seen(chain, "short.db", false, 100);
    chain.write("DELETE FROM t");
    List<String> beyond = seen(chain, "long.db", false, 100);
    assertEquals(upToIt.get(0), upToIt.get(1), "as a plain connection sees it");
    assertEquals(upToIt.get(0), beyond.get(0));
    assertNotEquals(beyond.get(0), beyond.get(1));
  }

  @Test
  void doesNotBeginWhereTheDatabaseDoesNotStand() throws Exception {
    EventChain chain = chain();
    try (ReplicaFixture replica = ReplicaFixture.open(folder);
        ReadPool reads = reads(folder.resolve("replica.db"))) {
      replica.apply(chain);
      SQLException refused =
          assertThrows(SQLException.class, () -> ContentScrub.begin(reads, chain.head() - 1));
      assertTrue(refused.getMessage().contains("stands at event " + chain.head()));
      assertFalse(reads.isBeingCopied(), "what was begun is ended");
    }
  }

  @Test
  void saysThatTheDatabaseIsReadUntilItIsClosed() throws Exception {
    EventChain chain = chain();
    try (ReplicaFixture replica = ReplicaFixture.open(folder);
        ReadPool reads = reads(folder.resolve("replica.db"))) {
      replica.apply(chain);
      try (ContentScrub scrub = ContentScrub.begin(reads, chain.head())) {
        assertTrue(reads.isBeingCopied());
        assertArrayEquals(HexFormat.of().parseHex(replica.digest()), scrub.run());
      }
      assertFalse(reads.isBeingCopied());
    }
  }

  @Test
  void endsInTheMiddleWhenNobodyWaitsForIt() throws Exception {
    EventChain chain = chain();
    chain.write(
        "INSERT INTO t (b) WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000)"
            + " SELECT i FROM n");
    try (ReplicaFixture replica = ReplicaFixture.open(folder);
        ReadPool reads = reads(folder.resolve("replica.db"));
        ContentScrub scrub = beginAfter(replica, chain, reads)) {
      CompletableFuture<byte[]> running =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return scrub.run();
                } catch (ContentScrub.CancelledException e) {
                  throw new IllegalStateException("cancelled: " + e.getMessage());
                } catch (Exception e) {
                  throw new IllegalStateException("failed", e);
                }
              });
      scrub.cancel("a test wants it so");
      scrub.cancel("a later reason");
      Exception ended = assertThrows(Exception.class, () -> running.get(30, TimeUnit.SECONDS));
      assertEquals("cancelled: a test wants it so", ended.getCause().getMessage());
    }
  }

  private static ContentScrub beginAfter(ReplicaFixture replica, EventChain chain, ReadPool reads)
      throws SQLException {
    assertInstanceOf(ApplyResult.Applied.class, replica.apply(chain));
    return ContentScrub.begin(reads, chain.head());
  }

  /** A page that no row of the digest rests on: only the look through the pages finds it. */
  @Test
  void findsADamagedIndexWhoseRowsAreAsTheyWere() throws Exception {
    EventChain chain = chain();
    chain.write("CREATE INDEX i ON t (b)");
    chain.write(
        "INSERT INTO t (b) WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000)"
            + " SELECT i FROM n");
    Path file = folder.resolve("replica.db");
    String before;
    long root;
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.apply(chain);
      before = replica.digest();
      root =
          Long.parseLong(
              replica.read("SELECT rootpage FROM sqlite_schema WHERE name = 'i'").get(0));
      assertTrue(replica.applier().checkpoint());
    }
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    try (RandomAccessFile pages = new RandomAccessFile(file.toFile(), "rw")) {
      pages.seek((root - 1) * 4096 + 8); // its right-most child, of which there is none there
      pages.writeInt(1_000_000);
    }
    assertTrue(Files.size(file) < 1_000_000L * 4096);
    try (ReplicaFixture replica = ReplicaFixture.open(folder);
        ReadPool reads = reads(file)) {
      assertEquals(before, replica.digest());
      try (ContentScrub scrub = ContentScrub.begin(reads, chain.head())) {
        DatabaseDamagedException damage = assertThrows(DatabaseDamagedException.class, scrub::run);
        assertTrue(damage.getMessage().contains("damaged"), damage.getMessage());
      }
    }
  }
}
