package actors;

import java.time.Duration;
import java.util.List;

/**
 * How a node finds the others and judges who is gone.
 *
 * @param contacts cluster addresses, host:port, that were named to be joined; may name this node
 * @param stableAfter how long the set of unreachable members must stay the same before the arbiter
 *     is asked to put them out
 * @param minorityDelay how much longer the smaller side waits
 * @param discovers whether other nodes are looked for by service discovery; then a cluster is
 *     formed only when that shows enough of them, see {@link JoinThroughMembership}
 */
public record ClusterSettings(
    List<String> contacts, Duration stableAfter, Duration minorityDelay, boolean discovers) {

  public ClusterSettings {
    contacts = List.copyOf(contacts);
  }
}
