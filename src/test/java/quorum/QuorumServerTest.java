package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static quorum.QuorumFixture.append;
import static quorum.QuorumFixture.assertCopy;
import static quorum.QuorumFixture.await;
import static quorum.QuorumFixture.event;

import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import quorum.QuorumFixture.Node;
import storage.Arbiter;
import storage.EventHash;
import storage.JournalException;

/** What the nodes of a quorum keep, whoever of them is gone. */
@Timeout(180)
class QuorumServerTest extends QuorumOfThree {

  private static final Duration MAX = Duration.ofSeconds(20);
  private static final Arbiter.Process A = new Arbiter.Process("a", "host-a:1", 1);
  private static final Arbiter.Process B = new Arbiter.Process("b", "host-b:1", -2);

  /** Ratis by itself would end the process. */
  @Test
  void saysThatItsPortIsTaken() throws Exception {
    Node third = node(3);
    third.stop();
    try (ServerSocket taken = new ServerSocket(third.settings.port(), 1)) {
      JournalException refused = assertThrows(JournalException.class, third::start);
      assertTrue(
          String.valueOf(refused.getMessage()).contains(":" + taken.getLocalPort()),
          refused::getMessage);
    }
    third.start();
    append(third, 1, 3);
  }

  @Test
  void oneOfThreeMayBeGone() throws Exception {
    append(node(1), 1, 5);
    node(1).stop();
    append(node(2), 6, 10);
    assertEquals(10, node(3).journal().head());
    node(1).start();
    assertCopy(node(1), 10);
    assertCopy(node(2), 10);
    assertCopy(node(3), 10);
  }

  @Test
  void withoutAMajorityNothingIsAnsweredAndNothingIsLost() throws Exception {
    append(node(1), 1, 5);
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
    append(node(2), 6, 6);
    node(3).start();
    assertCopy(node(3), 6);
  }

  /** Its server waits for what was in hand when the copy failed, and must end all the same. */
  @Test
  void aNodeWhoseCopyCannotBeWrittenEndsItsPart() throws Exception {
    append(node(1), 1, 5);
    assertCopy(node(3), 5);
    try (Connection copy =
            DriverManager.getConnection(
                "jdbc:sqlite:" + QuorumFiles.table(node(3).settings.directory()));
        Statement statement = copy.createStatement()) {
      statement.execute("DROP TABLE event_journal");
    }
    append(node(1), 6, 10);
    await("its part has ended", () -> node(3).server().status().role().equals("ended"));
    assertTrue(node(3).server().problem().orElseThrow().contains("cannot be written"));
    long began = System.nanoTime();
    node(3).stop();
    assertTrue(System.nanoTime() - began < MAX.toNanos(), "it can be closed");
    append(node(2), 11, 12);
  }

  @Test
  void anAppendIsFencedByTheEventBefore() throws Exception {
    append(node(1), 1, 2);
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
    append(node(1), 1, 5);
    node(1).server().calls().order(new Command.Trim(9), MAX);
    assertEquals(5, node(2).journal().head());
    assertCopy(node(2), 5, 5);
    assertEquals(1, node(2).journal().count(1, 5));
    append(node(3), 6, 6);
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
    append(node(1), 1, 5);
    assertCopy(node(3), 5);
    node(3).stop();
    append(node(1), 6, 200);
    checkpointTwice(201, 230);
    node(3).start();
    assertCopy(node(3), 230);
    append(node(3), 231, 232);
    node(1).stop();
    append(node(3), 233, 234);
    assertCopy(node(3), 234);
  }

  /** Its copy begins where the others' do, although it never held what was cut away. */
  @Test
  void aNodeFarBehindCopiesACutJournal() throws Exception {
    append(node(1), 1, 5);
    assertCopy(node(3), 5);
    node(3).stop();
    append(node(1), 6, 200);
    node(1).journal().trim(150);
    checkpointTwice(201, 230);
    node(3).start();
    assertCopy(node(3), 151, 230);
    assertEquals(151, node(3).journal().first());
    assertEquals(80, node(3).journal().count(1, 230));
    append(node(3), 231, 232);
    node(3).journal().trim(200);
    node(1).stop();
    append(node(3), 233, 234);
    assertCopy(node(3), 201, 234);
    assertCopy(node(2), 201, 234);
  }

  @Test
  void aNodeThatWasAwayFindsInTheLogWhatWasCutMeanwhile() throws Exception {
    append(node(1), 1, 20);
    assertCopy(node(3), 20);
    node(3).stop();
    node(2).journal().trim(7);
    append(node(2), 21, 22);
    node(1).journal().trim(15);
    append(node(2), 23, 24);
    node(3).start();
    assertCopy(node(3), 16, 24);
    assertEquals(9, node(3).journal().count(1, 24));
  }

  /** Also one whose log has to be applied again, because what it had applied was not synced. */
  @Test
  void aNodeStartsAgainWithACutJournal() throws Exception {
    append(node(1), 1, 20);
    node(1).journal().trim(12);
    assertCopy(node(2), 13, 20);
    String group = node(1).server().groupId();
    quorum.close();
    Path lost = QuorumFiles.table(node(3).settings.directory());
    Files.delete(lost);
    QuorumTable.open(lost, group).close();
    for (Node node : quorum.nodes()) {
      node.start();
    }
    for (Node node : quorum.nodes()) {
      assertCopy(node, 13, 20);
      assertEquals(13, node.journal().first());
    }
    append(node(3), 21, 22);
    assertCopy(node(3), 13, 22);
  }

  /** Makes the logs of the first two nodes forget what stands before an event. */
  private void checkpointTwice(long from, long to) throws Exception {
    node(1).server().checkpointNow();
    node(2).server().checkpointNow();
    append(node(1), from, to);
    node(1).server().checkpointNow();
    node(2).server().checkpointNow();
  }
}
