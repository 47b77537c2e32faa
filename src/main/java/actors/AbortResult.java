package actors;

import java.util.List;

/** What became of an operator's wish to give up a write. */
public sealed interface AbortResult {

  /**
   * It is given up; all nodes go on without it.
   *
   * @param verdictSeq the event that says so, which is durable
   * @param statements the SQL that is given up, without values
   */
  record Ordered(long verdictSeq, List<String> statements) implements AbortResult {}

  /** It is not given up. */
  record Refused(String reason) implements AbortResult {}

  /** Nobody answered in time: it may be given up or not. Asking again does no harm. */
  record Unknown() implements AbortResult {}
}
