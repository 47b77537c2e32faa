package sql;

/**
 * A client's own name for a write, so that it can send it again without doing it twice.
 *
 * @param user whose key it is; empty where clients are not told apart
 * @param key chosen by the client, 1 to {@value #LENGTH_MAX} characters
 */
public record IdempotencyKey(String user, String key) {

  /** The longest key that is taken, in characters. */
  public static final int LENGTH_MAX = 255;
}
