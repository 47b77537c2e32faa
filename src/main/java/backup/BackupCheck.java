package backup;

import backup.BackupObject.Full;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import storage.ContentDigest;
import storage.MathFunctions;
import storage.PastDatabase;
import storage.PastDatabaseException;
import storage.PastTarget;

/**
 * Finds out whether backups can be restored, by restoring them: each full backup is fetched and
 * unpacked, and must be what the one before it becomes by the segments between them. Their contents
 * are compared by digest. What follows the last one is applied to it. Blocking.
 */
public final class BackupCheck {

  private final BackupStore store;
  private final BackupCatalog catalog;
  private final WorkDirectory work;
  private final Consumer<String> progress;
  private final FetchedEvents.Fetcher fetcher;

  private BackupCheck(
      BackupStore store, BackupCatalog catalog, WorkDirectory work, Consumer<String> progress) {
    this.store = store;
    this.catalog = catalog;
    this.work = work;
    this.progress = progress;
    this.fetcher = new FetchedEvents.Fetcher(store, catalog, work.path(), progress);
  }

  /**
   * Checks everything that a place has of one journal.
   *
   * @param directory a directory that exists, with room for all segments and three databases
   * @param progress is told in words what goes on
   * @return what is wrong, in words; empty if nothing is
   * @throws IOException if the place or a file cannot be read now
   */
  public static List<String> all(
      BackupStore store, BackupCatalog catalog, Path directory, Consumer<String> progress)
      throws IOException {
    try (WorkDirectory work = WorkDirectory.in(directory)) {
      return new BackupCheck(store, catalog, work, progress).all();
    }
  }

  /**
   * Checks one full backup, and the segments between the one before and it.
   *
   * @throws IOException if something is wrong, or the place or a file cannot be read now
   */
  static void one(BackupStore store, BackupCatalog catalog, Full full, Path directory)
      throws IOException {
    try (WorkDirectory work = WorkDirectory.in(directory)) {
      BackupCheck check = new BackupCheck(store, catalog, work, step -> {});
      FetchedFull fetched = FetchedFull.get(store, full, work.file("full"));
      Full before = null;
      for (Full other : catalog.fulls()) {
        before = other.seq() < full.seq() ? other : before;
      }
      Optional<String> problem =
          before == null ? check.unpacks(fetched) : check.compare(before, fetched);
      if (problem.isEmpty() && !check.fetcher.damaged().isEmpty()) {
        problem = Optional.of(check.fetcher.damaged().get(0));
      }
      if (problem.isPresent()) {
        throw new DamagedObjectException(problem.get(), null);
      }
    }
  }

  private List<String> all() throws IOException {
    List<String> problems = new ArrayList<>();
    Full before = null;
    for (Full full : catalog.fulls()) {
      progress.accept("checking the full backup of event " + full.seq());
      try {
        FetchedFull fetched = FetchedFull.get(store, full, work.file("full"));
        (before == null ? unpacks(fetched) : compare(before, fetched)).ifPresent(problems::add);
        before = full;
      } catch (DamagedObjectException e) {
        problems.add(String.valueOf(e.getMessage()));
      }
    }
    if (before != null) {
      reachesItsEnd(before).ifPresent(problems::add);
    }
    problems.addAll(fetcher.damaged());
    List<BackupCatalog.Range> ranges = catalog.ranges();
    for (int i = 1; i < ranges.size(); i++) {
      problems.add(
          "events "
              + (ranges.get(i - 1).to() + 1)
              + " to "
              + (ranges.get(i).from() - 1)
              + " are missing: nothing between them can be restored");
    }
    return problems;
  }

  /** Empty if the events behind the last full backup can be applied to it. */
  private Optional<String> reachesItsEnd(Full full) throws IOException {
    try (FetchedEvents behind = fetcher.behind(full)) {
      long end = behind.last().map(BackupObject::seq).orElse(full.seq());
      progress.accept("restoring to event " + end);
      FetchedFull fetched = FetchedFull.get(store, full, work.file("full"));
      return end == full.seq() || digest(fetched, behind, end) != null
          ? Optional.empty()
          : Optional.of(full.name() + " cannot be begun with for event " + end);
    } catch (PastDatabaseException | DamagedObjectException e) {
      return Optional.of(full.name() + ": " + e.getMessage());
    }
  }

  /** Empty if what is in a full backup is a database. */
  private Optional<String> unpacks(FetchedFull full) throws IOException {
    try (FetchedEvents events = fetcher.behind(full.object())) {
      return digest(full, events, full.object().seq()) != null
              || digest(full, events, full.object().seq() + 1) != null
              || events.last().isEmpty()
          ? Optional.empty()
          : Optional.of(full.object().name() + " cannot be begun with");
    } catch (PastDatabaseException e) {
      return Optional.of(full.object().name() + ": " + e.getMessage());
    }
  }

  /** Empty if one backup becomes the next, or nothing leads from one to the other. */
  private Optional<String> compare(Full before, FetchedFull full) throws IOException {
    try (FetchedEvents between = fetcher.behind(before);
        FetchedEvents behind = fetcher.behind(full.object())) {
      long end = between.last().map(BackupObject::seq).orElse(before.seq());
      // A snapshot may hold the beginning of the next event; then both are compared behind that.
      for (long seq = full.object().seq(); seq <= full.object().seq() + 1 && seq <= end; seq++) {
        byte[] expected = digest(full, behind, seq);
        if (expected != null) {
          FetchedFull first = FetchedFull.get(store, before, work.file("before"));
          byte[] actual = digest(first, between, seq);
          return actual == null || Arrays.equals(expected, actual)
              ? Optional.empty()
              : Optional.of(
                  full.object().name()
                      + " is not what "
                      + before.name()
                      + " becomes by the segments between them, as of event "
                      + seq);
        }
      }
      return unpacks(full);
    } catch (PastDatabaseException e) {
      return Optional.of(full.object().name() + ": " + e.getMessage());
    }
  }

  /** The content's digest as of an event; null if the full backup cannot be begun with for that. */
  private byte @Nullable [] digest(FetchedFull full, FetchedEvents events, long seq)
      throws IOException, PastDatabaseException {
    Path made = work.file("database");
    try {
      PastDatabase.Made unused =
          BackupRestore.make(full, events, new PastTarget.AfterEvent(seq), made);
      try (Connection connection =
          DriverManager.getConnection("jdbc:sqlite:" + made.toUri() + "?immutable=1")) {
        MathFunctions.install(connection);
        return ContentDigest.of(connection);
      }
    } catch (PastDatabaseException e) {
      if (e.kind() == PastDatabaseException.Kind.START_UNUSABLE
          || e.kind() == PastDatabaseException.Kind.BEYOND_HEAD) {
        return null;
      }
      throw e;
    } catch (SQLException e) {
      throw new DamagedObjectException(
          full.object().name() + " holds no database that can be read: " + e.getMessage(), e);
    } finally {
      Files.deleteIfExists(made);
    }
  }
}
