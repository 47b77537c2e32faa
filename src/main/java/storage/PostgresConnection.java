package storage;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;

/**
 * One connection to the journal's PostgreSQL, asked one question at a time.
 *
 * <p>Opened on first use. Dropped after any failure, and opened again by the next question, at
 * once: how often to ask is the caller's choice. A question that fails because the server had
 * dropped an older connection is asked once more on a new one, so that a restart of the server is
 * not seen by those who ask only afterwards; questions must therefore bear being asked twice.
 *
 * <p>Thread-safe. A question takes at most some seconds, by the time-outs of {@link
 * PostgresSettings}.
 */
final class PostgresConnection implements AutoCloseable {

  /** What is asked; may be called twice. */
  interface Question<T> {
    T ask(Connection connection) throws SQLException, JournalException;
  }

  /**
   * The driver writes stack traces of its own for what it throws besides. Kept here, because
   * loggers that nobody keeps forget their level.
   */
  private static final java.util.logging.Logger DRIVER_LOG =
      java.util.logging.Logger.getLogger("org.postgresql");

  static {
    DRIVER_LOG.setLevel(java.util.logging.Level.OFF);
  }

  /** A failure that took longer than this was no closed connection. */
  private static final long AGAIN_MAX_NANOS = 500_000_000;

  private final PostgresSettings settings;
  private final int statementTimeoutMillis;
  private final ReentrantLock turn = new ReentrantLock();

  private volatile @Nullable Connection connection;
  private volatile boolean closed;

  PostgresConnection(PostgresSettings settings, int statementTimeoutMillis) {
    this.settings = settings;
    this.statementTimeoutMillis = statementTimeoutMillis;
  }

  /**
   * Asks in autocommit mode.
   *
   * @throws JournalRefusedException if asking again is of no use until an operator has acted
   */
  <T> T ask(Question<T> question) throws JournalException {
    turn.lock();
    try {
      long startNanos = System.nanoTime();
      boolean fresh = connection == null;
      try {
        return askOnce(question);
      } catch (SQLException e) {
        boolean dropped = PostgresErrors.isLostConnection(e);
        if (fresh || !dropped || System.nanoTime() - startNanos > AGAIN_MAX_NANOS) {
          throw PostgresErrors.failure(settings, e);
        }
      }
      try {
        return askOnce(question);
      } catch (SQLException e) {
        throw PostgresErrors.failure(settings, e);
      }
    } finally {
      turn.unlock();
    }
  }

  /** Asks in one transaction, which is committed if the question is answered. */
  <T> T transact(Question<T> question) throws JournalException {
    return ask(
        open -> {
          open.setAutoCommit(false);
          T answer = question.ask(open);
          open.commit();
          open.setAutoCommit(true);
          return answer;
        });
  }

  private <T> T askOnce(Question<T> question) throws SQLException, JournalException {
    boolean answered = false;
    try {
      T answer = question.ask(open());
      answered = true;
      return answer;
    } finally {
      if (!answered) {
        drop();
      }
    }
  }

  private Connection open() throws SQLException, JournalException {
    requireOpen();
    Connection open = connection;
    if (open == null) {
      open = new Driver().connect(settings.bareUrl(), settings.properties(statementTimeoutMillis));
      if (open == null) {
        throw new IllegalStateException("the driver does not take its own address");
      }
      connection = open;
      if (closed) {
        drop();
        requireOpen();
      }
    }
    return open;
  }

  private void requireOpen() throws JournalException {
    if (closed) {
      throw new JournalException("the journal was closed");
    }
  }

  /** Without a word to the server, which might not answer; it rolls back what is open. */
  void drop() {
    Connection open = connection;
    connection = null;
    if (open != null) {
      try {
        open.abort(Runnable::run);
      } catch (SQLException ignored) {
        // It is of no use any more, whatever becomes of it.
      }
    }
  }

  /** Does not wait for a question that is being asked, but makes it fail. */
  @Override
  public void close() {
    closed = true;
    drop();
  }
}
