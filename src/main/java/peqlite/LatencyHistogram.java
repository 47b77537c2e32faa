package peqlite;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Counts durations so that percentiles can be asked for, each at most 1.6 % above the true one.
 * Thread-safe; records without locks and in constant memory.
 */
final class LatencyHistogram {

  /** Each power of two is cut into this many buckets; below it, a bucket is one nanosecond. */
  private static final int SUB_BUCKET_BITS = 6;

  private static final int SUB_BUCKETS = 1 << SUB_BUCKET_BITS;

  private final AtomicLongArray counts =
      new AtomicLongArray((Long.SIZE - SUB_BUCKET_BITS) * SUB_BUCKETS);
  private final AtomicLong count = new AtomicLong();
  private final AtomicLong maxNanos = new AtomicLong();

  /** Adds one duration; a negative one counts as 0. */
  void record(long nanos) {
    long value = Math.max(0, nanos);
    counts.incrementAndGet(bucketOf(value));
    count.incrementAndGet();
    if (value > maxNanos.get()) {
      maxNanos.accumulateAndGet(value, Math::max);
    }
  }

  /** How many were recorded. */
  long count() {
    return count.get();
  }

  /** The largest, exactly. */
  long maxNanos() {
    return maxNanos.get();
  }

  /**
   * The duration that the given share of all do not exceed; 0 when there are none.
   *
   * @param share from 0 to 1, such as 0.99
   */
  long percentileNanos(double share) {
    long rank = Math.max(1, (long) Math.ceil(share * count.get()));
    long seen = 0;
    for (int bucket = 0; bucket < counts.length(); bucket++) {
      seen += counts.get(bucket);
      if (seen >= rank) {
        return Math.min(upperBoundOf(bucket), maxNanos.get());
      }
    }
    return maxNanos.get();
  }

  private static int bucketOf(long value) {
    if (value < SUB_BUCKETS) {
      return (int) value;
    }
    int shift = Long.SIZE - 1 - Long.numberOfLeadingZeros(value) - SUB_BUCKET_BITS;
    return (shift + 1) * SUB_BUCKETS + (int) (value >>> shift) - SUB_BUCKETS;
  }

  private static long upperBoundOf(int bucket) {
    if (bucket < SUB_BUCKETS) {
      return bucket;
    }
    int shift = bucket / SUB_BUCKETS - 1;
    long first = (long) (bucket % SUB_BUCKETS + SUB_BUCKETS) << shift;
    return first + (1L << shift) - 1;
  }
}
