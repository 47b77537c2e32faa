package storage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The stored form of an event: CBOR {@code [format, rules, journal id, previous hash, epoch,
 * timestamp, seed, [entry...]]}, each entry a byte string that {@link EntryCodec} wrote.
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
    return Cbor.write(
        size,
        out -> {
          out.writeStartArray(null, 8);
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
          out.writeEndArray();
        });
  }

  /** Reads what {@link #encode} wrote. */
  public static Event decode(StoredEvent stored) throws FormatException {
    return Cbor.read(stored.bytes(), "event " + stored.seq(), EventCodec::read);
  }

  /** Reads everything but the entries, of which there are none in what this returns. */
  public static Event header(StoredEvent stored) throws FormatException {
    return Cbor.read(stored.bytes(), "event " + stored.seq(), EventCodec::readHeader);
  }

  private static Event read(Cbor.Reader in) throws IOException, FormatException {
    Event header = readHeader(in);
    List<Entry> entries = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      entries.add(EntryCodec.decode(in.currentBytes()));
    }
    in.endArray();
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
