package storage;

/**
 * How this node applies events. None of these changes what an event does.
 *
 * @param nodeId whose sessions are told of their entries
 * @param foreignKeys what the operator configured; must equal what the journal says
 * @param stepLimit steps of SQLite's virtual machine that one request may take before it is held; 0
 *     means no limit
 * @param cacheBytes page cache of the applying connection
 * @param statementCacheMax prepared statements that are kept
 * @param resultBytesMax bytes of rows that a write may return; beyond it the answer leaves them out
 * @param walBytesMax size of the write-ahead log above which it is checkpointed and started anew
 * @param databaseBytesMax the largest database file, 0 for no limit
 * @param slowStatementNanos how long a statement may take without being logged, 0 for ever
 */
public record ApplySettings(
    String nodeId,
    boolean foreignKeys,
    long stepLimit,
    long cacheBytes,
    int statementCacheMax,
    long resultBytesMax,
    long walBytesMax,
    long databaseBytesMax,
    long slowStatementNanos) {

  /** Without a log of slow statements. */
  public ApplySettings(
      String nodeId,
      boolean foreignKeys,
      long stepLimit,
      long cacheBytes,
      int statementCacheMax,
      long resultBytesMax,
      long walBytesMax,
      long databaseBytesMax) {
    this(
        nodeId,
        foreignKeys,
        stepLimit,
        cacheBytes,
        statementCacheMax,
        resultBytesMax,
        walBytesMax,
        databaseBytesMax,
        0);
  }
}
