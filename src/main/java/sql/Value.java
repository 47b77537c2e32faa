package sql;

import java.util.Arrays;

/** One SQLite value, by its storage class. Immutable, provided nobody writes to a blob's bytes. */
public sealed interface Value {

  /** SQL NULL. */
  Null NULL = new Null();

  /** SQL NULL; use {@link #NULL}. */
  record Null() implements Value {}

  /** A signed 64-bit integer. */
  record Int64(long value) implements Value {}

  /** A double. SQLite stores NaN as NULL, so this is never NaN once it was stored. */
  record Real(double value) implements Value {}

  /** A text. */
  record Text(String value) implements Value {}

  /** Bytes; the array belongs to this value and must not be written to. */
  record Blob(byte[] value) implements Value {
    @Override
    public boolean equals(Object other) {
      return other instanceof Blob blob && Arrays.equals(value, blob.value);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(value);
    }

    @Override
    public String toString() {
      return "Blob[" + value.length + " bytes]";
    }
  }
}
