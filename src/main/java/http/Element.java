package http;

import java.util.List;
import java.util.Map;
import sql.Value;

/**
 * One element of a request's body: a text with one or more statements, and values for its
 * parameters.
 *
 * @param positional values for parameters in their order
 * @param named values for named parameters, with or without the prefix of the name
 */
record Element(String sql, List<Value> positional, Map<String, Value> named) {

  /** A text without parameters. */
  static Element of(String sql) {
    return new Element(sql, List.of(), Map.of());
  }
}
