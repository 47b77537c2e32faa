package quorum;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import storage.JournalException;

/**
 * What this node has of the quorum: nothing at first, and its {@link QuorumServer} as soon as it
 * knows who it is. Outlives the cluster's actor systems. Thread-safe.
 */
public final class QuorumPart implements AutoCloseable {

  private static final int THREADS_MAX = 16;
  private static final long THREAD_IDLE_SECONDS = 30;

  private final ThreadPoolExecutor threads =
      new ThreadPoolExecutor(
          0,
          THREADS_MAX,
          THREAD_IDLE_SECONDS,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          task -> {
            Thread thread = new Thread(task, "peqlite-quorum-ask");
            thread.setDaemon(true);
            return thread;
          },
          new ThreadPoolExecutor.CallerRunsPolicy());

  private @Nullable QuorumServer server;
  private boolean closed;

  /**
   * The server.
   *
   * @throws JournalException if this node has no part yet
   */
  public synchronized QuorumServer server() throws JournalException {
    QuorumServer started = server;
    if (started == null) {
      throw new JournalException("this node has not found the others that keep the journal yet");
    }
    return started;
  }

  /**
   * The server, as soon as there is one: a node that starts takes a moment.
   *
   * @throws JournalException if there is none in time
   */
  public synchronized QuorumServer server(Duration max) throws JournalException {
    long deadlineNanos = System.nanoTime() + max.toNanos();
    long leftMillis = max.toMillis();
    while (server == null && !closed && leftMillis > 0) {
      try {
        wait(leftMillis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new JournalException("interrupted", e);
      }
      leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
    }
    return server();
  }

  /** The server, if there is one. */
  public synchronized Optional<QuorumServer> ifStarted() {
    return Optional.ofNullable(server);
  }

  /** From now on there is one, which is closed with this. */
  public synchronized void started(QuorumServer started) {
    if (closed) {
      started.close();
    } else {
      server = started;
      notifyAll();
    }
  }

  /** For calls that block. */
  public Executor executor() {
    return threads;
  }

  @Override
  public void close() {
    QuorumServer started;
    synchronized (this) {
      closed = true;
      started = server;
      notifyAll();
    }
    if (started != null) {
      started.close();
    }
    threads.shutdownNow();
  }
}
