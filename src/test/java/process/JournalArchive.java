package process;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import storage.StoredEvent;

/**
 * All events of a journal whose beginning the nodes cut off: reads them while they are there, and
 * keeps them in memory, so that what happened can be looked at afterwards. Thread-safe.
 */
final class JournalArchive implements AutoCloseable {

  private static final long PAUSE_NANOS = Duration.ofMillis(100).toNanos();

  private final ClusterJournal journal;
  private final List<StoredEvent> events = new ArrayList<>();
  private final Thread reader;
  private volatile boolean closed;

  /** Begins to read; the journal must not be cut yet. */
  JournalArchive(ClusterJournal journal) {
    this.journal = journal;
    this.reader = new Thread(this::follow, "journal-archive");
    reader.setDaemon(true);
    reader.start();
  }

  private void follow() {
    while (!closed) {
      try {
        readMore();
      } catch (Exception notNow) {
        // A node's file may be gone, or the server be down; what is missing at the end is noticed.
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  private synchronized boolean readMore() throws Exception {
    List<StoredEvent> more = journal.after(events.size());
    for (StoredEvent event : more) {
      assertEquals(events.size() + 1, event.seq(), "an event was cut off before it was read");
      events.add(event);
    }
    return !more.isEmpty();
  }

  /** Calls for every event in order; the nodes may run, but should be idle. */
  synchronized void forEach(ClusterJournal.Action action) throws Exception {
    while (readMore()) {
      // The next ones.
    }
    assertEquals(journal.head(), events.size(), "the archive holds the whole journal");
    for (StoredEvent event : events) {
      action.on(event);
    }
  }

  @Override
  public void close() {
    closed = true; // the thread ends by itself
  }
}
