package storage;

import java.util.List;
import sql.Column;
import sql.Value;

/**
 * Takes the rows of one statement as they are read. Called by the reading thread; it may block,
 * which slows the read down, and it may throw, which ends it.
 */
public interface RowSink {

  /** Called once, before the first row, even if there is none. */
  void columns(List<Column> columns);

  /** Called for each row; the array is reused for the next row, its values are not. */
  void row(Value[] row);
}
