package peqlite;

import java.io.PrintWriter;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What a run has to take away again: processes, schemas, folders. Closed in reverse order, once, by
 * the run or by the end of this process, whichever comes first. Thread-safe.
 *
 * <p>What cannot be taken away is told to the user in one line, and the rest is taken away all the
 * same.
 */
final class BenchResources implements AutoCloseable {

  private final PrintWriter err;
  private final Deque<AutoCloseable> kept = new ArrayDeque<>();
  private boolean closed;

  /** Keeps nothing yet. */
  BenchResources(PrintWriter err) {
    this.err = err;
  }

  /** From now on they are closed at the end of this process too, such as after Ctrl-C. */
  void closeAtExit() {
    Runtime.getRuntime().addShutdownHook(new Thread(this::close, "peqlite-bench-cleaner"));
  }

  /** Resources that can be closed before the others, and are closed with them at the latest. */
  BenchResources part() throws StartException {
    return keep(new BenchResources(err));
  }

  /**
   * Takes a resource over, and returns it.
   *
   * @throws StartException if all is closed already; then so is the resource
   */
  synchronized <T extends AutoCloseable> T keep(T resource) throws StartException {
    if (closed) {
      close(resource);
      throw new StartException("the benchmark was stopped");
    }
    kept.push(resource);
    return resource;
  }

  @Override
  public synchronized void close() {
    closed = true;
    while (!kept.isEmpty()) {
      close(kept.pop());
    }
  }

  private void close(AutoCloseable resource) {
    try {
      resource.close();
    } catch (Exception e) {
      err.println("peqlite: " + String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
      err.flush();
    }
  }
}
