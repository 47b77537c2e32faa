package peqlite;

/**
 * A setting that cannot be used, or a place that it names and that cannot be used. The message is
 * one line for the person who started the program and names the option, variable or key.
 */
public final class SettingsException extends Exception {

  private static final long serialVersionUID = 1L;

  /** With the line to print. */
  public SettingsException(String message) {
    super(message);
  }

  /** The line to print. */
  public String line() {
    return String.valueOf(getMessage());
  }
}
