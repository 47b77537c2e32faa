package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.pekko.actor.Address;
import org.apache.pekko.discovery.ServiceDiscovery.ResolvedTarget;
import org.apache.pekko.management.cluster.bootstrap.SeedNodesInformation;
import org.apache.pekko.management.cluster.bootstrap.SeedNodesObservation;
import org.junit.jupiter.api.Test;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/** What the sight of some nodes means to one that may form a cluster. */
final class JoinThroughMembershipTest {

  private static final LocalDateTime NOW = LocalDateTime.of(2026, 11, 21, 12, 0);
  private static final Duration MARGIN = Duration.ofSeconds(1);

  @Test
  void tooFewNodesAreMissing() {
    assertEquals(
        new Membership.Discovered(
            List.of("10.0.0.1:7355"), "discovery shows 1 nodes of at least 2"),
        JoinThroughMembership.discovered(seen(5_000, "10.0.0.1"), 2, MARGIN));
  }

  @Test
  void aListThatHasJustChangedMayChangeAgain() {
    assertEquals(
        "the nodes that discovery shows have just changed",
        JoinThroughMembership.discovered(seen(999, "10.0.0.1", "10.0.0.2"), 2, MARGIN).missing());
  }

  @Test
  void nothingIsMissingWhenEnoughNodesHaveBeenThereForAWhile() {
    assertEquals(
        new Membership.Discovered(List.of("10.0.0.1:7355", "10.0.0.2:7355"), ""),
        JoinThroughMembership.discovered(seen(1_000, "10.0.0.2", "10.0.0.1"), 2, MARGIN));
  }

  @Test
  void aNodeThatIsListedCountsBeforeItAnswers() {
    SeedNodesInformation seen =
        new SeedNodesInformation(
            NOW, NOW.minusSeconds(2), asScala(Set.of(target("a"), target("b"))), asScala(Set.of()));
    assertEquals(
        new Membership.Discovered(List.of(), ""),
        JoinThroughMembership.discovered(seen, 2, MARGIN));
  }

  /** All of them answer, and are in no cluster. */
  private static SeedNodesInformation seen(long unchangedMillis, String... hosts) {
    Set<SeedNodesObservation> observations =
        Stream.of(hosts)
            .map(
                host ->
                    new SeedNodesObservation(
                        NOW,
                        target(host),
                        new Address("pekko", "peqlite", host, 7355),
                        asScala(Set.of())))
            .collect(Collectors.toSet());
    Set<ResolvedTarget> targets =
        Arrays.stream(hosts).map(JoinThroughMembershipTest::target).collect(Collectors.toSet());
    return new SeedNodesInformation(
        NOW,
        NOW.minus(Duration.ofMillis(unchangedMillis)),
        asScala(targets),
        asScala(observations));
  }

  private static ResolvedTarget target(String host) {
    return new ResolvedTarget(host, Option.apply((Object) 7626), Option.empty());
  }

  private static <T> scala.collection.immutable.Set<T> asScala(Set<T> set) {
    return CollectionConverters.asScala(set).toSet();
  }
}
