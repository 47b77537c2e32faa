package storage;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The SQL statements of a large dump as they are loaded: each as its length in bytes, four of them,
 * and its text in UTF-8. Cut apart once, where they came in, so that no replica has to.
 */
public final class LoadedScript {

  /** The longest statement, in bytes. It decides outcomes, so it is no setting. */
  public static final int STATEMENT_BYTES_MAX = 64 << 20;

  private LoadedScript() {}

  /** Writes statements one after the other. */
  public static final class Writer implements AutoCloseable {

    private final DataOutputStream out;

    /** Writes to the stream, which is closed with this. */
    public Writer(OutputStream out) {
      this.out = new DataOutputStream(out);
    }

    /**
     * Adds a statement.
     *
     * @throws IOException if it cannot be written, or is longer than any may be
     */
    public void add(String statement) throws IOException {
      byte[] text = statement.getBytes(StandardCharsets.UTF_8);
      if (text.length > STATEMENT_BYTES_MAX) {
        throw new IOException("a statement has more than " + STATEMENT_BYTES_MAX + " bytes");
      }
      out.writeInt(text.length);
      out.write(text);
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }

  /** Reads them again, one in memory at a time. */
  static final class Reader {

    private final DataInputStream in;

    Reader(InputStream in) {
      this.in = new DataInputStream(in);
    }

    /** The next statement; empty behind the last. */
    Optional<String> next() throws IOException {
      int first = in.read();
      if (first < 0) {
        return Optional.empty();
      }
      try {
        int length = first << 24 | in.readUnsignedByte() << 16 | in.readUnsignedShort();
        if (length < 0 || length > STATEMENT_BYTES_MAX) {
          throw new LoadPieces.IncompleteException("a statement has " + length + " bytes");
        }
        byte[] text = in.readNBytes(length);
        if (text.length != length) {
          throw new EOFException();
        }
        return Optional.of(new String(text, StandardCharsets.UTF_8));
      } catch (EOFException e) {
        throw new LoadPieces.IncompleteException("it ends within a statement");
      }
    }
  }
}
