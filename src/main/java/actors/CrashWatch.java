package actors;

import java.io.IOException;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Notices within milliseconds that a process has ended, without anything being sent: it holds one
 * TCP connection to the process, which the operating system closes when the process ends, however
 * that happens. A process is gone when the connection is lost and nobody listens at its address.
 *
 * <p>It says nothing of a process that is paused (its connections stay), of one that cannot be
 * reached (nothing answers), nor of one that accepts a new connection. A firewall that answers in
 * the place of a living process is taken for its end, so that others should be asked as well.
 *
 * <p>Thread-safe. Uses one thread for each watched process and two for probes.
 */
final class CrashWatch implements AutoCloseable {

  /** What an attempt to connect found. */
  enum Probe {
    /** Somebody accepts connections. */
    LISTENS,
    /** The machine answers, and nobody listens. */
    REFUSES,
    /** Nothing is known. */
    SILENT
  }

  /** Told on a thread of the watch; again and again as long as it is so. */
  interface Listener {

    /** The process is gone. */
    void gone();

    /** The process, or another one at its address, accepts connections. */
    void listens();
  }

  private static final int CONNECT_MILLIS_MAX = 1000;
  private static final int PROBE_MILLIS_MAX = 150;
  private static final Duration BETWEEN_REFUSALS = Duration.ofMillis(20);
  private static final Duration BETWEEN_ATTEMPTS = Duration.ofMillis(500);
  private static final Duration STEADY = Duration.ofSeconds(1);
  private static final int PROBES_WAITING_MAX = 64;
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final Set<Watch> watches = ConcurrentHashMap.newKeySet();
  private final ExecutorService probes;
  private volatile boolean closed;

  CrashWatch() {
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            2,
            2,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(PROBES_WAITING_MAX),
            task -> daemon(task, "peqlite-probe"));
    pool.allowCoreThreadTimeOut(true);
    this.probes = pool;
  }

  /** One watched process. Closing it twice does no harm. */
  final class Watch implements AutoCloseable {

    private final String address;
    private final Listener listener;
    private final Thread thread;
    private volatile boolean ended;
    // Guarded by this.
    private Socket socket = new Socket();

    private Watch(String address, Listener listener) {
      this.address = address;
      this.listener = listener;
      this.thread = daemon(this::run, "peqlite-crash-watch");
    }

    private void run() {
      int refusals = 0;
      try {
        while (!ended) {
          long startedNanos = System.nanoTime();
          Probe probe = connect();
          if (probe == Probe.LISTENS) {
            refusals = 0;
            listener.listens();
            awaitEnd();
            // Whoever accepts and closes at once, as a proxy does, is not asked in a busy loop.
            pause(System.nanoTime() - startedNanos < STEADY.toNanos(), BETWEEN_ATTEMPTS);
          } else if (probe == Probe.REFUSES && ++refusals < 2) {
            pause(true, BETWEEN_REFUSALS);
          } else {
            if (probe == Probe.REFUSES && !ended) {
              listener.gone();
            }
            refusals = 0;
            pause(true, BETWEEN_ATTEMPTS);
          }
        }
      } catch (InterruptedException e) {
        // Only close interrupts.
      } finally {
        closeSocket();
      }
    }

    private Probe connect() {
      Socket attempt = new Socket();
      synchronized (this) {
        if (ended) {
          return Probe.SILENT;
        }
        socket = attempt;
      }
      Probe probe = CrashWatch.connect(attempt, address, CONNECT_MILLIS_MAX);
      if (probe != Probe.LISTENS) {
        closeSocket();
      }
      return probe;
    }

    /** Returns when the connection is lost. Nothing ever arrives on it. */
    private void awaitEnd() {
      try {
        current().getInputStream().transferTo(OutputStream.nullOutputStream());
      } catch (IOException e) {
        // A reset ends a connection as well as an orderly close.
      } finally {
        closeSocket();
      }
    }

    private synchronized Socket current() {
      return socket;
    }

    private void pause(boolean needed, Duration time) throws InterruptedException {
      if (needed && !ended) {
        Thread.sleep(time.toMillis());
      }
    }

    private void closeSocket() {
      try {
        current().close();
      } catch (IOException e) {
        // It is closed as far as this process is concerned.
      }
    }

    /** Stops watching; the listener may be told once more. */
    @Override
    public void close() {
      ended = true;
      watches.remove(this);
      closeSocket();
      thread.interrupt();
    }
  }

  /**
   * Watches the process at an address until the watch is closed.
   *
   * @param address host:port where it accepts connections
   */
  Watch watch(String address, Listener listener) {
    Watch watch = new Watch(address, listener);
    watches.add(watch);
    if (closed) {
      watch.close();
    } else {
      watch.thread.start();
    }
    return watch;
  }

  /** Tries, in at most about 300 ms, whether somebody listens at an address (host:port). */
  CompletionStage<Probe> probe(String address) {
    try {
      return CompletableFuture.supplyAsync(() -> probeTwice(address), probes);
    } catch (RejectedExecutionException e) {
      return CompletableFuture.completedFuture(Probe.SILENT);
    }
  }

  private static Probe probeTwice(String address) {
    Probe first = probeOnce(address);
    if (first != Probe.REFUSES) {
      return first;
    }
    try {
      Thread.sleep(BETWEEN_REFUSALS.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Probe.SILENT;
    }
    return probeOnce(address);
  }

  private static Probe probeOnce(String address) {
    try (Socket attempt = new Socket()) {
      return connect(attempt, address, PROBE_MILLIS_MAX);
    } catch (IOException e) {
      return Probe.SILENT;
    }
  }

  private static Probe connect(Socket attempt, String address, int millisMax) {
    try {
      attempt.connect(socketAddress(address), millisMax);
      return Probe.LISTENS;
    } catch (ConnectException e) {
      // Within so short a time nothing but a refusal is told so: the system's own time-out is
      // longer.
      return Probe.REFUSES;
    } catch (IOException e) {
      return Probe.SILENT;
    }
  }

  private static InetSocketAddress socketAddress(String address) {
    int colon = address.lastIndexOf(':');
    String host = address.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    }
    return new InetSocketAddress(host, Integer.parseInt(address.substring(colon + 1)));
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name + "-" + NUMBER.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  }

  /** Ends all watches and probes. */
  @Override
  public void close() {
    closed = true;
    watches.forEach(Watch::close);
    probes.shutdownNow();
  }
}
