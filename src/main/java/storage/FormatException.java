package storage;

/**
 * Stored bytes are not what they should be: damaged, or written by a newer version. The message
 * says which. Nothing may be applied from there on.
 */
public final class FormatException extends Exception {

  private static final long serialVersionUID = 1L;

  public FormatException(String message) {
    super(message);
  }

  public FormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
