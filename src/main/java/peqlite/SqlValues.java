package peqlite;

import org.jspecify.annotations.Nullable;
import sql.Value;

/** Between Java's values and SQLite's. Stateless. */
final class SqlValues {

  private SqlValues() {}

  /**
   * What SQLite is to store.
   *
   * @param what what the value is for, for the message
   * @throws IllegalArgumentException if SQLite has nothing like it
   */
  static Value value(@Nullable Object object, String what) {
    if (object == null) {
      return Value.NULL;
    }
    if (object instanceof String text) {
      return new Value.Text(wellFormed(text, what));
    }
    if (object instanceof Long
        || object instanceof Integer
        || object instanceof Short
        || object instanceof Byte) {
      return new Value.Int64(((Number) object).longValue());
    }
    if (object instanceof Double || object instanceof Float) {
      double number = ((Number) object).doubleValue();
      if (Double.isNaN(number)) {
        throw new IllegalArgumentException(what + " is NaN, which SQLite would store as NULL");
      }
      return new Value.Real(number);
    }
    if (object instanceof Boolean flag) {
      return new Value.Int64(flag ? 1 : 0);
    }
    if (object instanceof byte[] bytes) {
      return new Value.Blob(bytes.clone());
    }
    if (object instanceof Character || object instanceof Enum<?>) {
      String text = object instanceof Enum<?> constant ? constant.name() : object.toString();
      return new Value.Text(wellFormed(text, what));
    }
    throw new IllegalArgumentException(
        what
            + " is a "
            + object.getClass().getName()
            + ", which SQLite has no type for: pass a number, a String or a byte[]");
  }

  private static String wellFormed(String text, String what) {
    for (int i = 0; i < text.length(); i++) {
      char unit = text.charAt(i);
      if (Character.isSurrogate(unit)) {
        if (Character.isLowSurrogate(unit)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          throw new IllegalArgumentException(
              what + " has half a surrogate pair, which cannot be stored: pass it as a byte[]");
        }
        i++;
      }
    }
    return text;
  }

  /** Null, a {@link Long}, a {@link Double}, a {@link String} or a {@code byte[]} of its own. */
  static @Nullable Object object(Value value) {
    if (value instanceof Value.Int64 number) {
      return number.value();
    }
    if (value instanceof Value.Real number) {
      return number.value();
    }
    if (value instanceof Value.Text text) {
      return text.value();
    }
    if (value instanceof Value.Blob blob) {
      return blob.value().clone();
    }
    return null;
  }
}
