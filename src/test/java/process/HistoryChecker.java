package process;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import process.Ledger.Effect;
import process.Operation.Fate;
import process.Operation.ReadOperation;
import process.Operation.WriteOperation;

/**
 * Compares what clients were told with what the journal says happened. Pure: it knows the
 * operations and the {@link Ledger}, and finds every promise that was broken.
 */
final class HistoryChecker {

  /** A promise. */
  enum Rule {
    /** An acknowledged write has its effect. */
    LOST,
    /** No write has its effect twice. */
    DOUBLED,
    /** A write has all of its effect or nothing of it. */
    PARTIAL,
    /** An acknowledged write is ordered, and has its effect, at the position that was told. */
    MISPLACED,
    /** What was said not to be applied has no effect, nor has a statement that failed. */
    UNWANTED,
    /** What a write returned is what it did. */
    RETURNED,
    /** What is there was written by a client. */
    UNASKED,
    /** A read sees the state at the position that it names. */
    WRONG_STATE,
    /** A linearizable read sees all that anybody knew before it began. */
    STALE_LINEARIZABLE,
    /** A weak read sees all that was acknowledged before it began, but for a moment. */
    STALE_WEAK,
    /** A read with a least position is not older. */
    MIN_SEQ,
    /** What a node has shown it does not take back, restarts included. */
    WENT_BACK
  }

  /** A broken promise, and how it shows. */
  record Violation(Rule rule, String text) {}

  /** How long a sequencer's word counts for weak reads, and so may be overtaken by a new one's. */
  static final long WEAK_AGE_NANOS = 200_000_000;

  private final List<Operation> operations;
  private final Ledger ledger;
  private final Set<String> withoutSpace;
  private final List<Violation> violations = new ArrayList<>();

  private HistoryChecker(List<Operation> operations, Ledger ledger, Set<String> withoutSpace) {
    this.operations = operations;
    this.ledger = ledger;
    this.withoutSpace = withoutSpace;
  }

  /** Every violation, in the order of the rules' checks. */
  static List<Violation> check(List<Operation> operations, Ledger ledger) {
    return check(operations, ledger, Set.of());
  }

  /**
   * The same where some nodes had no space for a while: such a node applies the next event request
   * by request, and shows the requests that found room while its position is still the event
   * before.
   */
  static List<Violation> check(
      List<Operation> operations, Ledger ledger, Set<String> withoutSpace) {
    HistoryChecker checker =
        new HistoryChecker(List.copyOf(operations), ledger, Set.copyOf(withoutSpace));
    checker.checkWrites();
    checker.checkStates();
    checker.checkFreshness();
    checker.checkNodes();
    return List.copyOf(checker.violations);
  }

  private void violated(Rule rule, String text) {
    violations.add(new Violation(rule, text));
  }

  private void checkWrites() {
    Map<String, List<WriteOperation>> byMarker = new HashMap<>();
    for (Operation operation : operations) {
      if (operation instanceof WriteOperation write) {
        byMarker.computeIfAbsent(write.marker(), none -> new ArrayList<>()).add(write);
      }
    }
    byMarker.forEach(this::checkWrite);
    for (String marker : ledger.effects().keySet()) {
      if (!byMarker.containsKey(marker)) {
        violated(Rule.UNASKED, "nobody wrote " + marker + ": " + ledger.effects().get(marker));
      }
    }
  }

  /** All attempts at one write; more than one only with an idempotency key. */
  private void checkWrite(String marker, List<WriteOperation> attempts) {
    List<Effect> effects = ledger.effects().getOrDefault(marker, List.of());
    List<Long> ordered = ledger.ordered().getOrDefault(marker, List.of());
    String told = marker + " has " + effects + ", is ordered at " + ordered + ", told " + attempts;
    checkWhole(attempts.get(0).rows(), effects, told);
    boolean applied = false;
    boolean mayBeApplied = false;
    for (WriteOperation attempt : attempts) {
      applied |= attempt.fate() == Fate.APPLIED || attempt.fate() == Fate.COMMITTED;
      mayBeApplied |= attempt.fate() == Fate.UNKNOWN;
      checkAttempt(attempt, effects, ordered, told);
    }
    if (applied && effects.isEmpty() && attempts.get(0).rows() > 0) {
      violated(Rule.LOST, told);
    }
    if (!applied && !mayBeApplied && !effects.isEmpty()) {
      violated(Rule.UNWANTED, told);
    }
  }

  private void checkWhole(int rows, List<Effect> effects, String told) {
    TreeSet<Integer> parts = new TreeSet<>();
    TreeSet<Long> events = new TreeSet<>();
    for (Effect effect : effects) {
      parts.add(effect.part());
      events.add(effect.seq());
    }
    if (effects.size() > parts.size() || events.size() > 1) {
      violated(Rule.DOUBLED, told);
    } else if (!effects.isEmpty() && effects.size() != rows) {
      violated(Rule.PARTIAL, told);
    }
  }

  private void checkAttempt(
      WriteOperation attempt, List<Effect> effects, List<Long> ordered, String told) {
    if (!attempt.acknowledged()) {
      return;
    }
    boolean atToldPosition =
        ordered.contains(attempt.seq())
            && effects.stream().allMatch(effect -> effect.seq() == attempt.seq());
    // The answer to a repeat names a later position than the one at which it took effect.
    boolean behindIt =
        attempt.duplicate()
            && effects.stream().allMatch(effect -> effect.seq() <= attempt.seq())
            && attempt.seq() <= ledger.head();
    if (!atToldPosition && !behindIt) {
      violated(Rule.MISPLACED, "told " + attempt.seq() + ": " + told);
    }
    List<Long> ids = effects.stream().map(Effect::id).toList();
    List<Long> values = effects.stream().map(Effect::value).toList();
    List<Long> returned = attempt.returned();
    if (!returned.isEmpty() && !returned.equals(ids) && !returned.equals(values)) {
      violated(Rule.RETURNED, returned + " was returned: " + told);
    }
  }

  /** Whether it shows no less than its position and no more than the one behind it. */
  private boolean isWithinNextEvent(ReadOperation read) {
    String before = ledger.states().get(read.seq());
    String after = ledger.states().get(read.seq() + 1);
    return before != null
        && after != null
        && rows(before) <= rows(read.seen())
        && rows(read.seen()) <= rows(after);
  }

  private static long rows(String state) {
    return Long.parseLong(state.substring(0, state.indexOf('|')));
  }

  private void checkStates() {
    for (Operation operation : operations) {
      if (operation instanceof ReadOperation read && read.answered()) {
        String state = ledger.states().get(read.seq());
        boolean within = withoutSpace.contains(read.node()) && isWithinNextEvent(read);
        if (!read.seen().equals(state) && !within) {
          violated(Rule.WRONG_STATE, "at " + read.seq() + " there is " + state + ", not: " + read);
        }
        if (read.seq() < read.minSeq()) {
          violated(Rule.MIN_SEQ, read.toString());
        }
      }
    }
  }

  private void checkFreshness() {
    Known acknowledged = new Known();
    Known known = new Known();
    for (Operation operation : operations) {
      if (operation instanceof WriteOperation write && write.acknowledged()) {
        acknowledged.add(write.endNanos(), write.seq());
        known.add(write.endNanos(), write.seq());
      } else if (operation instanceof ReadOperation read && read.answered()) {
        known.add(read.endNanos(), read.seq());
      }
    }
    acknowledged.close();
    known.close();
    for (Operation operation : operations) {
      if (operation instanceof ReadOperation read && read.answered()) {
        switch (read.level()) {
          case "linearizable", "strong" -> {
            long least = known.before(read.startNanos());
            if (read.seq() < least) {
              violated(Rule.STALE_LINEARIZABLE, least + " was known before: " + read);
            }
          }
          case "weak" -> {
            long least = acknowledged.before(read.startNanos() - WEAK_AGE_NANOS);
            if (read.seq() < least) {
              violated(Rule.STALE_WEAK, least + " was acknowledged before: " + read);
            }
          }
          default -> {} // none promises no more than its least position
        }
      }
    }
  }

  private void checkNodes() {
    Map<String, Known> shown = new HashMap<>();
    for (Operation operation : operations) {
      long seq = position(operation);
      if (seq >= 0) {
        shown.computeIfAbsent(operation.node(), none -> new Known()).add(operation.endNanos(), seq);
      }
    }
    shown.values().forEach(Known::close);
    for (Operation operation : operations) {
      if (operation instanceof ReadOperation read && read.answered()) {
        long least = shown.get(read.node()).before(read.startNanos());
        if (read.seq() < least) {
          violated(Rule.WENT_BACK, least + " was shown by that node before: " + read);
        }
      }
    }
  }

  /** The position that the node has surely applied when it answered, or -1. */
  private static long position(Operation operation) {
    if (operation instanceof WriteOperation write) {
      return write.fate() == Fate.APPLIED || write.fate() == Fate.FAILED ? write.seq() : -1;
    }
    ReadOperation read = (ReadOperation) operation;
    return read.answered() ? read.seq() : -1;
  }

  /** The highest position that was known at a time. */
  private static final class Known {

    private final TreeMap<Long, Long> byTime = new TreeMap<>();

    void add(long nanos, long seq) {
      byTime.merge(nanos, seq, Math::max);
    }

    /** To be called between adding and asking. */
    void close() {
      long highest = -1;
      for (Map.Entry<Long, Long> entry : byTime.entrySet()) {
        highest = Math.max(highest, entry.getValue());
        entry.setValue(highest);
      }
    }

    long before(long nanos) {
      Map.Entry<Long, Long> entry = byTime.lowerEntry(nanos);
      return entry == null ? -1 : entry.getValue();
    }
  }
}
