package storage;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.Statement;
import storage.ReadConnection.Usage;
import storage.ReadFailure.Kind;

/**
 * A fixed number of read-only connections to the replica's file, beside the one that applies.
 *
 * <p>Thread-safe. Connections are opened when they are first needed, and thrown away after an error
 * of the environment. A read can never change the file, is interrupted at its deadline and when the
 * pool is closed, and returns no more than its limits. Work must not ask the same pool again from
 * inside: it would wait for a connection that it may hold itself.
 */
public final class ReadPool implements AutoCloseable {

  /** Reads from one state of the database. */
  public interface Work<T> {

    /** Called once, on one thread; the snapshot ends when it returns or throws. */
    T run(ReadSnapshot snapshot) throws Exception;
  }

  /** Told of every {@linkplain #submit submitted} work. Called on any thread; must not block. */
  public interface Observer {

    /** A work is over, whatever came of it; for so long it waited for a connection, and had one. */
    void ran(long waitedNanos, long ranNanos);

    /** A work was refused, because too many wait. */
    void refused();
  }

  private static final Observer NOBODY =
      new Observer() {
        @Override
        public void ran(long waitedNanos, long ranNanos) {}

        @Override
        public void refused() {}
      };

  private static final Logger LOG = LoggerFactory.getLogger(ReadPool.class);
  private static final long CLOSE_WAIT_MILLIS = 5_000;
  private static final AtomicInteger THREADS = new AtomicInteger();

  private final Path databaseFile;
  private final ReadSettings settings;
  private final Observer observer;
  private final Semaphore permits;
  private final ConcurrentLinkedDeque<ReadConnection> idle = new ConcurrentLinkedDeque<>();
  private final ThreadPoolExecutor threads;
  private final Object quiesceLock = new Object();

  /** Which file the connections read, counted by {@link #reopen}. */
  private final AtomicInteger generation = new AtomicInteger();

  /** Present while new reads are held back; opened when they may go on. */
  private volatile @Nullable CountDownLatch gate;

  /** Set while {@link #quiesce} holds all permits itself. */
  private volatile boolean drained;

  private volatile boolean closing;

  /** Reads nothing; see {@link #holdOpen}. */
  private final AtomicReference<@Nullable Connection> holding = new AtomicReference<>();

  private final AtomicInteger copies = new AtomicInteger();

  /** Connections that were handed out for good; weakly held, because their owners close them. */
  private final Set<Connection> handedOut =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

  private ReadPool(Path databaseFile, ReadSettings settings, Observer observer) {
    this.databaseFile = databaseFile;
    this.settings = settings;
    this.observer = observer;
    this.permits = new Semaphore(settings.connections());
    this.threads =
        new ThreadPoolExecutor(
            settings.connections(),
            settings.connections(),
            0,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(settings.queueMax()),
            ReadPool::thread);
  }

  /**
   * Makes a pool for the file, which need not exist yet.
   *
   * @param databaseFile the replica's file
   */
  public static ReadPool open(Path databaseFile, ReadSettings settings) {
    return new ReadPool(databaseFile, settings, NOBODY);
  }

  /** The same, with somebody who is told what is read. */
  public static ReadPool open(Path databaseFile, ReadSettings settings, Observer observer) {
    return new ReadPool(databaseFile, settings, observer);
  }

  /**
   * Runs the work on a read thread. What it throws completes the stage exceptionally.
   *
   * @throws RejectedExecutionException at once, when the queue is full or the pool is closed; a
   *     stage completes with it when the pool is closed before the work has begun
   */
  public <T> CompletionStage<T> submit(Work<T> work) {
    Task<T> task = new Task<>(work);
    try {
      threads.execute(task);
    } catch (RejectedExecutionException e) {
      if (closing) {
        throw closed();
      }
      observer.refused();
      throw new RejectedExecutionException("too many reads are waiting");
    }
    return task.result;
  }

  /**
   * Runs the work on the calling thread, with a borrowed connection.
   *
   * @param deadlineNanos by {@link System#nanoTime()}: how long to wait for a free connection
   * @throws RejectedExecutionException if none is free by then, or the pool is closed
   * @throws ReadFailure if the database cannot be read at all
   * @throws Exception what the work throws
   */
  public <T> T read(Work<T> work, long deadlineNanos) throws Exception {
    if (!borrowPermit(deadlineNanos)) {
      throw new RejectedExecutionException("no connection became free in time");
    }
    return withSnapshot(work, deadlineNanos);
  }

  /**
   * Runs one statement on the calling thread, by itself and without a snapshot: the fastest read.
   *
   * @param sink what it throws ends the read and comes out here
   * @throws ReadFailure if the statement fails, writes, takes too long, waits too long for a free
   *     connection, or returns too much
   * @throws RejectedExecutionException if the pool is closed
   */
  public void query(Statement statement, ReadLimits limits, RowSink sink) throws ReadFailure {
    if (!borrowPermit(limits.deadlineNanos())) {
      throw new ReadFailure(Kind.TIMEOUT, "query timeout");
    }
    ReadConnection connection = null;
    try {
      connection = takeConnection();
      connection.query(statement, limits, new Usage(), false, sink);
    } finally {
      giveBack(connection);
    }
  }

  /**
   * Opens a connection of its own for the caller, who closes it. It reads only, is bound by no
   * limit of this pool, and is closed when the file is replaced or the pool is closed. A read on it
   * that does not end keeps the write-ahead log from being started anew, so that it grows.
   *
   * @throws SQLException if there is no database yet, or it cannot be opened
   */
  public Connection connect() throws SQLException {
    int wanted = generation.get();
    Connection connection = DatabaseConnections.openReading(databaseFile, settings);
    handedOut.add(connection);
    if (closing || wanted != generation.get()) {
      connection.close();
      throw new SQLException("the database is being replaced or closed; try again");
    }
    return connection;
  }

  /** Somebody copies the whole database, until this is closed. */
  public final class Copying implements AutoCloseable {

    private Copying() {
      copies.incrementAndGet();
    }

    @Override
    public void close() {
      copies.decrementAndGet();
    }
  }

  /** Tells that the whole database is being copied, by a connection of {@link #connect}. */
  public Copying copying() {
    return new Copying();
  }

  /** Whether somebody copies the database, who will not be done in the time of a usual read. */
  public boolean isBeingCopied() {
    return copies.get() > 0;
  }

  /**
   * Closes all idle connections and makes borrowed ones close when they are given back, so that a
   * replaced file is opened anew. Whoever replaces the file does both inside of {@link #quiesce}.
   */
  public void reopen() {
    generation.incrementAndGet();
    hold(null);
    closeIdle();
    closeHandedOut();
  }

  /**
   * Keeps the file open from now on, until {@link #reopen} or {@link #close}. SQLite deletes the
   * index of the write-ahead log with the last connection, and on a disk without space nobody could
   * make it again, to read what is there. To be called while the file is open to be applied to.
   */
  public void holdOpen() {
    try {
      Connection connection = DatabaseConnections.openReading(databaseFile, settings);
      hold(connection);
      try (java.sql.Statement statement = connection.createStatement()) {
        // The index is opened by the first read.
        statement.executeQuery("SELECT count(*) FROM sqlite_schema").close();
      }
    } catch (SQLException e) {
      LOG.debug("the database cannot be held open", e);
    }
  }

  private void hold(@Nullable Connection connection) {
    Connection before = holding.getAndSet(connection);
    if (before != null) {
      try {
        before.close();
      } catch (SQLException e) {
        LOG.debug("a connection could not be closed", e);
      }
    }
  }

  /**
   * Holds back new reads while the action runs, which lets a checkpoint through. The action runs on
   * the calling thread, and what it throws comes out here. It must not read from this pool.
   *
   * @param waitMillis how long to wait for running reads to end; then the action runs beside them
   */
  public void quiesce(long waitMillis, Runnable action) {
    synchronized (quiesceLock) {
      CountDownLatch opened = new CountDownLatch(1);
      gate = opened;
      try {
        drained = tryDrain(waitMillis);
        action.run();
      } finally {
        if (drained) {
          drained = false;
          permits.release(settings.connections());
        }
        gate = null;
        opened.countDown();
      }
    }
  }

  /** How many submitted works wait for a thread, now. */
  public int queued() {
    return threads.getQueue().size();
  }

  /** How many connections there may be. */
  public int connections() {
    return settings.connections();
  }

  /** How many connections are borrowed, now. */
  public int active() {
    return drained ? 0 : settings.connections() - permits.availablePermits();
  }

  /**
   * Interrupts running reads, refuses new and waiting ones, and waits a few seconds for the running
   * ones to end; a sink that goes on blocking after that closes its connection when it returns.
   */
  @Override
  public void close() {
    closing = true;
    for (Runnable waiting : threads.shutdownNow()) {
      ((Task<?>) waiting).abandon();
    }
    synchronized (quiesceLock) {
      if (tryDrain(CLOSE_WAIT_MILLIS)) {
        permits.release(settings.connections());
      }
    }
    hold(null);
    closeIdle();
    closeHandedOut();
  }

  private void closeHandedOut() {
    List<Connection> open;
    synchronized (handedOut) {
      open = List.copyOf(handedOut);
      handedOut.clear();
    }
    for (Connection connection : open) {
      try {
        connection.close();
      } catch (SQLException e) {
        LOG.debug("a connection could not be closed", e);
      }
    }
  }

  private <T> T withSnapshot(Work<T> work, long deadlineNanos) throws Exception {
    ReadConnection connection = null;
    try {
      connection = takeConnection();
      Snapshot snapshot = new Snapshot(connection, connection.begin(deadlineNanos));
      try {
        return work.run(snapshot);
      } finally {
        snapshot.isOver = true;
        connection.end();
      }
    } finally {
      giveBack(connection);
    }
  }

  /** Waits for the right to one connection; false if the deadline came first. */
  private boolean borrowPermit(long deadlineNanos) {
    try {
      while (true) {
        CountDownLatch opened = gate;
        if (opened != null
            && !opened.await(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          return false;
        }
        if (closing) {
          throw closed();
        }
        if (!permits.tryAcquire()
            && !permits.tryAcquire(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          return false;
        }
        if (closing) {
          permits.release();
          throw closed();
        }
        if (gate == null) {
          return true;
        }
        permits.release();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RejectedExecutionException("interrupted while waiting for a connection", e);
    }
  }

  private ReadConnection takeConnection() throws ReadFailure {
    int wanted = generation.get();
    while (true) {
      ReadConnection connection = idle.pollFirst();
      if (connection == null) {
        return ReadConnection.open(databaseFile, settings, wanted, () -> closing);
      }
      if (connection.generation() == wanted) {
        return connection;
      }
      connection.close();
    }
  }

  private void giveBack(@Nullable ReadConnection connection) {
    try {
      if (connection != null) {
        if (connection.isBroken() || isOutdated(connection)) {
          connection.close();
        } else {
          // The first out is the last in: its statements and pages are the warmest.
          idle.addFirst(connection);
          // Whoever cleared the idle ones between the question and the answer missed this one.
          if (isOutdated(connection) && idle.remove(connection)) {
            connection.close();
          }
        }
      }
    } finally {
      permits.release();
    }
  }

  private boolean isOutdated(ReadConnection connection) {
    return closing || connection.generation() != generation.get();
  }

  private void closeIdle() {
    ReadConnection connection = idle.pollFirst();
    while (connection != null) {
      connection.close();
      connection = idle.pollFirst();
    }
  }

  private boolean tryDrain(long waitMillis) {
    try {
      return permits.tryAcquire(settings.connections(), waitMillis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static RejectedExecutionException closed() {
    return new RejectedExecutionException("the database is closed");
  }

  private static Thread thread(Runnable work) {
    Thread thread = new Thread(work, "peqlite-read-" + THREADS.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  }

  private final class Task<T> implements Runnable {
    private final Work<T> work;
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final long submittedNanos = System.nanoTime();

    Task(Work<T> work) {
      this.work = work;
    }

    @Override
    public void run() {
      try {
        // There are as many threads as connections, so one becomes free when its reader ends.
        long deadlineNanos = System.nanoTime() + Long.MAX_VALUE / 2;
        if (borrowPermit(deadlineNanos)) {
          long began = System.nanoTime();
          T done;
          try {
            done = withSnapshot(work, deadlineNanos);
          } finally {
            observer.ran(began - submittedNanos, System.nanoTime() - began);
          }
          result.complete(done);
        } else {
          abandon();
        }
      } catch (Throwable e) {
        result.completeExceptionally(e);
      }
    }

    void abandon() {
      result.completeExceptionally(closed());
    }
  }

  private static final class Snapshot implements ReadSnapshot {
    private final ReadConnection connection;
    private final long seq;
    private final Usage usage = new Usage();
    private boolean isOver;

    Snapshot(ReadConnection connection, long seq) {
      this.connection = connection;
      this.seq = seq;
    }

    @Override
    public long seq() {
      return seq;
    }

    @Override
    public void query(Statement statement, ReadLimits limits, RowSink rowsAsked)
        throws ReadFailure {
      if (isOver) {
        throw new IllegalStateException("the snapshot is over");
      }
      connection.query(statement, limits, usage, true, rowsAsked);
    }
  }
}
