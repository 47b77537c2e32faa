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
 */
public record ClusterSettings(List<String> contacts, Duration stableAfter, Duration minorityDelay) {

  public ClusterSettings {
    contacts = List.copyOf(contacts);
  }
}
