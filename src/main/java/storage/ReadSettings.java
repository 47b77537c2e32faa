package storage;

/**
 * How the local database is read.
 *
 * @param connections how many reads run at once, from 1
 * @param queueMax how many more may wait to be run by {@link ReadPool#submit}, from 1
 * @param foreignKeys what {@code PRAGMA foreign_keys} says; reads do not depend on it
 * @param cacheBytes memory for pages, for each connection
 * @param lengthMax the longest text, blob, row or statement in bytes
 * @param statementsMax prepared statements that each connection keeps
 * @param statementCharactersMax their SQL texts' length together; a longer one is not kept
 * @param slowStatementNanos how long a statement may take without being logged, 0 for ever
 */
public record ReadSettings(
    int connections,
    int queueMax,
    boolean foreignKeys,
    long cacheBytes,
    int lengthMax,
    int statementsMax,
    int statementCharactersMax,
    long slowStatementNanos) {

  private static final int STATEMENTS_MAX = 256;
  private static final int STATEMENT_CHARACTERS_MAX = 1_000_000;

  public ReadSettings {
    if (connections < 1 || queueMax < 1) {
      throw new IllegalArgumentException("a read pool needs a connection and a place to wait");
    }
    if (cacheBytes < 0 || lengthMax < 1 || statementsMax < 0 || statementCharactersMax < 0) {
      throw new IllegalArgumentException("limits of the read pool must not be negative");
    }
  }

  /** With the usual bounds on prepared statements, and without a log of slow ones. */
  public ReadSettings(
      int connections, int queueMax, boolean foreignKeys, long cacheBytes, int lengthMax) {
    this(connections, queueMax, foreignKeys, cacheBytes, lengthMax, 0);
  }

  /** With the usual bounds on prepared statements. */
  public ReadSettings(
      int connections,
      int queueMax,
      boolean foreignKeys,
      long cacheBytes,
      int lengthMax,
      long slowStatementNanos) {
    this(
        connections,
        queueMax,
        foreignKeys,
        cacheBytes,
        lengthMax,
        STATEMENTS_MAX,
        STATEMENT_CHARACTERS_MAX,
        slowStatementNanos);
  }
}
