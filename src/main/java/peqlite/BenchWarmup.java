package peqlite;

import java.util.ArrayList;
import java.util.List;

/**
 * Says when a load has been repeated often enough to be measured: when its rate rises no more.
 * Several virtual machines on few processors need a minute or two until their compilers are done,
 * and before that a benchmark measures the compilers. Pure; one thread.
 */
final class BenchWarmup {

  /** One repeat says little, because the rate jumps: so many are compared with as many before. */
  private static final int COMPARED = 6;

  /** The rate counts as rising when the later ones are so much above the earlier ones. */
  private static final double RISE = 1.05;

  private static final int REPEATS_MAX = 60;

  private final List<Double> rates = new ArrayList<>();

  /** Takes the rate of one more repeat; says whether it was the last that is needed. */
  boolean isOver(double perSecond) {
    rates.add(perSecond);
    int count = rates.size();
    return count >= REPEATS_MAX
        || (count >= 2 * COMPARED
            && mean(count - COMPARED, count)
                <= mean(count - 2 * COMPARED, count - COMPARED) * RISE);
  }

  private double mean(int from, int to) {
    return rates.subList(from, to).stream().mapToDouble(Double::doubleValue).average().orElse(0);
  }
}
