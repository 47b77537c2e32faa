package storage;

import java.io.IOException;
import java.time.Duration;
import sql.Position;

/**
 * The stored form of an entry: CBOR {@code [type, field...]}, the fields in the order of the
 * records in {@link Entry}, a position as two numbers, a duration in microseconds.
 *
 * <p>Types: 1 opened, 2 session opened, 3 session closed, 4 submitted, 5 part, 6 cancelled, 7
 * verdict, 11 vacuum, 12 scrub. A number is never used for anything else again.
 */
public final class EntryCodec {

  private static final int OPENED = 1;
  private static final int SESSION_OPENED = 2;
  private static final int SESSION_CLOSED = 3;
  private static final int SUBMITTED = 4;
  private static final int PART = 5;
  private static final int CANCELLED = 6;
  private static final int VERDICT = 7;
  private static final int VACUUM = 11;
  private static final int SCRUB = 12;

  private EntryCodec() {}

  /** The stored form. */
  public static byte[] encode(Entry entry) {
    if (entry instanceof Entry.Submitted submitted) {
      return numbered(
          SUBMITTED, submitted.session(), submitted.number(), submitted.request(), 0, 0);
    }
    if (entry instanceof Entry.Part part) {
      return numbered(
          PART, part.session(), part.number(), part.bytes(), part.index(), part.count());
    }
    return Cbor.write(
        64,
        out -> {
          if (entry instanceof Entry.Opened opened) {
            ReplicatedSettings settings = opened.settings();
            out.writeStartArray(null, 6);
            out.writeNumber(OPENED);
            out.writeString(opened.nodeId());
            out.writeBoolean(settings.foreignKeys());
            out.writeNumber(settings.keyAge().toNanos() / 1000);
            out.writeNumber(settings.keysMax());
            out.writeNumber(settings.keyOutcomeBytesMax());
          } else if (entry instanceof Entry.SessionOpened session) {
            out.writeStartArray(null, 3);
            out.writeNumber(SESSION_OPENED);
            out.writeString(session.nodeId());
            out.writeString(session.nonce());
          } else if (entry instanceof Entry.SessionClosed closed) {
            out.writeStartArray(null, 3);
            out.writeNumber(SESSION_CLOSED);
            out.writeNumber(closed.session().seq());
            out.writeNumber(closed.session().index());
          } else if (entry instanceof Entry.Cancelled cancelled) {
            out.writeStartArray(null, 4);
            out.writeNumber(CANCELLED);
            out.writeNumber(cancelled.session().seq());
            out.writeNumber(cancelled.session().index());
            out.writeNumber(cancelled.number());
          } else if (entry instanceof Entry.Verdict verdict) {
            out.writeStartArray(null, verdict.statement() == 0 ? 5 : 6);
            out.writeNumber(VERDICT);
            out.writeNumber(verdict.position().seq());
            out.writeNumber(verdict.position().index());
            out.writeBoolean(verdict.abort());
            out.writeString(verdict.reason());
            if (verdict.statement() != 0) {
              out.writeNumber(verdict.statement());
            }
          } else if (entry instanceof Entry.Scrub) {
            out.writeStartArray(null, 1);
            out.writeNumber(SCRUB);
          } else if (entry instanceof Entry.Vacuum) {
            out.writeStartArray(null, 1);
            out.writeNumber(VACUUM);
          }
          out.writeEndArray();
        });
  }

  private static byte[] numbered(
      int type, Position session, long number, byte[] bytes, int index, int count) {
    boolean part = type == PART;
    return Cbor.write(
        bytes.length + 40,
        out -> {
          out.writeStartArray(null, part ? 7 : 5);
          out.writeNumber(type);
          out.writeNumber(session.seq());
          out.writeNumber(session.index());
          out.writeNumber(number);
          if (part) {
            out.writeNumber(index);
            out.writeNumber(count);
          }
          out.writeBinary(bytes);
          out.writeEndArray();
        });
  }

  /** Reads what {@link #encode} wrote. */
  public static Entry decode(byte[] bytes) throws FormatException {
    return Cbor.read(bytes, "a stored entry", EntryCodec::read);
  }

  private static Entry read(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    int type = in.nextInt();
    Entry entry =
        switch (type) {
          case OPENED ->
              new Entry.Opened(
                  in.nextText(),
                  new ReplicatedSettings(
                      in.nextBoolean(), micros(in.nextLong()), in.nextLong(), in.nextInt()));
          case SESSION_OPENED -> new Entry.SessionOpened(in.nextText(), in.nextText());
          case SESSION_CLOSED -> new Entry.SessionClosed(position(in));
          case SUBMITTED -> new Entry.Submitted(position(in), in.nextLong(), in.nextBytes());
          case PART ->
              new Entry.Part(
                  position(in), in.nextLong(), in.nextInt(), in.nextInt(), in.nextBytes());
          case CANCELLED -> new Entry.Cancelled(position(in), in.nextLong());
          case VERDICT -> verdict(in);
          case VACUUM -> new Entry.Vacuum();
          case SCRUB -> new Entry.Scrub();
          default ->
              throw new FormatException("an entry of type " + type + " needs a newer peqlite");
        };
    in.endArray();
    return entry;
  }

  /** The statement came later than the rest: it may be missing. */
  private static Entry.Verdict verdict(Cbor.Reader in) throws IOException, FormatException {
    Position position = position(in);
    boolean abort = in.nextBoolean();
    String reason = in.nextText();
    return new Entry.Verdict(position, in.nextIntOr(0), abort, reason);
  }

  private static Duration micros(long micros) throws FormatException {
    if (micros < 0 || micros > Long.MAX_VALUE / 1000) {
      throw new FormatException("a stored duration is " + micros + " microseconds");
    }
    return Duration.ofNanos(micros * 1000);
  }

  private static Position position(Cbor.Reader in) throws IOException, FormatException {
    return new Position(in.nextLong(), in.nextInt());
  }
}
