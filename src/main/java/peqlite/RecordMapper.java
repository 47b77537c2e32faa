package peqlite;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Constructor;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Makes records of rows. Immutable and thread-safe; one for each record class. */
final class RecordMapper<R extends Record> {

  private static final ClassValue<RecordMapper<?>> MAPPERS =
      new ClassValue<>() {
        @Override
        protected RecordMapper<?> computeValue(Class<?> type) {
          return new RecordMapper<>(type.asSubclass(Record.class));
        }
      };

  /** Takes one value out of a row. */
  private interface Getter {
    @Nullable Object get(Row row, int column);
  }

  private record Component(String name, Getter getter) {}

  private final Class<R> type;
  private final MethodHandle constructor;
  private final List<Component> components = new ArrayList<>();

  private RecordMapper(Class<R> type) {
    this.type = type;
    RecordComponent[] all = type.getRecordComponents();
    try {
      Constructor<R> canonical =
          type.getDeclaredConstructor(
              Stream.of(all).map(RecordComponent::getType).toArray(Class<?>[]::new));
      // Records within a test or a service are seldom public.
      canonical.setAccessible(true);
      constructor =
          MethodHandles.lookup()
              .unreflectConstructor(canonical)
              .asSpreader(Object[].class, all.length);
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw new IllegalArgumentException(
          "cannot make a " + type.getName() + ": open its package to peqlite", e);
    }
    for (RecordComponent component : all) {
      components.add(new Component(component.getName(), getter(component)));
    }
  }

  @SuppressWarnings("unchecked") // the mapper of a class is made from that class
  static <R extends Record> RecordMapper<R> of(Class<R> type) {
    return (RecordMapper<R>) MAPPERS.get(type);
  }

  List<R> map(Rows rows) {
    Map<String, Integer> byName = new HashMap<>();
    for (int i = 0; i < rows.columns().size(); i++) {
      byName.putIfAbsent(plain(rows.columns().get(i)), i);
    }
    int[] columns = new int[components.size()];
    for (int i = 0; i < columns.length; i++) {
      Integer column = byName.get(plain(components.get(i).name()));
      if (column == null) {
        throw new IllegalArgumentException(
            "component "
                + components.get(i).name()
                + " of "
                + type.getName()
                + " has no column: there are "
                + String.join(", ", rows.columns()));
      }
      columns[i] = column;
    }
    List<R> records = new ArrayList<>(rows.rows().size());
    for (Row row : rows) {
      @Nullable Object[] values = new @Nullable Object[columns.length];
      for (int i = 0; i < columns.length; i++) {
        values[i] = components.get(i).getter().get(row, columns[i]);
      }
      records.add(make(values));
    }
    return records;
  }

  private R make(@Nullable Object[] values) {
    try {
      return type.cast((Object) constructor.invoke(values));
    } catch (RuntimeException | Error e) {
      throw e; // of the record's own constructor
    } catch (Throwable e) {
      throw new IllegalStateException("a " + type.getName() + " could not be made", e);
    }
  }

  private static String plain(String name) {
    return name.replace("_", "").toLowerCase(Locale.ROOT);
  }

  private Getter getter(RecordComponent component) {
    Class<?> wanted = component.getType();
    if (wanted == Optional.class
        && component.getGenericType() instanceof ParameterizedType optional) {
      Type inner = optional.getActualTypeArguments()[0];
      if (inner instanceof Class<?> of) {
        Getter value = getter(of, component);
        return (row, column) ->
            row.isNull(column) ? Optional.empty() : Optional.ofNullable(value.get(row, column));
      }
    }
    return getter(wanted, component);
  }

  private Getter getter(Class<?> wanted, RecordComponent component) {
    if (wanted == long.class) {
      return Row::getLong;
    }
    if (wanted == int.class) {
      return Row::getInt;
    }
    if (wanted == double.class) {
      return Row::getDouble;
    }
    if (wanted == boolean.class) {
      return Row::getBoolean;
    }
    if (wanted == Long.class) {
      return orNull(Row::getLong);
    }
    if (wanted == Integer.class) {
      return orNull(Row::getInt);
    }
    if (wanted == Double.class) {
      return orNull(Row::getDouble);
    }
    if (wanted == Boolean.class) {
      return orNull(Row::getBoolean);
    }
    if (wanted == String.class) {
      return Row::getString;
    }
    if (wanted == byte[].class) {
      return Row::getBytes;
    }
    if (wanted == Object.class) {
      return Row::get;
    }
    if (wanted.isEnum()) {
      return (row, column) -> constant(wanted, row.getString(column));
    }
    throw new IllegalArgumentException(
        "component "
            + component.getName()
            + " of "
            + type.getName()
            + " is a "
            + component.getGenericType().getTypeName()
            + ", which no column can be made into");
  }

  private static Getter orNull(Getter getter) {
    return (row, column) -> row.isNull(column) ? null : getter.get(row, column);
  }

  private static @Nullable Object constant(Class<?> type, @Nullable String name) {
    if (name == null) {
      return null;
    }
    for (Object constant : type.getEnumConstants()) {
      if (((Enum<?>) constant).name().equals(name)) {
        return constant;
      }
    }
    throw new IllegalStateException("'" + name + "' is no constant of " + type.getName());
  }
}
