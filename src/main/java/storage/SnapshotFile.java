package storage;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot: the database as of one position, compressed, in a file that tells whether it is
 * whole.
 *
 * <p>Its form: eight bytes that name it; the length, the bytes and the CRC-32C of a {@link
 * SnapshotHeader}; chunks, each of at most a megabyte of the database, as compressed length,
 * CRC-32C of that length and of the compressed bytes, and those bytes; a length of zero; and the
 * SHA-256 of the database. Numbers are of four bytes, the highest first. A flipped bit is found in
 * the chunk where it is, and nothing is decompressed before its sum was compared.
 *
 * <p>Compression is zstd's (RFC 8878).
 */
public final class SnapshotFile {

  /** Bytes of the database in one chunk; the last may have fewer. */
  private static final int CHUNK_BYTES = 1 << 20;

  private static final byte[] MAGIC = {'p', 'e', 'q', 's', 'n', 'a', 'p', '\n'};
  private static final int HEADER_BYTES_MAX = 64 * 1024;
  private static final int BUFFER_BYTES = 1 << 18;

  private SnapshotFile() {}

  /** Writing was given up. */
  public static final class NotWantedException extends IOException {

    private static final long serialVersionUID = 1L;

    NotWantedException() {
      super("nobody wants it any more");
    }
  }

  /**
   * Writes a snapshot and syncs it.
   *
   * @param header what it is of
   * @param database a copy of the database that nobody changes, of the size that the header says
   * @param target the file to make; what is there is overwritten
   * @param level of zstd's compression, 1 is the fastest
   * @param isWanted asked before each chunk
   * @throws NotWantedException when it is not wanted any more
   * @throws IOException if it cannot be written; the target is to be deleted then
   */
  public static void write(
      SnapshotHeader header, Path database, Path target, int level, BooleanSupplier isWanted)
      throws IOException {
    MessageDigest sum = EventHash.newDigest();
    try (InputStream in = Files.newInputStream(database);
        SyncedOutput file = SyncedOutput.gentle(target)) {
      DataOutputStream out =
          new DataOutputStream(
              new BufferedOutputStream(new DigestOutputStream(file, sum), BUFFER_BYTES));
      out.write(MAGIC);
      byte[] head = header.encode();
      out.writeInt(head.length);
      out.write(head);
      out.writeInt(ChunkChecksum.of(head, head.length));
      byte[] compressed = new byte[Math.toIntExact(Zstd.compressBound(CHUNK_BYTES))];
      byte[] chunk = new byte[CHUNK_BYTES];
      long bytes = 0;
      for (int read = in.readNBytes(chunk, 0, chunk.length);
          read > 0;
          read = in.readNBytes(chunk, 0, chunk.length)) {
        if (!isWanted.getAsBoolean()) {
          throw new NotWantedException();
        }
        bytes += read;
        int length =
            Math.toIntExact(
                Zstd.compressByteArray(compressed, 0, compressed.length, chunk, 0, read, level));
        out.writeInt(length);
        out.writeInt(ChunkChecksum.of(compressed, length));
        out.write(compressed, 0, length);
      }
      if (bytes != header.databaseBytes()) {
        throw new IOException(
            database + " has " + bytes + " bytes instead of " + header.databaseBytes());
      }
      out.writeInt(0);
      out.flush();
      file.write(sum.digest());
      file.finish();
    }
  }

  /**
   * What a snapshot is of; the rest of it is not looked at.
   *
   * @throws SnapshotDamagedException if the header is not whole
   */
  public static SnapshotHeader header(Path file) throws IOException {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
      return header(file, in);
    }
  }

  /**
   * The same of a file of which only the beginning is there.
   *
   * @param name what to call it in an exception
   * @param beginning as many bytes of the file as there are, up to a megabyte
   */
  public static SnapshotHeader header(String name, byte[] beginning) throws IOException {
    return header(Path.of(name), new DataInputStream(new ByteArrayInputStream(beginning)));
  }

  /**
   * Reads a snapshot to its end.
   *
   * @throws SnapshotDamagedException if it is not what was written
   */
  public static SnapshotHeader verify(Path file) throws IOException {
    return extract(file, Files.newInputStream(file), any -> {}, OutputStream.nullOutputStream());
  }

  /** Looks at what a snapshot is of, before the rest of it is read; it refuses it by throwing. */
  public interface HeaderCheck {
    void accept(SnapshotHeader header) throws IOException;
  }

  /**
   * Writes the database that is in a snapshot to a file, and syncs it.
   *
   * @param target the file to make; what is there is overwritten
   * @throws SnapshotDamagedException if the snapshot is not what was written; the target is to be
   *     deleted then, as with every failure
   */
  public static SnapshotHeader extract(Path file, Path target) throws IOException {
    return extract(file, Files.newInputStream(file), any -> {}, target);
  }

  /**
   * The same of what may still be on its way.
   *
   * @param file what to call it in an exception
   * @param from its bytes; closed at the end
   */
  public static SnapshotHeader extract(Path file, InputStream from, HeaderCheck check, Path target)
      throws IOException {
    try (from;
        SyncedOutput out = SyncedOutput.fast(target)) {
      SnapshotHeader header = extract(file, from, check, out);
      out.finish();
      return header;
    }
  }

  private static SnapshotHeader extract(
      Path file, InputStream from, HeaderCheck check, OutputStream out) throws IOException {
    MessageDigest sum = EventHash.newDigest();
    try (Counted counted = new Counted(from, sum);
        DataInputStream in = new DataInputStream(counted)) {
      SnapshotHeader header = header(file, in);
      check.accept(header);
      try {
        byte[] compressed = new byte[Math.toIntExact(Zstd.compressBound(CHUNK_BYTES))];
        byte[] chunk = new byte[CHUNK_BYTES];
        long bytes = 0;
        long chunkAt = counted.position;
        for (int length = in.readInt(); length != 0; length = in.readInt()) {
          int crc = in.readInt();
          if (length < 0 || length > compressed.length) {
            throw damaged(file, chunkAt, null);
          }
          in.readFully(compressed, 0, length);
          if (ChunkChecksum.of(compressed, length) != crc) {
            throw damaged(file, chunkAt, null);
          }
          int plain = decompress(file, chunkAt, compressed, length, chunk);
          out.write(chunk, 0, plain);
          bytes += plain;
          chunkAt = counted.position;
        }
        byte[] actual = sum.digest();
        byte[] expected = in.readNBytes(EventHash.LENGTH);
        if (bytes != header.databaseBytes() || !Arrays.equals(expected, actual) || in.read() >= 0) {
          throw damaged(file, chunkAt, null);
        }
        return header;
      } catch (EOFException e) {
        throw new SnapshotDamagedException(
            "the snapshot " + file + " ends after " + counted.position + " bytes, too early", e);
      }
    }
  }

  private static int decompress(
      Path file, long chunkAt, byte[] compressed, int length, byte[] chunk)
      throws SnapshotDamagedException {
    try {
      return Math.toIntExact(
          Zstd.decompressByteArray(chunk, 0, chunk.length, compressed, 0, length));
    } catch (ZstdException e) {
      throw damaged(file, chunkAt, e);
    }
  }

  /** Whether a file begins as every snapshot does, whatever comes then. */
  public static boolean isOne(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return Arrays.equals(in.readNBytes(MAGIC.length), MAGIC);
    }
  }

  private static SnapshotHeader header(Path file, DataInputStream in) throws IOException {
    try {
      byte[] magic = in.readNBytes(MAGIC.length);
      if (!Arrays.equals(magic, MAGIC)) {
        throw new SnapshotDamagedException(file + " is no snapshot, or its beginning is damaged");
      }
      int length = in.readInt();
      if (length < 0 || length > HEADER_BYTES_MAX) {
        throw damaged(file, MAGIC.length, null);
      }
      byte[] head = new byte[length];
      in.readFully(head);
      if (in.readInt() != ChunkChecksum.of(head, length)) {
        throw damaged(file, MAGIC.length, null);
      }
      return SnapshotHeader.decode(head);
    } catch (EOFException e) {
      throw new SnapshotDamagedException("the snapshot " + file + " ends in its header", e);
    } catch (FormatException e) {
      throw new SnapshotDamagedException("the snapshot " + file + ": " + e.getMessage(), e);
    }
  }

  private static SnapshotDamagedException damaged(Path file, long at, @Nullable Throwable cause) {
    return new SnapshotDamagedException(
        "the snapshot " + file + " is damaged at byte " + at + " or soon after", cause);
  }

  /** Counts and sums up what was read. */
  private static final class Counted extends BufferedInputStream {

    private final MessageDigest sum;
    private long position;

    Counted(InputStream in, MessageDigest sum) {
      super(in, BUFFER_BYTES);
      this.sum = sum;
    }

    @Override
    public synchronized int read() throws IOException {
      int one = super.read();
      if (one >= 0) {
        sum.update((byte) one);
        position++;
      }
      return one;
    }

    @Override
    public synchronized int read(byte[] bytes, int offset, int length) throws IOException {
      int read = super.read(bytes, offset, length);
      if (read > 0) {
        sum.update(bytes, offset, read);
        position += read;
      }
      return read;
    }
  }
}
