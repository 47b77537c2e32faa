package http;

import sql.WriteOutcome;

/** The words for outcomes that are errors of a whole request. */
final class OutcomeText {

  private OutcomeText() {}

  /** The error of an outcome; empty if it has none. */
  static String error(WriteOutcome outcome) {
    if (outcome instanceof WriteOutcome.Executed executed) {
      return executed.error().orElse("");
    }
    if (outcome instanceof WriteOutcome.Aborted aborted) {
      return "aborted: " + aborted.reason();
    }
    if (outcome instanceof WriteOutcome.KeyConflict conflict) {
      return "the key was used with another request at " + conflict.original();
    }
    return outcome instanceof WriteOutcome.KeyStoreFull
        ? "the store of idempotency keys is full"
        : "";
  }
}
