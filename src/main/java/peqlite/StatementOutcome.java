package peqlite;

import java.util.OptionalLong;

/** What one statement of a write did. */
public sealed interface StatementOutcome {

  /**
   * It ran and returned no rows.
   *
   * @param rowsAffected rows that it inserted, updated or deleted itself, without its triggers
   * @param lastInsertId the rowid of the last row it inserted, if it inserted one
   */
  record Changed(long rowsAffected, OptionalLong lastInsertId) implements StatementOutcome {}

  /** It returned rows: RETURNING, or a query among the statements. */
  record Returned(Rows rows) implements StatementOutcome {}

  /** It is applied, but its rows are too many to be shown. */
  record LeftOut(String reason) implements StatementOutcome {}

  /**
   * It failed and changed nothing; only in a batch, whose statements stand for themselves.
   *
   * @param message SQLite's own
   * @param code SQLite's extended result code; 0 where SQLite was not asked
   */
  record Failed(String message, int code) implements StatementOutcome {}
}
