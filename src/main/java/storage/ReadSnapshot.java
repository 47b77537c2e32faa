package storage;

import sql.Statement;

/**
 * One state of the local database, held still for the statements of one read request. Only for the
 * thread and the duration of the {@link ReadPool.Work} it is handed to.
 */
public interface ReadSnapshot {

  /** The sequence number of the last event that this state contains in full. */
  long seq();

  /**
   * Runs one statement that only reads.
   *
   * @param rowsAsked what to do with the rows
   * @throws ReadFailure if the statement fails, writes, takes too long or returns too much
   */
  void query(Statement statement, ReadLimits limits, RowSink rowsAsked) throws ReadFailure;
}
