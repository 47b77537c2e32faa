package sql;

import java.util.List;
import java.util.Optional;

/** What became of a write request when it was applied; the same on every replica. */
public sealed interface WriteOutcome {

  /**
   * The statements ran.
   *
   * @param results one for each group; with a transaction the last may be the failure that undid
   *     those before it
   * @param error why the whole request failed at its commit, as a violated deferred foreign key
   *     does; then nothing was applied
   */
  record Executed(List<StatementResult> results, Optional<String> error) implements WriteOutcome {}

  /**
   * The same key with the same request was applied before; nothing was done now.
   *
   * @param original where it was applied
   * @param outcome what it did, or empty when that was too large to be kept
   */
  record Duplicate(Position original, Optional<WriteOutcome> outcome) implements WriteOutcome {}

  /** The same key was used with another request, at {@code original}; nothing was done now. */
  record KeyConflict(Position original) implements WriteOutcome {}

  /** The store of idempotency keys is full; nothing was done. */
  record KeyStoreFull() implements WriteOutcome {}

  /** Given up by an ordered verdict, because it could not be applied; nothing was done. */
  record Aborted(String reason) implements WriteOutcome {}
}
