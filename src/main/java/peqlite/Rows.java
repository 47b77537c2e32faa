package peqlite;

import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * What a query, or a statement with RETURNING, returned. Immutable.
 *
 * @param columns the columns' names, in order
 * @param rows all rows, in order
 * @param seq the number of the last event of the journal that the answer contains in full: what was
 *     written up to there is seen by it
 */
public record Rows(List<String> columns, List<Row> rows, long seq) implements Iterable<Row> {

  public Rows {
    columns = List.copyOf(columns);
    rows = List.copyOf(rows);
  }

  /** The first row, if there is one. */
  public Optional<Row> first() {
    return rows.isEmpty() ? Optional.empty() : Optional.of(rows.get(0));
  }

  /**
   * The rows as records. A component takes the column of its name, whatever the case and without
   * regard to underscores, so that {@code createdAt} takes {@code created_at}; other columns are
   * left aside. A component can be a {@code long}, {@code int}, {@code double} or {@code boolean},
   * their boxes (which take NULL), a {@link String}, a {@code byte[]}, an enum (by its name), an
   * {@link Optional} of one of these, or {@link Object}.
   *
   * @throws IllegalArgumentException if a component has no column, or is of another type
   * @throws IllegalStateException if a value does not fit its component, such as NULL a {@code
   *     long}
   */
  public <R extends Record> List<R> as(Class<R> type) {
    return RecordMapper.of(type).map(this);
  }

  @Override
  public Iterator<Row> iterator() {
    return rows.iterator();
  }
}
