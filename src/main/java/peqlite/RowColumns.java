package peqlite;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The names of a result's columns, shared by its rows. Immutable. */
final class RowColumns {

  private final List<String> names;
  private final Map<String, Integer> indexes = new HashMap<>();

  RowColumns(List<String> names) {
    this.names = List.copyOf(names);
    for (int i = 0; i < names.size(); i++) {
      indexes.putIfAbsent(names.get(i).toLowerCase(Locale.ROOT), i);
    }
  }

  List<String> names() {
    return names;
  }

  int index(String name) {
    Integer index = indexes.get(name.toLowerCase(Locale.ROOT));
    if (index == null) {
      throw new IllegalArgumentException(
          "there is no column " + name + ", only " + String.join(", ", names));
    }
    return index;
  }
}
