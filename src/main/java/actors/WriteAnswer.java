package actors;

import java.time.Duration;
import sql.Position;
import sql.WriteOutcome;

/** The answer to a write. Unknown is said to be unknown. */
public sealed interface WriteAnswer {

  /** Durable in the journal and applied here, with its real outcome. */
  record Applied(Position position, WriteOutcome outcome) implements WriteAnswer {}

  /** Durable in the journal; not waited for the apply, because the client asked so. */
  record Queued(Position position) implements WriteAnswer {}

  /** Surely not applied, and never will be: safe to retry. */
  record NotApplied(String reason, Duration retryAfter) implements WriteAnswer {}

  /** Can never be applied: larger than any request may be. */
  record TooLarge(String reason) implements WriteAnswer {}

  /** Durable in the journal; this node could not apply it before the deadline. */
  record Committed(Position position) implements WriteAnswer {}

  /** It may or may not be applied. Retry only with the same idempotency key. */
  record Unknown(String reason) implements WriteAnswer {}
}
