package storage;

/** A request took more steps than one may; it was interrupted before its commit. */
final class StepLimitExceeded extends Exception {

  private static final long serialVersionUID = 1L;

  StepLimitExceeded() {
    super("step limit exceeded", null, false, false);
  }
}
