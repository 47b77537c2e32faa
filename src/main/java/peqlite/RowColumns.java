package peqlite;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The names of a result's columns, shared by its rows. Safe for use by several threads. */
final class RowColumns {

  private final List<String> names;

  /** Made when it is first asked for: most rows are read by number. */
  private volatile @Nullable Map<String, Integer> indexes;

  RowColumns(List<String> names) {
    this.names = List.copyOf(names);
  }

  List<String> names() {
    return names;
  }

  int index(String name) {
    Map<String, Integer> known = indexes;
    if (known == null) {
      known = new HashMap<>();
      for (int i = 0; i < names.size(); i++) {
        known.putIfAbsent(names.get(i).toLowerCase(Locale.ROOT), i);
      }
      indexes = known;
    }
    Integer index = known.get(name.toLowerCase(Locale.ROOT));
    if (index == null) {
      throw new IllegalArgumentException(
          "there is no column " + name + ", only " + String.join(", ", names));
    }
    return index;
  }
}
