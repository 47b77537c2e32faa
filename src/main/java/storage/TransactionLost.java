package storage;

import sql.StatementResult;

/**
 * A statement failed and the transaction around it is gone, or has to go: its neighbours must be
 * applied again without it. The failure is its outcome.
 */
final class TransactionLost extends Exception {

  private static final long serialVersionUID = 1L;

  private final transient StatementResult.Failed failure;

  TransactionLost(StatementResult.Failed failure) {
    super(failure.message(), null, false, false);
    this.failure = failure;
  }

  StatementResult.Failed failure() {
    return failure;
  }
}
