package backup;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import storage.ChunkChecksum;
import storage.Event;
import storage.EventCodec;
import storage.EventHash;
import storage.FormatException;
import storage.Journal;
import storage.JournalException;
import storage.StoredEvent;

/**
 * Consecutive events of a journal in a file that tells whether it is whole.
 *
 * <p>Its form: eight bytes that name it; chunks, each of about a megabyte of events, as compressed
 * length, CRC-32C of that length and of the compressed bytes, and those bytes (zstd, RFC 8878); a
 * length of zero; the length, the CRC-32C and the bytes of a {@link SegmentSummary}; and the
 * SHA-256 of everything before. Decompressed, the chunks are one stream of events, each as length
 * and bytes. Numbers are of four bytes, the highest first. Nothing is decompressed before its sum
 * was compared, and no event given out before the whole file was looked at.
 */
final class SegmentFile {

  private static final byte[] MAGIC = {'p', 'e', 'q', 's', 'e', 'g', '1', '\n'};

  /** Of events in one chunk; the one that reaches it goes on in the next. */
  private static final int CHUNK_BYTES = 1 << 20;

  /** Above what the settings allow an event to be. */
  private static final int EVENT_BYTES_MAX = 256 << 20;

  private static final int SUMMARY_BYTES_MAX = 64 * 1024;
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int EVENTS_AT_ONCE = 1_000;

  private SegmentFile() {}

  /** The journal does not go on where the events end that are backed up. */
  static final class ChainException extends IOException {

    private static final long serialVersionUID = 1L;

    ChainException(String message) {
      super(message);
    }
  }

  /**
   * Writes events of a journal to a file. Memory: one event, and two megabytes.
   *
   * @param journalId the journal's
   * @param from the first event
   * @param previousHash the beginning of the hash of the event before it, as names have it
   * @param to the last event, at most; the journal holds it
   * @param bytesMax ends with the event that reaches this sum
   * @param level of zstd's compression
   * @param target the file to make; what is there is overwritten, and to be deleted after a failure
   * @param isWanted asked before each page of events
   * @return what is in the file; empty if it was not wanted any more
   * @throws ChainException if the journal is another one, or another event stands before the first
   * @throws JournalException if the journal cannot be read
   */
  static Optional<SegmentSummary> write(
      Journal journal,
      String journalId,
      long from,
      String previousHash,
      long to,
      long bytesMax,
      int level,
      Path target,
      BooleanSupplier isWanted)
      throws IOException, JournalException {
    MessageDigest sum = Digests.sha256();
    try (DataOutputStream out =
        new DataOutputStream(
            new BufferedOutputStream(
                new DigestOutputStream(Files.newOutputStream(target), sum), BUFFER_BYTES))) {
      out.write(MAGIC);
      ChunkWriter chunks = new ChunkWriter(out, level);
      Chain chain = new Chain(journalId, from, previousHash);
      long bytes = 0;
      while (chain.next <= to && bytes < bytesMax) {
        if (!isWanted.getAsBoolean()) {
          return Optional.empty();
        }
        int events = (int) Math.min(EVENTS_AT_ONCE, to - chain.next + 1);
        List<StoredEvent> page =
            journal.read(chain.next, events, Math.min(CHUNK_BYTES, bytesMax - bytes));
        if (page.isEmpty()) {
          throw new ChainException("the journal has lost its end: it ends before event " + to);
        }
        for (StoredEvent event : page) {
          chain.add(event);
          chunks.add(event.bytes());
          bytes += event.bytes().length;
        }
      }
      chunks.finish();
      SegmentSummary summary = chain.summary();
      byte[] encoded = summary.encode();
      out.writeInt(0);
      out.writeInt(encoded.length);
      out.writeInt(ChunkChecksum.of(encoded, encoded.length));
      out.write(encoded);
      out.flush();
      out.write(sum.digest());
      return Optional.of(summary);
    }
  }

  /**
   * Looks through a whole file, but not at its events.
   *
   * @param name the object's, for messages
   * @throws DamagedObjectException if it is not what was written
   */
  static SegmentSummary verify(String name, Path file) throws IOException {
    try (Reader reader = new Reader(name, file)) {
      while (reader.readChunk()) {
        // Each is compared with its sum.
      }
      return reader.readEnd();
    }
  }

  /**
   * Gives the events of a file, one after the other, after it was looked at as a whole. One thread.
   */
  static final class Events implements Closeable {

    private final Reader reader;
    private final String name;
    private final SegmentSummary summary;
    private final Chain chain;

    /**
     * Opens a file.
     *
     * @param expected what the object's name says
     * @throws DamagedObjectException if the file is damaged, or another one than its name says
     */
    Events(BackupObject.Segment expected, Path file) throws IOException {
      name = expected.name();
      summary = verify(name, file);
      if (!summary.object().equals(expected)) {
        throw new DamagedObjectException(name + " holds something else: " + summary, null);
      }
      chain = new Chain(summary.journalId(), summary.from(), expected.previousHash());
      reader = new Reader(name, file);
    }

    SegmentSummary summary() {
      return summary;
    }

    /** The next event; empty behind the last. */
    Optional<StoredEvent> next() throws IOException {
      if (chain.next > summary.to()) {
        return Optional.empty();
      }
      StoredEvent event = new StoredEvent(chain.next, reader.nextEvent());
      try {
        chain.add(event);
      } catch (ChainException e) {
        throw new DamagedObjectException(name + ": " + e.getMessage(), e);
      }
      if (event.seq() == summary.to() && !Arrays.equals(chain.hash, summary.hash())) {
        throw new DamagedObjectException(
            name + ": event " + event.seq() + " is not what its end says", null);
      }
      return Optional.of(event);
    }

    @Override
    public void close() throws IOException {
      reader.close();
    }
  }

  /** Follows events from one to the next. */
  private static final class Chain {

    private final String journalId;
    private final long from;
    private final String before;
    private byte[] previousHash = EventHash.none();
    private byte[] hash = EventHash.none();
    private long firstMicros;
    private long micros;
    private long next;

    Chain(String journalId, long from, String before) {
      this.journalId = journalId;
      this.from = from;
      this.next = from;
      this.before = before;
    }

    void add(StoredEvent stored) throws IOException {
      Event event;
      try {
        event = EventCodec.header(stored);
      } catch (FormatException e) {
        throw new ChainException(String.valueOf(e.getMessage()));
      }
      if (!event.journalId().equals(journalId)) {
        throw new ChainException(
            "event " + stored.seq() + " is of journal " + event.journalId() + ", not " + journalId);
      }
      boolean follows =
          stored.seq() == from
              ? BackupObject.shortHash(event.previousHash()).equals(before)
              : Arrays.equals(event.previousHash(), hash);
      if (!follows) {
        throw new ChainException(
            "event "
                + stored.seq()
                + " does not follow the event "
                + (stored.seq() - 1)
                + " that is backed up");
      }
      if (stored.seq() == from) {
        previousHash = event.previousHash();
        firstMicros = event.timestampMicros();
      }
      hash = EventHash.of(stored.bytes());
      micros = event.timestampMicros();
      next = stored.seq() + 1;
    }

    SegmentSummary summary() {
      return new SegmentSummary(journalId, from, next - 1, previousHash, hash, firstMicros, micros);
    }
  }

  /** Cuts a stream of events into chunks. */
  private static final class ChunkWriter {

    private final DataOutputStream out;
    private final int level;
    private final byte[] chunk = new byte[CHUNK_BYTES];
    private final byte[] compressed = new byte[Math.toIntExact(Zstd.compressBound(CHUNK_BYTES))];
    private int filled;

    ChunkWriter(DataOutputStream out, int level) {
      this.out = out;
      this.level = level;
    }

    void add(byte[] event) throws IOException {
      for (int shift = 24; shift >= 0; shift -= 8) {
        put((byte) (event.length >>> shift));
      }
      int done = 0;
      while (done < event.length) {
        int length = Math.min(event.length - done, CHUNK_BYTES - filled);
        System.arraycopy(event, done, chunk, filled, length);
        done += length;
        filled += length;
        if (filled == CHUNK_BYTES) {
          finish();
        }
      }
    }

    private void put(byte one) throws IOException {
      chunk[filled++] = one;
      if (filled == CHUNK_BYTES) {
        finish();
      }
    }

    void finish() throws IOException {
      if (filled == 0) {
        return;
      }
      int length =
          Math.toIntExact(
              Zstd.compressByteArray(compressed, 0, compressed.length, chunk, 0, filled, level));
      out.writeInt(length);
      out.writeInt(ChunkChecksum.of(compressed, length));
      out.write(compressed, 0, length);
      filled = 0;
    }
  }

  /** Reads a file from its beginning to its end. */
  private static final class Reader implements Closeable {

    private final String name;
    private final MessageDigest sum = Digests.sha256();
    private final DataInputStream in;
    private final byte[] compressed = new byte[Math.toIntExact(Zstd.compressBound(CHUNK_BYTES))];
    private final byte[] chunk = new byte[CHUNK_BYTES];
    private int filled;
    private int taken;

    Reader(String name, Path file) throws IOException {
      this.name = name;
      InputStream bytes = new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES);
      this.in = new DataInputStream(new DigestInputStream(bytes, sum));
      try {
        if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) {
          throw damaged("its beginning is not that of a segment", null);
        }
      } catch (IOException e) {
        in.close();
        throw e;
      }
    }

    private DamagedObjectException damaged(String how, @Nullable Exception cause) {
      return new DamagedObjectException(name + " is damaged: " + how, cause);
    }

    /** Whether there was another chunk. */
    boolean readChunk() throws IOException {
      try {
        int length = in.readInt();
        if (length == 0) {
          return false;
        }
        int crc = in.readInt();
        if (length < 0 || length > compressed.length) {
          throw damaged("a part has an impossible length", null);
        }
        in.readFully(compressed, 0, length);
        if (ChunkChecksum.of(compressed, length) != crc) {
          throw damaged("a part is not what was written", null);
        }
        filled =
            Math.toIntExact(
                Zstd.decompressByteArray(chunk, 0, chunk.length, compressed, 0, length));
        taken = 0;
        return true;
      } catch (EOFException e) {
        throw damaged("it ends too early", e);
      } catch (ZstdException e) {
        throw damaged("a part cannot be decompressed", e);
      }
    }

    /** What stands behind the last chunk. */
    SegmentSummary readEnd() throws IOException {
      try {
        int length = in.readInt();
        if (length < 0 || length > SUMMARY_BYTES_MAX) {
          throw damaged("its end has an impossible length", null);
        }
        int crc = in.readInt();
        byte[] encoded = new byte[length];
        in.readFully(encoded);
        if (ChunkChecksum.of(encoded, length) != crc) {
          throw damaged("its end is not what was written", null);
        }
        byte[] actual = sum.digest();
        if (!Arrays.equals(in.readNBytes(actual.length), actual) || in.read() >= 0) {
          throw damaged("the whole is not what was written", null);
        }
        return SegmentSummary.decode(encoded);
      } catch (EOFException e) {
        throw damaged("it ends too early", e);
      } catch (FormatException e) {
        throw new DamagedObjectException(name + ": " + e.getMessage(), e);
      }
    }

    byte[] nextEvent() throws IOException {
      int length = 0;
      for (int i = 0; i < Integer.BYTES; i++) {
        require();
        length = length << 8 | chunk[taken++] & 0xff;
      }
      if (length < 0 || length > EVENT_BYTES_MAX) {
        throw damaged("an event has an impossible length", null);
      }
      // Grows with what is there, whatever the length says.
      ByteArrayOutputStream event = new ByteArrayOutputStream(Math.min(length, CHUNK_BYTES));
      while (event.size() < length) {
        require();
        int part = Math.min(length - event.size(), filled - taken);
        event.write(chunk, taken, part);
        taken += part;
      }
      return event.toByteArray();
    }

    private void require() throws IOException {
      while (taken == filled) {
        if (!readChunk()) {
          throw damaged("it has fewer events than its end says", null);
        }
      }
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
