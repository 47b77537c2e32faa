package storage;

/** A statement of a read failed; the others of its request are not touched by it. */
public final class ReadFailure extends Exception {

  private static final long serialVersionUID = 1L;

  /** Why it failed. */
  public enum Kind {
    /** The statement itself is wrong. */
    STATEMENT,
    /** It would write, and a read never does. */
    WRITE,
    /** It was interrupted at its deadline. */
    TIMEOUT,
    /** It returned more rows or bytes than a read may. */
    TOO_LARGE,
    /** The local database cannot be read: I/O error, corruption, no memory. */
    ENVIRONMENT
  }

  private final Kind kind;

  public ReadFailure(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }

  /** What to tell the client: SQLite's bare message, or ours. */
  public String text() {
    return String.valueOf(getMessage());
  }
}
