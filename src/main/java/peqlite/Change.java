package peqlite;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * A write that was applied here, whichever node it was sent to.
 *
 * @param position where it stands in the one order of all writes
 * @param time when it got that place, by the clock of the node that ordered it; later ones never
 *     have an earlier time
 * @param transaction whether it was applied as a whole; otherwise each statement stood for itself
 * @param statements in their order, those that only read included
 */
public record Change(
    Position position, Instant time, boolean transaction, List<Statement> statements) {

  public Change {
    statements = List.copyOf(statements);
  }

  /**
   * One statement.
   *
   * @param sql its text
   * @param parameters as {@link Row#get(int)} gives values
   * @param error why it failed and changed nothing; empty if it did not. Statements that were sent
   *     in one text share the error of the first one that failed, before which others may have been
   *     applied
   */
  public record Statement(String sql, List<@Nullable Object> parameters, Optional<String> error) {}
}
