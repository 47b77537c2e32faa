package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TimeZone;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Position;

/**
 * One journal gives one database, whoever applies it: however many events share a transaction,
 * whatever is cached, wherever the process was stopped or killed, in whatever time zone.
 *
 * <p>Random; the seed is told on failure. Set {@code -Dpeqlite.determinism.seed} to see it again,
 * and {@code -Dpeqlite.determinism.requests} for a longer journal.
 */
class DeterminismTest {

  private static final int REQUESTS = Integer.getInteger("peqlite.determinism.requests", 1200);
  private static final long SEED = Long.getLong("peqlite.determinism.seed", System.nanoTime());

  /** How one replica applies the journal. */
  private record Way(
      String node,
      int batch,
      long cacheBytes,
      int statements,
      boolean oneByOne,
      boolean restarts) {}

  /** How often the replicas are compared on their way. */
  private static final int STOPS = 4;

  private static final List<Way> WAYS =
      List.of(
          new Way("n1", 1, 64 << 20, 256, false, false),
          new Way("n1", 3, 64 << 10, 1, false, false),
          new Way("n1", 64, 8 << 20, 0, false, false),
          new Way("n2", Integer.MAX_VALUE, 64 << 10, 64, false, false),
          new Way("n3", 17, 1 << 20, 16, true, false),
          new Way("n2", 5, 1 << 20, 256, false, true),
          new Way("n1", 40, 1 << 20, 8, false, true));

  private static final List<String> ZONES =
      List.of("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati");

  private final TimeZone zone = TimeZone.getDefault();
  @TempDir private Path folder;
  private int kills;

  @AfterEach
  void restoreTimeZone() {
    TimeZone.setDefault(zone);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void givesOneDatabaseHoweverItIsApplied(boolean foreignKeys) throws Exception {
    List<StoredEvent> journal = RandomJournal.create(SEED, foreignKeys, REQUESTS).events();
    Map<String, Map<Position, AppliedEntry>> told = new HashMap<>();
    List<ReplicaFixture> replicas = new ArrayList<>();
    List<String> contents = new ArrayList<>();
    try {
      for (int i = 0; i < WAYS.size(); i++) {
        TimeZone.setDefault(TimeZone.getTimeZone(ZONES.get(i % ZONES.size())));
        Way way = WAYS.get(i);
        Random random = new Random(SEED + i);
        ReplicaFixture replica =
            new ReplicaFixture(folder.resolve(i + ".db"), settings(way, foreignKeys));
        replicas.add(replica);
        for (int stop = 1; stop <= STOPS; stop++) {
          replica =
              applyAll(replica, journal.subList(0, journal.size() * stop / STOPS), way, random);
          replicas.set(i, replica);
          compare(contents, stop - 1, replicas.get(0), replica, way);
        }
        Map<Position, AppliedEntry> others = told.putIfAbsent(way.node(), replica.told);
        if (others != null) {
          assertToldTheSame(others, replica.told, way);
        }
      }
    } finally {
      replicas.forEach(ReplicaFixture::close);
    }
  }

  private static ApplySettings settings(Way way, boolean foreignKeys) {
    return new ApplySettings(
        way.node(), foreignKeys, 0, way.cacheBytes(), way.statements(), 1 << 20, 1 << 20, 0);
  }

  private ReplicaFixture applyAll(
      ReplicaFixture first, List<StoredEvent> journal, Way way, Random random) throws Exception {
    ReplicaFixture replica = first;
    while (replica.seq() < journal.size()) {
      int from = (int) replica.seq();
      int to = (int) Math.min(journal.size(), (long) from + way.batch());
      List<StoredEvent> events = journal.subList(from, to);
      int fate = way.restarts() ? random.nextInt(12) : 12;
      if (fate == 0) {
        replica = kill(replica, events, random, folder.resolve("killed-" + kills++));
        continue;
      }
      assertEquals(
          new ApplyResult.Applied(),
          replica.apply(events, Map.of(), way.oneByOne(), entry -> {}),
          this::seed);
      if (fate == 1) {
        replica.reopen();
      } else if (fate == 2) {
        replica.applier().checkpoint();
      }
    }
    return replica;
  }

  /** Dies before a random entry; what its files hold at that moment is all that is left. */
  private static ReplicaFixture kill(
      ReplicaFixture replica, List<StoredEvent> events, Random random, Path copy)
      throws ReplicaException {
    int[] entriesLeft = {random.nextInt(events.size() * 6)};
    boolean[] copied = {false};
    replica.apply(
        events,
        Map.of(),
        false,
        entry -> {
          if (entriesLeft[0]-- == 0) {
            replica.copy(copy);
            copied[0] = true;
          }
        });
    if (!copied[0]) {
      return replica;
    }
    ReplicaFixture left = replica.openCopy(copy);
    left.told.putAll(replica.told);
    replica.close();
    return left;
  }

  private void compare(
      List<String> contents, int stop, ReplicaFixture first, ReplicaFixture actual, Way way)
      throws SQLException {
    String digest = actual.digest();
    if (first == actual) {
      contents.add(digest);
    } else if (stop == STOPS - 1) {
      String digests = "SELECT seq, digest FROM _peqlite_digests ORDER BY seq";
      assertEquals(first.read(digests), actual.read(digests), () -> way + ", " + seed());
    }
    if (!contents.get(stop).equals(digest)) {
      throw new AssertionError(
          way
              + (", stop " + stop + ", " + seed() + ": ")
              + (stop == STOPS - 1 ? difference(first, actual) : "at event " + actual.seq()));
    }
    assertEquals(List.of("ok"), actual.read("PRAGMA integrity_check"), () -> way + ", " + seed());
  }

  /** What the first difference is, for whoever has to find its cause. */
  private static String difference(ReplicaFixture expected, ReplicaFixture actual)
      throws SQLException {
    String schema = "SELECT name || ': ' || sql FROM sqlite_schema ORDER BY rowid";
    if (!expected.read(schema).equals(actual.read(schema))) {
      return "schema: " + expected.read(schema) + " and " + actual.read(schema);
    }
    for (String table :
        expected.read(
            "SELECT name FROM pragma_table_list WHERE type IN ('table', 'shadow')"
                + " AND name NOT IN ('sqlite_schema', '_peqlite_rowid')")) {
      List<String> rows = expected.read("SELECT * FROM \"" + table + "\"");
      List<String> others = actual.read("SELECT * FROM \"" + table + "\"");
      for (int i = 0; i < Math.max(rows.size(), others.size()); i++) {
        String row = i < rows.size() ? rows.get(i) : "nothing";
        String other = i < others.size() ? others.get(i) : "nothing";
        if (!row.equals(other)) {
          return table + ", row " + i + ": " + row + " and " + other;
        }
      }
    }
    return "the digests differ, and rows do not";
  }

  private void assertToldTheSame(
      Map<Position, AppliedEntry> expected, Map<Position, AppliedEntry> actual, Way way) {
    assertEquals(expected.keySet(), actual.keySet(), () -> way + ", " + seed());
    expected.forEach(
        (position, entry) ->
            assertEquals(
                timeless(entry), timeless(actual.get(position)), () -> way + ", " + seed()));
    assertTrue(expected.size() > REQUESTS / 10, this::seed);
  }

  private static AppliedEntry timeless(AppliedEntry entry) {
    return entry instanceof AppliedEntry.Taken taken
        ? new AppliedEntry.Taken(
            taken.position(),
            taken.session(),
            taken.number(),
            ReplicaFixture.timeless(taken.outcome()))
        : entry;
  }

  private String seed() {
    return "seed " + SEED + ", requests " + REQUESTS;
  }
}
