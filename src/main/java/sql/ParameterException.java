package sql;

/**
 * The values given do not fit the parameters of the statements. The message is one line for the
 * client. Nothing was run.
 */
public final class ParameterException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  ParameterException(String message) {
    // No stack trace: a client's mistake is not worth one, and there may be many.
    super(message, null, false, false);
  }

  /** What is wrong, for the client. */
  public String text() {
    return String.valueOf(getMessage());
  }
}
