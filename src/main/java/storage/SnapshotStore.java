package storage;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Where snapshots are kept that must outlive every node's disk: beside the journal. Blocking;
 * thread-safe.
 */
public interface SnapshotStore extends AutoCloseable {

  /** Bytes of one piece; the last of a snapshot may have fewer. */
  int PIECE_BYTES = 1 << 20;

  /**
   * A snapshot that is there, whole.
   *
   * @param id names it, everywhere
   * @param journalId the journal whose events it contains
   * @param seq the last of those events
   * @param bytes of its file
   * @param pieces that it is cut into
   */
  record Kept(String id, String journalId, long seq, long bytes, int pieces) {}

  /** What is there, the newest first. */
  List<Kept> list() throws JournalException;

  /**
   * Stores a snapshot, durable when this returns; goes on where an earlier attempt ended.
   *
   * @param isWanted asked before each piece; at a no this returns, and the snapshot stays
   *     unfinished
   * @throws IOException if the file cannot be read
   */
  void put(String id, String journalId, long seq, Path file, BooleanSupplier isWanted)
      throws JournalException, IOException;

  /**
   * One piece of a snapshot's file.
   *
   * @param piece from 0
   */
  byte[] piece(String id, int piece) throws JournalException;

  /** Deletes a snapshot, if it is there. */
  void delete(String id) throws JournalException;

  /** Deletes what was begun longer ago than that and never became whole. */
  void deleteUnfinished(Duration olderThan) throws JournalException;

  @Override
  void close();
}
