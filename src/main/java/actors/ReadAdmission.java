package actors;

/** Whether the local database may answer a read now. */
public sealed interface ReadAdmission {

  /** Read now. */
  record Admitted() implements ReadAdmission {}

  /** The node's knowledge is older than the read's {@code freshness} allows. */
  record Stale() implements ReadAdmission {}

  /** What the level waits for did not come in time, or the node may not serve at all. */
  record Refused(String reason) implements ReadAdmission {}
}
