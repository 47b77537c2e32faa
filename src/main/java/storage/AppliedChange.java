package storage;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import sql.Position;
import sql.Statement;
import sql.StatementResult;
import sql.WriteRequest;

/**
 * A request that a replica has applied and committed, whichever node took it.
 *
 * @param position where it stands in the one order
 * @param timestampMicros when it was ordered, in microseconds since 1970 by the sequencer's clock
 * @param transaction whether all of it is applied; otherwise each statement stands for itself
 * @param statements what was run, in order
 * @param failures for each statement why it failed, empty for one that did not; statements that
 *     were sent in one text share the failure of the first of them that failed
 * @param bytes about as much memory as it takes
 */
public record AppliedChange(
    Position position,
    long timestampMicros,
    boolean transaction,
    List<Statement> statements,
    List<Optional<String>> failures,
    long bytes) {

  /** From what was asked and what came of it; only for a request that failed in no transaction. */
  static AppliedChange of(
      Position position,
      long timestampMicros,
      WriteRequest request,
      List<StatementResult> results,
      long bytes) {
    List<Optional<String>> failures = new ArrayList<>(request.statements().size());
    int group = 0;
    for (Statement statement : request.statements()) {
      failures.add(failure(results, group));
      if (!statement.joinedToNext()) {
        group++;
      }
    }
    return new AppliedChange(
        position,
        timestampMicros,
        request.transaction(),
        request.statements(),
        List.copyOf(failures),
        bytes);
  }

  private static Optional<String> failure(List<StatementResult> results, int group) {
    return group < results.size()
            && results.get(group) instanceof StatementResult.Failed failed
            && StatementRunner.isFailure(failed)
        ? Optional.of(failed.message())
        : Optional.empty();
  }
}
