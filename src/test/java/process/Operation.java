package process;

import java.util.List;

/**
 * What a client of a cluster asked, and what it was told. Times are those of {@link
 * System#nanoTime} in the tests' process, which all clients share, so that they can be compared.
 */
sealed interface Operation {

  /** The node that was asked. */
  String node();

  /** When the client began to send. */
  long startNanos();

  /** When it had the answer, or knew that there will be none. */
  long endNanos();

  /** How far the answer is one that a client can use. */
  boolean succeeded();

  /** What the client was told in words, where it was no success. */
  String detail();

  /** What a client may rest on. */
  enum Fate {
    /** The write is applied, and its result was told. */
    APPLIED,
    /** The write is ordered; its result was not told. */
    COMMITTED,
    /** The statement failed by its own fault: the write is ordered and leaves nothing. */
    FAILED,
    /** The node said that the write is not applied and never will be. */
    REFUSED,
    /** Nothing was sent: nobody listened. */
    NOT_SENT,
    /** Nothing is known. */
    UNKNOWN
  }

  /**
   * A write.
   *
   * @param marker stands in every row of it, and in no other write's
   * @param rows how many it puts into {@code log} if it is applied, all or none
   * @param keyed whether it carried its marker as idempotency key
   * @param fate what the client was told
   * @param seq the position it was told, -1 if none
   * @param duplicate whether the answer was the repeat of an earlier one
   * @param returned numbers that its statements returned
   */
  record WriteOperation(
      String node,
      long startNanos,
      long endNanos,
      String marker,
      int rows,
      boolean keyed,
      Fate fate,
      long seq,
      boolean duplicate,
      List<Long> returned,
      String detail)
      implements Operation {

    public WriteOperation {
      returned = List.copyOf(returned);
    }

    @Override
    public boolean succeeded() {
      return fate == Fate.APPLIED || fate == Fate.FAILED && rows == 0;
    }

    /** Whether the client was told that it stands in the journal. */
    boolean acknowledged() {
      return fate == Fate.APPLIED || fate == Fate.COMMITTED || fate == Fate.FAILED;
    }
  }

  /**
   * A read of what {@link Workload#STATE} tells.
   *
   * @param level as in the request
   * @param minSeq the position that was asked for at least, -1 if none
   * @param answered whether there were rows
   * @param seq the position that the answer names
   * @param seen the row, its values joined
   */
  record ReadOperation(
      String node,
      long startNanos,
      long endNanos,
      String level,
      long minSeq,
      boolean answered,
      long seq,
      String seen,
      String detail)
      implements Operation {

    @Override
    public boolean succeeded() {
      return answered;
    }
  }
}
