package storage;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.sqlite.ProgressHandler;

/**
 * Looks through a whole database as of one position: whether its pages are what SQLite wrote, and
 * what is in them.
 *
 * <p>It reads in one read transaction, on a connection of its own, beside the one that applies.
 * Until it is closed the write-ahead log cannot be started anew, and grows. It rests for as long as
 * it works, so that it takes at most half of one processor. One thread opens it, and then one runs
 * and closes it; {@link #cancel} is for any thread.
 */
public final class ContentScrub implements AutoCloseable {

  private static final int STEPS_PER_CALL = 10_000;
  private static final long WORK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long REST_NANOS_MAX = TimeUnit.SECONDS.toNanos(1);

  /** Lets others work too, and ends what nobody waits for any more. */
  private final class Pace extends ProgressHandler {

    private long restedNanos = System.nanoTime();

    @Override
    protected int progress() {
      long worked = System.nanoTime() - restedNanos;
      if (worked >= WORK_NANOS && !isCancelled()) {
        try {
          TimeUnit.NANOSECONDS.sleep(Math.min(worked, REST_NANOS_MAX));
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          cancel("it was interrupted");
        }
        restedNanos = System.nanoTime();
      }
      return isCancelled() ? 1 : 0;
    }
  }

  /** It was {@linkplain #cancel cancelled}; the message says why. */
  public static final class CancelledException extends Exception {

    private static final long serialVersionUID = 1L;

    CancelledException(String reason) {
      super(reason);
    }
  }

  private final Connection connection;
  private final ReadPool.Copying copying;
  private volatile @Nullable String cancelled;

  private ContentScrub(Connection connection, ReadPool.Copying copying) {
    this.connection = connection;
    this.copying = copying;
  }

  /**
   * Opens the read transaction, where the database stands now.
   *
   * @param reads of the database
   * @param seq the event at whose end it stands
   * @throws SQLException if it cannot be read, or stands elsewhere
   */
  public static ContentScrub begin(ReadPool reads, long seq) throws SQLException {
    ReadPool.Copying copying = reads.copying();
    Connection connection = null;
    try {
      connection = reads.connect();
      ContentScrub scrub = new ContentScrub(connection, copying);
      scrub.open(seq);
      return scrub;
    } catch (SQLException | RuntimeException e) {
      copying.close();
      if (connection != null) {
        connection.close();
      }
      throw e;
    }
  }

  /** The transaction begins with its first read (sqlite.org, "Isolation In SQLite"). */
  private void open(long seq) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("BEGIN");
    }
    ReplicaState state = InternalTables.loadPosition(connection);
    if (state.seq != seq || state.index != 0) {
      throw new SQLException(
          "the database stands at event " + state.seq + " and not at the end of " + seq);
    }
    ProgressHandler.setHandler(connection, STEPS_PER_CALL, new Pace());
  }

  /**
   * Reads everything, twice: as pages, then as rows. Takes long.
   *
   * @return the digest of what is in it, see {@link ContentDigest}
   * @throws DatabaseDamagedException if it is not what a database must be
   * @throws CancelledException if it was cancelled
   * @throws SQLException if it cannot be read
   */
  public byte[] run() throws SQLException, DatabaseDamagedException, CancelledException {
    try {
      DatabaseCopy.check(connection);
      return ContentDigest.of(connection);
    } catch (SQLException | DatabaseDamagedException e) {
      String reason = cancelled;
      if (reason != null) {
        throw new CancelledException(reason); // what was broken off may look like damage
      }
      if (e instanceof SQLException sql && SqliteErrors.isDamage(sql)) {
        throw new DatabaseDamagedException("the database is damaged: " + SqliteErrors.message(sql));
      }
      throw e;
    }
  }

  /** Ends {@link #run} soon, in the middle of what it does. The first reason counts. */
  public synchronized void cancel(String reason) {
    if (cancelled == null) {
      cancelled = reason;
    }
  }

  private boolean isCancelled() {
    return cancelled != null;
  }

  /** Ends the read transaction. */
  @Override
  public void close() {
    try {
      connection.close();
    } catch (SQLException ignored) {
      // It was only read, and what was found in it is known.
    } finally {
      copying.close();
    }
  }
}
