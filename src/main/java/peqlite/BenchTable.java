package peqlite;

/**
 * The table and the rows of every workload and of every yardstick, so that all do the same work.
 * The row is the one that hiqlite's benchmark uses.
 */
final class BenchTable {

  static final String DROP = "DROP TABLE IF EXISTS peqlite_bench";
  static final String CREATE =
      "CREATE TABLE peqlite_bench (id INTEGER PRIMARY KEY, ts INTEGER, name TEXT)";
  static final String INSERT = "INSERT INTO peqlite_bench (id, ts, name) VALUES (?, ?, ?)";
  static final String READ = "SELECT ts, name FROM peqlite_bench WHERE id = ?";

  private BenchTable() {}

  /** A row's time, made from its id so that runs are alike. */
  static long ts(long id) {
    return 1_700_000_000_000L + id;
  }

  /** A row's name. */
  static String name(long id) {
    return "name-" + id;
  }
}
