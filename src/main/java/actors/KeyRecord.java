package actors;

import java.util.Optional;
import sql.Position;
import sql.WriteOutcome;

/**
 * What became of the request that a client named by an idempotency key.
 *
 * @param position where it was applied
 * @param outcome what it did, or empty when that was too large to be kept
 */
public record KeyRecord(Position position, Optional<WriteOutcome> outcome) {}
