package storage;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.RequestId;
import sql.SqlText;

/**
 * A statement that took longer than somebody wants to hear of.
 *
 * @param sql its text
 * @param nanos how long it took; a read until its last row was taken
 * @param what it belongs to, such as {@code write 12.0}
 */
public record SlowStatement(String sql, long nanos, String what) {

  private static final Logger LOG = LoggerFactory.getLogger(SlowStatement.class);

  private static final int LENGTH_MAX = 1_000;

  /**
   * Logs it in one line: its text without the values in it, which are nobody's business, and cut.
   *
   * @param requestId what the log calls its request by; empty where that is not known
   */
  public void log(String requestId) {
    String text = SqlText.withoutValues(sql, LENGTH_MAX);
    RequestId.inLog(
        requestId,
        () -> LOG.warn("{} ms for a statement of {}: {}", nanos / 1_000_000, what, text));
  }
}
