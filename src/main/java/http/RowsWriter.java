package http;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import sql.Column;
import sql.Value;
import storage.RowSink;

/**
 * Writes the rows of one statement as they come, in constant memory.
 *
 * <p>Nothing is written before the first row or the end, because the types of expressions are those
 * of the first row, and because a statement that fails before it has only an error.
 */
final class RowsWriter implements RowSink {

  private final JsonGenerator json;
  private final ResultOptions options;
  private ColumnShape[] columns = {};

  /** The columns to write as keys of an object, in order; a name that comes twice is there once. */
  private int[] keys = {};

  private boolean open;

  RowsWriter(JsonGenerator json, ResultOptions options) {
    this.json = json;
    this.options = options;
  }

  @Override
  public void columns(List<Column> found) {
    columns =
        found.stream()
            .map(column -> ColumnShape.of(column, options.qualifyColumns()))
            .toArray(ColumnShape[]::new);
    if (options.associative()) {
      keys = sortedKeys(columns);
    }
  }

  @Override
  public void row(Value[] row) {
    try {
      if (!open) {
        open(row);
      }
      if (options.associative()) {
        json.writeStartObject();
        for (int key : keys) {
          json.writeFieldName(columns[key].name());
          columns[key].write(json, row[key], options.blobArray());
        }
        json.writeEndObject();
      } else {
        json.writeStartArray();
        for (int i = 0; i < columns.length; i++) {
          columns[i].write(json, row[i], options.blobArray());
        }
        json.writeEndArray();
      }
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  /** Writes what remains after the last row. */
  void end(long nanos) {
    try {
      if (open) {
        json.writeEndArray();
      } else {
        json.writeStartObject();
        if (columns.length > 0) {
          writeHead(new Value[0]);
        }
        if (options.associative()) {
          json.writeArrayFieldStart("rows");
          json.writeEndArray();
        }
      }
      ResultWriter.writeTime(json, options, nanos);
      json.writeEndObject();
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  /**
   * Ends the result with an error after rows were written.
   *
   * @return false if there were none; then nothing was written
   */
  boolean endWith(String error, long nanos) {
    if (!open) {
      return false;
    }
    try {
      json.writeEndArray();
      json.writeStringField("error", error);
      ResultWriter.writeTime(json, options, nanos);
      json.writeEndObject();
      return true;
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  private void open(Value[] first) throws IOException {
    json.writeStartObject();
    writeHead(first);
    json.writeArrayFieldStart(options.associative() ? "rows" : "values");
    open = true;
  }

  /**
   * Writes names and types.
   *
   * @param first the first row, empty if there is none
   */
  private void writeHead(Value[] first) throws IOException {
    if (options.associative()) {
      json.writeObjectFieldStart("types");
      for (int key : keys) {
        json.writeStringField(columns[key].name(), type(key, first));
      }
      json.writeEndObject();
      return;
    }
    json.writeArrayFieldStart("columns");
    for (ColumnShape column : columns) {
      json.writeString(column.name());
    }
    json.writeEndArray();
    json.writeArrayFieldStart("types");
    for (int i = 0; i < columns.length; i++) {
      json.writeString(type(i, first));
    }
    json.writeEndArray();
  }

  private String type(int column, Value[] first) {
    return column < first.length ? columns[column].type(first[column]) : columns[column].declared();
  }

  /** Go writes the keys of a map sorted by their bytes; of equal names the last one stays. */
  private static int[] sortedKeys(ColumnShape[] columns) {
    Map<String, Integer> last = new HashMap<>();
    for (int i = 0; i < columns.length; i++) {
      last.put(columns[i].name(), i);
    }
    return last.entrySet().stream()
        .sorted((a, b) -> Arrays.compareUnsigned(utf8(a.getKey()), utf8(b.getKey())))
        .mapToInt(Map.Entry::getValue)
        .toArray();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
