package backup;

import backup.BackupObject.Full;
import backup.BackupObject.Segment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a place holds of one journal, as the names of its objects say. Immutable.
 *
 * <p>Segments may overlap, where two nodes wrote at once or one wrote again what it had written.
 *
 * @param journalId the journal's
 * @param fulls the full backups, the oldest first
 * @param segments the segments, by their first event
 */
public record BackupCatalog(String journalId, List<Full> fulls, List<Segment> segments) {

  /**
   * Events between which every position can be restored.
   *
   * @param from the first one, a full backup's last event
   * @param to the last one
   * @param fromMicros the first one's time, in microseconds since 1970
   * @param toMicros the last one's time
   */
  public record Range(long from, long to, long fromMicros, long toMicros) {}

  private static final Comparator<Full> BY_POSITION =
      Comparator.comparingLong(Full::seq).thenComparing(Full::hash);

  private static final Comparator<Segment> BY_BEGINNING =
      Comparator.comparingLong(Segment::from)
          .thenComparingLong(Segment::seq)
          .thenComparing(Segment::hash);

  /** Sorts. */
  public BackupCatalog {
    fulls = fulls.stream().sorted(BY_POSITION).toList();
    segments = segments.stream().sorted(BY_BEGINNING).toList();
  }

  /** Nothing yet. */
  public static BackupCatalog empty(String journalId) {
    return new BackupCatalog(journalId, List.of(), List.of());
  }

  /** What is there of each journal; objects that are none of ours are passed over. */
  public static List<BackupCatalog> of(List<StoredObject> objects) {
    TreeMap<String, BackupCatalog> catalogs = new TreeMap<>();
    List<BackupObject> known = new ArrayList<>();
    objects.forEach(object -> BackupObject.of(object.name()).ifPresent(known::add));
    for (BackupObject object : known) {
      catalogs.computeIfAbsent(
          object.journalId(),
          journalId ->
              new BackupCatalog(
                  journalId,
                  known.stream()
                      .filter(one -> one instanceof Full && one.journalId().equals(journalId))
                      .map(Full.class::cast)
                      .toList(),
                  known.stream()
                      .filter(one -> one instanceof Segment && one.journalId().equals(journalId))
                      .map(Segment.class::cast)
                      .toList()));
    }
    return List.copyOf(catalogs.values());
  }

  /** The same with one object more. */
  BackupCatalog with(BackupObject added) {
    List<Full> moreFulls = new ArrayList<>(fulls);
    List<Segment> moreSegments = new ArrayList<>(segments);
    if (added instanceof Full full && !fulls.contains(full)) {
      moreFulls.add(full);
    } else if (added instanceof Segment segment && !segments.contains(segment)) {
      moreSegments.add(segment);
    }
    return new BackupCatalog(journalId, moreFulls, moreSegments);
  }

  /** The same without one object. */
  BackupCatalog without(BackupObject removed) {
    return new BackupCatalog(
        journalId,
        fulls.stream().filter(one -> !one.equals(removed)).toList(),
        segments.stream().filter(one -> !one.equals(removed)).toList());
  }

  /** The newest full backup. */
  public Optional<Full> newestFull() {
    return fulls.isEmpty() ? Optional.empty() : Optional.of(fulls.get(fulls.size() - 1));
  }

  /** Up to which event and time anything is there; 0 for nothing. */
  long newestMicros() {
    long full = fulls.stream().mapToLong(Full::micros).max().orElse(0);
    return Math.max(full, segments.stream().mapToLong(Segment::micros).max().orElse(0));
  }

  /**
   * The segments that lead on from a backup, in order and without a gap, as far as they go. Each
   * overlaps the next or ends where that begins.
   */
  List<Segment> chain(BackupObject from) {
    List<Segment> chain = new ArrayList<>();
    int at = 0;
    BackupObject end = from;
    while (true) {
      Segment best = null;
      // By their first event: what begins before the end stays behind this index.
      while (at < segments.size() && segments.get(at).from() <= end.seq() + 1) {
        Segment one = segments.get(at++);
        if (one.seq() > end.seq()
            && follows(one, end)
            && (best == null || one.seq() > best.seq())) {
          best = one;
        }
      }
      if (best == null) {
        return chain;
      }
      chain.add(best);
      end = best;
    }
  }

  /** Whether a segment goes on from there. Where they overlap only its events can tell. */
  private static boolean follows(Segment segment, BackupObject end) {
    return segment.from() <= end.seq() || segment.previousHash().equals(end.hash());
  }

  /** Where the segments end that lead on from a full backup: that one itself if there are none. */
  BackupObject end(Full from) {
    List<Segment> chain = chain(from);
    return chain.isEmpty() ? from : chain.get(chain.size() - 1);
  }

  /** Between which events every position can be restored, the oldest first. */
  public List<Range> ranges() {
    List<Range> ranges = new ArrayList<>();
    for (Full full : fulls) {
      BackupObject end = end(full);
      Range last = ranges.isEmpty() ? null : ranges.get(ranges.size() - 1);
      if (last != null && full.seq() <= last.to()) {
        if (end.seq() > last.to()) {
          ranges.set(
              ranges.size() - 1,
              new Range(last.from(), end.seq(), last.fromMicros(), end.micros()));
        }
      } else {
        ranges.add(new Range(full.seq(), end.seq(), full.micros(), end.micros()));
      }
    }
    return List.copyOf(ranges);
  }
}
