package storage;

/**
 * How far one read request may go.
 *
 * @param deadlineNanos by {@link System#nanoTime()}; past it the statement is interrupted
 * @param rowsMax rows that all statements of the request may return together
 * @param bytesMax bytes of values that they may return together
 */
public record ReadLimits(long deadlineNanos, long rowsMax, long bytesMax) {}
