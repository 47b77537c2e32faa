package storage;

/** The journal no longer holds an event below its head: nothing can be applied from there on. */
public final class JournalGapException extends JournalException {

  private static final long serialVersionUID = 1L;

  public JournalGapException(String message) {
    super(message);
  }
}
