package storage;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.cbor.CBORGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import sql.Column;
import sql.StatementResult;
import sql.Value;
import sql.WriteOutcome;

/**
 * The stored form of an executed request's outcome, kept with its idempotency key: CBOR {@code
 * [format, error or null, [result...]]}.
 *
 * <p>A result is {@code [1, rows affected, last insert id or null]}, {@code [2, [[name, table,
 * type]...], [[value...]...]]} or {@code [3, message, code]}. Times are left out: they differ from
 * node to node, and what is stored must not.
 */
final class OutcomeCodec {

  private static final int FORMAT = 1;
  private static final int CHANGED = 1;
  private static final int ROWS = 2;
  private static final int FAILED = 3;

  private OutcomeCodec() {}

  static byte[] encode(WriteOutcome.Executed outcome) {
    return Cbor.write(
        256,
        out -> {
          out.writeStartArray(null, 3);
          out.writeNumber(FORMAT);
          if (outcome.error().isPresent()) {
            out.writeString(outcome.error().get());
          } else {
            out.writeNull();
          }
          out.writeStartArray(null, outcome.results().size());
          for (StatementResult result : outcome.results()) {
            writeResult(out, result);
          }
          out.writeEndArray();
          out.writeEndArray();
        });
  }

  static byte[] encodeResult(StatementResult result) {
    return Cbor.write(64, out -> writeResult(out, result));
  }

  static WriteOutcome.Executed decode(byte[] bytes) throws FormatException {
    return Cbor.read(bytes, "a stored outcome", OutcomeCodec::read);
  }

  static StatementResult decodeResult(byte[] bytes) throws FormatException {
    return Cbor.read(
        bytes,
        "a stored result",
        in -> {
          in.startArray();
          return readResult(in);
        });
  }

  private static void writeResult(CBORGenerator out, StatementResult result) throws IOException {
    if (result instanceof StatementResult.Changed changed) {
      out.writeStartArray(null, 3);
      out.writeNumber(CHANGED);
      out.writeNumber(changed.rowsAffected());
      if (changed.lastInsertId().isPresent()) {
        out.writeNumber(changed.lastInsertId().getAsLong());
      } else {
        out.writeNull();
      }
    } else if (result instanceof StatementResult.Rows rows) {
      out.writeStartArray(null, 3);
      out.writeNumber(ROWS);
      out.writeStartArray(null, rows.columns().size());
      for (Column column : rows.columns()) {
        out.writeStartArray(null, 3);
        out.writeString(column.name());
        out.writeString(column.table());
        out.writeString(column.declaredType());
        out.writeEndArray();
      }
      out.writeEndArray();
      out.writeStartArray(null, rows.rows().size());
      for (List<Value> row : rows.rows()) {
        out.writeStartArray(null, row.size());
        for (Value value : row) {
          RequestCodec.writeValue(out, value);
        }
        out.writeEndArray();
      }
      out.writeEndArray();
    } else if (result instanceof StatementResult.Failed failed) {
      out.writeStartArray(null, 3);
      out.writeNumber(FAILED);
      out.writeString(failed.message());
      out.writeNumber(failed.code());
    }
    out.writeEndArray();
  }

  private static WriteOutcome.Executed read(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    int format = in.nextInt();
    if (format != FORMAT) {
      throw new FormatException("an outcome of format " + format + " needs a newer peqlite");
    }
    Optional<String> error = in.nextOptionalText();
    List<StatementResult> results = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      results.add(readResult(in));
    }
    in.endArray();
    return new WriteOutcome.Executed(results, error);
  }

  /** Reads a result whose array has just been entered. */
  private static StatementResult readResult(Cbor.Reader in) throws IOException, FormatException {
    int type = in.nextInt();
    StatementResult result =
        switch (type) {
          case CHANGED -> new StatementResult.Changed(in.nextLong(), optionalLong(in), 0);
          case ROWS -> new StatementResult.Rows(columns(in), rows(in), 0);
          case FAILED -> new StatementResult.Failed(in.nextText(), in.nextInt(), 0);
          default ->
              throw new FormatException("a result of type " + type + " needs a newer peqlite");
        };
    in.endArray();
    return result;
  }

  private static OptionalLong optionalLong(Cbor.Reader in) throws IOException {
    return in.parser().nextToken() == JsonToken.VALUE_NULL
        ? OptionalLong.empty()
        : OptionalLong.of(in.parser().getLongValue());
  }

  private static List<Column> columns(Cbor.Reader in) throws IOException, FormatException {
    List<Column> columns = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      columns.add(new Column(in.nextText(), in.nextText(), in.nextText()));
      in.endArray();
    }
    return columns;
  }

  private static List<List<Value>> rows(Cbor.Reader in) throws IOException, FormatException {
    List<List<Value>> rows = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      List<Value> row = new ArrayList<>();
      while (in.nextElement()) {
        row.add(RequestCodec.readValue(in.parser()));
      }
      rows.add(row);
    }
    return rows;
  }
}
