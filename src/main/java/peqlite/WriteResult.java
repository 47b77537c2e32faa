package peqlite;

import java.util.List;
import sql.Position;

/**
 * A write that is durable and applied here.
 *
 * @param position where it stands in the one order of all writes. Reads with {@link
 *     ReadOptions#withMinSeq} of its {@code seq} see it, on every node
 * @param duplicate whether it was done before, under the same idempotency key; then the position is
 *     that of the first time
 * @param outcomes one for each statement, in order; empty for a duplicate whose outcomes were too
 *     large to be kept
 */
public record WriteResult(Position position, boolean duplicate, List<StatementOutcome> outcomes) {

  public WriteResult {
    outcomes = List.copyOf(outcomes);
  }

  /** The rows that all statements inserted, updated or deleted, together. */
  public long rowsAffected() {
    long rows = 0;
    for (StatementOutcome outcome : outcomes) {
      if (outcome instanceof StatementOutcome.Changed changed) {
        rows += changed.rowsAffected();
      }
    }
    return rows;
  }
}
