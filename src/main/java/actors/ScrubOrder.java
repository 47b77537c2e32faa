package actors;

/** What became of an operator's wish to have every replica's contents compared. */
public sealed interface ScrubOrder {

  /**
   * It is ordered: every replica is looked through as of the end of this event. What is found is
   * told by {@link NodeStatus#scrub}.
   */
  record Ordered(long seq) implements ScrubOrder {}

  /** It is not ordered; try again later. */
  record Refused(String reason) implements ScrubOrder {}

  /** Nobody answered in time: it may be ordered or not. Asking again does no harm. */
  record Unknown() implements ScrubOrder {}
}
