package peqlite;

/**
 * The node cannot start although its settings are right, such as a port that is in use. The message
 * is one line for the person who started the program. Trying again helps once the cause is gone.
 */
public final class StartException extends Exception {

  private static final long serialVersionUID = 1L;

  /** With the line to print. */
  public StartException(String message) {
    super(message);
  }

  /** With the line to print, and the cause for those who look at it in code. */
  public StartException(String message, Throwable cause) {
    super(message, cause);
  }

  /** The line to print. */
  public String line() {
    return String.valueOf(getMessage());
  }
}
