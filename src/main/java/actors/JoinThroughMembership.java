package actors;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.pekko.actor.ActorRef;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.cluster.Cluster;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.management.cluster.bootstrap.ClusterBootstrapSettings;
import org.apache.pekko.management.cluster.bootstrap.JoinDecider;
import org.apache.pekko.management.cluster.bootstrap.JoinDecision;
import org.apache.pekko.management.cluster.bootstrap.JoinOtherSeedNodes;
import org.apache.pekko.management.cluster.bootstrap.KeepProbing;
import org.apache.pekko.management.cluster.bootstrap.SeedNodesInformation;
import scala.concurrent.Future;
import scala.jdk.javaapi.CollectionConverters;

/**
 * What Pekko Management's bootstrap asks whether to join: it joins nobody by itself, but tells
 * {@link Membership} what was discovered, and ends when that has brought this process in.
 *
 * <p>So discovery can keep a cluster from being formed, and can never form one: however it is
 * mistaken, only the arbiter's word lets a process in. Bootstrap alone would let the lowest address
 * form a cluster whenever no contact point says that it is in one, which two sides that do not
 * reach each other can both conclude.
 *
 * <p>Made by Pekko, by the name in {@code pekko.management.cluster.bootstrap.join-decider.class};
 * one thread at a time.
 */
public final class JoinThroughMembership implements JoinDecider {

  private final ActorSystem system;
  private final int contactsMin;
  private final Duration stableMargin;

  /** With the signature that Pekko looks for. */
  public JoinThroughMembership(ActorSystem system, ClusterBootstrapSettings settings) {
    this.system = system;
    contactsMin = settings.getContactPointDiscoveryRequiredContactPointsNr();
    stableMargin = settings.getContactPointDiscoveryStableMargin();
  }

  @Override
  public Future<JoinDecision> decide(SeedNodesInformation seen) {
    Member self = Cluster.get(system).selfMember();
    if (self.status() != MemberStatus.removed()) {
      // Without this process itself nobody is left to be joined, which is how the search ends.
      return new JoinOtherSeedNodes(CollectionConverters.asScala(List.of(self.address())).toSet())
          .asCompletedFuture();
    }
    system
        .actorSelection("/user/" + Membership.NAME)
        .tell(discovered(seen, contactsMin, stableMargin), ActorRef.noSender());
    return KeepProbing.getInstance().asCompletedFuture();
  }

  /** What a sight of the nodes means to a process that wants to form a cluster. */
  static Membership.Discovered discovered(
      SeedNodesInformation seen, int contactsMin, Duration stableMargin) {
    List<String> contacts =
        seen.getSeedNodesObservations().stream()
            .map(observation -> Membership.hostPort(observation.sourceAddress()))
            .sorted()
            .collect(Collectors.toList());
    int found = seen.getContactPoints().size();
    Duration unchanged = Duration.between(seen.contactPointsChangedAt(), seen.currentTime());
    String missing = "";
    if (found < contactsMin) {
      missing = "discovery shows " + found + " nodes of at least " + contactsMin;
    } else if (unchanged.compareTo(stableMargin) < 0) {
      missing = "the nodes that discovery shows have just changed";
    }
    return new Membership.Discovered(contacts, missing);
  }
}
