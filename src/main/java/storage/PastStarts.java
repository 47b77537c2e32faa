package storage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What databases of the past can begin with on this node: its own snapshots, those beside the
 * journal, and nothing where the journal was never cut. Only what the journal goes on behind is a
 * start, since the verdicts stand there.
 *
 * <p>Blocking; thread-safe. What it says may be pruned or cut a moment later.
 */
final class PastStarts {

  /**
   * A start.
   *
   * @param seq the last event in it; 0 for nothing
   * @param own a snapshot on this node's disk
   * @param stored a snapshot beside the journal
   */
  record Start(
      long seq, Optional<SnapshotDirectory.Stored> own, Optional<SnapshotStore.Kept> stored) {

    static final Start NOTHING = new Start(0, Optional.empty(), Optional.empty());
  }

  private final Journal journal;
  private final SnapshotDirectory directory;
  private final Optional<SnapshotStore> store;

  PastStarts(Journal journal, SnapshotDirectory directory, Optional<SnapshotStore> store) {
    this.journal = journal;
    this.directory = directory;
    this.store = store;
  }

  /**
   * The starts for a position, the best one first. The store is asked only if nothing of this
   * node's will do.
   *
   * @param journalId the journal that it is a position of
   */
  List<Start> before(long seq, String journalId) throws JournalException {
    long first = journal.first();
    List<Start> starts = new ArrayList<>(own(first, journalId));
    if (first == 1) {
      starts.add(Start.NOTHING);
    }
    starts.removeIf(start -> start.seq() > seq);
    if (starts.isEmpty()) {
      starts.addAll(stored(first, journalId));
      starts.removeIf(start -> start.seq() > seq);
    }
    return starts;
  }

  /** The oldest position that a database can be made of; empty if there is none. */
  OptionalLong oldest(String journalId) throws JournalException {
    long first = journal.first();
    if (first == 1) {
      return OptionalLong.of(0);
    }
    List<Start> starts = new ArrayList<>(own(first, journalId));
    starts.addAll(stored(first, journalId));
    return starts.stream().mapToLong(Start::seq).min();
  }

  /** The time of the last event in this node's snapshot of that position, if it has one. */
  OptionalLong timeOf(long seq, String journalId) {
    return directory
        .newest(one -> one.header().seq() == seq && one.header().journalId().equals(journalId))
        .map(one -> OptionalLong.of(one.header().timestampMicros()))
        .orElseGet(OptionalLong::empty);
  }

  private List<Start> own(long first, String journalId) {
    return directory
        .list() // the newest first
        .stream()
        .filter(one -> one.header().journalId().equals(journalId))
        .filter(one -> one.header().seq() + 1 >= first)
        .map(one -> new Start(one.header().seq(), Optional.of(one), Optional.empty()))
        .toList();
  }

  private List<Start> stored(long first, String journalId) throws JournalException {
    if (store.isEmpty()) {
      return List.of();
    }
    return store
        .get()
        .list() // the newest first
        .stream()
        .filter(one -> one.journalId().equals(journalId) && one.seq() + 1 >= first)
        .map(one -> new Start(one.seq(), Optional.empty(), Optional.of(one)))
        .toList();
  }

  /** Where this node's snapshot is. */
  Path file(SnapshotDirectory.Stored own) {
    return directory.file(own.id());
  }

  /** A snapshot of this node's has turned out to be damaged. */
  void setAside(SnapshotDirectory.Stored own) {
    directory.setAside(own.id());
  }

  /**
   * Fetches a snapshot from beside the journal.
   *
   * @param target the file to make
   */
  void fetch(SnapshotStore.Kept stored, Path target) throws JournalException, IOException {
    SnapshotStore from =
        store.orElseThrow(() -> new IllegalStateException("there is no store of " + stored));
    try (SyncedOutput out = SyncedOutput.gentle(target)) {
      for (int piece = 0; piece < stored.pieces(); piece++) {
        byte[] bytes = from.piece(stored.id(), piece);
        out.write(bytes, 0, bytes.length);
      }
      out.finish();
    }
  }
}
