package storage;

/**
 * The journal must not be used as it is, or refuses this node: trying again is of no use until an
 * operator has acted. The message says on what, and never holds a password.
 */
public final class JournalRefusedException extends JournalException {

  private static final long serialVersionUID = 1L;

  public JournalRefusedException(String message) {
    super(message);
  }

  public JournalRefusedException(String message, Throwable cause) {
    super(message, cause);
  }
}
