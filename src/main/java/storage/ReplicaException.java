package storage;

/** The replica's database cannot be opened; the message says why, in words for an operator. */
public final class ReplicaException extends Exception {

  private static final long serialVersionUID = 1L;

  public ReplicaException(String message, Throwable cause) {
    super(message, cause);
  }
}
