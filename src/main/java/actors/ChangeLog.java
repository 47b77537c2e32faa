package actors;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentSkipListMap;
import sql.Position;
import storage.AppliedChange;

/**
 * What the replica has applied lately, for those who follow it at their own pace. Bounded: a
 * follower who falls behind it is told that it has lost its place. Nothing is kept before the first
 * one asks.
 *
 * <p>Written by the replica, read by everybody; nobody waits for another but for a short lock.
 */
public final class ChangeLog {

  /** The most changes that a follower gets at once. */
  private static final int CHANGES_MAX = 256;

  /** A follower's place in the order; for one thread at a time. */
  public interface Cursor {

    /** Every change of an event behind this one is told, none of it or of an earlier one. */
    long afterSeq();

    /**
     * The changes that come next, one or more, as soon as there are some.
     *
     * @return fails with {@link ChangesLostException} when they are not kept any more
     */
    CompletionStage<List<AppliedChange>> next();
  }

  /** What a follower waits for is not kept any more: it must begin anew. */
  public static final class ChangesLostException extends Exception {
    private static final long serialVersionUID = 1L;

    ChangesLostException(String message) {
      super(message);
    }
  }

  private final long bytesMax;
  private final ConcurrentSkipListMap<Position, AppliedChange> kept = new ConcurrentSkipListMap<>();
  private volatile boolean isFollowed;
  private long bytes;

  /** All changes behind this position are kept. */
  private Position floor = new Position(0, 0);

  /** Grows when the database is made anew: what was told of the earlier one counts no more. */
  private int database;

  private CompletableFuture<Void> news = new CompletableFuture<>();

  /**
   * An empty log.
   *
   * @param bytesMax memory that the changes may take, about; the newest one is always kept
   */
  ChangeLog(long bytesMax) {
    this.bytesMax = bytesMax;
  }

  /** Whether changes are to be {@linkplain #add added}. */
  boolean isFollowed() {
    return isFollowed;
  }

  /**
   * A place to follow from. Only while nothing is being applied, so that none is missed.
   *
   * @param appliedSeq the last event that is applied in full
   * @param afterSeq the last event that the follower knows, if it was here before
   * @throws ChangesLostException if what comes behind that is not kept
   */
  synchronized Cursor follow(long appliedSeq, OptionalLong afterSeq) throws ChangesLostException {
    if (!isFollowed) {
      isFollowed = true;
      floor = endOf(appliedSeq);
    }
    long after = afterSeq.orElse(appliedSeq);
    Position place = endOf(after);
    if (place.compareTo(floor) < 0) {
      throw lost(place);
    }
    return new Place(after, place, database);
  }

  private static Position endOf(long seq) {
    return new Position(seq, Integer.MAX_VALUE);
  }

  /** Takes changes that are committed, in their order. */
  void add(List<AppliedChange> changes) {
    CompletableFuture<Void> waiting;
    synchronized (this) {
      for (AppliedChange change : changes) {
        kept.put(change.position(), change);
        bytes += change.bytes();
      }
      while (bytes > bytesMax && kept.size() > 1) {
        var oldest = kept.pollFirstEntry();
        floor = oldest.getKey();
        bytes -= oldest.getValue().bytes();
      }
      waiting = news;
      news = new CompletableFuture<>();
    }
    waiting.complete(null);
  }

  /** The database is made anew: everybody who follows has to begin anew too. */
  void beginAnew() {
    CompletableFuture<Void> waiting;
    synchronized (this) {
      database++;
      kept.clear();
      bytes = 0;
      isFollowed = false;
      waiting = news;
      news = new CompletableFuture<>();
    }
    waiting.complete(null);
  }

  private ChangesLostException lost(Position place) {
    return new ChangesLostException(
        "the changes behind event "
            + place.seq()
            + " are not kept any more (peqlite.apply.changes-bytes-max): read the state, and follow"
            + " from there");
  }

  private final class Place implements Cursor {

    private final long afterSeq;
    private final int ofDatabase;
    private Position last;

    Place(long afterSeq, Position last, int ofDatabase) {
      this.afterSeq = afterSeq;
      this.last = last;
      this.ofDatabase = ofDatabase;
    }

    @Override
    public long afterSeq() {
      return afterSeq;
    }

    @Override
    public CompletionStage<List<AppliedChange>> next() {
      CompletableFuture<Void> waiting;
      synchronized (ChangeLog.this) {
        if (ofDatabase != database) {
          return CompletableFuture.failedFuture(
              new ChangesLostException(
                  "the database was made anew from the journal: read the state, and follow from"
                      + " there"));
        }
        if (last.compareTo(floor) < 0) {
          return CompletableFuture.failedFuture(lost(last));
        }
        List<AppliedChange> changes = new ArrayList<>();
        for (AppliedChange change : kept.tailMap(last, false).values()) {
          changes.add(change);
          if (changes.size() == CHANGES_MAX) {
            break;
          }
        }
        if (!changes.isEmpty()) {
          last = changes.get(changes.size() - 1).position();
          return CompletableFuture.completedFuture(changes);
        }
        waiting = news;
      }
      return waiting.thenCompose(arrived -> next());
    }
  }
}
