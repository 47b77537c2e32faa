package peqlite;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import sql.Value;

/**
 * One SQL statement with the values of its parameters. Immutable.
 *
 * <p>A value is {@code null}, a {@link Boolean} (1 or 0), a {@link Byte}, {@link Short}, {@link
 * Integer} or {@link Long}, a {@link Float} or {@link Double}, a {@link String}, a {@link
 * Character}, an {@link Enum} (its name) or a {@code byte[]}, which is copied. Everything else is
 * refused instead of being guessed: say yourself as what a date or a {@link java.math.BigDecimal}
 * is to be stored.
 */
public final class Sql {

  private final String text;
  private final List<Value> positional;
  private final Map<String, Value> named;

  private Sql(String text, List<Value> positional, Map<String, Value> named) {
    this.text = text;
    this.positional = positional;
    this.named = named;
  }

  /**
   * A statement with values in the order of its parameters: {@code ?}, {@code ?1}, {@code :name}.
   *
   * @param text one statement; a semicolon at its end does no harm
   * @throws IllegalArgumentException if a value is of another type than those above
   */
  public static Sql of(String text, @Nullable Object... parameters) {
    List<Value> positional = new ArrayList<>(parameters.length);
    for (int i = 0; i < parameters.length; i++) {
      positional.add(SqlValues.value(parameters[i], "parameter " + (i + 1)));
    }
    return new Sql(text, List.copyOf(positional), Map.of());
  }

  /**
   * A statement with values by the names of its parameters: {@code :age}, {@code @age} and {@code
   * $age} each take the value under {@code age}.
   *
   * @param text one statement; a semicolon at its end does no harm
   * @throws IllegalArgumentException if a value is of another type than those above
   */
  public static Sql named(String text, Map<String, ? extends @Nullable Object> parameters) {
    Map<String, Value> named = new LinkedHashMap<>();
    for (Map.Entry<String, ? extends @Nullable Object> entry : parameters.entrySet()) {
      named.put(entry.getKey(), SqlValues.value(entry.getValue(), "parameter " + entry.getKey()));
    }
    return new Sql(text, List.of(), named);
  }

  /** The statement as it was given. */
  public String text() {
    return text;
  }

  List<Value> positional() {
    return positional;
  }

  Map<String, Value> named() {
    return named;
  }

  /** The statement without its values, which may be secret. */
  @Override
  public String toString() {
    return text;
  }
}
