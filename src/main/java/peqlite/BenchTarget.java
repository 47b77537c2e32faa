package peqlite;

import java.util.concurrent.CompletionStage;

/**
 * Something that a load can be put on. Thread-safe. A stage completes with the first line of what
 * went wrong, or with an empty text; it never completes exceptionally.
 */
interface BenchTarget extends AutoCloseable {

  /** Makes the empty table, dropping what is there of an earlier run. */
  CompletionStage<String> createTable();

  /** Inserts one row in a request of its own. */
  CompletionStage<String> insert(long id);

  /** Inserts rows in one request and one transaction. */
  CompletionStage<String> insertBatch(long firstId, int rows);

  /** Reads one row by its primary key, at level none. */
  CompletionStage<String> read(long id);

  /** Waits until everything that any node acknowledged before can be read here at level none. */
  CompletionStage<String> catchUp();

  @Override
  void close();
}
