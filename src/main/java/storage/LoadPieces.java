package storage;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * The pieces of loads that have been ordered, kept in the database until they are made something
 * of. They belong to the session that they came in. One thread, inside the apply's transaction.
 */
final class LoadPieces {

  /** The pieces do not make what was said of them; the same on every replica. */
  static final class IncompleteException extends IOException {
    private static final long serialVersionUID = 1L;

    IncompleteException(String message) {
      super(message);
    }
  }

  private LoadPieces() {}

  /** Takes a piece; one that came before is replaced by its like. */
  static void add(StatementCache statements, Position session, LoadStep.Piece piece)
      throws SQLException {
    PreparedStatement write =
        statements.internal(
            "INSERT OR REPLACE INTO _peqlite_pieces (seq, idx, load, piece, bytes)"
                + " VALUES (?, ?, ?, ?, ?)");
    write.setLong(1, session.seq());
    write.setInt(2, session.index());
    write.setString(3, piece.load());
    write.setInt(4, piece.index());
    write.setBytes(5, piece.bytes());
    write.execute();
  }

  /** Forgets all pieces of a session. */
  static void clear(StatementCache statements, Position session) throws SQLException {
    PreparedStatement delete =
        statements.internal("DELETE FROM _peqlite_pieces WHERE seq = ? AND idx = ?");
    delete.setLong(1, session.seq());
    delete.setInt(2, session.index());
    delete.execute();
  }

  /** Forgets the pieces of one load. */
  static void clear(StatementCache statements, Position session, String load) throws SQLException {
    PreparedStatement delete =
        statements.internal("DELETE FROM _peqlite_pieces WHERE seq = ? AND idx = ? AND load = ?");
    delete.setLong(1, session.seq());
    delete.setInt(2, session.index());
    delete.setString(3, load);
    delete.execute();
  }

  /**
   * What the pieces of a load make together. At its end it fails with an {@link
   * IncompleteException} if that is not what was meant; {@link UnreadableException} says that the
   * database cannot be read.
   */
  static InputStream open(Connection connection, Position session, LoadStep.Finish finish) {
    return new Pieces(connection, session, finish);
  }

  /** The pieces are there and cannot be read now: this node's accident. */
  static final class UnreadableException extends IOException {
    private static final long serialVersionUID = 1L;
    private final transient SQLException failure;

    UnreadableException(SQLException failure) {
      super(failure.getMessage(), failure);
      this.failure = failure;
    }

    SQLException failure() {
      return failure;
    }
  }

  /** One piece is in memory at a time, and no query stays open between two. */
  private static final class Pieces extends InputStream {

    private final Connection connection;
    private final Position session;
    private final LoadStep.Finish finish;
    private final MessageDigest sum = EventHash.newDigest();
    private byte[] current = {};
    private int at;
    private int next;
    private long bytes;
    private boolean ended;

    Pieces(Connection connection, Position session, LoadStep.Finish finish) {
      this.connection = connection;
      this.session = session;
      this.finish = finish;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      while (at == current.length) {
        if (next == finish.pieces()) {
          end();
          return -1;
        }
        current = piece(next);
        at = 0;
        next++;
        bytes += current.length;
        sum.update(current);
      }
      int count = Math.min(length, current.length - at);
      System.arraycopy(current, at, target, offset, count);
      at += count;
      return count;
    }

    private void end() throws IncompleteException {
      if (ended) {
        return;
      }
      ended = true;
      if (bytes != finish.bytes() || !Arrays.equals(sum.digest(), finish.sha256())) {
        throw new IncompleteException("what has arrived is not what was sent");
      }
    }

    private byte[] piece(int index) throws IOException {
      byte[] compressed;
      try {
        compressed = stored(index);
      } catch (SQLException e) {
        throw new UnreadableException(e);
      }
      if (compressed == null) {
        throw new IncompleteException(
            "piece "
                + index
                + " of "
                + finish.pieces()
                + " is missing: the node that loads has lost its session meanwhile");
      }
      byte[] plain = new byte[LoadStep.PIECE_BYTES_MAX];
      try {
        long length =
            Zstd.decompressByteArray(plain, 0, plain.length, compressed, 0, compressed.length);
        return Arrays.copyOf(plain, Math.toIntExact(length));
      } catch (ZstdException e) {
        throw new IncompleteException("piece " + index + " cannot be unpacked: " + e.getMessage());
      }
    }

    private byte @Nullable [] stored(int index) throws SQLException {
      try (PreparedStatement query =
          connection.prepareStatement(
              "SELECT bytes FROM _peqlite_pieces"
                  + " WHERE seq = ? AND idx = ? AND load = ? AND piece = ?")) {
        query.setLong(1, session.seq());
        query.setInt(2, session.index());
        query.setString(3, finish.load());
        query.setInt(4, index);
        try (ResultSet row = query.executeQuery()) {
          return row.next() ? row.getBytes(1) : null;
        }
      }
    }
  }
}
