package http;

/**
 * The request cannot be served, because of what it says or how large it is. Nothing of it was done.
 * Thrown by whoever notices, answered in one place, {@link Answers#refused}.
 */
final class RequestException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** What kind of refusal it is; each has one HTTP status. */
  enum Kind {
    /** It cannot be read: JSON, shape, encoding, parameters. */
    BAD(400),
    /** The path takes other methods. Answered without a body, as rqlite does. */
    METHOD(405),
    /** It asks for a past that is not retained any more. */
    GONE(410),
    /** Its body did not arrive in time. */
    SLOW(408),
    /** It, or a statement in it, is larger than any may be. */
    TOO_LARGE(413),
    /** It is encoded in a way that is not taken. */
    ENCODING(415),
    /** There is too much to do right now; the same request may do later. */
    BUSY(503);

    private final int status;

    Kind(int status) {
      this.status = status;
    }

    int status() {
      return status;
    }
  }

  private final Kind kind;

  RequestException(Kind kind, String message) {
    // No stack trace: a client's mistake is not worth one, and there may be many.
    super(message, null, false, false);
    this.kind = kind;
  }

  static RequestException bad(String message) {
    return new RequestException(Kind.BAD, message);
  }

  Kind kind() {
    return kind;
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
