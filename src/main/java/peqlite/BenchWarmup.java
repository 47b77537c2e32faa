package peqlite;

/**
 * Says when a load has been repeated often enough to be measured: when its rate rises no more.
 * Several virtual machines on few processors need a minute or two until their compilers are done,
 * and before that a benchmark measures the compilers. Pure; one thread.
 */
final class BenchWarmup {

  /** A rate counts as risen when it is so much above the best before. */
  private static final double RISE = 1.05;

  private static final int REPEATS_WITHOUT_RISE = 3;
  private static final int REPEATS_MAX = 40;

  private double best;
  private int repeats;
  private int withoutRise;

  /** Takes the rate of one more repeat; says whether it was the last that is needed. */
  boolean isOver(double perSecond) {
    repeats++;
    withoutRise = perSecond > best * RISE ? 0 : withoutRise + 1;
    best = Math.max(best, perSecond);
    return withoutRise >= REPEATS_WITHOUT_RISE || repeats >= REPEATS_MAX;
  }
}
