package storage;

import java.io.IOException;
import java.util.Optional;
import sql.IdempotencyKey;

/**
 * The stored form of a {@link LoadStep}, which stands where the stored form of a write request may
 * stand and is told from it by its format: CBOR {@code [2, kind, load, field...]}, the fields in
 * the order of the records, a key as null or {@code [user, key]}.
 *
 * <p>Kinds: 1 piece, 2 finish, 3 drop. Contents: 1 database, 2 script. A number is never used for
 * anything else again.
 */
public final class LoadCodec {

  private static final int FORMAT = 2;
  private static final int PIECE = 1;
  private static final int FINISH = 2;
  private static final int DROP = 3;
  private static final int DATABASE = 1;
  private static final int SCRIPT = 2;

  private LoadCodec() {}

  /** Whether this is the stored form of a step and not of a write request. */
  public static boolean isLoadStep(byte[] request) {
    // The first byte says that it is a short array, the second is its first number.
    return request.length > 1 && request[1] == FORMAT;
  }

  /** The stored form. */
  public static byte[] encode(LoadStep step) {
    int hint = step instanceof LoadStep.Piece piece ? piece.bytes().length + 64 : 128;
    return Cbor.write(
        hint,
        out -> {
          if (step instanceof LoadStep.Piece piece) {
            out.writeStartArray(null, 5);
            out.writeNumber(FORMAT);
            out.writeNumber(PIECE);
            out.writeString(piece.load());
            out.writeNumber(piece.index());
            out.writeBinary(piece.bytes());
          } else if (step instanceof LoadStep.Finish finish) {
            out.writeStartArray(null, 8);
            out.writeNumber(FORMAT);
            out.writeNumber(FINISH);
            out.writeString(finish.load());
            out.writeNumber(finish.content() == LoadStep.Content.DATABASE ? DATABASE : SCRIPT);
            out.writeNumber(finish.pieces());
            out.writeNumber(finish.bytes());
            out.writeBinary(finish.sha256());
            RequestCodec.writeKey(out, finish.key());
          } else if (step instanceof LoadStep.Drop drop) {
            out.writeStartArray(null, 3);
            out.writeNumber(FORMAT);
            out.writeNumber(DROP);
            out.writeString(drop.load());
          }
          out.writeEndArray();
        });
  }

  /** Reads what {@link #encode} wrote. */
  public static LoadStep decode(byte[] bytes) throws FormatException {
    return Cbor.read(bytes, "a step of a load", LoadCodec::read);
  }

  private static LoadStep read(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    int format = in.nextInt();
    int kind = in.nextInt();
    if (format != FORMAT || kind < PIECE || kind > DROP) {
      throw new FormatException("a step " + kind + " of a load needs a newer peqlite");
    }
    String load = in.nextText();
    LoadStep step =
        switch (kind) {
          case PIECE -> new LoadStep.Piece(load, in.nextInt(), in.nextBytes());
          case FINISH -> finish(load, in);
          default -> new LoadStep.Drop(load);
        };
    in.endArray();
    return step;
  }

  private static LoadStep.Finish finish(String load, Cbor.Reader in)
      throws IOException, FormatException {
    int content = in.nextInt();
    if (content != DATABASE && content != SCRIPT) {
      throw new FormatException("a load of content " + content + " needs a newer peqlite");
    }
    int pieces = in.nextInt();
    long bytes = in.nextLong();
    byte[] sha256 = in.nextBytes();
    Optional<IdempotencyKey> key = RequestCodec.readKey(in);
    return new LoadStep.Finish(
        load,
        content == DATABASE ? LoadStep.Content.DATABASE : LoadStep.Content.SCRIPT,
        pieces,
        bytes,
        sha256,
        key);
  }
}
