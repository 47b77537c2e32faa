package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import storage.Formats;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PeersTest {

  private static final ActorTestKit TEST_KIT = ActorTestKit.create(TestConfig.local());

  @AfterAll
  void stop() {
    TEST_KIT.shutdownTestKit();
  }

  /** A node, and what it last said. */
  private static final class Node {
    final TestProbe<NodeMessage> probe = TEST_KIT.createTestProbe();
    final ActorRef<NodeMessage> ref = probe.getRef();
    final String nodeId;
    String process = "first";
    int rules = Formats.newestRules();
    long comparedSeq;
    long digest;

    Node(String nodeId) {
      this.nodeId = nodeId;
    }

    void compared(long seq, long digest) {
      comparedSeq = seq;
      this.digest = digest;
    }

    boolean tells(Peers peers, long applied, long nowNanos) {
      return peers.heard(
          ref,
          new Sequencer.Progress(
              ref, nodeId, nodeId + process, applied, rules, 1, "3.54", comparedSeq, digest),
          nowNanos);
    }
  }

  private final Node a = new Node("a");
  private final Node b = new Node("b");

  private static List<ActorRef<NodeMessage>> pushed(Peers peers, long seq, int bytes) {
    List<ActorRef<NodeMessage>> to = new ArrayList<>();
    peers.push(seq, bytes, to::add);
    return to;
  }

  @Test
  void knowsWhoIsNew() {
    Peers peers = new Peers();
    assertTrue(a.tells(peers, 1, 0));
    assertFalse(a.tells(peers, 2, 1));
    a.process = "second";
    assertTrue(a.tells(peers, 0, 2), "another process of the node");
    assertEquals("asecond", Objects.requireNonNull(peers.at(a.ref)).processId);
    assertTrue(peers.hasProcess("asecond"));
    assertFalse(peers.hasProcess("afirst"));
    assertNull(peers.at(b.ref));
    a.process = "first";
  }

  @Test
  void forgetsWhoIsSilent() {
    Peers peers = new Peers();
    a.tells(peers, 1, 100);
    b.tells(peers, 1, 200);
    peers.forgetSilent(250, 100);
    assertFalse(peers.hasProcess("afirst"));
    assertTrue(peers.hasProcess("bfirst"));
    assertEquals(List.of(b.ref), pushed(peers, 2, 10));
    assertTrue(peers.isHeard("bfirst", 250, 50));
    assertFalse(peers.isHeard("bfirst", 251, 50));
    assertFalse(peers.isHeard("afirst", 250, 1000));
  }

  @Test
  void pushesToAllThatItHearsOf() {
    Peers peers = new Peers();
    assertEquals(List.of(), pushed(peers, 1, 10));
    a.tells(peers, 1, 0);
    b.tells(peers, 1, 0);
    assertEquals(Set.of(a.ref, b.ref), Set.copyOf(pushed(peers, 2, 10)));
  }

  @Test
  void pushesNoMoreToWhoDoesNotApplyUntilItHas() {
    Peers peers = new Peers();
    a.tells(peers, 0, 0);
    b.tells(peers, 0, 0);
    long seq = 0;
    while (pushed(peers, seq + 1, 10).contains(a.ref)) {
      seq++;
      b.tells(peers, seq, 0);
      assertTrue(seq < 100_000, "it pushes without a bound");
    }
    assertEquals(List.of(b.ref), pushed(peers, seq + 2, 10));
    a.tells(peers, 1, 0);
    assertTrue(pushed(peers, seq + 3, 10).contains(a.ref));
    assertFalse(pushed(peers, seq + 4, 10).contains(a.ref));
    peers.applied(a.ref, seq + 3);
    assertTrue(pushed(peers, seq + 5, 10).contains(a.ref));
  }

  @Test
  void boundsTheBytesOnTheirWayToo() {
    Peers peers = new Peers();
    a.tells(peers, 0, 0);
    long bytes = 0;
    long seq = 0;
    while (!pushed(peers, ++seq, 1 << 20).isEmpty()) {
      bytes += 1 << 20;
      assertTrue(bytes < 1L << 30, "it pushes without a bound");
    }
    a.tells(peers, seq, 0);
    assertEquals(List.of(a.ref), pushed(peers, seq + 1, 1 << 20));
  }

  /** A process that starts anew has nothing on its way, whatever the one before had. */
  @Test
  void anotherProcessBeginsAnew() {
    Peers peers = new Peers();
    a.tells(peers, 0, 0);
    long seq = 0;
    while (!pushed(peers, ++seq, 10).isEmpty()) {
      assertTrue(seq < 100_000);
    }
    a.process = "second";
    a.tells(peers, 0, 1);
    assertEquals(List.of(a.ref), pushed(peers, ++seq, 10));
    assertEquals(0, peers.appliedByAll());
    a.process = "first";
  }

  @Test
  void takesTheOldestRules() {
    Peers peers = new Peers();
    assertEquals(Formats.newestRules(), peers.rules());
    a.rules = Formats.newestRules() + 7;
    a.tells(peers, 0, 0);
    assertEquals(Formats.newestRules(), peers.rules(), "more than this process knows");
    b.rules = 1;
    b.tells(peers, 0, 0);
    assertEquals(1, peers.rules());
    a.rules = Formats.newestRules();
    b.rules = Formats.newestRules();
  }

  @Test
  void knowsHowFarAllAre() {
    Peers peers = new Peers();
    assertEquals(0, peers.appliedByAll());
    a.tells(peers, 7, 0);
    b.tells(peers, 5, 0);
    assertEquals(5, peers.appliedByAll());
    peers.applied(b.ref, 9);
    assertEquals(7, peers.appliedByAll());
  }

  @Test
  void comparesOnlyWordsOnTheSameEvent() {
    Peers peers = new Peers();
    a.compared(5, 50);
    b.compared(4, 40);
    a.tells(peers, 9, 0);
    b.tells(peers, 9, 0);
    assertEquals(List.of(new DigestComparison.Word("a", "3.54", 50)), peers.words(5));
    b.comparedSeq = 5;
    b.tells(peers, 9, 0);
    assertEquals(
        Set.of("a", "b"),
        peers.words(5).stream().map(DigestComparison.Word::nodeId).collect(Collectors.toSet()));
    assertEquals(List.of(), peers.words(0));
  }

  /** A node whose cluster side has begun anew stands there twice for a while. */
  @Test
  void countsTheWordOfANodeOnce() {
    Peers peers = new Peers();
    Node again = new Node("a");
    a.compared(5, 50);
    again.compared(5, 51);
    a.tells(peers, 9, 0);
    again.tells(peers, 9, 1);
    assertEquals(List.of(new DigestComparison.Word("a", "3.54", 51)), peers.words(5));
  }

  @Test
  void tellsTheNodeOfThatNameOnly() {
    Peers peers = new Peers();
    a.tells(peers, 9, 0);
    b.tells(peers, 9, 0);
    peers.tellNode("b", new Replica.Diverged(4, 7));
    b.probe.expectMessage(new Replica.Diverged(4, 7));
    a.probe.expectNoMessage(Duration.ZERO);
  }
}
