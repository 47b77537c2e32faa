package peqlite;

/**
 * What one workload or yardstick measured.
 *
 * @param name what was done
 * @param workers how many requests were under way at once
 * @param perSecond requests per second, failed ones included
 * @param p50Nanos half of the requests took no longer
 * @param p99Nanos 99 of 100 took no longer
 * @param maxNanos the longest
 * @param count requests in all
 * @param errors how many of them failed
 * @param firstError what the first that failed said, or empty
 */
record BenchResult(
    String name,
    int workers,
    double perSecond,
    long p50Nanos,
    long p99Nanos,
    long maxNanos,
    long count,
    long errors,
    String firstError) {}
