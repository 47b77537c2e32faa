package actors;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import storage.SnapshotStore;

/**
 * Decides what happens with snapshots and with the journal's beginning, from what the nodes say.
 * Pure.
 *
 * <p>The journal is cut behind a snapshot only if a majority has had the same outcomes as the node
 * that took it, up to its position and beyond, and if the snapshot is as durable as the events that
 * it stands for: on the disk of the single node, on the disks of a majority of those who keep the
 * journal, or in the journal's database. What a node has not made durable itself stays as long as
 * that node is heard of.
 */
final class SnapshotPlan {

  /** Where a snapshot must be before the journal is cut behind it. */
  enum Place {
    /** On the disk of the only node. */
    OWN_DISK,
    /** On the disks of a majority of those who keep the journal. */
    MAJORITY,
    /** In the store. */
    STORE
  }

  /** Fewer events are not worth a cut. */
  private static final long CUT_MIN = 1_000;

  /** A node that is further behind takes no snapshot: others have newer ones. */
  private static final long BEHIND_MAX = 10_000;

  /**
   * All that is known.
   *
   * @param journalId the journal's
   * @param first the first event that it holds
   * @param head the last one
   * @param sequencerNodeId where the sequencer runs
   * @param voters who keep the journal, for {@link Place#MAJORITY}
   * @param present what the nodes say that answer now
   * @param recent what nodes have said that do not answer now, and did so not long ago
   * @param agreed up to which event each node's outcomes are those of the majority
   * @param stored what is in the store, the newest first
   * @param cutMax the last event that no backup needs any more
   */
  record View(
      Place place,
      String journalId,
      long first,
      long head,
      String sequencerNodeId,
      List<String> voters,
      List<SnapshotKeeper.Report> present,
      List<SnapshotKeeper.Report> recent,
      Map<String, Long> agreed,
      List<SnapshotStore.Kept> stored,
      long cutMax) {}

  /**
   * What is to be done.
   *
   * @param take the node that is to take a snapshot
   * @param upload the node that is to put a snapshot into the store, and which
   * @param relyFrom for each node, the oldest of its own snapshots that must stay
   * @param sync whether the nodes are to make durable what they have applied, so that more can be
   *     cut
   * @param cutTo the last event that may be cut off, 0 for none
   */
  record Decision(
      Optional<String> take,
      Optional<Upload> upload,
      Map<String, Long> relyFrom,
      boolean sync,
      long cutTo) {}

  /** A snapshot to be put into the store. */
  record Upload(String nodeId, String id) {}

  private final View view;
  private final SnapshotSettings settings;

  private SnapshotPlan(View view, SnapshotSettings settings) {
    this.view = view;
    this.settings = settings;
  }

  static Decision decide(View view, SnapshotSettings settings) {
    return new SnapshotPlan(view, settings).decide();
  }

  private Decision decide() {
    Map<String, Long> best = new HashMap<>();
    Optional<Upload> upload = Optional.empty();
    for (SnapshotKeeper.Report report : view.present) {
      Optional<SnapshotKeeper.Kept> agreed = agreedSnapshots(report).findFirst();
      agreed.ifPresent(kept -> best.put(report.nodeId(), kept.seq()));
      if (agreed.isPresent()
          && view.place == Place.STORE
          && agreed.get().seq() > storedSeq()
          && upload.isEmpty()) {
        upload = Optional.of(new Upload(report.nodeId(), agreed.get().id()));
      }
    }
    long base = base(best);
    boolean sync = base - view.first + 1 >= CUT_MIN;
    return new Decision(take(), upload, best, sync, sync ? cutTo(base) : 0);
  }

  /** The snapshots of a node, the newest first, that the majority would have taken too. */
  private Stream<SnapshotKeeper.Kept> agreedSnapshots(SnapshotKeeper.Report report) {
    long agreed = view.agreed.getOrDefault(report.nodeId(), 0L);
    return report.snapshots().stream()
        .filter(kept -> kept.seq() <= agreed && isOfThisJournal(report));
  }

  private boolean isOfThisJournal(SnapshotKeeper.Report report) {
    return report.journalId().equals(view.journalId);
  }

  private long storedSeq() {
    return view.stored.stream()
        .filter(kept -> kept.journalId().equals(view.journalId))
        .mapToLong(SnapshotStore.Kept::seq)
        .max()
        .orElse(0);
  }

  /** The position of the newest snapshot that is durable enough. */
  private long base(Map<String, Long> best) {
    if (view.place == Place.STORE) {
      return last(
          view.stored.stream()
              .filter(kept -> kept.journalId().equals(view.journalId))
              .map(SnapshotStore.Kept::seq));
    }
    if (view.place == Place.OWN_DISK) {
      return view.present.stream()
          .mapToLong(report -> last(agreedSnapshots(report).map(SnapshotKeeper.Kept::seq)))
          .max()
          .orElse(0);
    }
    List<Long> held = new ArrayList<>();
    for (String voter : view.voters) {
      held.add(best.getOrDefault(voter, 0L));
    }
    held.sort(Collections.reverseOrder());
    int majority = view.voters.size() / 2 + 1;
    return held.size() < majority ? 0 : held.get(majority - 1);
  }

  /**
   * Of the newest that are kept, the last: while there is only one place for them, one of them may
   * turn out to be damaged, and the one before and the journal behind it still make a database.
   */
  private long last(Stream<Long> newestFirst) {
    List<Long> spared = newestFirst.limit(settings.keep()).toList();
    return spared.size() < settings.keep() ? 0 : spared.get(spared.size() - 1);
  }

  private long cutTo(long base) {
    long to = Math.min(Math.min(base, view.head - 1), view.cutMax);
    List<SnapshotKeeper.Report> heard = new ArrayList<>(view.present);
    heard.addAll(view.recent);
    for (SnapshotKeeper.Report report : heard) {
      if (!isOfThisJournal(report) && report.applied() > 0 || report.applied() > view.head) {
        return 0; // somebody doubts that this is the whole journal
      }
      // Who has less than the journal's beginning needs a snapshot already.
      if (!report.outOfService() && report.durable() + 1 >= view.first) {
        to = Math.min(to, report.durable());
      }
    }
    return to - view.first + 1 >= CUT_MIN || to == base && to >= view.first ? to : 0;
  }

  /** One node at a time, so that the others answer as fast as ever. */
  private Optional<String> take() {
    if (view.present.stream().anyMatch(SnapshotKeeper.Report::busy)) {
      return Optional.empty();
    }
    List<SnapshotKeeper.Report> able =
        view.present.stream()
            .filter(report -> isOfThisJournal(report) && !report.outOfService())
            .filter(report -> view.head - report.applied() <= BEHIND_MAX)
            .filter(this::isSettled)
            // The sequencer's node last: it has the most to do.
            .sorted(
                Comparator.comparing(
                        (SnapshotKeeper.Report report) ->
                            report.nodeId().equals(view.sequencerNodeId))
                    .thenComparing(SnapshotKeeper.Report::nodeId))
            .toList();
    if (view.place == Place.STORE) {
      long stored = storedSeq();
      Optional<SnapshotKeeper.Report> took =
          able.stream()
              .filter(report -> report.snapshots().stream().anyMatch(s -> s.seq() >= stored))
              .findFirst();
      if (took.isPresent() && !isDue(took.get())) {
        return Optional.empty(); // that one has taken one for all
      }
    }
    return able.stream().filter(this::isDue).map(SnapshotKeeper.Report::nodeId).findFirst();
  }

  /** Whether its newest snapshot is agreed on; until it is, another one would be no better. */
  private boolean isSettled(SnapshotKeeper.Report report) {
    return report.snapshots().isEmpty()
        || report.snapshots().get(0).seq() <= view.agreed.getOrDefault(report.nodeId(), 0L);
  }

  private boolean isDue(SnapshotKeeper.Report report) {
    long newest = report.snapshots().isEmpty() ? 0 : report.snapshots().get(0).seq();
    long events = report.applied() - newest;
    // A snapshot writes the whole database: a large one waits for more.
    long bytes = Math.max(settings.journalBytes(), report.databaseBytes() / 2);
    return events > 0
        && (report.bytesSince() >= bytes
            || report.ageMillis() >= 2 * settings.lookInterval().toMillis()
                && (events >= settings.journalEvents()
                    || report.ageMillis() >= settings.interval().toMillis()));
  }
}
