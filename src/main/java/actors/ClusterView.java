package actors;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.typed.Cluster;
import org.jspecify.annotations.Nullable;

/**
 * The cluster side of this node as the rest of it sees it: there may be none for a while. Written
 * by the keeper alone. Thread-safe.
 */
final class ClusterView {

  private final AtomicLong dropped = new AtomicLong();
  private volatile @Nullable ActorSystem<?> system;
  private volatile String problem = "";

  void system(@Nullable ActorSystem<?> current) {
    system = current;
  }

  /** The cluster's actor system, if it runs. */
  Optional<ActorSystem<?>> system() {
    return Optional.ofNullable(system);
  }

  void problem(String reason) {
    problem = reason;
  }

  /** Why this node is in no cluster, in words for an operator; empty when nothing is known. */
  Optional<String> problem() {
    String reason = problem;
    return reason.isEmpty() ? Optional.empty() : Optional.of(reason);
  }

  /**
   * How many members this node reaches, itself included, or does not reach; none without a cluster
   * side.
   */
  int members(boolean reachable) {
    ActorSystem<?> current = system;
    if (current == null) {
      return 0;
    }
    ClusterEvent.CurrentClusterState state;
    try {
      state = Cluster.get(current).state();
    } catch (IllegalStateException ended) {
      return 0; // it ends at this moment
    }
    int count = 0;
    for (Member member : state.getMembers()) {
      if (state.getUnreachable().contains(member) != reachable) {
        count++;
      }
    }
    return count;
  }

  /** Pekko has given up a message. */
  void messageDropped() {
    dropped.incrementAndGet();
  }

  /** How many messages Pekko has given up since the process began. */
  long messagesDropped() {
    return dropped.get();
  }
}
