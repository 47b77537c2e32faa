package storage;

import java.io.IOException;

/**
 * What a snapshot is of, as its file's first bytes say.
 *
 * @param journalId the journal whose events it contains
 * @param seq the last of those events
 * @param hash that event's hash
 * @param timestampMicros that event's time, in microseconds since 1970
 * @param outcomes the digest of all outcomes up to that event
 * @param databaseBytes of the database in it
 * @param nodeId whose replica it was taken from
 * @param sqliteVersion the SQLite that wrote the database
 */
public record SnapshotHeader(
    String journalId,
    long seq,
    byte[] hash,
    long timestampMicros,
    long outcomes,
    long databaseBytes,
    String nodeId,
    String sqliteVersion) {

  private static final int FORMAT = 1;
  private static final int FIELDS = 9;

  byte[] encode() {
    return Cbor.write(
        256,
        out -> {
          out.writeStartArray(this, FIELDS);
          out.writeNumber(FORMAT);
          out.writeString(journalId);
          out.writeNumber(seq);
          out.writeBinary(hash);
          out.writeNumber(timestampMicros);
          out.writeNumber(outcomes);
          out.writeNumber(databaseBytes);
          out.writeString(nodeId);
          out.writeString(sqliteVersion);
          out.writeEndArray();
        });
  }

  static SnapshotHeader decode(byte[] bytes) throws FormatException {
    return Cbor.read(bytes, "the header of a snapshot", SnapshotHeader::read);
  }

  private static SnapshotHeader read(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    int format = in.nextInt();
    if (format != FORMAT) {
      throw new FormatException("a snapshot of format " + format + " needs another peqlite");
    }
    SnapshotHeader header =
        new SnapshotHeader(
            in.nextText(),
            in.nextLong(),
            in.nextBytes(),
            in.nextLong(),
            in.nextLong(),
            in.nextLong(),
            in.nextText(),
            in.nextText());
    in.endArray();
    if (header.seq < 1 || header.databaseBytes < 1 || header.hash.length != EventHash.LENGTH) {
      throw new FormatException("a snapshot's header says what cannot be");
    }
    return header;
  }
}
