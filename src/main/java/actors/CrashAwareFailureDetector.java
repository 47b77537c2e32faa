package actors;

import com.typesafe.config.Config;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.pekko.actor.Address;
import org.apache.pekko.event.EventStream;
import org.apache.pekko.remote.DeadlineFailureDetector;
import org.apache.pekko.remote.FailureDetectorWithAddress;

/**
 * Pekko's failure detector with a fixed deadline, which also takes a word for it: a member whose
 * process is known to have crashed is not available at once, without waiting for the deadline.
 *
 * <p>Pekko makes one for each member, by the name of this class in the configuration. Marks belong
 * to an actor system, so that several in one JVM do not see each other's. Thread-safe.
 */
public final class CrashAwareFailureDetector extends DeadlineFailureDetector
    implements FailureDetectorWithAddress {

  // All that Pekko hands to a failure detector of its system is the event stream.
  private static final Map<EventStream, Set<String>> CRASHED =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final Set<String> crashed;
  private volatile String address = "";

  /** Called by Pekko. */
  public CrashAwareFailureDetector(Config config, EventStream events) {
    super(config, events);
    this.crashed = crashedOf(events);
  }

  /** Called by Pekko with the member's full address before the first heartbeat. */
  @Override
  public void setAddress(String address) {
    this.address = address;
  }

  @Override
  public boolean isAvailable() {
    return !crashed.contains(address) && super.isAvailable();
  }

  /** From now on the system that has this event stream calls the member unreachable. */
  static void mark(EventStream events, Address member) {
    crashedOf(events).add(member.toString());
  }

  /** The deadline alone decides again. */
  static void clear(EventStream events, Address member) {
    crashedOf(events).remove(member.toString());
  }

  private static Set<String> crashedOf(EventStream events) {
    return CRASHED.computeIfAbsent(events, any -> ConcurrentHashMap.newKeySet());
  }
}
