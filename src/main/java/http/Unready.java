package http;

import actors.NodeStatus;
import java.util.Optional;

/** Why a node is not ready, in words for an operator. */
public final class Unready {

  private Unready() {}

  /** Why it is not; only for a node that is not. */
  public static String reason(NodeStatus status) {
    if (status.problem().isPresent()) {
      return status.problem().get();
    }
    if (status.sequencerNodeId().isEmpty()) {
      return "no sequencer is known";
    }
    return replica(status).orElse("writes are not taken yet");
  }

  /** What keeps its replica from serving; empty if it is not the replica. */
  static Optional<String> replica(NodeStatus status) {
    if (status.replicaState().equals("applying")) {
      return Optional.empty();
    }
    String behind = status.lag() > 0 ? ", " + status.lag() + " events behind" : "";
    return Optional.of("the replica is " + status.replicaState() + behind);
  }
}
