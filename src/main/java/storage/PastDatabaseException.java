package storage;

import org.jspecify.annotations.Nullable;

/** A database of the past could not be made; the message says why, in words for an operator. */
public final class PastDatabaseException extends Exception {

  private static final long serialVersionUID = 1L;

  /** What the caller can do. */
  public enum Kind {
    /** The events do not reach back to where they are needed: begin with a newer snapshot. */
    NOT_RETAINED,
    /** There is no such event yet. */
    BEYOND_HEAD,
    /** The snapshot is not of this past: begin with an older one. */
    START_UNUSABLE,
    /** The events are damaged or do not follow each other: only an operator can help. */
    BROKEN,
    /** This node could not, for want of space or for another reason that may pass: try again. */
    FAILED,
    /** It was stopped. */
    STOPPED
  }

  private final Kind kind;

  PastDatabaseException(Kind kind, String message) {
    this(kind, message, null);
  }

  PastDatabaseException(Kind kind, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }
}
