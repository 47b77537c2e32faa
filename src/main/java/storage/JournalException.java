package storage;

/** The journal could not be asked or opened; the message says why, in words for an operator. */
public class JournalException extends Exception {

  private static final long serialVersionUID = 1L;

  public JournalException(String message) {
    super(message);
  }

  public JournalException(String message, Throwable cause) {
    super(message, cause);
  }
}
