package sql;

import java.util.List;
import java.util.OptionalLong;

/** What one statement, or one group of statements, did. Times are nanoseconds spent in SQLite. */
public sealed interface StatementResult {

  /** The time spent, in nanoseconds; measured at this node, not replicated. */
  long nanos();

  /**
   * The statement ran and returned no rows.
   *
   * @param rowsAffected rows inserted, updated or deleted by the statement itself; 0 for others
   * @param lastInsertId the rowid of the last row that the statement inserted, if it inserted one
   */
  record Changed(long rowsAffected, OptionalLong lastInsertId, long nanos)
      implements StatementResult {}

  /** The statement returned rows: a query, or RETURNING. */
  record Rows(List<Column> columns, List<List<Value>> rows, long nanos)
      implements StatementResult {}

  /**
   * The statement failed and changed nothing.
   *
   * @param message SQLite's own message, without decoration, or ours where we refused it
   * @param code SQLite's extended result code; 0 where SQLite was not asked, {@link #LEFT_OUT}
   *     where nothing failed but the showing of the rows
   */
  record Failed(String message, int code, long nanos) implements StatementResult {

    /** The code of a statement that was applied, but whose rows are too many to be shown. */
    public static final int LEFT_OUT = -1; // no code of SQLite's is negative

    /** Whether it was applied all the same. */
    public boolean isLeftOut() {
      return code == LEFT_OUT;
    }
  }
}
