package actors;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * What waits to be ordered, bounded in count and bytes, and what was ordered lately, so that a
 * repeat is told its position instead of being ordered again. That only saves space: what makes a
 * write happen once is the apply. Pure; one thread.
 */
final class SequencerQueue {

  /** Positions of this many requests are remembered. */
  private static final int REMEMBERED_MAX = 20_000;

  /** Something to be ordered and who wants to know. */
  record Waiting(Sequencer.Item item, ActorRef<NodeMessage> node) {}

  private record Id(Position session, long number, boolean cancel) {
    static Id of(Sequencer.Item item) {
      return new Id(item.session(), item.number(), item.cancel());
    }
  }

  private final int countMax;
  private final long bytesMax;
  private final ArrayDeque<Waiting> queue = new ArrayDeque<>();
  private final Map<Id, Boolean> queued = new HashMap<>();
  private final LinkedHashMap<Id, Position> ordered = new LinkedHashMap<>();
  private long bytes;

  SequencerQueue(int countMax, long bytesMax) {
    this.countMax = countMax;
    this.bytesMax = bytesMax;
  }

  boolean isEmpty() {
    return queue.isEmpty();
  }

  int size() {
    return queue.size();
  }

  /** The bytes of what waits. */
  long bytes() {
    return bytes;
  }

  /** Where a repeat was ordered by this sequencer, or null if it does not remember it. */
  @Nullable Position orderedAt(Sequencer.Item item) {
    return item.number() == 0 ? null : ordered.get(Id.of(item));
  }

  /**
   * Puts an item at the end, unless it waits already or there is no room: then it is dropped, and
   * whoever sent it sends it again.
   *
   * @return whether it was put there
   */
  boolean add(Waiting waiting) {
    Sequencer.Item item = waiting.item();
    if (queue.size() >= countMax || bytes + item.entry().length > bytesMax) {
      return false;
    }
    if (item.number() != 0 && queued.putIfAbsent(Id.of(item), Boolean.TRUE) != null) {
      return false;
    }
    queue.add(waiting);
    bytes += item.entry().length;
    return true;
  }

  /**
   * Takes the next batch: in order, up to the limits, but at least one item. A repeat of what is
   * taken is dropped until {@link #remember} knows where it was ordered: a large request would else
   * be appended twice, because its session asks again while its parts are on their way.
   *
   * @param entryBytesMax items larger than this end the batch before them; they go in parts
   */
  List<Waiting> take(int batchMax, long batchBytesMax, int entryBytesMax) {
    List<Waiting> batch = new ArrayList<>();
    long batchBytes = 0;
    while (!queue.isEmpty() && batch.size() < batchMax) {
      int length = queue.element().item().entry().length;
      boolean fits = batchBytes + length <= batchBytesMax && length <= entryBytesMax;
      if (!batch.isEmpty() && !fits) {
        break;
      }
      Waiting waiting = queue.remove();
      bytes -= length;
      batchBytes += length + 5L;
      batch.add(waiting);
    }
    return batch;
  }

  /** Remembers where an item was ordered; the oldest is forgotten. */
  void remember(Sequencer.Item item, Position position) {
    if (item.number() != 0) {
      queued.remove(Id.of(item));
      ordered.put(Id.of(item), position);
      if (ordered.size() > REMEMBERED_MAX) {
        var oldest = ordered.keySet().iterator();
        oldest.next();
        oldest.remove();
      }
    }
  }
}
