package backup;

import backup.BackupObject.Full;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import storage.DatabaseCopy;
import storage.Durability;
import storage.JournalException;
import storage.PastDatabase;
import storage.PastDatabaseException;
import storage.PastTarget;
import storage.SnapshotDamagedException;
import storage.SnapshotHeader;

/**
 * Makes a database from a place of backups, as of any event or time that the place reaches.
 *
 * <p>It takes the newest full backup at or before the target and applies the segments behind it.
 * All of what follows is fetched, beyond the target too, because what was given up may be said
 * later. Where a full backup is damaged an older one is used, and where a segment is damaged
 * another one that holds its events; nothing is guessed or left out.
 *
 * <p>Blocking; makes one database. Needs room for the full backup, all segments behind it and twice
 * the database beside the result, until it is done.
 */
public final class BackupRestore {

  private static final long CACHE_BYTES = 64L << 20;

  /**
   * What was restored.
   *
   * @param journalId the journal whose events it contains
   * @param seq the last event in it
   * @param micros that event's time, in microseconds since 1970
   * @param bytes of the file
   * @param damaged what was found to be damaged on the way, and was not needed
   */
  public record Restored(
      String journalId, long seq, long micros, long bytes, List<String> damaged) {}

  private final BackupStore store;
  private final Optional<PastTarget> target;
  private final Path output;
  private final Consumer<String> progress;
  private final Set<String> damaged = new LinkedHashSet<>();

  private BackupRestore(
      BackupStore store, Optional<PastTarget> target, Path output, Consumer<String> progress) {
    this.store = store;
    this.target = target;
    this.output = output;
    this.progress = progress;
  }

  /**
   * Makes a SQLite file for the outside, without internal tables.
   *
   * @param journalId of which journal, where the place has backups of several; empty where not
   * @param target as of when; empty for as late as possible
   * @param output the file to make, whole or not at all; what is there is replaced
   * @param progress is told in words what goes on
   * @throws NotRestorableException if the place does not have what that takes
   * @throws IOException if the place or a file cannot be read or written now
   */
  public static Restored restore(
      BackupStore store,
      Optional<String> journalId,
      Optional<PastTarget> target,
      Path output,
      Consumer<String> progress)
      throws IOException {
    BackupRestore restore = new BackupRestore(store, target, output, progress);
    try (WorkDirectory work = WorkDirectory.in(WholeFile.directoryOf(output))) {
      return store.onlyName().isPresent()
          ? restore.only(work, store.onlyName().get())
          : restore.from(work, catalog(store, journalId));
    }
  }

  /**
   * What a place holds of one journal.
   *
   * @param journalId which; may be empty where there is one only
   * @throws NotRestorableException if there is none of that journal, or it is not clear which
   */
  public static BackupCatalog catalog(BackupStore store, Optional<String> journalId)
      throws IOException {
    List<BackupCatalog> found =
        BackupCatalog.of(store.list("")).stream()
            .filter(one -> journalId.isEmpty() || one.journalId().equals(journalId.get()))
            .toList();
    if (found.isEmpty()) {
      throw new NotRestorableException(
          "there are no backups in "
              + store.describe()
              + journalId.map(id -> " of journal " + id).orElse(""));
    }
    if (found.size() > 1) {
      StringBuilder journals = new StringBuilder();
      found.stream()
          .sorted(Comparator.comparing(BackupCatalog::newestMicros))
          .forEach(
              one ->
                  journals
                      .append(journals.isEmpty() ? "" : ", ")
                      .append(one.journalId())
                      .append(" (until ")
                      .append(PastTarget.text(one.newestMicros()))
                      .append(')'));
      throw new NotRestorableException(
          store.describe() + " has backups of several journals; say which: " + journals);
    }
    return found.get(0);
  }

  /** The single object of a place is a full backup. */
  private Restored only(WorkDirectory work, String name) throws IOException {
    Path file = work.file("full");
    progress.accept("fetching " + name);
    store.get(name, file);
    SnapshotHeader header = FetchedFull.verified(name, file);
    boolean isWanted =
        target.isEmpty()
            || target.get() instanceof PastTarget.AfterEvent event && event.seq() == header.seq()
            || target.get() instanceof PastTarget.AtTime time
                && time.micros() >= header.timestampMicros();
    if (!isWanted) {
      throw new NotRestorableException(
          store.describe()
              + " holds one full backup only, of event "
              + header.seq()
              + ", "
              + PastTarget.text(header.timestampMicros()));
    }
    FetchedFull full = new FetchedFull(FetchedFull.objectOf(header), file);
    try (FetchedEvents none =
        new FetchedEvents.Fetcher(
                store, BackupCatalog.empty(header.journalId()), work.path(), progress)
            .behind(full.object())) {
      return make(full, none, new PastTarget.AfterEvent(header.seq()), work);
    } catch (PastDatabaseException e) {
      throw new NotRestorableException(String.valueOf(e.getMessage()), e);
    }
  }

  private Restored from(WorkDirectory work, BackupCatalog catalog) throws IOException {
    FetchedEvents.Fetcher fetcher =
        new FetchedEvents.Fetcher(store, catalog, work.path(), progress);
    List<Full> newestFirst = new ArrayList<>(catalog.fulls());
    newestFirst.removeIf(full -> !isBefore(full));
    newestFirst.sort(Comparator.comparing(Full::seq).reversed());
    if (newestFirst.isEmpty()) {
      throw new NotRestorableException(
          "no full backup reaches back to "
              + target.map(Object::toString).orElse("anything")
              + "; what can be restored: "
              + text(catalog));
    }
    for (Full full : newestFirst) {
      try {
        progress.accept("fetching the full backup of event " + full.seq());
        FetchedFull fetched = FetchedFull.get(store, full, work.file("full"));
        try (FetchedEvents events = fetcher.behind(full)) {
          PastTarget reached = require(catalog, full, events, fetcher.damaged());
          damaged.addAll(fetcher.damaged());
          return make(fetched, events, reached, work);
        }
      } catch (DamagedObjectException | SnapshotDamagedException e) {
        damaged.add(String.valueOf(e.getMessage()));
      } catch (PastDatabaseException e) {
        if (e.kind() != PastDatabaseException.Kind.START_UNUSABLE) {
          throw new NotRestorableException(full.name() + ": " + e.getMessage(), e);
        }
        damaged.add(full.name() + " cannot be begun with: " + e.getMessage());
      }
    }
    throw new NotRestorableException(
        "no full backup at or before "
            + target.map(Object::toString).orElse("the end")
            + " can be used: "
            + String.join("; ", damaged));
  }

  private boolean isBefore(Full full) {
    if (target.isEmpty()) {
      return true;
    }
    return target.get() instanceof PastTarget.AfterEvent event
        ? full.seq() <= event.seq()
        : full.micros() <= ((PastTarget.AtTime) target.get()).micros();
  }

  /** The target, if the events reach that far without a gap. */
  private PastTarget require(
      BackupCatalog catalog, Full full, FetchedEvents events, List<String> damagedSegments)
      throws NotRestorableException {
    BackupObject end = events.last().<BackupObject>map(last -> last).orElse(full);
    boolean more =
        catalog.fulls().stream().anyMatch(other -> other.seq() > end.seq())
            || catalog.segments().stream().anyMatch(other -> other.seq() > end.seq());
    boolean reaches;
    if (target.isEmpty()) {
      reaches = !more;
    } else if (target.get() instanceof PastTarget.AfterEvent event) {
      reaches = event.seq() <= end.seq();
    } else {
      // An event that is missing behind the last one could be of that time too.
      reaches = !more || ((PastTarget.AtTime) target.get()).micros() < end.micros();
    }
    if (!reaches) {
      throw new NotRestorableException(
          "event "
              + (end.seq() + 1)
              + (more ? " and those that follow are missing" : " is in no backup yet")
              + (damagedSegments.isEmpty() ? "" : ": " + String.join("; ", damagedSegments))
              + "; the last that can be restored before is event "
              + end.seq()
              + ", "
              + PastTarget.text(end.micros())
              + "; by their names the backups reach: "
              + text(catalog));
    }
    return target.orElse(new PastTarget.AfterEvent(end.seq()));
  }

  private static String text(BackupCatalog catalog) {
    StringBuilder text = new StringBuilder();
    for (BackupCatalog.Range range : catalog.ranges()) {
      text.append(text.isEmpty() ? "" : ", ")
          .append("events ")
          .append(range.from())
          .append(" to ")
          .append(range.to())
          .append(" (")
          .append(PastTarget.text(range.fromMicros()))
          .append(" to ")
          .append(PastTarget.text(range.toMicros()))
          .append(')');
    }
    return text.isEmpty() ? "nothing" : text.toString();
  }

  private Restored make(
      FetchedFull full, FetchedEvents events, PastTarget reached, WorkDirectory work)
      throws IOException, PastDatabaseException {
    progress.accept("making the database of " + reached);
    Path made = work.file("database");
    PastDatabase.Made past = make(full, events, reached, made);
    try {
      DatabaseCopy.prepareForOutside(made, false, false);
    } catch (SQLException e) {
      throw new IOException("the database could not be finished: " + e.getMessage(), e);
    }
    Durability.sync(made);
    long bytes = Files.size(made);
    Durability.rename(made, output);
    return new Restored(
        full.object().journalId(), past.seq(), past.timestampMicros(), bytes, List.copyOf(damaged));
  }

  /** Makes a database with its internal tables, as a replica has it. */
  static PastDatabase.Made make(
      FetchedFull full, FetchedEvents events, PastTarget target, Path made)
      throws IOException, PastDatabaseException {
    try {
      return new PastDatabase(events, CACHE_BYTES, 0).make(Optional.of(full.file()), target, made);
    } catch (JournalException e) {
      throw new IOException(String.valueOf(e.getMessage()), e);
    }
  }
}
