package storage;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.PastDatabaseException.Kind;
import storage.PastStarts.Start;

/**
 * The databases of the past that this node keeps for its reads, each as of one event.
 *
 * <p>One is made when somebody asks for it, from the nearest snapshot and the journal, and
 * everybody who asks for the same one meanwhile waits for it. One is made at a time. They are
 * bounded in number and bytes, and go when nobody has read them for a while or others need the
 * room; one that is being read stays. None outlives the process.
 *
 * <p>Thread-safe. {@link #resolve} blocks; nothing else does.
 */
public final class PastStates implements AutoCloseable {

  /** Told of every making. Called on any thread; must not block. */
  public interface Observer extends ReadPool.Observer {

    /** One was made, or could not be made, in so long. */
    void made(boolean succeeded, long nanos);
  }

  /**
   * What there is now.
   *
   * @param states that can be read
   * @param bytes of their files
   * @param making how many are being made or wait for that
   */
  public record Use(int states, long bytes, int making) {}

  /**
   * Where a target is.
   *
   * @param seq the event
   * @param isLast whether it is the last one that is applied, so that a later one may be meant
   *     before long
   */
  public record Resolved(long seq, boolean isLast) {}

  private static final Logger LOG = LoggerFactory.getLogger(PastStates.class);

  private static final int WAITING_MAX = 16;
  private static final long LOOK_MILLIS_MAX = 1_000;
  private static final long CLOSE_WAIT_SECONDS = 5;
  private static final String FETCHED = "fetched.snapshot";
  private static final List<String> SUFFIXES = List.of("", "-wal", "-shm");

  private final Path directory;
  private final PastSettings settings;
  private final Journal journal;
  private final PastStarts starts;
  private final LongSupplier databaseBytes;
  private final Observer observer;
  private final ThreadPoolExecutor maker;
  private final ScheduledExecutorService looker;

  /** By sequence number. Guarded by this. */
  private final Map<Long, State> states = new HashMap<>();

  /** Counts what makes earlier work void. Guarded by this. */
  private int pasts;

  private long files;
  private @Nullable PastDatabase making;
  private boolean closed;

  /** A database of the past; guarded by its owner. */
  private static final class State {
    final long seq;
    final CompletableFuture<State> ready = new CompletableFuture<>();
    int users;
    boolean gone;
    long usedNanos = System.nanoTime();
    long bytes;
    long timestampMicros;
    @Nullable Path file;
    @Nullable ReadPool reads;

    State(long seq) {
      this.seq = seq;
    }
  }

  /** A database of the past that stays until this is closed. */
  public final class Lease implements AutoCloseable {
    private final State state;
    private final ReadPool reads;
    private boolean over;

    private Lease(State state, ReadPool reads) {
      this.state = state;
      this.reads = reads;
    }

    /** The last event in it. */
    public long seq() {
      return state.seq;
    }

    /** That event's time; empty before the first event. */
    public Optional<Instant> time() {
      return state.seq == 0
          ? Optional.empty()
          : Optional.of(Instant.EPOCH.plus(state.timestampMicros, ChronoUnit.MICROS));
    }

    /** The read-only connections to it. */
    public ReadPool reads() {
      return reads;
    }

    @Override
    public void close() {
      synchronized (PastStates.this) {
        if (!over) {
          over = true;
          release(state);
        }
      }
    }
  }

  private PastStates(
      Path directory,
      PastSettings settings,
      Journal journal,
      PastStarts starts,
      LongSupplier databaseBytes,
      Observer observer) {
    this.directory = directory;
    this.settings = settings;
    this.journal = journal;
    this.starts = starts;
    this.databaseBytes = databaseBytes;
    this.observer = observer;
    this.maker =
        new ThreadPoolExecutor(
            1,
            1,
            10,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(WAITING_MAX),
            work -> thread(work, "peqlite-past"));
    maker.allowCoreThreadTimeOut(true);
    this.looker =
        Executors.newSingleThreadScheduledExecutor(work -> thread(work, "peqlite-past-idle"));
    long look = Math.max(1, Math.min(LOOK_MILLIS_MAX, settings.idle().toMillis() / 2));
    looker.scheduleWithFixedDelay(this::dropIdle, look, look, TimeUnit.MILLISECONDS);
  }

  private static Thread thread(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Begins with none; what an earlier process left is deleted.
   *
   * @param directory where their files are; made if it is missing, and used for nothing else
   * @param snapshots this node's
   * @param store of snapshots beside the journal
   * @param databaseBytes how large the database is now, the best guess for one of the past
   * @throws IOException if the directory cannot be made or cleared
   */
  public static PastStates open(
      Path directory,
      PastSettings settings,
      Journal journal,
      SnapshotDirectory snapshots,
      Optional<SnapshotStore> store,
      LongSupplier databaseBytes,
      Observer observer)
      throws IOException {
    Files.createDirectories(directory);
    clear(directory);
    return new PastStates(
        directory,
        settings,
        journal,
        new PastStarts(journal, snapshots, store),
        databaseBytes,
        observer);
  }

  private static void clear(Path directory) throws IOException {
    List<Path> left = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(directory)) {
      found.forEach(left::add);
    }
    for (Path file : left) {
      Files.deleteIfExists(file);
    }
  }

  /**
   * Finds the event that is meant. Blocks for a few questions to the journal.
   *
   * @param applied the last event that this node has applied: none behind it is answered from
   * @param journalId the journal's
   * @throws PastDatabaseException if there is no such event yet, or it is not retained
   * @throws JournalException if the journal cannot be asked now
   */
  public Resolved resolve(PastTarget target, long applied, String journalId)
      throws PastDatabaseException, JournalException {
    if (target instanceof PastTarget.AfterEvent event) {
      if (event.seq() > applied) {
        throw new PastDatabaseException(
            Kind.BEYOND_HEAD,
            "there is no event " + event.seq() + " yet: the last one is event " + applied);
      }
      requireRetained(event.seq(), journalId);
      return new Resolved(event.seq(), event.seq() == applied);
    }
    long micros = ((PastTarget.AtTime) target).micros();
    try {
      return find(micros, applied, journalId);
    } catch (JournalGapException e) {
      throw e.isCutAway()
          ? notRetained("the state at " + PastTarget.text(micros), journalId)
          : new PastDatabaseException(Kind.BROKEN, String.valueOf(e.getMessage()), e);
    } catch (JournalDamagedException e) {
      throw new PastDatabaseException(Kind.BROKEN, String.valueOf(e.getMessage()), e);
    }
  }

  private Resolved find(long micros, long applied, String journalId)
      throws PastDatabaseException, JournalException {
    long first = journal.first();
    if (applied == 0 || timeOf(applied) <= micros) {
      return new Resolved(applied, true);
    }
    if (timeOf(first) > micros) {
      boolean before =
          first == 1 || starts.timeOf(first - 1, journalId).orElse(Long.MAX_VALUE) <= micros;
      if (!before) {
        throw notRetained("the state at " + PastTarget.text(micros), journalId);
      }
      return new Resolved(first - 1, false);
    }
    long low = first; // not later than what is asked for
    long high = applied; // later
    while (high - low > 1) {
      long middle = low + (high - low) / 2;
      if (timeOf(middle) <= micros) {
        low = middle;
      } else {
        high = middle;
      }
    }
    requireRetained(low, journalId);
    return new Resolved(low, false);
  }

  private long timeOf(long seq) throws PastDatabaseException, JournalException {
    List<StoredEvent> one = journal.read(seq, 1, 1);
    if (one.isEmpty()) {
      throw new JournalException("the journal gives no event " + seq + " now");
    }
    try {
      return EventCodec.decode(one.get(0)).timestampMicros();
    } catch (FormatException e) {
      throw new PastDatabaseException(Kind.BROKEN, String.valueOf(e.getMessage()), e);
    }
  }

  private void requireRetained(long seq, String journalId)
      throws PastDatabaseException, JournalException {
    synchronized (this) {
      if (states.containsKey(seq)) {
        return;
      }
    }
    if (starts.before(seq, journalId).isEmpty()) {
      throw notRetained("the state after event " + seq, journalId);
    }
  }

  private PastDatabaseException notRetained(String what, String journalId) throws JournalException {
    OptionalLong oldest = starts.oldest(journalId);
    String told =
        oldest.isPresent()
            ? "the oldest that can be asked for is that after event " + oldest.getAsLong()
            : "no state of the past is, before another snapshot is taken";
    return new PastDatabaseException(
        Kind.NOT_RETAINED, what + " is not retained any more: " + told);
  }

  /**
   * The database as of an event that {@link #resolve} has found; makes it if it is not there, which
   * goes on whether or not somebody waits.
   *
   * @return a lease, which the caller closes; fails with a {@link PastDatabaseException}
   */
  public CompletionStage<Lease> open(long seq, String journalId) {
    State state;
    synchronized (this) {
      if (closed || settings.statesMax() == 0) {
        return failed(
            closed
                ? "this node is stopping"
                : "reads as of the past are switched off (peqlite.as-of.states-max is 0)");
      }
      state = states.get(seq);
      if (state == null) {
        State made = new State(seq);
        try {
          maker.execute(() -> make(made, journalId));
        } catch (RejectedExecutionException full) {
          return failed("too many states of the past are waiting to be made; ask again");
        }
        states.put(seq, made);
        state = made;
      }
      state.users++;
      state.usedNanos = System.nanoTime();
    }
    return state.ready.thenApply(this::lease);
  }

  private static CompletionStage<Lease> failed(String reason) {
    return CompletableFuture.failedFuture(new PastDatabaseException(Kind.FAILED, reason));
  }

  private Lease lease(State state) {
    ReadPool reads = state.reads;
    if (reads == null) {
      throw new IllegalStateException("event " + state.seq + " is ready and has no file");
    }
    return new Lease(state, reads);
  }

  /** What there is now. */
  public synchronized Use use() {
    int made = 0;
    long bytes = 0;
    for (State state : states.values()) {
      made += state.reads == null ? 0 : 1;
      bytes += state.bytes;
    }
    return new Use(made, bytes, states.size() - made);
  }

  /**
   * Forgets every state that has this event or later ones, and is being made now: what is applied
   * was not what it should have been. Who reads one reads it to the end.
   */
  public synchronized void distrust(long from) {
    pasts++;
    for (State state : List.copyOf(states.values())) {
      if (state.reads != null && state.seq >= from) {
        drop(state);
      }
    }
  }

  /** Called with the lock. */
  private void release(State state) {
    state.users--;
    state.usedNanos = System.nanoTime();
    if (state.gone && state.users == 0) {
      remove(state);
    }
  }

  /** Nobody gets it any more; its file goes with its last reader. Called with the lock. */
  private void drop(State state) {
    states.remove(state.seq, state);
    state.gone = true;
    if (state.users == 0) {
      remove(state);
    }
  }

  private void remove(State state) {
    ReadPool reads = state.reads;
    if (reads != null) {
      state.reads = null;
      reads.close();
    }
    Path file = state.file;
    if (file != null) {
      delete(file);
    }
  }

  private static void delete(Path file) {
    for (String suffix : SUFFIXES) {
      try {
        Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
      } catch (IOException e) {
        LOG.warn("a database of the past could not be deleted: {}", e.toString());
      }
    }
  }

  private synchronized void dropIdle() {
    long now = System.nanoTime();
    for (State state : List.copyOf(states.values())) {
      if (isFree(state) && now - state.usedNanos >= settings.idle().toNanos()) {
        drop(state);
      }
    }
  }

  private static boolean isFree(State state) {
    return state.reads != null && state.users == 0;
  }

  private void make(State state, String journalId) {
    long began = System.nanoTime();
    Path file;
    int past;
    synchronized (this) {
      past = pasts;
      file = directory.resolve("state" + ++files + ".db");
    }
    try {
      PastDatabase.Made made = make(state.seq, journalId, file);
      synchronized (this) {
        if (past != pasts || closed) {
          throw new PastDatabaseException(Kind.FAILED, "the past was changed meanwhile; ask again");
        }
        state.file = file;
        state.bytes = made.bytes();
        state.timestampMicros = made.timestampMicros();
        state.reads = ReadPool.open(file, settings.read(), observer);
        state.usedNanos = System.nanoTime();
      }
      long nanos = System.nanoTime() - began;
      observer.made(true, nanos);
      LOG.info(
          "made the database as of event {} for reads: {} MiB in {} ms",
          state.seq,
          made.bytes() >> 20,
          TimeUnit.NANOSECONDS.toMillis(nanos));
      state.ready.complete(state);
    } catch (PastDatabaseException | JournalException | IOException | RuntimeException e) {
      observer.made(false, System.nanoTime() - began);
      LOG.warn("the database as of event {} cannot be made: {}", state.seq, e.toString());
      delete(file);
      synchronized (this) {
        states.remove(state.seq, state);
      }
      state.ready.completeExceptionally(told(e));
    }
  }

  private static PastDatabaseException told(Exception failure) {
    return failure instanceof PastDatabaseException said
        ? said
        : new PastDatabaseException(
            Kind.FAILED,
            failure instanceof RuntimeException
                ? failure.toString()
                : String.valueOf(failure.getMessage()),
            failure);
  }

  /** Tries one start after the other: one may be damaged, or hold what was given up. */
  private PastDatabase.Made make(long seq, String journalId, Path file)
      throws PastDatabaseException, JournalException, IOException {
    List<String> problems = new ArrayList<>();
    for (Start start : starts.before(seq, journalId)) {
      try {
        return make(start, seq, file);
      } catch (SnapshotDamagedException e) {
        start.own().ifPresent(starts::setAside);
        problems.add(String.valueOf(e.getMessage()));
      } catch (NoSuchFileException e) {
        problems.add("the snapshot " + e.getMessage() + " was deleted meanwhile");
      } catch (PastDatabaseException e) {
        if (e.kind() == Kind.NOT_RETAINED) {
          throw notRetained("the state after event " + seq, journalId);
        }
        if (e.kind() != Kind.START_UNUSABLE) {
          throw e;
        }
        problems.add(String.valueOf(e.getMessage()));
      }
    }
    if (problems.isEmpty()) {
      throw notRetained("the state after event " + seq, journalId);
    }
    throw new PastDatabaseException(Kind.NOT_RETAINED, String.join("; ", problems));
  }

  private PastDatabase.Made make(Start start, long seq, Path file)
      throws PastDatabaseException, JournalException, IOException {
    Optional<Path> snapshot = start.own().map(starts::file);
    Path fetched = directory.resolve(FETCHED);
    try {
      if (start.stored().isPresent()) {
        FreeSpace.require(directory, "a snapshot", start.stored().get().bytes());
        starts.fetch(start.stored().get(), fetched);
        snapshot = Optional.of(fetched);
      }
      long begins = snapshot.isPresent() ? SnapshotFile.header(snapshot.get()).databaseBytes() : 0;
      long room = makeRoom(begins);
      // What is appended from now on is not looked at, or the looking might never end.
      long head = journal.head();
      PastDatabase past =
          new PastDatabase(
              (from, eventsMax, bytesMax) -> read(from, head, eventsMax, bytesMax),
              settings.cacheBytes(),
              room);
      synchronized (this) {
        if (closed) {
          throw new PastDatabaseException(Kind.STOPPED, "this node is stopping");
        }
        making = past;
      }
      return past.make(snapshot, new PastTarget.AfterEvent(seq), file);
    } finally {
      synchronized (this) {
        making = null;
      }
      Files.deleteIfExists(fetched);
    }
  }

  /** At a bounded rate, because the sequencer needs the journal too. */
  private List<StoredEvent> read(long from, long head, int eventsMax, long bytesMax)
      throws JournalException {
    if (from > head) {
      return List.of();
    }
    int most = (int) Math.min(eventsMax, head - from + 1);
    List<StoredEvent> events = journal.read(from, most, bytesMax);
    long bytes = events.stream().mapToLong(event -> event.bytes().length).sum();
    try {
      TimeUnit.NANOSECONDS.sleep((long) (bytes * 1e9 / settings.journalBytesPerSecond()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted while events were read", e);
    }
    return events;
  }

  /**
   * Lets states go that nobody reads, the longest unread first, until there is room for another.
   *
   * @param begins bytes of what it begins with
   * @return how large it may get
   */
  private synchronized long makeRoom(long begins) throws PastDatabaseException {
    List<State> free =
        new ArrayList<>(states.values().stream().filter(PastStates::isFree).toList());
    long now = System.nanoTime();
    free.sort(Comparator.comparingLong(state -> state.usedNanos - now));
    long expected = Math.max(begins, databaseBytes.getAsLong());
    while (!free.isEmpty()
        && (use().states() >= settings.statesMax()
            || use().bytes() + expected > settings.bytesMax())) {
      drop(free.remove(0));
    }
    long room = settings.bytesMax() - use().bytes();
    if (use().states() >= settings.statesMax()) {
      throw new PastDatabaseException(
          Kind.FAILED,
          "all "
              + settings.statesMax()
              + " states of the past (peqlite.as-of.states-max) are being read; ask again");
    }
    if (begins >= room) {
      throw new PastDatabaseException(
          Kind.FAILED,
          "the state has more than "
              + (begins >> 20)
              + " MiB, and there is room for "
              + (room >> 20)
              + " MiB (peqlite.as-of.bytes-max)");
    }
    return room;
  }

  /** Stops what is being made, refuses what waits, and deletes everything. */
  @Override
  public void close() {
    List<State> left;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      PastDatabase running = making;
      if (running != null) {
        running.stop();
      }
      left = List.copyOf(states.values());
      states.clear();
    }
    looker.shutdownNow();
    maker.shutdownNow();
    try {
      if (!maker.awaitTermination(CLOSE_WAIT_SECONDS, TimeUnit.SECONDS)) {
        LOG.warn("a database of the past is still being made");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (State state : left) {
      state.ready.completeExceptionally(
          new PastDatabaseException(Kind.STOPPED, "this node is stopping"));
      remove(state);
    }
  }
}
