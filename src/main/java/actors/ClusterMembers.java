package actors;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;

/** The members of the cluster by their gateways. One thread, that of the actor it was made for. */
final class ClusterMembers implements Sequencer.Members {

  private final Cluster cluster;
  private final ActorRefResolver resolver;
  private final ActorRef<NodeMessage> self;
  private final boolean soleNode;
  private final Map<Address, ActorRef<NodeMessage>> gateways = new HashMap<>();

  ClusterMembers(ActorSystem<?> system, ActorRef<NodeMessage> self, boolean soleNode) {
    this.soleNode = soleNode;
    this.cluster = Cluster.get(system);
    this.resolver = ActorRefResolver.get(system);
    this.self = self;
  }

  @Override
  public List<ActorRef<NodeMessage>> reachable() {
    ClusterEvent.CurrentClusterState state = cluster.state();
    List<ActorRef<NodeMessage>> reachable = new ArrayList<>();
    reachable.add(self);
    for (Member member : state.getMembers()) {
      boolean own = member.uniqueAddress().equals(cluster.selfMember().uniqueAddress());
      if (!own && isThere(member) && !state.getUnreachable().contains(member)) {
        reachable.add(gateway(member.address()));
      }
    }
    return reachable;
  }

  private static boolean isThere(Member member) {
    return member.status() == MemberStatus.up()
        || member.status() == MemberStatus.weaklyUp()
        || member.status() == MemberStatus.joining()
        || member.status() == MemberStatus.leaving();
  }

  @Override
  public boolean isSoleNode() {
    return soleNode;
  }

  @Override
  public int count() {
    int others = 0;
    for (Member member : cluster.state().getMembers()) {
      boolean own = member.uniqueAddress().equals(cluster.selfMember().uniqueAddress());
      others += !own && isThere(member) ? 1 : 0;
    }
    return others + 1;
  }

  @Override
  public boolean areAllReachable() {
    return cluster.state().getUnreachable().isEmpty();
  }

  @Override
  public ActorRef<NodeMessage> self() {
    return self;
  }

  private ActorRef<NodeMessage> gateway(Address address) {
    return gateways.computeIfAbsent(address, to -> gateway(resolver, to));
  }

  /** The gateway of the node at an address, whether there is one or not. */
  static ActorRef<NodeMessage> gateway(ActorRefResolver resolver, Address address) {
    return resolver.resolveActorRef(address + "/user/" + NodeGateway.NAME);
  }
}
