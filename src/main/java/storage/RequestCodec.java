package storage;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.cbor.CBORGenerator;
import com.fasterxml.jackson.dataformat.cbor.CBORParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import sql.IdempotencyKey;
import sql.Statement;
import sql.Value;
import sql.WriteRequest;

/**
 * The stored form of a write request: CBOR {@code [format, flags, key, [statement...]]}.
 *
 * <p>{@code flags}: 1 transaction, 2 foreign keys deferred. {@code key}: null or {@code [user,
 * key]}. A statement is {@code [sql, joinedToNext, [value...]]}; a value is null, an integer, a
 * float, a text or a byte string, as in SQLite.
 *
 * <p>The same request always has the same bytes: the hash by which a repeated idempotency key is
 * compared rests on that.
 */
public final class RequestCodec {

  private static final int FORMAT = 1;
  private static final int TRANSACTION = 1;
  private static final int FOREIGN_KEYS_DEFERRED = 2;

  private RequestCodec() {}

  /** The stored form; its texts must be valid Unicode. */
  public static byte[] encode(WriteRequest request) {
    return Cbor.write(
        128,
        out -> {
          out.writeStartArray(null, 4);
          out.writeNumber(FORMAT);
          out.writeNumber(
              (request.transaction() ? TRANSACTION : 0)
                  | (request.foreignKeysDeferred() ? FOREIGN_KEYS_DEFERRED : 0));
          writeKey(out, request.key());
          List<Statement> statements = request.statements();
          out.writeStartArray(null, statements.size());
          for (Statement statement : statements) {
            writeStatement(out, statement);
          }
          out.writeEndArray();
          out.writeEndArray();
        });
  }

  /** Reads what {@link #encode} wrote. */
  public static WriteRequest decode(byte[] bytes) throws FormatException {
    return Cbor.read(bytes, "a stored request", RequestCodec::read);
  }

  /** What a repeated idempotency key is compared by: the request without its key. */
  static byte[] hashWithoutKey(WriteRequest request) {
    return EventHash.of(
        encode(
            new WriteRequest(
                request.statements(),
                request.transaction(),
                request.foreignKeysDeferred(),
                Optional.empty())));
  }

  private static void writeStatement(CBORGenerator out, Statement statement) throws IOException {
    out.writeStartArray(null, 3);
    out.writeString(statement.sql());
    out.writeBoolean(statement.joinedToNext());
    out.writeStartArray(null, statement.parameters().size());
    for (Value value : statement.parameters()) {
      writeValue(out, value);
    }
    out.writeEndArray();
    out.writeEndArray();
  }

  static void writeValue(CBORGenerator out, Value value) throws IOException {
    if (value instanceof Value.Int64 integer) {
      out.writeNumber(integer.value());
    } else if (value instanceof Value.Text text) {
      out.writeString(text.value());
    } else if (value instanceof Value.Real real) {
      out.writeNumber(real.value());
    } else if (value instanceof Value.Blob blob) {
      out.writeBinary(blob.value());
    } else {
      out.writeNull();
    }
  }

  private static WriteRequest read(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    int format = in.nextInt();
    if (format != FORMAT) {
      throw new FormatException("a request of format " + format + " needs a newer peqlite");
    }
    int flags = in.nextInt();
    Optional<IdempotencyKey> key = readKey(in);
    List<Statement> statements = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      statements.add(readStatement(in));
    }
    in.endArray();
    return new WriteRequest(
        statements, (flags & TRANSACTION) != 0, (flags & FOREIGN_KEYS_DEFERRED) != 0, key);
  }

  static void writeKey(CBORGenerator out, Optional<IdempotencyKey> key) throws IOException {
    if (key.isPresent()) {
      out.writeStartArray(null, 2);
      out.writeString(key.get().user());
      out.writeString(key.get().key());
      out.writeEndArray();
    } else {
      out.writeNull();
    }
  }

  static Optional<IdempotencyKey> readKey(Cbor.Reader in) throws IOException, FormatException {
    JsonToken token = in.parser().nextToken();
    if (token == JsonToken.VALUE_NULL) {
      return Optional.empty();
    }
    if (token != JsonToken.START_ARRAY) {
      throw new FormatException("a stored key is " + token);
    }
    IdempotencyKey key = new IdempotencyKey(in.nextText(), in.nextText());
    in.endArray();
    return Optional.of(key);
  }

  private static Statement readStatement(Cbor.Reader in) throws IOException, FormatException {
    if (in.parser().currentToken() != JsonToken.START_ARRAY) {
      throw new FormatException("a stored statement is " + in.parser().currentToken());
    }
    String sql = in.nextText();
    boolean joinedToNext = in.nextBoolean();
    List<Value> parameters = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      parameters.add(readValue(in.parser()));
    }
    in.endArray();
    return new Statement(sql, parameters, joinedToNext);
  }

  static Value readValue(CBORParser parser) throws IOException, FormatException {
    JsonToken token = parser.currentToken();
    return switch (token) {
      case VALUE_NULL -> Value.NULL;
      case VALUE_NUMBER_INT -> new Value.Int64(parser.getLongValue());
      case VALUE_NUMBER_FLOAT -> new Value.Real(parser.getDoubleValue());
      case VALUE_STRING -> new Value.Text(parser.getText());
      case VALUE_EMBEDDED_OBJECT -> new Value.Blob(parser.getBinaryValue());
      default -> throw new FormatException("a stored value is " + token);
    };
  }
}
