package storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * The stored form of an event: CBOR {@code [format, rules, journal id, previous hash, epoch,
 * timestamp, seed, [entry...], checksum]}, each entry a byte string that {@link EntryCodec} wrote.
 *
 * <p>The checksum is the last field, whatever a later release puts before it: the CRC-32C of all
 * bytes before its own five, the head of a string of four bytes and these. The hash that the next
 * event carries would find what it finds, but the last event has no next one. Events of the first
 * release have 8 fields and no checksum.
 *
 * <p>Entries are encoded where they arise and are put together here without being encoded again.
 * Formats are readable one release back and forward; the format number changes only when a reader
 * of the release before could not read it.
 */
public final class EventCodec {

  /** The format that this version writes. */
  public static final int FORMAT = 1;

  /** Bytes that an event has beside its entries, at most; an entry costs 5 more at most. */
  public static final int HEADER_BYTES_MAX = 160;

  private static final int FIELDS = 9;

  /** The head of a CBOR array of so many fields; fewer than 24 are counted in it. */
  private static final int ARRAY_HEAD = 0x80;

  private static final int FIELDS_WITHOUT_CHECKSUM = 8;
  private static final int FIELDS_MAX = 23;
  private static final int CHECKSUM_BYTES = 4;
  private static final byte CHECKSUM_HEAD = 0x40 + CHECKSUM_BYTES;

  private EventCodec() {}

  /**
   * Puts an event together.
   *
   * @param header everything but the entries, which are taken from {@code entries}
   * @param entries encoded by {@link EntryCodec}
   */
  public static byte[] encode(Event header, List<byte[]> entries) {
    int size = HEADER_BYTES_MAX;
    for (byte[] entry : entries) {
      size += entry.length + 5;
    }
    byte[] bytes =
        Cbor.write(
            size,
            out -> {
              out.writeStartArray(null, FIELDS);
              out.writeNumber(FORMAT);
              out.writeNumber(header.rules());
              out.writeString(header.journalId());
              out.writeBinary(header.previousHash());
              out.writeNumber(header.epoch());
              out.writeNumber(header.timestampMicros());
              out.writeNumber(header.seed());
              out.writeStartArray(null, entries.size());
              for (byte[] entry : entries) {
                out.writeBinary(entry);
              }
              out.writeEndArray();
              out.writeBinary(new byte[CHECKSUM_BYTES]);
              out.writeEndArray();
            });
    ByteBuffer.wrap(bytes).putInt(bytes.length - CHECKSUM_BYTES, checksum(bytes));
    return bytes;
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws FormatException if it is damaged, or needs a newer release
   */
  public static Event decode(StoredEvent stored) throws FormatException {
    verify(stored);
    return Cbor.read(stored.bytes(), "event " + stored.seq(), EventCodec::read);
  }

  /**
   * Reads everything but the entries, of which there are none in what this returns.
   *
   * @throws FormatException if any of it is damaged, or needs a newer release
   */
  public static Event header(StoredEvent stored) throws FormatException {
    verify(stored);
    return Cbor.read(stored.bytes(), "event " + stored.seq(), EventCodec::readHeader);
  }

  /**
   * The hash of the event before, also of an event whose entries only a newer release can read.
   *
   * @throws FormatException if the event is damaged
   */
  public static byte[] previousHash(StoredEvent stored) throws FormatException {
    verify(stored);
    return Cbor.read(
        stored.bytes(),
        "event " + stored.seq(),
        in -> {
          in.startArray();
          in.nextInt(); // format
          in.nextInt(); // rules
          in.nextText(); // journal
          return in.nextBytes();
        });
  }

  /**
   * Looks whether an event is what was written, as far as its own bytes can tell: by its checksum,
   * or where it has none by reading it.
   *
   * @throws FormatException if it is not
   */
  public static void requireIntact(StoredEvent stored) throws FormatException {
    if (hasChecksum(stored)) {
      verify(stored);
      return;
    }
    try {
      decode(stored);
    } catch (FormatException e) {
      throw new FormatException("event " + stored.seq() + " is damaged: " + e.getMessage(), e);
    }
  }

  private static boolean hasChecksum(StoredEvent stored) {
    byte[] bytes = stored.bytes();
    int fields = bytes.length == 0 ? 0 : (bytes[0] & 0xff) - ARRAY_HEAD;
    return fields > FIELDS_WITHOUT_CHECKSUM && fields <= FIELDS_MAX;
  }

  private static void verify(StoredEvent stored) throws FormatException {
    if (!hasChecksum(stored)) {
      return; // reading it says what it is
    }
    byte[] bytes = stored.bytes();
    int end = bytes.length - CHECKSUM_BYTES;
    if (end < 1
        || bytes[end - 1] != CHECKSUM_HEAD
        || ByteBuffer.wrap(bytes).getInt(end) != checksum(bytes)) {
      throw new FormatException(
          "event " + stored.seq() + " is damaged: its checksum is not that of its bytes");
    }
  }

  private static int checksum(byte[] bytes) {
    CRC32C checksum = new CRC32C();
    checksum.update(bytes, 0, bytes.length - CHECKSUM_BYTES - 1);
    return (int) checksum.getValue();
  }

  private static Event read(Cbor.Reader in) throws IOException, FormatException {
    Event header = readHeader(in);
    List<Entry> entries = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      entries.add(EntryCodec.decode(in.currentBytes()));
    }
    in.endArray();
    in.requireEnd();
    return new Event(
        header.rules(),
        header.journalId(),
        header.previousHash(),
        header.epoch(),
        header.timestampMicros(),
        header.seed(),
        entries);
  }

  private static Event readHeader(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    int format = in.nextInt();
    if (format != FORMAT) {
      throw new FormatException("an event of format " + format + " needs a newer peqlite");
    }
    int rules = in.nextInt();
    if (rules < Formats.oldestRules() || rules > Formats.newestRules()) {
      throw new FormatException("an event of rules " + rules + " needs a newer peqlite");
    }
    String journalId = in.nextText();
    byte[] previousHash = in.nextBytes();
    long epoch = in.nextLong();
    long timestampMicros = in.nextLong();
    long seed = in.nextLong();
    return new Event(rules, journalId, previousHash, epoch, timestampMicros, seed, List.of());
  }
}
