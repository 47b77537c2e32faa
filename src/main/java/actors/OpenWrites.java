package actors;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The numbered writes of a session, by number. At most a window's worth of numbers is open at once,
 * counted from the oldest, so that what the replicas have to remember stays small.
 */
final class OpenWrites {

  private final TreeMap<Long, PendingWrite> byNumber = new TreeMap<>();
  private long next = 1;

  int size() {
    return byNumber.size();
  }

  /** Whether another number may be given out. */
  boolean hasRoom(int window) {
    return byNumber.isEmpty() || next - byNumber.firstKey() < window;
  }

  /** Gives the write the next number. */
  long add(PendingWrite write) {
    long number = next++;
    byNumber.put(number, write);
    return number;
  }

  @Nullable PendingWrite get(long number) {
    return byNumber.get(number);
  }

  @Nullable PendingWrite remove(long number) {
    return byNumber.remove(number);
  }

  /** Takes all of them out, oldest first; numbers begin anew, for another session. */
  List<PendingWrite> removeAll() {
    List<PendingWrite> all = new ArrayList<>(byNumber.values());
    byNumber.clear();
    next = 1;
    return all;
  }

  /** Whether nobody waits for any of them. */
  boolean allAnswered() {
    return byNumber.values().stream().allMatch(PendingWrite::isAnswered);
  }

  void forEach(BiConsumer<Long, PendingWrite> action) {
    for (Map.Entry<Long, PendingWrite> entry : byNumber.entrySet()) {
      action.accept(entry.getKey(), entry.getValue());
    }
  }
}
