package backup;

import java.util.HexFormat;
import storage.Cbor;
import storage.EventHash;
import storage.FormatException;

/**
 * What a segment's file says of itself.
 *
 * @param journalId the journal whose events these are
 * @param from the first of them
 * @param to the last of them
 * @param previousHash the hash of the event before the first
 * @param hash the hash of the last
 * @param firstMicros the first one's time, in microseconds since 1970
 * @param micros the last one's time
 */
record SegmentSummary(
    String journalId,
    long from,
    long to,
    byte[] previousHash,
    byte[] hash,
    long firstMicros,
    long micros) {

  private static final int FORMAT = 1;
  private static final int FIELDS = 8;

  byte[] encode() {
    return Cbor.write(
        256,
        out -> {
          out.writeStartArray(null, FIELDS);
          out.writeNumber(FORMAT);
          out.writeString(journalId);
          out.writeNumber(from);
          out.writeNumber(to);
          out.writeBinary(previousHash);
          out.writeBinary(hash);
          out.writeNumber(firstMicros);
          out.writeNumber(micros);
          out.writeEndArray();
        });
  }

  static SegmentSummary decode(byte[] bytes) throws FormatException {
    return Cbor.read(
        bytes,
        "the end of a segment",
        in -> {
          in.startArray();
          int format = in.nextInt();
          if (format != FORMAT) {
            throw new FormatException("a segment of format " + format + " needs another peqlite");
          }
          SegmentSummary summary =
              new SegmentSummary(
                  in.nextText(),
                  in.nextLong(),
                  in.nextLong(),
                  in.nextBytes(),
                  in.nextBytes(),
                  in.nextLong(),
                  in.nextLong());
          in.endArray();
          if (summary.from < 1
              || summary.to < summary.from
              || summary.previousHash.length != EventHash.LENGTH
              || summary.hash.length != EventHash.LENGTH) {
            throw new FormatException("a segment says of itself what cannot be");
          }
          return summary;
        });
  }

  /** The object that the file is to be. */
  BackupObject.Segment object() {
    return new BackupObject.Segment(
        journalId,
        from,
        to,
        micros,
        BackupObject.shortHash(previousHash),
        BackupObject.shortHash(hash));
  }

  @Override
  public String toString() {
    return "events "
        + from
        + " to "
        + to
        + " of journal "
        + journalId
        + ", the last one's hash "
        + HexFormat.of().formatHex(hash);
  }
}
