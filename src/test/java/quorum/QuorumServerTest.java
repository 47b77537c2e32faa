package quorum;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import quorum.QuorumFixture.Node;
import storage.Arbiter;
import storage.EventHash;
import storage.JournalException;
import storage.StoredEvent;

/** What the nodes of a quorum keep, whoever of them is gone. */
@Timeout(180)
class QuorumServerTest {

  private static final Duration MAX = Duration.ofSeconds(20);
  private static final Arbiter.Process A = new Arbiter.Process("a", "host-a:1", 1);
  private static final Arbiter.Process B = new Arbiter.Process("b", "host-b:1", -2);

  @TempDir Path folder;
  private QuorumFixture quorum;

  @BeforeEach
  void form() throws Exception {
    quorum = new QuorumFixture(folder).formed(3);
  }

  @AfterEach
  void stop() {
    quorum.close();
  }

  private Node node(int number) {
    return quorum.nodes().get(number - 1);
  }

  private static byte[] event(long seq) {
    return ("event " + seq).getBytes(StandardCharsets.UTF_8);
  }

  private static void appendFrom(Node node, long from, long to) throws Exception {
    for (long seq = from; seq <= to; seq++) {
      assertTrue(QuorumFixture.append(node, seq, event(seq)), "event " + seq);
    }
  }

  private static void assertCopy(Node node, long highest) throws Exception {
    List<StoredEvent> events = QuorumFixture.copy(node, highest);
    assertEquals(highest, events.size());
    for (StoredEvent stored : events) {
      assertArrayEquals(event(stored.seq()), stored.bytes());
    }
  }

  @Test
  void oneOfThreeMayBeGone() throws Exception {
    appendFrom(node(1), 1, 5);
    node(1).stop();
    appendFrom(node(2), 6, 10);
    assertEquals(10, node(3).journal().head());
    node(1).start();
    assertCopy(node(1), 10);
    assertCopy(node(2), 10);
    assertCopy(node(3), 10);
  }

  @Test
  void withoutAMajorityNothingIsAnsweredAndNothingIsLost() throws Exception {
    appendFrom(node(1), 1, 5);
    assertCopy(node(1), 5);
    node(2).stop();
    node(3).stop();
    assertThrows(
        JournalException.class,
        () -> node(1).server().calls().ask(new Question.AskEnd(), Duration.ofSeconds(2)));
    assertEquals(5, QuorumFixture.copy(node(1), 5).size(), "what is here can be read");
    node(2).start();
    Answer end = node(1).server().calls().ask(new Question.AskEnd(), MAX);
    assertEquals(5, ((Answer.End) end).highest());
    appendFrom(node(2), 6, 6);
    node(3).start();
    assertCopy(node(3), 6);
  }

  @Test
  void anAppendIsFencedByTheEventBefore() throws Exception {
    appendFrom(node(1), 1, 2);
    Command.Append another = new Command.Append(3, EventHash.of(event(1)), 1, "", event(3));
    assertEquals(
        new Answer.Refused(2), node(1).server().calls().order(another, MAX), "another history");
    Command.Append next = new Command.Append(3, EventHash.of(event(2)), 1, "", event(3));
    assertEquals(new Answer.Appended(), node(2).server().calls().order(next, MAX));
    assertEquals(
        new Answer.Appended(), node(3).server().calls().order(next, MAX), "the same once more");
    Command.Append rival = new Command.Append(3, EventHash.of(event(2)), 1, "", event(33));
    assertEquals(new Answer.Refused(3), node(1).server().calls().order(rival, MAX));
    assertCopy(node(2), 3);
  }

  @Test
  void theLastEventIsNeverTrimmed() throws Exception {
    appendFrom(node(1), 1, 5);
    node(1).server().calls().order(new Command.Trim(9), MAX);
    assertEquals(5, node(2).journal().head());
    assertEquals(1, node(2).journal().count(1, 5));
    appendFrom(node(3), 6, 6);
    assertEquals(2, node(3).journal().read(5, 10, 1 << 20).size());
  }

  @Test
  void theArbitersDecisionsOutliveEveryNode() throws Exception {
    Arbiter first = new QuorumArbiter(node(1).part);
    assertEquals(new Arbiter.Entry.Form(1), first.enter(A));
    first.renew(A, 1, true);
    assertEquals(
        new Arbiter.Entry.Join(1, List.of(A.address())), new QuorumArbiter(node(2).part).enter(B));
    assertEquals(new Arbiter.Standing.In(), first.putOut(A, 1, List.of(B)));
    quorum.close();
    for (Node node : quorum.nodes()) {
      node.start();
    }
    assertTrue(
        new QuorumArbiter(node(3).part).renew(B, 1, true) instanceof Arbiter.Standing.Out,
        "B was put out before");
    first = new QuorumArbiter(node(1).part);
    assertEquals(new Arbiter.Standing.In(), first.renew(A, 1, true));
    assertEquals(List.of(A), new QuorumArbiter(node(2).part).known());
  }

  @Test
  void aNodeFarBehindCopiesWhatTheLogNoLongerHolds() throws Exception {
    appendFrom(node(1), 1, 5);
    assertCopy(node(3), 5);
    node(3).stop();
    appendFrom(node(1), 6, 200);
    node(1).server().checkpointNow();
    node(2).server().checkpointNow();
    appendFrom(node(1), 201, 230);
    node(1).server().checkpointNow();
    node(2).server().checkpointNow();
    node(3).start();
    assertCopy(node(3), 230);
    appendFrom(node(3), 231, 232);
    node(1).stop();
    appendFrom(node(3), 233, 234);
    assertCopy(node(3), 234);
  }

  @Test
  void aNewNodeIsAddedAndVotes() throws Exception {
    appendFrom(node(1), 1, 5);
    Node fourth = quorum.add("n4");
    join(fourth);
    assertCopy(fourth, 5);
    awaitVoters(4);
    node(1).stop();
    appendFrom(fourth, 6, 8);
    assertCopy(fourth, 8);
  }

  @Test
  void anEmptiedNodeListensUnderAnotherIdentityUntilAnOperatorReplacesIt() throws Exception {
    appendFrom(node(1), 1, 5);
    Node emptied = node(3);
    String before = emptied.server().peerId();
    emptied.stop();
    delete(emptied.settings.directory());
    assertThrows(Exception.class, emptied::start, "it does not know who it is");
    join(emptied);
    assertFalse(before.equals(emptied.server().peerId()));
    assertCopy(emptied, 5);
    Thread.sleep(1500); // three times as long as it takes to ask to be more than a listener
    assertEquals(3, node(1).server().members().voters().size());
    assertTrue(node(1).server().members().isListener(emptied.server().peerId()));
  }

  private void join(Node node) throws Exception {
    FormationState.Status formed = node(1).server().status("host:1");
    new QuorumIdentity(
            QuorumIdentity.Standing.JOINING,
            node(1).server().group(),
            QuorumIdentity.newPeerId(node.name),
            formed.peers())
        .store(node.settings.directory());
    node.start();
  }

  private void awaitVoters(int count) throws Exception {
    long deadlineNanos = System.nanoTime() + MAX.toNanos();
    while (node(2).server().members().voters().size() != count) {
      assertTrue(System.nanoTime() < deadlineNanos, () -> "voters: " + count);
      Thread.sleep(50);
    }
  }

  private static void delete(Path directory) throws Exception {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
