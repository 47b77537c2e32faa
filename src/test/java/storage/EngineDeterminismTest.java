package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Parts of SQLite whose work rests on memory or on commits, and must not show. */
class EngineDeterminismTest {

  @TempDir private Path folder;

  /** Sorts of more than a megabyte spill to disk, when depends on the cache. */
  @Test
  void sortsTiesAlikeWithAnyCache() throws Exception {
    EventChain chain = EventChain.create();
    chain.write(
        EventChain.statements(
            "CREATE TABLE t (a, b, c)",
            "INSERT INTO t WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40000)"
                + " SELECT i * 7919 % 10, hex(zeroblob(40)), random() FROM n",
            "CREATE TABLE sorted AS SELECT rowid AS id, a FROM t ORDER BY a, b",
            "CREATE TABLE ranked AS SELECT rowid AS id, row_number() OVER (ORDER BY a) FROM t",
            "CREATE INDEX by_a ON t (a, b)",
            "CREATE TABLE grouped AS SELECT a % 3, group_concat(rowid) FROM t GROUP BY a % 3, b",
            "CREATE TABLE distinct_ones AS SELECT DISTINCT c % 10000 FROM t"));
    Set<String> digests = new HashSet<>();
    for (long cacheBytes : List.of(64L << 10, 1L << 20, 4L << 20, 64L << 20)) {
      ApplySettings settings =
          new ApplySettings(EventChain.NODE, false, 0, cacheBytes, 16, 1 << 20, 16 << 20, 0);
      Path file = folder.resolve(cacheBytes + ".db");
      try (ReplicaFixture replica = new ReplicaFixture(file, settings)) {
        assertEquals(new ApplyResult.Applied(), replica.apply(chain));
        assertEquals(List.of("40000"), replica.read("SELECT count(*) FROM sorted"));
        digests.add(replica.digest());
      }
    }
    assertEquals(1, digests.size());
  }

  /** Full-text tables gather what is written, until a savepoint or a commit. */
  @Test
  void cutsFullTextIndexesAlikeInAnyBatch() throws Exception {
    EventChain chain = EventChain.create();
    chain.write(
        EventChain.statements(
            "CREATE TABLE t (v)",
            "CREATE VIRTUAL TABLE words USING fts5(w)",
            "CREATE VIRTUAL TABLE older USING fts4(w)",
            "CREATE VIRTUAL TABLE outside USING fts5(w, content='')"));
    for (int i = 0; i < 100; i++) {
      String text = " VALUES ('word" + i + " and some more')";
      chain.append(
          chain.request(EventChain.statements("INSERT INTO words" + text)),
          chain.request(EventChain.statements("INSERT INTO t" + text)),
          chain.request(
              EventChain.statements(
                  "INSERT INTO older" + text, "INSERT INTO outside (rowid, w)" + row(i))));
    }
    Set<String> digests = new HashSet<>();
    for (int batch : List.of(1, 3, 64, 1000)) {
      Path file = folder.resolve(batch + ".db");
      try (ReplicaFixture replica = new ReplicaFixture(file, ReplicaFixture.settings(false))) {
        while (replica.seq() < chain.head()) {
          int from = (int) replica.seq();
          int to = (int) Math.min(chain.head(), (long) from + batch);
          assertEquals(new ApplyResult.Applied(), replica.apply(chain.events().subList(from, to)));
        }
        digests.add(replica.digest());
        assertEquals(List.of("ok"), replica.read("PRAGMA integrity_check"));
        assertNotEquals(List.of("0"), replica.read("SELECT count(*) FROM older_segdir"));
      }
    }
    assertEquals(1, digests.size());
  }

  private static String row(int id) {
    return " VALUES (" + (id + 1) + ", 'outside" + id + "')";
  }
}
