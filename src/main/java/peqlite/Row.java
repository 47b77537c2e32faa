package peqlite;

import java.util.List;
import org.jspecify.annotations.Nullable;
import sql.Value;

/**
 * One row of a result. Columns are found by their name, in any case, or by their index from 0; the
 * first one wins where several have one name. Immutable.
 *
 * <p>Every method throws {@link IllegalArgumentException} where there is no such column, and {@link
 * IllegalStateException} where its value is of another kind than the one asked for.
 */
public final class Row {

  private final RowColumns columns;
  private final List<Value> values;

  Row(RowColumns columns, List<Value> values) {
    this.columns = columns;
    this.values = values;
  }

  /** How many columns there are. */
  public int size() {
    return values.size();
  }

  /**
   * What stands there: null, a {@link Long}, a {@link Double}, a {@link String} or a {@code
   * byte[]}, which is the caller's own.
   */
  public @Nullable Object get(int index) {
    return SqlValues.object(value(index));
  }

  /** As {@link #get(int)}. */
  public @Nullable Object get(String column) {
    return get(columns.index(column));
  }

  /** Whether NULL stands there. */
  public boolean isNull(int index) {
    return value(index) instanceof Value.Null;
  }

  /** As {@link #isNull(int)}. */
  public boolean isNull(String column) {
    return isNull(columns.index(column));
  }

  /** An integer. */
  public long getLong(int index) {
    if (value(index) instanceof Value.Int64 number) {
      return number.value();
    }
    throw other(index, "an integer");
  }

  /** As {@link #getLong(int)}. */
  public long getLong(String column) {
    return getLong(columns.index(column));
  }

  /** An integer that fits 32 bits. */
  public int getInt(int index) {
    long number = getLong(index);
    if (number != (int) number) {
      throw other(index, "an integer of 32 bits");
    }
    return (int) number;
  }

  /** As {@link #getInt(int)}. */
  public int getInt(String column) {
    return getInt(columns.index(column));
  }

  /** A number; integers beyond 2^53 may be rounded. */
  public double getDouble(int index) {
    Value value = value(index);
    if (value instanceof Value.Real number) {
      return number.value();
    }
    if (value instanceof Value.Int64 number) {
      return number.value();
    }
    throw other(index, "a number");
  }

  /** As {@link #getDouble(int)}. */
  public double getDouble(String column) {
    return getDouble(columns.index(column));
  }

  /** An integer, of which 0 is false. */
  public boolean getBoolean(int index) {
    return getLong(index) != 0;
  }

  /** As {@link #getBoolean(int)}. */
  public boolean getBoolean(String column) {
    return getBoolean(columns.index(column));
  }

  /** A text, or null where NULL stands. */
  public @Nullable String getString(int index) {
    Value value = value(index);
    if (value instanceof Value.Text text) {
      return text.value();
    }
    if (value instanceof Value.Null) {
      return null;
    }
    throw other(index, "a text");
  }

  /** As {@link #getString(int)}. */
  public @Nullable String getString(String column) {
    return getString(columns.index(column));
  }

  /** A blob, the caller's own, or null where NULL stands. */
  public byte @Nullable [] getBytes(int index) {
    Value value = value(index);
    if (value instanceof Value.Blob blob) {
      return blob.value().clone();
    }
    if (value instanceof Value.Null) {
      return null;
    }
    throw other(index, "a blob");
  }

  /** As {@link #getBytes(int)}. */
  public byte @Nullable [] getBytes(String column) {
    return getBytes(columns.index(column));
  }

  private Value value(int index) {
    if (index < 0 || index >= values.size()) {
      throw new IllegalArgumentException(
          "there is no column " + index + ", the row has " + values.size());
    }
    return values.get(index);
  }

  private IllegalStateException other(int index, String wanted) {
    return new IllegalStateException(
        "column " + columns.names().get(index) + " is " + kind(value(index)) + ", not " + wanted);
  }

  private static String kind(Value value) {
    if (value instanceof Value.Int64) {
      return "an integer";
    }
    if (value instanceof Value.Real) {
      return "a real number";
    }
    if (value instanceof Value.Text) {
      return "a text";
    }
    return value instanceof Value.Blob ? "a blob" : "NULL";
  }
}
