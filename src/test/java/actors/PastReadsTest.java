package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import sql.Column;
import sql.Statement;
import sql.Value;
import storage.DatabaseConnections;
import storage.EventSource;
import storage.Journal;
import storage.JournalException;
import storage.PastDatabase;
import storage.PastSettings;
import storage.PastStates;
import storage.PastTarget;
import storage.ReadLimits;
import storage.ReadSettings;
import storage.RowSink;
import storage.SnapshotDirectory;
import storage.SnapshotStore;
import storage.StoredEvent;

@Timeout(60)
class PastReadsTest {

  private static final Duration LONG = Duration.ofSeconds(30);

  private static final PastReads.Admission NOBODY =
      timeout -> CompletableFuture.failedFuture(new AssertionError("nobody is to be asked"));

  @TempDir private Path folder;
  private final MemoryJournal events = new MemoryJournal("journal");
  private final HeldJournal journal = new HeldJournal();
  private final ReplicaGauge gauge = new ReplicaGauge();
  private final AtomicInteger made = new AtomicInteger();
  private final AtomicInteger failed = new AtomicInteger();
  private final ExecutorService executor = Executors.newSingleThreadExecutor();
  private SnapshotDirectory snapshots;
  private PastStates states;
  private PastReads past;

  @BeforeEach
  void begin() throws Exception {
    snapshots = SnapshotDirectory.open(folder.resolve("snapshots"));
    events.write("CREATE TABLE t (v)");
    for (int i = 0; i < 7; i++) {
      events.write("INSERT INTO t VALUES (" + i + ")");
    }
    applied(9, 9);
    open(2, Optional.empty());
  }

  @AfterEach
  void end() {
    journal.held.countDown();
    states.close();
    executor.shutdownNow();
  }

  private void open(int statesMax, Optional<SnapshotStore> store) throws IOException {
    ReadSettings read = new ReadSettings(2, 10, false, 1 << 20, DatabaseConnections.LENGTH_MAX);
    states =
        PastStates.open(
            folder.resolve("past"),
            new PastSettings(statesMax, 1 << 30, Duration.ofHours(1), 1 << 30, 1 << 20, read),
            journal,
            snapshots,
            store,
            () -> 0,
            new Watch());
    past = new PastReads(states, gauge, executor);
  }

  private void applied(long applied, long head) {
    gauge.write(Readings.of(ReplicaGauge.State.APPLYING, "", "journal", applied, head));
  }

  private PastAdmission ask(PastTarget target, Duration timeout, PastReads.Admission admission) {
    return past.open(target, OptionalLong.empty(), timeout, admission).toCompletableFuture().join();
  }

  private PastStates.Lease opened(long seq) {
    PastAdmission admission = ask(new PastTarget.AfterEvent(seq), LONG, NOBODY);
    return assertInstanceOf(PastAdmission.Opened.class, admission, admission.toString()).state();
  }

  private static String refusal(PastAdmission admission) {
    return assertInstanceOf(PastAdmission.Refused.class, admission).reason();
  }

  private static long rows(PastStates.Lease state) throws Exception {
    List<Value> rows = new ArrayList<>();
    RowSink sink =
        new RowSink() {
          @Override
          public void columns(List<Column> columns) {}

          @Override
          public void row(Value[] row) {
            rows.add(row[0]);
          }
        };
    ReadLimits limits = new ReadLimits(System.nanoTime() + LONG.toNanos(), 10, 1_000);
    state.reads().query(Statement.of("SELECT count(*) FROM t"), limits, sink);
    return ((Value.Int64) rows.get(0)).value();
  }

  private long files() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("past"))) {
      return files.filter(file -> file.toString().endsWith(".db")).count();
    }
  }

  private static void eventually(String what, BooleanSupplier question) {
    long endNanos = System.nanoTime() + LONG.toNanos();
    while (!question.getAsBoolean()) {
      assertTrue(System.nanoTime() - endNanos < 0, what);
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Test
  void nobodyIsAskedAboutWhatIsApplied() throws Exception {
    for (long seq = 2; seq <= 9; seq++) {
      PastTarget time = new PastTarget.AtTime(1_000 * seq + 999);
      try (PastStates.Lease state = opened(seq)) {
        assertEquals(seq, state.seq());
        assertEquals(Math.max(0, seq - 2), rows(state));
      }
      if (seq < 9) {
        PastAdmission same = ask(time, LONG, NOBODY);
        try (PastStates.Lease state = ((PastAdmission.Opened) same).state()) {
          assertEquals(seq, state.seq());
        }
      }
    }
    assertEquals(8, made.get());
  }

  /** More may be committed by now than this node has applied. */
  @Test
  void theLevelIsWaitedForWhereALaterEventMayBeMeant() throws Exception {
    events.write("INSERT INTO t VALUES (7)");
    PastReads.Admission moves =
        timeout -> {
          applied(10, 10);
          return CompletableFuture.completedFuture(new ReadAdmission.Admitted());
        };
    PastAdmission byTime = ask(new PastTarget.AtTime(10_500), LONG, moves);
    try (PastStates.Lease state = ((PastAdmission.Opened) byTime).state()) {
      assertEquals(10, state.seq());
    }
    applied(9, 9);
    PastAdmission byEvent = ask(new PastTarget.AfterEvent(10), LONG, moves);
    try (PastStates.Lease state = ((PastAdmission.Opened) byEvent).state()) {
      assertEquals(8, rows(state));
    }
  }

  @Test
  void whatIsNotThereYetIsToldApart() {
    PastReads.Admission admitted =
        timeout -> CompletableFuture.completedFuture(new ReadAdmission.Admitted());
    PastAdmission beyond = ask(new PastTarget.AfterEvent(10), LONG, admitted);
    assertTrue(((PastAdmission.Beyond) beyond).reason().contains("event 9"), beyond.toString());
    applied(9, 12);
    String behind = refusal(ask(new PastTarget.AfterEvent(10), LONG, admitted));
    assertTrue(behind.contains("not yet event 10"), behind);
    PastReads.Admission refuses =
        timeout -> CompletableFuture.completedFuture(new ReadAdmission.Refused("no sequencer"));
    assertEquals("no sequencer", refusal(ask(new PastTarget.AfterEvent(10), LONG, refuses)));
    PastReads.Admission stale =
        timeout -> CompletableFuture.completedFuture(new ReadAdmission.Stale());
    assertEquals(new PastAdmission.Stale(), ask(new PastTarget.AfterEvent(10), LONG, stale));
  }

  @Test
  void theMakingGoesOnWhenWhoAskedHasGivenUp() throws Exception {
    journal.hold();
    Duration moment = Duration.ofMillis(20);
    String early = refusal(ask(new PastTarget.AfterEvent(5), moment, NOBODY));
    assertTrue(early.contains("still being made"), early);
    assertEquals(new PastStates.Use(0, 0, 1), states.use());
    journal.held.countDown();
    try (PastStates.Lease state = opened(5)) {
      assertEquals(3, rows(state));
    }
    assertEquals(1, made.get());
    // Who gave up holds nothing: there is room for others again.
    opened(6).close();
    opened(7).close();
    assertEquals(2, states.use().states());
    assertEquals(2, files());
  }

  @Test
  void whatIsBeingReadStays() throws Exception {
    PastStates.Lease one = opened(5);
    PastStates.Lease other = opened(6);
    String full = refusal(ask(new PastTarget.AfterEvent(7), LONG, NOBODY));
    assertTrue(full.contains("states-max"), full);
    assertEquals(3, rows(one));
    one.close();
    one.close(); // once is enough, and the second does not count
    try (PastStates.Lease third = opened(7)) {
      assertEquals(5, rows(third));
      assertEquals(4, rows(other));
    }
    other.close();
  }

  /** Such as a request that was applied here and is given up afterwards. */
  @Test
  void whatIsNotTrustedAnyMoreIsMadeAnew() throws Exception {
    try (PastStates.Lease before = opened(4);
        PastStates.Lease after = opened(6)) {
      states.distrust(5);
      assertEquals(1, states.use().states());
      assertEquals(4, rows(after));
      opened(4).close();
      assertEquals(2, made.get());
      assertEquals(2, rows(before));
    }
    assertEquals(1, files());
    opened(6).close();
    assertEquals(3, made.get());

    journal.hold();
    CompletableFuture<PastAdmission> asked =
        past.open(new PastTarget.AfterEvent(5), OptionalLong.empty(), LONG, NOBODY)
            .toCompletableFuture();
    eventually("it is being made", () -> journal.waits);
    states.distrust(9);
    journal.held.countDown();
    assertTrue(refusal(asked.join()).contains("changed meanwhile"), asked.toString());
  }

  @Test
  void aStopEndsWhatIsBeingMade() throws Exception {
    journal.hold();
    CompletableFuture<PastAdmission> asked =
        past.open(new PastTarget.AfterEvent(5), OptionalLong.empty(), LONG, NOBODY)
            .toCompletableFuture();
    eventually("it is being made", () -> journal.waits);
    states.close();
    assertInstanceOf(PastAdmission.Refused.class, asked.join());
    assertEquals(1, failed.get());
    try (Stream<Path> left = Files.list(folder.resolve("past"))) {
      assertEquals(0, left.count());
    }
    assertTrue(refusal(ask(new PastTarget.AfterEvent(5), LONG, NOBODY)).contains("stopping"));
  }

  private SnapshotDirectory.Stored snapshot(long seq, SnapshotDirectory to) throws Exception {
    EventSource source = events::read;
    Path file = folder.resolve("database" + seq);
    new PastDatabase(source, 1 << 20, 0)
        .make(Optional.empty(), new PastTarget.AfterEvent(seq), file);
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
      return to.take(connection, "a", 1, () -> true).orElseThrow();
    }
  }

  @Test
  void aDamagedSnapshotIsSetAsideAndTheNextStartTaken() throws Exception {
    snapshot(4, snapshots);
    SnapshotDirectory.Stored newer = snapshot(6, snapshots);
    events.trim(4);
    Path file = snapshots.file(newer.id());
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 40] ^= 1;
    Files.write(file, bytes);
    try (PastStates.Lease state = opened(7)) {
      assertEquals(5, rows(state));
    }
    assertEquals(List.of(4L), snapshots.list().stream().map(one -> one.header().seq()).toList());
    PastAdmission gone = ask(new PastTarget.AfterEvent(3), LONG, NOBODY);
    String told = assertInstanceOf(PastAdmission.NotRetained.class, gone).reason();
    assertTrue(told.contains("after event 4"), told);
  }

  @Test
  void theStoresSnapshotIsTakenWhereThisNodeHasNone() throws Exception {
    SnapshotDirectory elsewhere = SnapshotDirectory.open(folder.resolve("elsewhere"));
    SnapshotDirectory.Stored taken = snapshot(4, elsewhere);
    events.trim(4);
    states.close();
    open(2, Optional.of(new OneSnapshot(taken, Files.readAllBytes(elsewhere.file(taken.id())))));
    try (PastStates.Lease state = opened(7)) {
      assertEquals(5, rows(state));
    }
    PastAdmission gone = ask(new PastTarget.AtTime(3_000), LONG, NOBODY);
    String told = assertInstanceOf(PastAdmission.NotRetained.class, gone).reason();
    assertTrue(told.contains("after event 4"), told);
    assertEquals(1, files());
  }

  private final class Watch implements PastStates.Observer {
    @Override
    public void made(boolean succeeded, long nanos) {
      (succeeded ? made : failed).incrementAndGet();
    }

    @Override
    public void ran(long waitedNanos, long ranNanos) {}

    @Override
    public void refused() {}
  }

  /** Beside the journal is one snapshot. */
  private record OneSnapshot(SnapshotDirectory.Stored snapshot, byte[] bytes)
      implements SnapshotStore {

    private static final int PIECES = 2;

    @Override
    public List<Kept> list() {
      return List.of(
          new Kept(snapshot.id(), "journal", snapshot.header().seq(), bytes.length, PIECES));
    }

    @Override
    public byte[] piece(String id, int piece) {
      int half = bytes.length / PIECES;
      return piece == 0
          ? Arrays.copyOf(bytes, half)
          : Arrays.copyOfRange(bytes, half, bytes.length);
    }

    @Override
    public void put(String id, String journalId, long seq, Path file, BooleanSupplier isWanted) {}

    @Override
    public void delete(String id) {}

    @Override
    public void deleteUnfinished(Duration olderThan) {}

    @Override
    public void close() {}
  }

  /** The events, whose reading for a database can be held up; a look at one of them cannot. */
  private final class HeldJournal implements Journal {

    private volatile CountDownLatch held = new CountDownLatch(0);
    private volatile boolean waits;

    void hold() {
      waits = false;
      held = new CountDownLatch(1);
    }

    @Override
    public List<StoredEvent> read(long from, int eventsMax, long bytesMax) throws JournalException {
      if (eventsMax > 1) {
        waits = true;
        try {
          held.await();
        } catch (InterruptedException e) {
          throw new JournalException("interrupted", e);
        }
      }
      return events.read(from, eventsMax, bytesMax);
    }

    @Override
    public long head() throws JournalException {
      return events.head();
    }

    @Override
    public long first() throws JournalException {
      return events.first();
    }

    @Override
    public long count(long from, long to) throws JournalException {
      return events.count(from, to);
    }

    @Override
    public void trim(long to) throws JournalException {
      events.trim(to);
    }

    @Override
    public long bytes() {
      return events.bytes();
    }

    @Override
    public long timeMicros() {
      return events.timeMicros();
    }

    @Override
    public void close() {}
  }
}
