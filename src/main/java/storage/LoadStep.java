package storage;

import java.util.Optional;
import sql.IdempotencyKey;

/**
 * A step of loading what is larger than a request: first its pieces, in any order and each as often
 * as need be, then the one that makes something of them. Each is ordered like a write request and
 * numbered in the session of the node that loads; the pieces wait in the database, so that whatever
 * refers to them finds them on every node, in every snapshot, after every crash.
 *
 * <p>With its last step the pieces of a load are forgotten, and with a session those of all loads
 * that came in it.
 */
public sealed interface LoadStep {

  /** Names the load; no other has this name. */
  String load();

  /** What the pieces make, put together. */
  enum Content {
    /** A SQLite file that takes the database's place. */
    DATABASE,
    /** SQL statements that are run as one, see {@link LoadedScript}. */
    SCRIPT
  }

  /**
   * A piece.
   *
   * @param index from 0
   * @param bytes compressed with zstd, of at most {@link #PIECE_BYTES_MAX} bytes; not to be written
   *     to
   */
  record Piece(String load, int index, byte[] bytes) implements LoadStep {}

  /**
   * All pieces have been ordered: now.
   *
   * @param pieces how many there are
   * @param bytes what they make together
   * @param sha256 of that
   */
  record Finish(
      String load,
      Content content,
      int pieces,
      long bytes,
      byte[] sha256,
      Optional<IdempotencyKey> key)
      implements LoadStep {}

  /** Nothing will come of what has been ordered of it so far. */
  record Drop(String load) implements LoadStep {}

  /** What a piece may hold before it is compressed. */
  int PIECE_BYTES_MAX = 512 * 1024;
}
