package actors;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import storage.JournalException;
import storage.SnapshotStore;

/** The snapshots of a store, as somewhere to fetch one from. */
final class StoredSnapshots implements SnapshotSource {

  private final SnapshotStore store;

  StoredSnapshots(SnapshotStore store) {
    this.store = store;
  }

  @Override
  public String name() {
    return "the journal's database";
  }

  @Override
  public List<Offer> offers() throws IOException {
    try {
      return store.list().stream()
          .map(kept -> new Offer(kept.id(), kept.journalId(), kept.seq(), kept.bytes(), true))
          .toList();
    } catch (JournalException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  @Override
  public byte[] read(Offer offer, long offset, int max) throws IOException {
    try {
      byte[] piece = store.piece(offer.id(), (int) (offset / SnapshotStore.PIECE_BYTES));
      int from = (int) (offset % SnapshotStore.PIECE_BYTES);
      if (piece.length <= from) {
        throw new IOException("a piece of " + offer.id() + " is too short");
      }
      return Arrays.copyOfRange(piece, from, Math.min(piece.length, from + max));
    } catch (JournalException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
