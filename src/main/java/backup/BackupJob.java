package backup;

import backup.BackupObject.Full;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.FreeSpace;
import storage.Journal;
import storage.JournalDamagedException;
import storage.JournalException;
import storage.SnapshotDirectory;
import storage.SnapshotHeader;

/**
 * Backs a journal up to a place: each {@link #run} does what {@link BackupPlan} says until nothing
 * is left to do. What a run does can be done again, by this node or another one at the same time:
 * it gives what is the same the same name.
 *
 * <p>It lists the place at its first run, after a failure and when it has stored a full backup, and
 * remembers what it has stored meanwhile. Memory: one event and some megabytes; disk: one segment,
 * or a link to a snapshot. Blocking; one thread at a time.
 */
public final class BackupJob implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(BackupJob.class);

  /**
   * How to back up.
   *
   * @param fullInterval between full backups
   * @param segmentBytes of events in one segment, before they are compressed
   * @param keep how far back one can go
   * @param verify whether each full backup is restored and compared after it was stored
   * @param compression zstd's level, of segments
   */
  public record Settings(
      Duration fullInterval, long segmentBytes, Duration keep, boolean verify, int compression) {}

  /**
   * What a run came to.
   *
   * @param fullSeq the last event in the newest full backup, 0 without one
   * @param coveredSeq the last event that can be restored, 0 for none
   * @param takeSnapshot whether a full backup waits for a snapshot that somebody has to ask for
   * @param gap whether it was found that events are cut off the journal that no backup has
   * @param segments whether the place takes segments; if not, nothing covers what is cut
   * @param doubt what the check of the newest full backup has found; empty if nothing
   */
  public record Result(
      long fullSeq,
      long coveredSeq,
      boolean takeSnapshot,
      boolean gap,
      boolean segments,
      String doubt) {

    /** Before the first run. */
    public static final Result NONE = new Result(0, 0, false, false, true, "");

    /**
     * How far the journal may be cut, as far as backups are concerned.
     *
     * @param sinceSuccess how long ago everything was backed up
     * @param hold how long the journal waits for backups
     * @return {@link Long#MAX_VALUE} for as far as one likes
     */
    public long cutMax(Duration sinceSuccess, Duration hold) {
      return !segments || sinceSuccess.compareTo(hold) > 0 ? Long.MAX_VALUE : coveredSeq;
    }
  }

  private final BackupStore store;
  private final Journal journal;
  private final String journalId;
  private final SnapshotDirectory snapshots;
  private final Path directory;
  private final Settings settings;
  private final BackupPlan.Policy policy;
  private @Nullable BackupCatalog catalog;
  private Optional<Full> onlyFull = Optional.empty();
  private Optional<Instant> onlyStored = Optional.empty();

  /** Until a full backup was checked and is right. */
  private String doubt = "";

  /** What the journal holds up to this event cannot be backed up as it is; 0 if all of it can. */
  private long damagedUpTo;

  private BackupJob(
      BackupStore store,
      Journal journal,
      String journalId,
      SnapshotDirectory snapshots,
      Path directory,
      Settings settings) {
    this.store = store;
    this.journal = journal;
    this.journalId = journalId;
    this.snapshots = snapshots;
    this.directory = directory;
    this.settings = settings;
    this.policy = new BackupPlan.Policy(settings.fullInterval(), settings.keep());
  }

  /**
   * Prepares to back up; the place is not asked for anything yet.
   *
   * @param store closed with this
   * @param snapshots this node's
   * @param directory for files that are needed for a while, in the same file system as the
   *     snapshots; made if it is missing, and emptied
   * @throws IOException if the directory cannot be made; then the store is closed
   */
  public static BackupJob open(
      BackupStore store,
      Journal journal,
      String journalId,
      SnapshotDirectory snapshots,
      Path directory,
      Settings settings)
      throws IOException {
    try {
      Files.createDirectories(directory);
      WorkDirectory.empty(directory);
    } catch (IOException | RuntimeException e) {
      store.close();
      throw e;
    }
    return new BackupJob(store, journal, journalId, snapshots, directory, settings);
  }

  /** The place, for logs. */
  public String place() {
    return store.describe();
  }

  /**
   * Backs up what is new, and deletes what has expired.
   *
   * @param agreed snapshots up to this event may be relied on
   * @param takenFrom a snapshot with this event was taken because a run asked for one; 0 if not
   * @param isWanted asked between steps; at a no this returns what was reached
   * @throws IOException if the place or a file cannot be read or written, or backups turn out not
   *     to be right; the next run begins by looking at the place anew
   * @throws JournalException if the journal cannot be read
   */
  public Result run(long agreed, long takenFrom, BooleanSupplier isWanted)
      throws IOException, JournalException {
    boolean done = false;
    try {
      Result result =
          store.onlyName().isPresent()
              ? runOnly(store.onlyName().get(), agreed, takenFrom)
              : runAll(agreed, takenFrom, isWanted);
      done = true;
      return result;
    } finally {
      if (!done) {
        catalog = null;
      }
    }
  }

  private Result runAll(long agreed, long takenFrom, BooleanSupplier isWanted)
      throws IOException, JournalException {
    BackupCatalog now = catalog;
    if (now == null) {
      now = expire(list());
    }
    // What comes while this runs is for the next run, or it would never end.
    long until = journal.head();
    boolean gap = false;
    BackupPlan.FullStep step = BackupPlan.FullStep.NONE;
    boolean going = true;
    while (going && isWanted.getAsBoolean()) {
      catalog = now;
      Optional<SnapshotDirectory.Stored> candidate = candidate(agreed);
      BackupPlan.Decision decision = BackupPlan.decide(view(now, candidate, takenFrom), policy);
      step = decision.full();
      going = false;
      if (decision.lost()) {
        throw new IOException(
            store.describe()
                + " has backups of events that journal "
                + journalId
                + " no longer holds: it was put back to an earlier state. Give backups another"
                + " place (peqlite.backup.url), and keep this one until you are sure");
      }
      gap |= decision.gap();
      Optional<BackupPlan.Start> start =
          decision.segment().filter(segment -> segment.from() <= until);
      if (start.isPresent()) {
        try {
          Optional<BackupObject> put = putSegment(start.get(), isWanted);
          if (put.isPresent()) {
            now = now.with(put.get());
            going = true;
          }
        } catch (JournalDamagedException e) {
          LOG.error("{}; the next full backup is made from behind that", e.getMessage());
          damagedUpTo = e.seq();
          going = true;
        }
      } else if (step == BackupPlan.FullStep.PUT && candidate.isPresent()) {
        Full full = putFull(candidate.get());
        now = expire(list().with(full));
        going = true;
        step = BackupPlan.FullStep.NONE;
      }
    }
    catalog = now;
    return new Result(
        now.newestFull().map(Full::seq).orElse(0L),
        BackupPlan.covered(now),
        step == BackupPlan.FullStep.TAKE,
        gap,
        true,
        doubt);
  }

  private BackupCatalog list() throws IOException {
    return BackupCatalog.of(store.list(journalId + "/")).stream()
        .filter(one -> one.journalId().equals(journalId))
        .findFirst()
        .orElse(BackupCatalog.empty(journalId));
  }

  private BackupPlan.View view(
      BackupCatalog now, Optional<SnapshotDirectory.Stored> candidate, long takenFrom)
      throws JournalException {
    // First the head: what is cut meanwhile must not look as if it were lost.
    long head = journal.head();
    return new BackupPlan.View(
        now,
        Math.max(journal.first(), damagedUpTo + 1),
        head,
        journal.timeMicros(),
        candidate.map(
            stored ->
                new BackupPlan.Candidate(stored.header().seq(), stored.header().timestampMicros())),
        takenFrom);
  }

  private Optional<SnapshotDirectory.Stored> candidate(long agreed) {
    return snapshots.newest(
        stored -> stored.header().seq() <= agreed && stored.header().journalId().equals(journalId));
  }

  /** Ends before an event that is damaged, unless it would begin with that. */
  private Optional<BackupObject> putSegment(BackupPlan.Start start, BooleanSupplier isWanted)
      throws IOException, JournalException {
    try {
      return putSegment(start, journal.head(), isWanted);
    } catch (JournalDamagedException e) {
      if (e.seq() == start.from()) {
        throw e;
      }
      return putSegment(start, e.seq() - 1, isWanted);
    }
  }

  private Optional<BackupObject> putSegment(
      BackupPlan.Start start, long to, BooleanSupplier isWanted)
      throws IOException, JournalException {
    Path file = directory.resolve("segment-" + UUID.randomUUID());
    try {
      Optional<SegmentSummary> summary =
          SegmentFile.write(
              journal,
              journalId,
              start.from(),
              start.previousHash(),
              to,
              settings.segmentBytes(),
              settings.compression(),
              file,
              isWanted);
      if (summary.isEmpty()) {
        return Optional.empty();
      }
      BackupObject segment = summary.get().object();
      store.put(segment.name(), file);
      return Optional.of(segment);
    } catch (SegmentFile.ChainException e) {
      throw new IOException(
          "the journal does not go on from the backups in "
              + store.describe()
              + ": "
              + e.getMessage()
              + ". If it was put back to an earlier state, give backups another place"
              + " (peqlite.backup.url), and keep this one until you are sure",
          e);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  private Full putFull(SnapshotDirectory.Stored stored) throws IOException {
    Full full = FetchedFull.objectOf(stored.header());
    put(stored, full.name());
    if (settings.verify()) {
      FreeSpace.require(
          directory,
          "the check of a full backup",
          2 * stored.bytes() + 2 * stored.header().databaseBytes());
      try {
        BackupCheck.one(store, list(), full, directory);
        doubt = "";
      } catch (DamagedObjectException e) {
        doubt =
            "the full backup that was stored is not right, or the one before: " + e.getMessage();
      }
    }
    LOG.info("stored a full backup up to event {} in {}", full.seq(), store.describe());
    return full;
  }

  /** Of a link of its own: the snapshot may be deleted meanwhile. */
  private void put(SnapshotDirectory.Stored stored, String name) throws IOException {
    Path link = directory.resolve("full-" + UUID.randomUUID());
    // Where it is encrypted there is a copy of it for a while.
    FreeSpace.require(directory, "a full backup", stored.bytes());
    try {
      link(snapshots.file(stored.id()), link);
      try {
        SnapshotHeader unused = FetchedFull.verified(stored.id(), link);
      } catch (DamagedObjectException e) {
        snapshots.setAside(stored.id());
        throw e;
      }
      store.put(name, link);
    } finally {
      Files.deleteIfExists(link);
    }
  }

  private static void link(Path file, Path link) throws IOException {
    try {
      Files.createLink(link, file);
    } catch (UnsupportedOperationException e) {
      Files.copy(file, link);
    }
  }

  private BackupCatalog expire(BackupCatalog now) throws IOException {
    if (!doubt.isEmpty()) {
      return now; // the older ones may be what is needed
    }
    BackupCatalog left = now;
    for (BackupObject expired : BackupPlan.expired(now, settings.keep())) {
      store.delete(expired.name());
      left = left.without(expired);
    }
    if (left != now) {
      LOG.info(
          "deleted {} expired backups in {}",
          now.fulls().size() + now.segments().size() - left.fulls().size() - left.segments().size(),
          store.describe());
    }
    return left;
  }

  /** A place for one object takes a full backup each time one is due, and nothing else. */
  private Result runOnly(String name, long agreed, long takenFrom)
      throws IOException, JournalException {
    if (onlyStored.isEmpty()) {
      onlyStored = store.list("").stream().findFirst().flatMap(StoredObject::lastModified);
    }
    boolean old =
        onlyStored.isEmpty()
            || onlyStored.get().plus(settings.fullInterval()).isBefore(Instant.now());
    BackupCatalog known = BackupCatalog.empty(journalId);
    if (onlyFull.isPresent()) {
      known = known.with(onlyFull.get());
    }
    Optional<SnapshotDirectory.Stored> candidate = candidate(agreed);
    BackupPlan.FullStep step =
        BackupPlan.decideOnly(view(known, candidate, takenFrom), old, policy);
    if (step == BackupPlan.FullStep.PUT && candidate.isPresent()) {
      put(candidate.get(), name);
      onlyStored = Optional.of(Instant.now());
      onlyFull = Optional.of(FetchedFull.objectOf(candidate.get().header()));
      LOG.info("stored a full backup up to event {} in {}", onlyFull.get().seq(), place());
    }
    long seq = onlyFull.map(Full::seq).orElse(0L);
    return new Result(seq, seq, step == BackupPlan.FullStep.TAKE, false, false, "");
  }

  @Override
  public void close() {
    store.close();
  }
}
