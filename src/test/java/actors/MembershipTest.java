package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import storage.Arbiter;

/** Members get in, stay in and are put out by the arbiter's word alone. */
@Timeout(120)
class MembershipTest {

  private static final Duration WAIT_MAX = Duration.ofSeconds(40);

  /** On a loaded machine nobody is taken for silent who is not. */
  private static final Config PATIENT =
      ConfigFactory.parseString("pekko.cluster.failure-detector.acceptable-heartbeat-pause = 20s");

  private static final Config DISCOVERING =
      ConfigFactory.parseString("peqlite.discovery.method = test").withFallback(PATIENT);

  private final TestArbiter arbiter = new TestArbiter("one");
  private Config detector = PATIENT;
  private final List<TestMember> members = new ArrayList<>();

  @AfterEach
  void end() {
    members.forEach(TestMember::close);
  }

  private TestMember start(String nodeId) {
    return start(nodeId, arbiter.way());
  }

  private TestMember start(String nodeId, Arbiter way) {
    TestMember member = TestMember.start(nodeId, arbiter.clusterId(), way, 0, List.of(), detector);
    members.add(member);
    return member;
  }

  /** Three members in the order of their age. */
  private List<TestMember> startThree() {
    return startThree(List.of(arbiter.way(), arbiter.way(), arbiter.way()));
  }

  private List<TestMember> startThree(List<? extends Arbiter> ways) {
    List<TestMember> started = new ArrayList<>();
    for (Arbiter way : ways) {
      started.add(start("n" + (started.size() + 1), way));
      awaitOneCluster(started.toArray(TestMember[]::new));
    }
    return started;
  }

  private void eventually(String what, BooleanSupplier question) {
    long endNanos = System.nanoTime() + WAIT_MAX.toNanos();
    while (!question.getAsBoolean()) {
      if (System.nanoTime() - endNanos > 0) {
        throw new AssertionError("not in time: " + what + "; " + members + "; decided: " + arbiter);
      }
      LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
    }
  }

  private static void pass(Duration time) {
    long endNanos = System.nanoTime() + time.toNanos();
    while (System.nanoTime() - endNanos < 0) {
      LockSupport.parkNanos(endNanos - System.nanoTime());
    }
  }

  /** Until each of them sees all of them up and reachable, and nobody else. */
  private void awaitOneCluster(TestMember... all) {
    eventually(
        "one cluster of " + Stream.of(all).map(TestMember::nodeId).toList(),
        () -> {
          Set<String> expected = new TreeSet<>();
          Stream.of(all).map(TestMember::address).forEach(expected::add);
          return Stream.of(all).allMatch(member -> member.sees().equals(expected));
        });
  }

  private int formations() {
    return arbiter.formers().size();
  }

  private List<String> putOuts() {
    return arbiter.putOuts();
  }

  // Getting in.

  @Test
  void threeThatStartAtOnceFormOneCluster() {
    TestMember[] three = Stream.of("n1", "n2", "n3").map(this::start).toArray(TestMember[]::new);
    awaitOneCluster(three);
    eventually("all are up", () -> members.stream().allMatch(member -> member.ups() == 1));
    assertEquals(1, formations());
    assertEquals(List.of(), putOuts());
  }

  @Test
  void theNextClusterIsFormedWhenTheFormerDiesBeforeItHasJoinedItself() throws Exception {
    Arbiter.Process dead = new Arbiter.Process("n0", "127.0.0.1:1", 1);
    assertTrue(arbiter.way().enter(dead) instanceof Arbiter.Entry.Form);
    TestMember n1 = start("n1");
    TestMember n2 = start("n2");
    awaitOneCluster(n1, n2);
    assertTrue(formations() >= 2);
    assertEquals(List.of(), putOuts());
  }

  @Test
  void aStartOnTheSameAddressTakesThePlaceOfTheOneBefore() {
    List<TestMember> three = startThree();
    long uid = three.get(1).uid();
    three.get(1).restart();
    awaitOneCluster(three.toArray(TestMember[]::new));
    assertTrue(three.get(1).uid() != uid);
    assertEquals(1, formations());
  }

  @Test
  void whileTheArbiterIsAwayNobodyGetsInAndNobodyIsPutOut() {
    List<TestArbiter.Way> ways = List.of(arbiter.way(), arbiter.way(), arbiter.way());
    TestMember n1 = start("n1", ways.get(0));
    TestMember n2 = start("n2", ways.get(1));
    awaitOneCluster(n1, n2);
    ways.forEach(TestArbiter.Way::cut);
    TestMember n3 = start("n3", ways.get(2));
    pass(Duration.ofSeconds(2));
    assertEquals(Set.of(), n3.sees());
    awaitOneCluster(n1, n2);
    ways.forEach(TestArbiter.Way::mend);
    awaitOneCluster(n1, n2, n3);
    assertEquals(List.of(), putOuts());
  }

  @Test
  void aLatePermissionToFormIsNotUsed() {
    TestArbiter.Way way = arbiter.way();
    way.delayAnswers(2500);
    TestMember n1 = start("n1", way);
    pass(Duration.ofSeconds(4));
    assertEquals(Set.of(), n1.sees());
    way.delayAnswers(0);
    awaitOneCluster(n1);
  }

  @Test
  void twoNodesOfOneNameAreNotLetIn() {
    TestMember n1 = start("n1");
    awaitOneCluster(n1);
    TestMember other = start("n1");
    eventually("it is refused", () -> !other.refusals().isEmpty());
    assertEquals(
        List.of(
            "node id 'n1' is in use by " + n1.address() + ": give every node another --node-id"),
        List.copyOf(other.refusals()));
    n1.close();
    awaitOneCluster(other);
  }

  @Test
  void aNodeThatNamesAMemberOfAnotherClusterIsRefused() {
    TestMember n1 = start("n1");
    awaitOneCluster(n1);
    TestArbiter others = new TestArbiter("two");
    TestMember stranger =
        TestMember.start("n2", others.clusterId(), others.way(), 0, List.of(n1.address()), PATIENT);
    members.add(stranger);
    eventually("it is refused", () -> !stranger.refusals().isEmpty());
    assertEquals(
        List.of(
            n1.address() + " belongs to another cluster: it has another journal than this node"),
        List.copyOf(stranger.refusals()));
    pass(Duration.ofSeconds(1));
    assertEquals(Set.of(), stranger.sees());
    assertEquals(List.of(), others.putOuts());
    awaitOneCluster(n1);
  }

  @Test
  void withDiscoveryAClusterIsFormedOnlyWhenNothingIsMissing() {
    detector = DISCOVERING;
    TestMember n1 = start("n1");
    pass(Duration.ofSeconds(1));
    n1.discover("discovery shows 1 nodes of at least 2", n1);
    pass(Duration.ofSeconds(1));
    assertEquals(Set.of(), n1.sees());
    n1.discover("", n1);
    awaitOneCluster(n1);
  }

  @Test
  void withDiscoveryAClusterThatIsThereIsJoinedWithoutWaiting() {
    TestMember n1 = start("n1");
    awaitOneCluster(n1);
    detector = DISCOVERING;
    TestMember n2 = start("n2");
    awaitOneCluster(n1, n2);
    assertEquals(1, formations());
  }

  @Test
  void whoeverIsDiscoveredBesideAMemberOfAnotherClusterIsRefused() {
    TestMember n1 = start("n1");
    awaitOneCluster(n1);
    TestArbiter others = new TestArbiter("two");
    TestMember stranger =
        TestMember.start("n2", others.clusterId(), others.way(), 0, List.of(), DISCOVERING);
    members.add(stranger);
    eventually(
        "it is refused",
        () -> {
          stranger.discover("the nodes that discovery shows have just changed", n1);
          return !stranger.refusals().isEmpty();
        });
    assertEquals(
        List.of(
            n1.address() + " belongs to another cluster: it has another journal than this node"),
        List.copyOf(stranger.refusals()));
    assertEquals(Set.of(), stranger.sees());
  }

  @Test
  void aNodeDoesNotJoinAnotherClusterAtAnAddressThatWasAMembers() throws Exception {
    TestMember n1 = start("n1");
    awaitOneCluster(n1);
    TestArbiter others = new TestArbiter("two");
    Arbiter.Process stale = new Arbiter.Process("n9", n1.address(), 9);
    assertTrue(others.way().enter(stale) instanceof Arbiter.Entry.Form);
    others.way().renew(stale, 1, true);
    TestMember stranger =
        TestMember.start("n2", others.clusterId(), others.way(), 0, List.of(), PATIENT);
    members.add(stranger);
    eventually("it is refused", () -> !stranger.refusals().isEmpty());
    eventually("its system ends", stranger::hasEnded);
    assertTrue(stranger.refusals().get(0).contains(n1.address() + " belongs to another cluster"));
    awaitOneCluster(n1);
  }

  @Test
  void contactsThatAreNotThereHoldNobodyUp() {
    TestMember n1 =
        TestMember.start(
            "n1",
            arbiter.clusterId(),
            arbiter.way(),
            0,
            List.of("127.0.0.1:1", "127.0.0.1:2"),
            PATIENT);
    members.add(n1);
    awaitOneCluster(n1);
  }

  // Being put out.

  @Test
  void whoHasEndedIsPutOutByTheOthers() {
    List<TestMember> three = startThree();
    String gone = three.get(0).address();
    three.get(0).close();
    awaitOneCluster(three.get(1), three.get(2));
    assertTrue(putOuts().stream().allMatch(decision -> decision.startsWith("out " + gone)));
    assertEquals(1, formations());
  }

  @Test
  void theLastOneGoesOnWhenTwoEndAtOnce() {
    List<TestMember> three = startThree();
    three.get(0).close();
    three.get(2).close();
    awaitOneCluster(three.get(1));
    assertEquals(1, three.get(1).ups());
  }

  @Test
  void partitionIsolateOldestTheOthersGoOnAndItComesBack() {
    detector = ConfigFactory.empty();
    List<TestMember> three = startThree();
    TestMember n1 = three.get(0);
    String isolated = n1.address();
    cut(n1, three.get(1));
    cut(n1, three.get(2));
    awaitOneCluster(three.get(1), three.get(2));
    eventually("it is out", () -> !n1.outs().isEmpty());
    assertTrue(putOuts().stream().allMatch(decision -> decision.startsWith("out " + isolated)));
    // The cut is between addresses in the old actor systems; the new one is reached.
    mend(n1, three.get(1));
    mend(n1, three.get(2));
    awaitOneCluster(three.toArray(TestMember[]::new));
    assertEquals(1, formations());
  }

  @Test
  void partitionBetweenTwoWhileAThirdSeesBothPutsOutTheYounger() {
    detector = ConfigFactory.empty();
    List<TestMember> three = startThree();
    TestMember n1 = three.get(0);
    TestMember n2 = three.get(1);
    TestMember n3 = three.get(2);
    cut(n1, n2);
    eventually("one is out", () -> !putOuts().isEmpty());
    mend(n1, n2);
    awaitOneCluster(n1, n2, n3);
    assertTrue(putOuts().get(0).startsWith("out " + n2.address()), putOuts().toString());
    assertEquals(List.of(), n1.outs());
    assertEquals(List.of(), n3.outs());
    assertEquals(1, formations());
  }

  @Test
  void partitionTheSmallerSideGoesOnIfTheLargerCannotReachTheArbiter() {
    detector = ConfigFactory.empty();
    List<TestArbiter.Way> ways = List.of(arbiter.way(), arbiter.way(), arbiter.way());
    List<TestMember> three = startThree(ways);
    TestMember n1 = three.get(0);
    ways.get(1).cut();
    ways.get(2).cut();
    cut(n1, three.get(1));
    cut(n1, three.get(2));
    awaitOneCluster(n1);
    assertEquals(List.of(), three.get(1).outs());
    mend(n1, three.get(1));
    mend(n1, three.get(2));
    ways.get(1).mend();
    ways.get(2).mend();
    awaitOneCluster(three.toArray(TestMember[]::new));
    assertEquals(List.of(), n1.outs());
    assertEquals(1, formations());
  }

  @Test
  void partitionNobodyIsPutOutWhenNobodyReachesTheArbiter() {
    detector = ConfigFactory.empty();
    List<TestArbiter.Way> ways = List.of(arbiter.way(), arbiter.way(), arbiter.way());
    List<TestMember> three = startThree(ways);
    ways.forEach(TestArbiter.Way::cut);
    cut(three.get(0), three.get(1));
    cut(three.get(0), three.get(2));
    pass(Duration.ofSeconds(4));
    mend(three.get(0), three.get(1));
    mend(three.get(0), three.get(2));
    awaitOneCluster(three.toArray(TestMember[]::new));
    ways.forEach(TestArbiter.Way::mend);
    pass(Duration.ofSeconds(2));
    awaitOneCluster(three.toArray(TestMember[]::new));
    assertEquals(List.of(), putOuts());
    assertTrue(three.stream().allMatch(member -> member.outs().isEmpty()));
  }

  @Test
  void whoIsPutOutAndHeardAllTheSameStartsAnew() throws Exception {
    List<TestMember> three = startThree();
    TestMember n3 = three.get(2);
    Arbiter.Process n1 = new Arbiter.Process("n1", three.get(0).address(), three.get(0).uid());
    long uid = n3.uid();
    arbiter.way().putOut(n1, 1, List.of(new Arbiter.Process("n3", n3.address(), uid)));
    eventually("it is out", () -> !n3.outs().isEmpty());
    eventually("it starts anew", () -> n3.ups() == 2);
    awaitOneCluster(three.toArray(TestMember[]::new));
    assertTrue(n3.uid() != uid);
    assertEquals(List.of("it was put out: by " + three.get(0).address()), List.copyOf(n3.outs()));
  }

  @Test
  void aMemberThatEndsWhileTheOldestLeavesIsPutOutAndTheOldestGetsAway() {
    List<TestMember> three = startThree();
    three.get(0).leave();
    three.get(2).close();
    awaitOneCluster(three.get(1));
    eventually("it has left", three.get(0)::hasEnded);
    assertEquals(List.of(), three.get(1).outs());
  }

  private static void cut(TestMember one, TestMember other) {
    one.cut(other);
  }

  private static void mend(TestMember one, TestMember other) {
    one.mend(other);
  }

  @Test
  void everyMessageBetweenNodesCanBeWrittenAndRead() {
    ActorTestKit testKit = ActorTestKit.create(TestConfig.local());
    try {
      var identities = testKit.<Membership.Identity>createTestProbe().getRef();
      var gone = testKit.<Downing.GoneAnswer>createTestProbe().getRef();
      var heard = testKit.<Downing.HeardAnswer>createTestProbe().getRef();
      for (Object message :
          List.of(
              new Membership.AskIdentity(identities),
              new Membership.Identity("a:1", "one"),
              new Downing.AskGone("a:1", 2, gone),
              new Downing.GoneAnswer("a:1", 2, true, 3),
              new Downing.AskHeard("a:1", 2, heard),
              new Downing.HeardAnswer("a:1", 2, false, 3))) {
        assertNotNull(testKit.serializationTestKit().verifySerialization(message, true));
      }
    } finally {
      testKit.shutdownTestKit();
    }
  }
}
