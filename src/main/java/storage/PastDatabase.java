package storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import sql.Position;
import storage.PastDatabaseException.Kind;

/**
 * Makes the database as of a position: what a replica holds that has applied exactly that much.
 *
 * <p>It begins with a snapshot, or with nothing, and applies events. First it reads all of them to
 * their end, those behind the position too, and learns the verdicts: a request that was given up,
 * or was found to be too much, is given up here as well, wherever its verdict stands. What no
 * verdict speaks of is applied without a limit of steps.
 *
 * <p>The file is there whole and synced, without a write-ahead log, or not at all: it is made under
 * another name beside it. Memory is bounded by a page of events, the cache, and the verdicts.
 *
 * <p>Makes one database. Blocking; one thread, except {@link #stop}.
 */
public final class PastDatabase {

  private static final int EVENTS_AT_ONCE = 256;
  private static final long BYTES_AT_ONCE = 4L << 20;
  private static final long LOG_BYTES_MAX = 64L << 20;
  private static final int STATEMENTS_KEPT = 64;

  /** No rows are kept for anybody; what goes into the store of keys has a bound of its own. */
  private static final long RESULT_BYTES_MAX = 0;

  /** No node has this name, so that no session is taken for this one's. */
  private static final String NOBODY = "";

  private static final EventApplier.EntryWatch UNWATCHED = position -> {};
  private static final List<String> SUFFIXES =
      List.of("", "-wal", "-shm", "-journal", ".loading", ".loaded");

  /**
   * What was made.
   *
   * @param seq the last event that is in it; 0 for none
   * @param timestampMicros that event's time, in microseconds since 1970; 0 for none
   * @param bytes of the file
   */
  public record Made(long seq, long timestampMicros, long bytes) {}

  private final EventSource events;
  private final long cacheBytes;
  private final long databaseBytesMax;

  /** Requests behind the start that a verdict speaks of. */
  private final Map<Position, Entry.Verdict> verdicts = new HashMap<>();

  /** Requests that were given up, and are in the start or should be known by it. */
  private final Set<Position> givenUpBefore = new HashSet<>();

  private volatile boolean stopped;
  private volatile @Nullable EventApplier applier;

  /**
   * @param events must reach from the start to the last event that there is
   * @param cacheBytes memory for pages
   * @param databaseBytesMax the largest the database may get, 0 for no limit
   */
  public PastDatabase(EventSource events, long cacheBytes, long databaseBytesMax) {
    this.events = events;
    this.cacheBytes = cacheBytes;
    this.databaseBytesMax = databaseBytesMax;
  }

  /**
   * Makes the file.
   *
   * @param snapshot to begin with, in the form of {@link SnapshotFile}; empty to begin with nothing
   * @param target a time behind the last event means that one
   * @param file where the database is to be; what is there is replaced
   * @throws PastDatabaseException if it cannot be made; its kind says what to do
   * @throws SnapshotDamagedException if the snapshot is not what was written
   * @throws JournalException if the events cannot be read now
   * @throws IOException if a file cannot be read or written
   */
  public Made make(Optional<Path> snapshot, PastTarget target, Path file)
      throws PastDatabaseException, JournalException, IOException {
    Path making = file.resolveSibling(file.getFileName() + ".making");
    delete(making);
    try {
      if (snapshot.isPresent()) {
        long bytes = SnapshotFile.header(snapshot.get()).databaseBytes();
        FreeSpace.require(folder(file), "a database of the past", bytes);
        requireWanted();
        SnapshotFile.extract(snapshot.get(), making);
      }
      Found found = build(snapshot, target, making);
      Durability.sync(making);
      Made made = new Made(found.seq, found.timestampMicros, Files.size(making));
      Durability.rename(making, file);
      return made;
    } catch (JournalGapException e) {
      throw new PastDatabaseException(
          e.isCutAway() ? Kind.NOT_RETAINED : Kind.BROKEN, String.valueOf(e.getMessage()), e);
    } catch (JournalDamagedException e) {
      throw new PastDatabaseException(Kind.BROKEN, String.valueOf(e.getMessage()), e);
    } catch (ReplicaException e) {
      throw new PastDatabaseException(Kind.FAILED, String.valueOf(e.getMessage()), e);
    } finally {
      close();
      delete(making);
    }
  }

  /** Ends the making soon, with {@link Kind#STOPPED}. Any thread, any number of times. */
  public void stop() {
    stopped = true;
    EventApplier open = applier;
    if (open != null) {
      open.stop();
    }
  }

  /** Where the target is. */
  private record Found(long seq, long timestampMicros, boolean foreignKeys) {}

  private Found build(Optional<Path> snapshot, PastTarget target, Path making)
      throws PastDatabaseException, JournalException, IOException, ReplicaException {
    EventApplier start = open(making, false);
    Optional<ReplicatedSettings> settings = start.position().settings();
    if (settings.map(ReplicatedSettings::foreignKeys).orElse(false)) {
      start = open(making, true);
    }
    String begin = snapshot.map(path -> "the snapshot " + path).orElse("nothing");
    long startMicros =
        snapshot.isPresent() ? SnapshotFile.header(snapshot.get()).timestampMicros() : 0;
    Found found = look(start, startMicros, begin, target);
    requireInThePast(start, found, begin);
    if (settings.isEmpty() && found.foreignKeys) {
      start = open(making, true);
    }
    if (!apply(start, found.seq, making).checkpoint()) {
      throw new PastDatabaseException(
          Kind.FAILED, "the write-ahead log of " + making + " cannot be moved into the database");
    }
    close();
    Path log = making.resolveSibling(making.getFileName() + "-wal");
    if (Files.exists(log)) {
      throw new PastDatabaseException(Kind.FAILED, log + " is left and should be gone");
    }
    return found;
  }

  private EventApplier open(Path making, boolean foreignKeys)
      throws ReplicaException, PastDatabaseException {
    close();
    EventApplier opened =
        EventApplier.open(
            making,
            new ApplySettings(
                NOBODY,
                foreignKeys,
                0,
                cacheBytes,
                STATEMENTS_KEPT,
                RESULT_BYTES_MAX,
                LOG_BYTES_MAX,
                databaseBytesMax));
    applier = opened;
    requireWanted();
    return opened;
  }

  /** Reads all events behind the start: finds the target among them, and learns the verdicts. */
  private Found look(EventApplier start, long startMicros, String begin, PastTarget target)
      throws PastDatabaseException, JournalException, IOException {
    ReplicaPosition from = start.position();
    if (target instanceof PastTarget.AtTime time && startMicros > time.micros()) {
      throw new PastDatabaseException(
          Kind.START_UNUSABLE,
          begin + " is of " + PastTarget.text(startMicros) + ", later than " + target);
    }
    long wanted = target instanceof PastTarget.AfterEvent event ? event.seq() : Long.MAX_VALUE;
    long latest = target instanceof PastTarget.AtTime time ? time.micros() : Long.MAX_VALUE;
    Found found = new Found(from.seq(), startMicros, false);
    long read = from.seq();
    for (List<StoredEvent> page = page(read + 1, EVENTS_AT_ONCE);
        !page.isEmpty();
        page = page(read + 1, EVENTS_AT_ONCE)) {
      for (StoredEvent stored : page) {
        Event event = decode(stored);
        if (stored.seq() != read + 1) {
          throw new PastDatabaseException(
              Kind.BROKEN, "event " + stored.seq() + " came where event " + (read + 1) + " stands");
        }
        if (read == from.seq() && read > 0) {
          requireFollows(event, from, begin);
        }
        if (stored.seq() <= wanted && event.timestampMicros() <= latest) {
          boolean foreignKeys = found.foreignKeys || enforcesForeignKeys(event);
          found = new Found(stored.seq(), event.timestampMicros(), foreignKeys);
        }
        learn(event, start);
        read = stored.seq();
      }
    }
    if (target instanceof PastTarget.AfterEvent event && event.seq() > read) {
      throw new PastDatabaseException(
          Kind.BEYOND_HEAD,
          "there is no event " + event.seq() + " yet: the last one is event " + read);
    }
    if (wanted < from.seq()) {
      throw new PastDatabaseException(
          Kind.START_UNUSABLE, begin + " is of event " + from.seq() + ", behind " + target);
    }
    return found;
  }

  private static Event decode(StoredEvent stored) throws PastDatabaseException {
    try {
      return EventCodec.decode(stored);
    } catch (FormatException e) {
      throw new PastDatabaseException(Kind.BROKEN, String.valueOf(e.getMessage()), e);
    }
  }

  private static void requireFollows(Event event, ReplicaPosition start, String begin)
      throws PastDatabaseException {
    if (!event.journalId().equals(start.journalId())
        || !Arrays.equals(event.previousHash(), start.hash())) {
      throw new PastDatabaseException(
          Kind.START_UNUSABLE,
          begin
              + " is of journal "
              + start.journalId()
              + " up to event "
              + start.seq()
              + ", and what follows in journal "
              + event.journalId()
              + " does not follow that");
    }
  }

  private static boolean enforcesForeignKeys(Event event) {
    return event.entries().stream()
        .anyMatch(entry -> entry instanceof Entry.Opened opened && opened.settings().foreignKeys());
  }

  /** Whatever was said before: what is given up is given up. */
  private void learn(Event event, EventApplier start) {
    for (Entry entry : event.entries()) {
      if (entry instanceof Entry.Verdict said) {
        Entry.Verdict verdict = event.rules() < 2 ? said.fromWhereverEachStands() : said;
        if (!start.isPast(verdict.position())) {
          verdicts.merge(
              verdict.position(),
              verdict,
              (first, next) -> !first.abort() && next.abort() ? next : first);
        } else if (verdict.abort()) {
          givenUpBefore.add(verdict.position());
        }
      }
    }
  }

  /** A snapshot may hold the beginning of the next event, and what was given up later. */
  private void requireInThePast(EventApplier start, Found found, String begin)
      throws PastDatabaseException, ReplicaException {
    Position next = new Position(start.position().seq() + 1, 0);
    if (found.seq == start.position().seq()
        && (!start.standsBefore(next) || start.statementsApplied(next) > 0)) {
      throw new PastDatabaseException(
          Kind.START_UNUSABLE, begin + " holds the beginning of event " + next.seq() + " too");
    }
    for (Position request : givenUpBefore) {
      if (!start.isGivenUp(request)) {
        throw new PastDatabaseException(
            Kind.START_UNUSABLE, begin + " holds request " + request + ", which was given up");
      }
    }
  }

  /** Gives the applier that has applied it, which may be another one. */
  private EventApplier apply(EventApplier start, long to, Path making)
      throws PastDatabaseException, JournalException, IOException, ReplicaException {
    verdicts.keySet().removeIf(request -> request.seq() > to);
    EventApplier current = start;
    for (long seq = current.position().seq(); seq < to; seq = current.position().seq()) {
      FreeSpace.require(folder(making), "a database of the past", LOG_BYTES_MAX);
      List<StoredEvent> page = page(seq + 1, (int) Math.min(EVENTS_AT_ONCE, to - seq));
      if (page.isEmpty()) {
        throw new PastDatabaseException(
            Kind.BROKEN, "event " + (seq + 1) + " was there and is not there any more");
      }
      ApplyResult result = current.apply(page, verdicts, Set.of(), false, UNWATCHED, entries -> {});
      if (result instanceof ApplyResult.Replaced) {
        boolean foreignKeys =
            current.position().settings().map(ReplicatedSettings::foreignKeys).orElse(false);
        close();
        ReplicaFiles.replaceByLoaded(making);
        current = open(making, foreignKeys);
        continue;
      }
      requireApplied(result);
      if (current.walBytes() > LOG_BYTES_MAX) {
        boolean unused = current.checkpoint(); // nobody reads; if it fails so does the last one
      }
    }
    return current;
  }

  /** Says what came of a page; what is committed of it stays in any case. */
  private void requireApplied(ApplyResult result) throws PastDatabaseException {
    if (result instanceof ApplyResult.Applied) {
      return;
    }
    requireWanted();
    if (result instanceof ApplyResult.Broken broken) {
      throw new PastDatabaseException(Kind.BROKEN, broken.reason());
    }
    if (result instanceof ApplyResult.Discarded discarded) {
      throw new PastDatabaseException(
          Kind.START_UNUSABLE,
          "the start holds request " + discarded.position() + ", which was given up");
    }
    if (result instanceof ApplyResult.Failed failed) {
      throw new PastDatabaseException(
          Kind.FAILED,
          "request "
              + failed.position()
              + " cannot be applied: "
              + failed.reason()
              + (databaseBytesMax > 0
                  ? " (the database may have " + (databaseBytesMax >> 20) + " MiB)"
                  : ""));
    }
    throw new IllegalStateException("nothing is held here: " + result);
  }

  private List<StoredEvent> page(long from, int eventsMax)
      throws PastDatabaseException, JournalException, IOException {
    requireWanted();
    return events.read(from, eventsMax, BYTES_AT_ONCE);
  }

  private void requireWanted() throws PastDatabaseException {
    if (stopped) {
      throw new PastDatabaseException(Kind.STOPPED, "the making was stopped");
    }
  }

  private void close() {
    EventApplier open = applier;
    applier = null;
    if (open != null) {
      open.close();
    }
  }

  private static void delete(Path file) throws IOException {
    for (String suffix : SUFFIXES) {
      Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
    }
  }

  private static Path folder(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    return folder == null ? file.toAbsolutePath() : folder;
  }
}
