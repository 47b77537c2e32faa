package backup;

import backup.BackupObject.Full;
import backup.BackupObject.Segment;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import storage.EventSource;
import storage.StoredEvent;

/**
 * The events that segments hold behind a full backup, as far as they follow each other. They were
 * got from their place and every event was looked at; a segment that is damaged is left out, and
 * others that hold its events take its place where there are any. One thread.
 */
final class FetchedEvents implements EventSource, Closeable {

  private final List<Segment> chain;
  private final Map<Segment, Path> files;
  private SegmentFile.@Nullable Events events;
  private long next;

  private FetchedEvents(List<Segment> chain, Map<Segment, Path> files) {
    this.chain = chain;
    this.files = files;
  }

  /** Gets segments, each once, and remembers which are of no use. */
  static final class Fetcher {

    private final BackupStore store;
    private final Path directory;
    private final Consumer<String> progress;
    private final Map<Segment, Path> files = new HashMap<>();
    private final List<String> damaged = new ArrayList<>();
    private BackupCatalog usable;

    /**
     * @param directory where files may be made; whoever made it deletes it
     * @param progress is told what goes on
     */
    Fetcher(BackupStore store, BackupCatalog catalog, Path directory, Consumer<String> progress) {
      this.store = store;
      this.usable = catalog;
      this.directory = directory;
      this.progress = progress;
    }

    /** What is wrong with segments that were left out. */
    List<String> damaged() {
      return List.copyOf(damaged);
    }

    /**
     * The events behind a full backup.
     *
     * @throws IOException if a segment cannot be got, for a reason that may pass
     */
    FetchedEvents behind(Full full) throws IOException {
      List<Segment> chain = usable.chain(full);
      int done = 0;
      while (done < chain.size()) {
        Segment segment = chain.get(done);
        if (!files.containsKey(segment)) {
          progress.accept("fetching segment " + (done + 1) + " of " + chain.size());
        }
        if (files.containsKey(segment) || get(segment)) {
          done++;
        } else {
          usable = usable.without(segment);
          chain = usable.chain(full);
          done = 0;
        }
      }
      return new FetchedEvents(chain, files);
    }

    private boolean get(Segment segment) throws IOException {
      Path file = directory.resolve("segment" + files.size());
      try {
        store.get(segment.name(), file);
        try (SegmentFile.Events events = new SegmentFile.Events(segment, file)) {
          while (events.next().isPresent()) {
            // Each is compared with the one before.
          }
        }
        files.put(segment, file);
        return true;
      } catch (DamagedObjectException e) {
        damaged.add(String.valueOf(e.getMessage()));
        return false;
      }
    }
  }

  /** The last of them; empty if there are none. */
  Optional<Segment> last() {
    return chain.isEmpty() ? Optional.empty() : Optional.of(chain.get(chain.size() - 1));
  }

  @Override
  public List<StoredEvent> read(long from, int eventsMax, long bytesMax) throws IOException {
    List<StoredEvent> page = new ArrayList<>();
    long bytes = 0;
    while (page.size() < eventsMax && bytes < bytesMax) {
      Optional<StoredEvent> event = event(from + page.size());
      if (event.isEmpty()) {
        break;
      }
      bytes += event.get().bytes().length;
      page.add(event.get());
    }
    return page;
  }

  private Optional<StoredEvent> event(long seq) throws IOException {
    if (events == null || next != seq) {
      open(seq);
    }
    SegmentFile.Events open = events;
    if (open == null) {
      return Optional.empty();
    }
    Optional<StoredEvent> event = open.next();
    while (event.isPresent() && event.get().seq() < seq) {
      event = open.next();
    }
    next = seq + 1;
    if (open.summary().to() == seq) {
      close();
    }
    return event;
  }

  /** Opens the segment that has an event, if one has. */
  private void open(long seq) throws IOException {
    close();
    for (Segment segment : chain) {
      Path file = files.get(segment);
      if (file != null && segment.from() <= seq && seq <= segment.seq()) {
        events = new SegmentFile.Events(segment, file);
        return;
      }
    }
  }

  @Override
  public void close() throws IOException {
    SegmentFile.Events open = events;
    events = null;
    if (open != null) {
      open.close();
    }
  }
}
