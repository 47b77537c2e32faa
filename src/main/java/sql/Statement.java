package sql;

import java.util.List;

/**
 * One SQL statement with its parameters in order.
 *
 * <p>Several statements that a client wrote into one string are one <em>group</em>: all but the
 * last are {@code joinedToNext}. A group has one result, that of its last statement, or that of the
 * first one that fails, after which the rest of the group is skipped.
 *
 * @param sql the text of exactly one statement
 * @param parameters one value for each parameter of the statement, in SQLite's numbering
 * @param joinedToNext whether the next statement belongs to the same group
 */
public record Statement(String sql, List<Value> parameters, boolean joinedToNext) {

  public Statement {
    parameters = List.copyOf(parameters);
  }

  /** A statement that is a group of its own. */
  public static Statement of(String sql, Value... parameters) {
    return new Statement(sql, List.of(parameters), false);
  }
}
