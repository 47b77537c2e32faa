package process;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import process.Operation.Fate;
import process.Operation.WriteOperation;

/**
 * How long writes stalled around faults: the longest time without any successful write at the nodes
 * that lived on. Printed as a table; nothing is asserted of it here.
 */
final class FailoverTimes {

  /** How long after a fault its stall is looked for. */
  private static final long WINDOW_NANOS = Duration.ofSeconds(20).toNanos();

  private record Line(String fault, Duration stall) {}

  private final List<Line> lines = new ArrayList<>();

  /**
   * Adds a fault.
   *
   * @param fault in words
   * @param atNanos when it happened
   * @param untilNanos when the next fault happened, or now
   * @param survivors at which nodes the clients count
   * @return the stall; from the fault to the end if there was no success any more
   */
  Duration add(
      String fault,
      long atNanos,
      long untilNanos,
      Set<String> survivors,
      Collection<Operation> history) {
    List<Long> successes = new ArrayList<>();
    for (Operation operation : history) {
      if (operation instanceof WriteOperation write
          && write.fate() == Fate.APPLIED
          && survivors.contains(write.node())) {
        successes.add(write.endNanos());
      }
    }
    successes.sort(null);
    long end = Math.min(untilNanos, atNanos + WINDOW_NANOS);
    long longest = 0;
    long last = atNanos;
    for (long success : successes) {
      if (success <= atNanos) {
        last = success;
      } else if (success <= end) {
        longest = Math.max(longest, success - last);
        last = success;
      }
    }
    longest = Math.max(longest, end - last);
    Duration stall = Duration.ofNanos(longest);
    lines.add(new Line(fault, stall));
    return stall;
  }

  /** The stalls, and their median and worst for each kind of fault. */
  void print(String title) {
    StringBuilder text = new StringBuilder(title).append(", stall of writes at the survivors\n");
    for (String fault : lines.stream().map(Line::fault).distinct().toList()) {
      List<Duration> stalls =
          lines.stream()
              .filter(line -> line.fault().equals(fault))
              .map(Line::stall)
              .sorted()
              .toList();
      text.append(
          String.format(
              Locale.ROOT,
              "  %-40s n=%-3d median %6.3f s  worst %6.3f s%n",
              fault,
              stalls.size(),
              seconds(stalls.get((stalls.size() - 1) / 2)),
              seconds(stalls.get(stalls.size() - 1))));
    }
    System.out.print(text);
  }

  private static double seconds(Duration duration) {
    return duration.toNanos() / 1e9;
  }
}
