package peqlite;

import java.time.Duration;
import java.util.Optional;
import sql.IdempotencyKey;

/**
 * How a write is to be done.
 *
 * @param timeout how long all of it may take, failover included; empty: {@code
 *     peqlite.http.timeout}
 * @param idempotencyKey a name for this write, 1 to {@value sql.IdempotencyKey#LENGTH_MAX}
 *     characters: sent again under the same one, also by another node and after a failure, it is
 *     done once. Keys are shared with clients of the HTTP interface
 */
public record WriteOptions(Optional<Duration> timeout, Optional<String> idempotencyKey) {

  /** Nothing asked for. */
  public static final WriteOptions DEFAULT = new WriteOptions(Optional.empty(), Optional.empty());

  /**
   * Checks the key.
   *
   * @throws IllegalArgumentException if it is empty or too long
   */
  public WriteOptions {
    if (idempotencyKey
        .filter(key -> key.isEmpty() || key.length() > IdempotencyKey.LENGTH_MAX)
        .isPresent()) {
      throw new IllegalArgumentException(
          "an idempotency key has 1 to " + IdempotencyKey.LENGTH_MAX + " characters");
    }
  }

  /** The same with another timeout. */
  public WriteOptions withTimeout(Duration of) {
    return new WriteOptions(Optional.of(of), idempotencyKey);
  }

  /**
   * The same under a key.
   *
   * @throws IllegalArgumentException if it is empty or too long
   */
  public WriteOptions withIdempotencyKey(String key) {
    return new WriteOptions(timeout, Optional.of(key));
  }
}
