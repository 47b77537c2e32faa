package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Position;
import storage.PastDatabaseException.Kind;

class PastDatabaseTest {

  private static final long CACHE_BYTES = 2 << 20;

  @TempDir private Path folder;
  private int files;

  private Path file() {
    return folder.resolve("past" + files++ + ".db");
  }

  /** As a journal that was cut before {@code first} and gives a few events at a time. */
  private static EventSource source(EventChain chain, long first) {
    return (from, eventsMax, bytesMax) -> {
      if (from < first) {
        throw JournalGapException.of(from, first, first);
      }
      int begin = (int) Math.min(from - 1, chain.head());
      int end = (int) Math.min(chain.head(), from - 1 + Math.min(7, eventsMax));
      return chain.events().subList(begin, end);
    };
  }

  private static PastDatabase over(EventChain chain) {
    return new PastDatabase(source(chain, 1), CACHE_BYTES, 0);
  }

  private static PastTarget event(long seq) {
    return new PastTarget.AfterEvent(seq);
  }

  private static long micros(EventChain chain, long seq) throws FormatException {
    return EventCodec.decode(chain.events().get((int) seq - 1)).timestampMicros();
  }

  private static String digest(Path file) throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
      MathFunctions.install(connection);
      return HexFormat.of().formatHex(ContentDigest.of(connection));
    }
  }

  private String made(PastDatabase past, Optional<Path> snapshot, PastTarget target, long seq)
      throws Exception {
    Path file = file();
    PastDatabase.Made made = past.make(snapshot, target, file);
    assertEquals(seq, made.seq());
    assertEquals(Files.size(file), made.bytes());
    try (var beside = Files.list(folder)) {
      List<Path> named =
          beside.filter(path -> path.toString().startsWith(file.toString())).toList();
      assertEquals(List.of(file), named);
    }
    return digest(file);
  }

  /** What a replica took that stands at the end of the event. */
  private Path snapshot(Path replica) throws Exception {
    Path copy = file();
    Path snapshot = folder.resolve("snapshot" + files++);
    try (Connection source = DriverManager.getConnection("jdbc:sqlite:" + replica)) {
      SnapshotHeader header = DatabaseCopy.takeForSnapshot(source, copy, "n1").orElseThrow();
      SnapshotFile.write(header, copy, snapshot, 1, () -> true);
    }
    return snapshot;
  }

  private static PastDatabaseException refused(
      Kind kind, PastDatabase past, Optional<Path> snapshot, PastTarget target, Path file) {
    PastDatabaseException refused =
        assertThrows(PastDatabaseException.class, () -> past.make(snapshot, target, file));
    assertEquals(kind, refused.kind(), refused.getMessage());
    assertFalse(Files.exists(file));
    return refused;
  }

  /** From nothing and from snapshots, by number and by time, at many random positions. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isAReplicaThatStoppedThere(boolean foreignKeys) throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    EventChain chain = RandomJournal.create(seed, foreignKeys, 150);
    Map<Long, String> digests = new HashMap<>();
    Map<Long, Path> snapshots = new HashMap<>();
    Path replicaFile = file();
    try (ReplicaFixture replica =
        new ReplicaFixture(replicaFile, ReplicaFixture.settings(foreignKeys))) {
      digests.put(0L, replica.digest());
      for (StoredEvent event : chain.events()) {
        assertEquals(new ApplyResult.Applied(), replica.apply(List.of(event)), "seed " + seed);
        digests.put(event.seq(), replica.digest());
        if (random.nextInt(20) == 0) {
          snapshots.put(event.seq(), snapshot(replicaFile));
        }
      }
    }
    for (int i = 0; i < 12; i++) {
      long seq = i == 0 ? 0 : i == 1 ? chain.head() : random.nextLong(chain.head() + 1);
      PastTarget target = event(seq);
      if (random.nextBoolean()) {
        long since = seq == 0 ? 0 : micros(chain, seq);
        long until = seq == chain.head() ? since + 1000 : micros(chain, seq + 1);
        target = new PastTarget.AtTime(random.nextLong(since, until));
      }
      List<Long> starts = snapshots.keySet().stream().filter(at -> at <= seq).sorted().toList();
      Optional<Path> start = Optional.empty();
      EventSource source = source(chain, 1);
      if (!starts.isEmpty() && random.nextInt(3) > 0) {
        long at = starts.get(random.nextInt(starts.size()));
        start = Optional.of(snapshots.get(at));
        source = source(chain, at + 1);
      }
      assertEquals(
          digests.get(seq),
          made(new PastDatabase(source, CACHE_BYTES, 0), start, target, seq),
          "seed " + seed + ", " + target + ", from " + start);
    }
  }

  private static final String LONG =
      "INSERT INTO log WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
          + " SELECT count(*) FROM n";

  /** The verdicts stand behind the position that is asked for, some far behind. */
  @Test
  void verdictsFromBehindThePositionCount() throws Exception {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE log (v)");
    Position givenUp = chain.write(LONG);
    Position run = chain.write(LONG);
    Position changedMind = chain.write("INSERT INTO log VALUES ('given up in the end')");
    long target = chain.write("INSERT INTO log VALUES ('last')").seq();
    for (int i = 0; i < 300; i++) {
      chain.append();
    }
    List<Entry.Verdict> verdicts =
        List.of(
            new Entry.Verdict(givenUp, 0, true, "too long"),
            new Entry.Verdict(run, 0, false, ""),
            new Entry.Verdict(changedMind, 0, false, ""),
            new Entry.Verdict(changedMind, 0, true, "an operator"));
    verdicts.forEach(chain::append);
    Map<Position, Entry.Verdict> known = new HashMap<>();
    verdicts.forEach(verdict -> known.put(verdict.position(), verdict));
    try (ReplicaFixture replica =
        new ReplicaFixture(file(), ReplicaFixture.limited(false, 200_000, 0))) {
      replica.apply(
          chain.events().subList(0, (int) target), known, Set.of(), false, position -> {});
      assertEquals(List.of("100000", "last"), replica.read("SELECT v FROM log"));
      assertEquals(replica.digest(), made(over(chain), Optional.empty(), event(target), target));
    }
  }

  @Test
  void whatHasNoVerdictRunsWithoutALimit() throws Exception {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE log (v)");
    long seq = chain.write(LONG).seq();
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.apply(chain);
      assertEquals(replica.digest(), made(over(chain), Optional.empty(), event(seq), seq));
    }
  }

  /** The replica that took the snapshot had to make its database anew afterwards. */
  @Test
  void aSnapshotThatHoldsWhatWasGivenUpIsNoStart() throws Exception {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE log (v)");
    Position request = chain.write("INSERT INTO log VALUES (1)");
    Path replicaFile = file();
    try (ReplicaFixture replica = new ReplicaFixture(replicaFile, ReplicaFixture.settings(false))) {
      replica.apply(chain);
    }
    Path applied = snapshot(replicaFile);
    long target = chain.write("INSERT INTO log VALUES (2)").seq();
    chain.append(new Entry.Verdict(request, 0, true, "given up"));
    long behind = chain.head();
    for (long seq : List.of(target, behind)) {
      PastDatabaseException refused =
          refused(Kind.START_UNUSABLE, over(chain), Optional.of(applied), event(seq), file());
      assertTrue(refused.getMessage().contains(request.toString()), refused.getMessage());
    }
    // One who gave it up in time took one that will do.
    Path other = file();
    over(chain).make(Optional.empty(), event(request.seq()), other);
    Path good = snapshot(other);
    assertEquals(
        made(over(chain), Optional.empty(), event(behind), behind),
        made(over(chain), Optional.of(good), event(behind), behind));
  }

  @Test
  void aSnapshotThatHoldsTheBeginningOfTheNextEventIsAStartOnlyForLater() throws Exception {
    EventChain chain = EventChain.create();
    long seq = chain.write("CREATE TABLE log (v)").seq();
    chain.append(
        chain.request(EventChain.statements("INSERT INTO log VALUES (1)")),
        chain.request(EventChain.statements("INSERT INTO log VALUES (2)")));
    Path replicaFile = file();
    try (ReplicaFixture replica = new ReplicaFixture(replicaFile, ReplicaFixture.settings(false))) {
      Position held = new Position(seq + 1, 1);
      replica.apply(chain.events(), Map.of(), Set.of(held), false, position -> {});
      assertEquals(List.of("1"), replica.read("SELECT v FROM log"));
    }
    Optional<Path> between = Optional.of(snapshot(replicaFile));
    refused(Kind.START_UNUSABLE, over(chain), between, event(seq), file());
    long next = seq + 1;
    assertEquals(
        made(over(chain), Optional.empty(), event(next), next),
        made(over(chain), between, event(next), next));
  }

  @Test
  void saysWhatIsWrong() throws Exception {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE log (v)");
    for (int i = 0; i < 20; i++) {
      chain.write("INSERT INTO log VALUES (" + i + ")");
    }
    Path tenth = file();
    over(chain).make(Optional.empty(), event(10), tenth);
    Path snapshot = snapshot(tenth);
    Optional<Path> start = Optional.of(snapshot);

    PastDatabase cut = new PastDatabase(source(chain, 12), CACHE_BYTES, 0);
    PastDatabaseException gap = refused(Kind.NOT_RETAINED, cut, start, event(15), file());
    assertTrue(gap.getMessage().contains("begins at event 12"), gap.getMessage());

    PastDatabaseException beyond =
        refused(Kind.BEYOND_HEAD, over(chain), start, event(chain.head() + 1), file());
    assertTrue(beyond.getMessage().contains("event " + chain.head()), beyond.getMessage());

    refused(Kind.START_UNUSABLE, over(chain), start, event(9), file());
    PastTarget early = new PastTarget.AtTime(micros(chain, 10) - 1);
    refused(Kind.START_UNUSABLE, over(chain), start, early, file());

    EventChain other = EventChain.create();
    for (int i = 0; i < 20; i++) {
      other.write("SELECT " + i);
    }
    refused(Kind.START_UNUSABLE, over(other), start, event(15), file());

    byte[] bytes = Files.readAllBytes(snapshot);
    bytes[bytes.length / 2] ^= 1;
    Path damaged = Files.write(folder.resolve("damaged.snapshot"), bytes);
    Path file = file();
    SnapshotDamagedException found =
        assertThrows(
            SnapshotDamagedException.class,
            () -> over(chain).make(Optional.of(damaged), event(15), file));
    assertTrue(found.getMessage().contains(damaged.toString()), found.getMessage());
    assertFalse(Files.exists(file));

    PastDatabase small = new PastDatabase(source(chain, 1), CACHE_BYTES, 4096 * 4);
    refused(Kind.FAILED, small, Optional.empty(), event(15), file());
  }

  @Test
  void canBeStoppedInTheMiddleOfAStatement() throws Exception {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE log (v)");
    long seq = chain.write(LONG.replace(" LIMIT 100000", "")).seq();
    PastDatabase past = over(chain);
    Thread maker = Thread.currentThread();
    Thread stopper = new Thread(() -> stopWhenItRuns(past, maker), "stopper");
    stopper.start();
    refused(Kind.STOPPED, past, Optional.empty(), event(seq), file());
    stopper.join();
    try (var left = Files.list(folder)) {
      assertEquals(0, left.count());
    }
  }

  /** When the same statement is seen to run so often that it can only be the endless one. */
  private static void stopWhenItRuns(PastDatabase past, Thread maker) {
    int seen = 0;
    while (seen < 100) {
      boolean runs =
          Arrays.stream(maker.getStackTrace())
              .anyMatch(frame -> frame.getClassName().equals(StatementRunner.class.getName()));
      seen = runs ? seen + 1 : 0;
      LockSupport.parkNanos(1_000_000);
    }
    past.stop();
  }

  @Test
  void whatAnEarlierProcessLeftIsNoHindrance() throws Exception {
    EventChain chain = EventChain.create();
    long seq = chain.write("CREATE TABLE log (v)").seq();
    Path file = file();
    Files.writeString(file, "something else");
    Files.writeString(file.resolveSibling(file.getFileName() + ".making"), "half a database");
    Files.writeString(file.resolveSibling(file.getFileName() + ".making-wal"), "half a log");
    over(chain).make(Optional.empty(), event(seq), file);
    assertEquals(made(over(chain), Optional.empty(), event(seq), seq), digest(file));
  }
}
