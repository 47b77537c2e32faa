package actors;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import sql.Position;
import storage.Entry;

/**
 * What is to become of requests that a replica could not apply. A request is given up only when
 * every process whose session was open where it stands has said that it has not applied it, and
 * each of them stays before it until the verdict; else it is to be applied, without a limit. A
 * process that is not heard of in time might have applied it. Pure; one thread.
 */
final class HeldRequests {

  private static final class Case {
    final Set<String> missing;
    final Set<String> answered = new HashSet<>();
    final long deadlineNanos;
    final String reason;
    int statement;
    boolean applied;

    Case(Set<String> missing, long deadlineNanos, String reason) {
      this.missing = missing;
      this.deadlineNanos = deadlineNanos;
      this.reason = reason;
    }
  }

  private final long waitNanos;
  private final Map<Position, Case> open = new HashMap<>();
  private final Set<Position> decided = new HashSet<>();

  HeldRequests(Duration wait) {
    this.waitNanos = wait.toNanos();
  }

  /**
   * A replica holds before a request.
   *
   * @param processes whose sessions were open there
   * @return whether the others have to be asked, perhaps again, because a message may be lost
   */
  boolean reported(Position position, List<String> processes, String reason, long nowNanos) {
    if (decided.contains(position)) {
      return false;
    }
    open.computeIfAbsent(
        position, at -> new Case(new HashSet<>(processes), nowNanos + waitNanos, reason));
    return true;
  }

  /** A process has said whether it applied the request, and how much of it. */
  void answered(Position position, String processId, boolean applied, int statement) {
    Case held = open.get(position);
    if (held != null) {
      held.missing.remove(processId);
      held.answered.add(processId);
      held.applied |= applied;
      held.statement = Math.max(held.statement, statement);
    }
  }

  /**
   * The verdicts that can be given now.
   *
   * @param isHeard whether a process was heard of just now: the promise of one that ended is void
   */
  List<Entry.Verdict> verdicts(long nowNanos, Predicate<String> isHeard) {
    List<Entry.Verdict> verdicts = new ArrayList<>();
    open.forEach(
        (position, held) -> {
          if (held.applied || nowNanos - held.deadlineNanos >= 0) {
            String why = held.applied ? "applied elsewhere" : "not every process was heard";
            verdicts.add(new Entry.Verdict(position, 0, false, why));
          } else if (held.missing.isEmpty()
              && !held.answered.isEmpty()
              && held.answered.stream().allMatch(isHeard)) {
            verdicts.add(
                new Entry.Verdict(position, held.statement, true, "given up: " + held.reason));
          }
        });
    return verdicts;
  }

  /** The verdict is ordered; nothing more is said of this request. */
  void settled(Position position) {
    open.remove(position);
    decided.add(position);
  }
}
