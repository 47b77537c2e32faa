package backup;

import backup.BackupObject.Full;
import backup.BackupObject.Segment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Decides what is backed up next and which backups go, from what the place holds and what the
 * journal holds. Pure.
 *
 * <p>Segments follow the newest full backup without a gap. Where the journal was cut before they
 * reached its beginning there is a gap, which the next full backup ends; it is due at once.
 */
final class BackupPlan {

  /** When backups are made, and how long they stay. */
  record Policy(Duration fullInterval, Duration keep) {}

  /** This node's newest snapshot that may be relied on. */
  record Candidate(long seq, long micros) {}

  /**
   * All that is known.
   *
   * @param first the first event that the journal holds
   * @param head the last one
   * @param nowMicros the time by the journal's clock, in microseconds since 1970
   * @param candidate the snapshot to make a full backup of
   * @param takenFrom a snapshot with this event was taken because one was asked for; 0 if not
   */
  record View(
      BackupCatalog catalog,
      long first,
      long head,
      long nowMicros,
      Optional<Candidate> candidate,
      long takenFrom) {}

  /** What is to be done about a full backup. */
  enum FullStep {
    /** None is due. */
    NONE,
    /** Store the candidate. */
    PUT,
    /** Have this node take a snapshot. */
    TAKE,
    /** One was taken and may not be relied on yet. */
    WAIT
  }

  /**
   * Where the next segment begins.
   *
   * @param from its first event
   * @param previousHash the hash before that, as names have it
   */
  record Start(long from, String previousHash) {}

  /**
   * What is to be done.
   *
   * @param segment empty where a full backup must come first, or nothing is new
   * @param gap whether events are cut off the journal that no backup has
   * @param lost whether the journal ends before the backups do
   */
  record Decision(FullStep full, Optional<Start> segment, boolean gap, boolean lost) {}

  private final View view;
  private final Policy policy;

  private BackupPlan(View view, Policy policy) {
    this.view = view;
    this.policy = policy;
  }

  static Decision decide(View view, Policy policy) {
    return new BackupPlan(view, policy).decide();
  }

  /**
   * The same for a place that has room for one full backup only.
   *
   * @param view its catalog has the full backup that is known to be there, if one is
   * @param old whether what is there was stored longer ago than the time between full backups
   */
  static FullStep decideOnly(View view, boolean old, Policy policy) {
    long stored = view.catalog.newestFull().map(Full::seq).orElse(0L);
    return old && view.head > stored
        ? new BackupPlan(view, policy)
            .step(stored + 1, view.nowMicros - micros(policy.fullInterval) / 2)
        : FullStep.NONE;
  }

  private Decision decide() {
    Optional<Full> newest = view.catalog.newestFull();
    if (newest.isEmpty()) {
      return new Decision(
          view.head > 0 ? step(0, 0) : FullStep.NONE, Optional.empty(), false, false);
    }
    BackupObject end = view.catalog.end(newest.get());
    if (view.head < end.seq()) {
      return new Decision(FullStep.NONE, Optional.empty(), false, true);
    }
    if (view.first > end.seq() + 1) {
      return new Decision(step(view.first - 1, 0), Optional.empty(), true, false);
    }
    boolean due =
        view.head > newest.get().seq()
            && view.nowMicros - newest.get().micros() >= micros(policy.fullInterval);
    FullStep full =
        due
            ? step(newest.get().seq() + 1, view.nowMicros - micros(policy.fullInterval) / 2)
            : FullStep.NONE;
    Optional<Start> segment =
        view.head > end.seq()
            ? Optional.of(new Start(end.seq() + 1, end.hash()))
            : Optional.empty();
    return new Decision(full, segment, false, false);
  }

  /**
   * How one comes to a full backup with at least this event in it. An older snapshot would be due
   * to be replaced soon after, unless nothing is newer, or it was asked for.
   */
  private FullStep step(long seqMin, long microsMin) {
    if (view.candidate.isPresent() && view.candidate.get().seq() >= seqMin) {
      Candidate candidate = view.candidate.get();
      boolean asked = view.takenFrom > 0 && candidate.seq() >= view.takenFrom;
      if (asked || candidate.micros() >= microsMin || candidate.seq() >= view.head) {
        return FullStep.PUT;
      }
    }
    return view.takenFrom > 0 ? FullStep.WAIT : FullStep.TAKE;
  }

  /**
   * The last event that the journal need not hold for the backups any more; 0 while there is no
   * full backup.
   */
  static long covered(BackupCatalog catalog) {
    return catalog.newestFull().map(full -> catalog.end(full).seq()).orElse(0L);
  }

  /**
   * Backups that nothing needs any more: everything before the newest full backup that is older
   * than what is kept. Ages are counted back from the newest backup, so that a place to which
   * nothing comes keeps what it has, and no clock that is wrong empties it.
   */
  static List<BackupObject> expired(BackupCatalog catalog, Duration keep) {
    long horizon = catalog.newestMicros() - micros(keep);
    Optional<Full> base =
        catalog.fulls().stream()
            .filter(full -> full.micros() <= horizon)
            .reduce((older, newer) -> newer);
    if (base.isEmpty()) {
      return List.of();
    }
    long from = base.get().seq();
    Stream<Full> fulls = catalog.fulls().stream().filter(full -> full.seq() < from);
    Stream<Segment> segments = catalog.segments().stream().filter(one -> one.seq() <= from);
    List<BackupObject> expired = new ArrayList<>();
    fulls.forEach(expired::add);
    segments.forEach(expired::add);
    return expired;
  }

  private static long micros(Duration duration) {
    return TimeUnit.NANOSECONDS.toMicros(duration.toNanos());
  }
}
