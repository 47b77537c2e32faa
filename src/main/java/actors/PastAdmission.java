package actors;

import storage.PastStates;

/** Whether a read as of the past can be answered. */
public sealed interface PastAdmission {

  /** Read from this, and close it afterwards. */
  record Opened(PastStates.Lease state) implements PastAdmission {}

  /** There is no such event or time yet. */
  record Beyond(String reason) implements PastAdmission {}

  /** It is longer ago than is retained; the reason names the oldest position that can be asked. */
  record NotRetained(String reason) implements PastAdmission {}

  /** The node's knowledge is older than the read's {@code freshness} allows. */
  record Stale() implements PastAdmission {}

  /** Not now: this node is not that far, the state is still being made, or there is no room. */
  record Refused(String reason) implements PastAdmission {}
}
