package storage;

/**
 * How far one read request may go.
 *
 * @param deadlineNanos by {@link System#nanoTime()}; past it the statement is interrupted
 * @param rowsMax rows that all statements of the request may return together
 * @param bytesMax bytes of values that they may return together
 * @param requestId what the log calls the request by, empty for nothing
 */
public record ReadLimits(long deadlineNanos, long rowsMax, long bytesMax, String requestId) {

  /** For a read that has no name. */
  public ReadLimits(long deadlineNanos, long rowsMax, long bytesMax) {
    this(deadlineNanos, rowsMax, bytesMax, "");
  }
}
