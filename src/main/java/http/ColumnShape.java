package http;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import sql.Column;
import sql.Value;

/**
 * How the values of one column are written, decided once by its declared type.
 *
 * @param name the key or heading
 * @param declared the declared type in lower case, empty for an expression
 * @param kind what the declared type makes of integers and texts
 * @param blobAsText whether a blob is shown as text, as in columns with text affinity, declared
 *     {@code json}, or without a declared type; bytes that are not UTF-8 are replaced
 */
record ColumnShape(String name, String declared, Kind kind, boolean blobAsText) {

  /** What a declared type means to clients of rqlite. */
  enum Kind {
    /** Nothing: values are shown by their storage class. */
    PLAIN,
    /** Integers are truth values. */
    BOOLEAN,
    /** Integers and texts are points in time. */
    TIME
  }

  static ColumnShape of(Column column, boolean qualified) {
    String declared = column.declaredType().toLowerCase(Locale.ROOT);
    Kind kind = Kind.PLAIN;
    if (declared.equals("boolean")) {
      kind = Kind.BOOLEAN;
    } else if (TimeText.isTimeType(declared)) {
      kind = Kind.TIME;
    }
    String name =
        qualified && !column.table().isEmpty()
            ? column.table() + "." + column.name()
            : column.name();
    return new ColumnShape(name, declared, kind, isTextual(declared));
  }

  /** The type to show: the declared one, or that of the first row's value. */
  String type(Value first) {
    if (!declared.isEmpty() || first instanceof Value.Null) {
      return declared;
    }
    if (first instanceof Value.Int64) {
      return "integer";
    }
    return first instanceof Value.Real ? "real" : "text";
  }

  /** Writes one value. */
  void write(JsonGenerator json, Value value, boolean blobArray) throws IOException {
    if (value instanceof Value.Int64 integer) {
      writeInteger(json, integer.value());
    } else if (value instanceof Value.Text text) {
      json.writeString(kind == Kind.TIME ? TimeText.ofText(text.value()) : text.value());
    } else if (value instanceof Value.Real real) {
      json.writeNumber(GoFloat.format(real.value()));
    } else if (value instanceof Value.Blob blob) {
      writeBlob(json, blob.value(), blobArray);
    } else {
      json.writeNull();
    }
  }

  private void writeInteger(JsonGenerator json, long value) throws IOException {
    if (kind == Kind.BOOLEAN) {
      json.writeBoolean(value > 0);
      return;
    }
    String time = kind == Kind.TIME ? TimeText.ofInteger(value) : "";
    if (time.isEmpty()) {
      json.writeNumber(value);
    } else {
      json.writeString(time);
    }
  }

  private void writeBlob(JsonGenerator json, byte[] bytes, boolean blobArray) throws IOException {
    if (blobAsText) {
      json.writeString(new String(bytes, StandardCharsets.UTF_8));
    } else if (blobArray) {
      json.writeStartArray();
      for (byte b : bytes) {
        json.writeNumber(b & 0xff);
      }
      json.writeEndArray();
    } else {
      json.writeBinary(bytes);
    }
  }

  /** By sqlite.org/datatype3.html, 3.1: INT anywhere wins over CHAR, CLOB and TEXT. */
  private static boolean isTextual(String declared) {
    return declared.isEmpty()
        || declared.equals("json")
        || (!declared.contains("int")
            && (declared.contains("char")
                || declared.contains("clob")
                || declared.contains("text")));
  }
}
