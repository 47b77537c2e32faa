package sql;

import java.util.List;
import java.util.Optional;

/**
 * One write request: what one HTTP request or one ask wants to be done at one place in the order.
 *
 * @param statements what to run, already split, checked and with parameters in order; not empty
 * @param transaction all or nothing: stop at the first failure and undo the statements before it.
 *     Otherwise each statement stands for itself
 * @param foreignKeysDeferred check foreign keys only at the end, as the load of a dump needs it;
 *     only with {@code transaction}
 * @param key the client's idempotency key, if it gave one
 */
public record WriteRequest(
    List<Statement> statements,
    boolean transaction,
    boolean foreignKeysDeferred,
    Optional<IdempotencyKey> key) {

  public WriteRequest {
    statements = List.copyOf(statements);
  }

  /** A request without a key and with ordinary foreign key checks. */
  public static WriteRequest of(boolean transaction, Statement... statements) {
    return new WriteRequest(List.of(statements), transaction, false, Optional.empty());
  }
}
