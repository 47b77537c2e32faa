package http;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.OptionalLong;
import sql.StatementResult;
import sql.Value;

/**
 * Writes the answer to a database request: {@code {"results":[...], ...}}. The order of keys is
 * part of the contract with clients. For one thread; errors of the stream beneath come out as
 * {@link UncheckedIOException}.
 *
 * <p>Use: {@link #begin}, any number of results, {@link #endResults}, any number of fields, {@link
 * #close}.
 */
final class ResultWriter {

  private static final double NANOS_PER_SECOND = 1e9;

  private final JsonGenerator json;
  private final ResultOptions options;

  ResultWriter(OutputStream out, ResultOptions options) {
    this.options = options;
    try {
      this.json = Json.generator(out, options.pretty());
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  /** Opens the answer and its list of results. */
  void begin() {
    beginObject();
    beginResults();
  }

  /** Opens an answer that has fields before its results. */
  void beginObject() {
    run(json::writeStartObject);
  }

  /** Opens the list of results. */
  void beginResults() {
    run(() -> json.writeArrayFieldStart("results"));
  }

  /** Writes a whole result. */
  void result(StatementResult result) {
    if (result instanceof StatementResult.Changed changed) {
      run(() -> changed(changed));
    } else if (result instanceof StatementResult.Failed failed) {
      failed(failed.message(), failed.nanos());
    } else if (result instanceof StatementResult.Rows rows) {
      RowsWriter writer = rows();
      writer.columns(rows.columns());
      for (List<Value> row : rows.rows()) {
        writer.row(row.toArray(new Value[0]));
      }
      writer.end(rows.nanos());
    }
  }

  /** Writes the result of a statement that ran and has nothing to say. */
  void nothing(long nanos) {
    result(new StatementResult.Changed(0, OptionalLong.empty(), nanos));
  }

  /** Writes the result of a statement that failed. */
  void failed(String message, long nanos) {
    run(
        () -> {
          json.writeStartObject();
          if (options.associative() && options.queryShape()) {
            json.writeArrayFieldStart("rows");
            json.writeEndArray();
          }
          json.writeStringField("error", message);
          writeTime(json, options, nanos);
          if (options.associative() && !options.queryShape()) {
            json.writeNullField("rows");
          }
          json.writeEndObject();
        });
  }

  /** A result whose rows come one by one; ended before anything else is written. */
  RowsWriter rows() {
    return new RowsWriter(json, options);
  }

  /** Closes the list of results. */
  void endResults() {
    run(json::writeEndArray);
  }

  /** Adds the top-level error. */
  void error(String message) {
    run(() -> json.writeStringField("error", message));
  }

  /** Adds the top-level time, if timings are asked for. */
  void time(long nanos) {
    run(() -> writeTime(json, options, nanos));
  }

  /** Adds a top-level text. */
  void text(String name, String value) {
    run(() -> json.writeStringField(name, value));
  }

  /** Adds a top-level number. */
  void number(String name, long value) {
    run(() -> json.writeNumberField(name, value));
  }

  /** Ends the answer and closes the stream beneath. */
  void close() {
    run(
        () -> {
          json.writeEndObject();
          json.close();
        });
  }

  private void changed(StatementResult.Changed changed) throws IOException {
    json.writeStartObject();
    long insertId = changed.lastInsertId().orElse(0);
    if (insertId != 0) {
      json.writeNumberField("last_insert_id", insertId);
    }
    if (changed.rowsAffected() != 0) {
      json.writeNumberField("rows_affected", changed.rowsAffected());
    }
    writeTime(json, options, changed.nanos());
    if (options.associative()) {
      json.writeNullField("rows");
    }
    json.writeEndObject();
  }

  static void writeTime(JsonGenerator json, ResultOptions options, long nanos) throws IOException {
    if (options.timings()) {
      json.writeFieldName("time");
      json.writeNumber(GoFloat.format(nanos / NANOS_PER_SECOND));
    }
  }

  private interface Writing {
    void run() throws IOException;
  }

  private static void run(Writing writing) {
    try {
      writing.run();
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }
}
