package peqlite;

/** Counts what went wrong and keeps the first of it. Thread-safe. */
final class BenchErrors {

  private long count;
  private String first = "";

  /** Takes the outcome of one operation; an empty text means that it went well. */
  void add(String error) {
    if (error.isEmpty()) {
      return;
    }
    synchronized (this) {
      if (count == 0) {
        first = error;
      }
      count++;
    }
  }

  /** How many went wrong. */
  synchronized long count() {
    return count;
  }

  /** What the first one said, or an empty text. */
  synchronized String first() {
    return first;
  }
}
