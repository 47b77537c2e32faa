package quorum;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static quorum.QuorumFixture.append;
import static quorum.QuorumFixture.assertCopy;
import static quorum.QuorumFixture.await;
import static quorum.QuorumFixture.event;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import quorum.QuorumFixture.Node;
import storage.EventHash;
import storage.JournalException;

/** Nodes come and go for good, lose their disks, and lose each other. */
@Timeout(120)
class QuorumMembershipTest extends QuorumOfThree {

  private static final Duration MAX = Duration.ofSeconds(20);

  @Test
  void aNewNodeIsAddedAndVotes() throws Exception {
    append(node(1), 1, 5);
    Node fourth = quorum.add("n4");
    join(fourth);
    assertCopy(fourth, 5);
    awaitVoters(4);
    node(1).stop();
    append(fourth, 6, 8);
    assertCopy(fourth, 8);
  }

  @Test
  void anEmptiedNodeListensUnderAnotherIdentityUntilItsOldSelfIsReplaced() throws Exception {
    append(node(1), 1, 5);
    Node emptied = node(3);
    String first = emptied.server().peerId();
    emptied.stop();
    delete(emptied.settings.directory());
    assertThrows(Exception.class, emptied::start, "it does not know who it is");
    join(emptied);
    String second = emptied.server().peerId();
    assertNotEquals(first, second);
    assertCopy(emptied, 5);
    await("it listens", () -> node(1).server().members().isListener(second));
    Thread.sleep(1500); // three times as long as it takes to ask to be more than a listener
    assertEquals(3, node(1).server().members().voters().size());

    MemberChange removed = node(2).server().remove("n3", MAX);
    assertTrue(removed instanceof MemberChange.Refused, removed::toString);
    assertEquals(new MemberChange.Done("replace n3"), node(2).server().replace("n3", MAX));
    await("it votes under a third identity", () -> votes(emptied));
    assertFalse(List.of(first, second).contains(emptied.server().peerId()));
    awaitVoters(3);
    node(1).stop();
    append(emptied, 6, 8);
    assertCopy(node(2), 8);
    emptied.stop();
    emptied.start();
    append(emptied, 9, 9);
  }

  private static boolean votes(Node node) throws JournalException {
    return node.server().members().isVoter(node.server().peerId());
  }

  private static QuorumIdentity.Standing standing(Node node) throws JournalException {
    return QuorumIdentity.load(node.settings.directory()).orElseThrow().standing();
  }

  /** Its address is the same, and what is meant for who it was must not be answered by it. */
  @Test
  void anEmptiedNodeDoesNotCountAsWhoItWas() throws Exception {
    append(node(1), 1, 5);
    node(2).stop();
    append(node(1), 6, 10);
    assertCopy(node(3), 10);
    Node emptied = node(3);
    emptied.stop();
    delete(emptied.settings.directory());
    join(emptied);
    Command.Append next = new Command.Append(11, EventHash.of(event(10)), 1, "", event(11));
    assertThrows(
        JournalException.class,
        () -> node(1).server().calls().order(next, Duration.ofSeconds(4)),
        "one of three is no majority");
    node(2).start();
    await("with the second it is", () -> node(1).journal().head() >= 10);
    await("it listens", () -> standing(emptied) == QuorumIdentity.Standing.LISTENER);
    append(node(2), node(1).journal().head() + 1, 12);
    assertCopy(emptied, 12);
  }

  /** The process may end at any moment of beginning anew. */
  @Test
  void aListenerThatBeginsAnewGoesOnAfterACrash() throws Exception {
    append(node(1), 1, 5);
    Node emptied = node(3);
    emptied.stop();
    delete(emptied.settings.directory());
    join(emptied);
    assertCopy(emptied, 5);
    String listener = emptied.server().peerId();
    await("it listens", () -> node(1).server().members().isListener(listener));
    await("it knows", () -> standing(emptied) == QuorumIdentity.Standing.LISTENER);
    emptied.stop();
    assertEquals(new MemberChange.Done("replace n3"), node(1).server().replace("n3", MAX));
    // The new identity is stored and the old one's files are still there, or half of them.
    QuorumIdentity stored = QuorumIdentity.load(emptied.settings.directory()).orElseThrow();
    new QuorumIdentity(
            QuorumIdentity.Standing.EMPTYING,
            stored.group(),
            QuorumIdentity.newPeerId("n3"),
            node(1).server().status("host:1").peers())
        .store(emptied.settings.directory());
    Files.delete(QuorumFiles.table(emptied.settings.directory()));
    emptied.start();
    await("it votes", () -> votes(emptied));
    assertCopy(emptied, 5);
  }

  @Test
  void whoIsRemovedTakesNoPartAnyMore() throws Exception {
    append(node(1), 1, 3);
    Node away = node(3);
    away.stop();
    assertEquals(new MemberChange.Done("remove n3"), node(1).server().remove("n3", MAX));
    awaitVoters(2);
    append(node(1), 4, 5);
    MemberChange again = node(1).server().remove("n2", MAX);
    assertEquals(new MemberChange.Done("remove n2"), again, "also one that is there");
    append(node(1), 6, 7);
    for (Node removed : List.of(away, node(2))) {
      if (removed == away) {
        removed.start();
      }
      await(
          "it says that it was removed",
          () -> removed.server().problem().filter(why -> why.contains("removed")).isPresent());
      assertEquals("ended", removed.server().status().role());
    }
    MemberChange last = node(1).server().remove("n1", MAX);
    assertTrue(last instanceof MemberChange.Refused, last::toString);
  }

  @Test
  void nobodyIsRemovedWithoutAMajority() throws Exception {
    append(node(1), 1, 3);
    node(3).stop();
    MemberChange none = node(1).server().remove("n2", MAX);
    assertTrue(
        none instanceof MemberChange.Refused no && no.reason().contains("no majority"),
        none::toString);
    node(2).stop();
    MemberChange refused = node(1).server().remove("n3", Duration.ofSeconds(3));
    assertTrue(refused instanceof MemberChange.Refused, refused::toString);
    node(2).start();
    append(node(1), 4, 5);
    awaitVoters(3);
  }

  @Test
  void everybodysPlaceIsKnown() throws Exception {
    append(node(1), 1, 3);
    await(
        "all have synced the same",
        () -> {
          List<QuorumStatus.Member> members = node(2).server().members(MAX);
          return members.size() == 3
              && members.stream().allMatch(QuorumStatus.Member::voter)
              && members.stream().filter(QuorumStatus.Member::leader).count() == 1
              && members.stream().map(QuorumStatus.Member::match).distinct().count() == 1;
        });
    assertEquals("ended", statusAfterStop(node(3)).role());
  }

  private static QuorumStatus statusAfterStop(Node node) throws JournalException {
    QuorumServer server = node.server();
    node.stop();
    return server.status();
  }

  @Test
  void aSurvivorGoesOnAlone() throws Exception {
    append(node(1), 1, 20);
    assertCopy(node(2), 20);
    String group = node(2).server().groupId();
    String self = node(2).server().peerId();
    quorum.close();
    Path data = node(2).settings.directory();
    // As after a power failure: what the copy of the journal had not synced is gone.
    Files.delete(QuorumFiles.table(data));
    QuorumTable.open(QuorumFiles.table(data), group).close();

    QuorumRecovery recovery = QuorumRecovery.of(data, "n2");
    QuorumRecovery.Holdings holdings = recovery.gather();
    assertEquals(self, holdings.self());
    assertEquals(20, holdings.highest());
    assertEquals(20, holdings.unconfirmed());
    assertEquals(holdings.entry(), QuorumRecovery.of(data, "n2").gather().entry());
    try (QuorumTable unchanged = QuorumTable.open(QuorumFiles.table(data), group)) {
      assertEquals(0, unchanged.highest(), "looking changes nothing");
    }
    assertNotEquals(group, recovery.separate().toString());

    node(2).start();
    await("it writes alone", () -> node(2).journal().head() == 20);
    append(node(2), 21, 25);
    Node joining = quorum.add("n4");
    join(joining, node(2));
    assertCopy(joining, 25);
    assertEquals(25, joining.journal().read(1, 100, 1 << 20).size(), "also what is older");
    await("it votes", () -> votes(joining));
    node(2).stop();
    node(2).start();
    append(node(2), 26, 27);
    assertCopy(joining, 27);

    // The old ones are a cluster of their own, and nobody of the new one listens to them.
    node(1).start();
    assertNotEquals(node(2).server().groupId(), node(1).server().groupId());
    append(node(2), 28, 28);
  }

  /** What was cut, also by commands of its log that it does not know to be committed. */
  @Test
  void aSurvivorGoesOnWithACutJournal() throws Exception {
    append(node(1), 1, 20);
    node(1).journal().trim(6);
    node(2).server().checkpointNow();
    append(node(1), 21, 30);
    node(1).journal().trim(24);
    assertCopy(node(2), 25, 30);
    String group = node(2).server().groupId();
    quorum.close();
    Path data = node(2).settings.directory();
    Files.delete(QuorumFiles.table(data));
    QuorumTable.open(QuorumFiles.table(data), group).close();

    QuorumRecovery recovery = QuorumRecovery.of(data, "n2");
    QuorumRecovery.Holdings holdings = recovery.gather();
    assertEquals(30, holdings.highest());
    assertArrayEquals(QuorumFixture.event(30), holdings.payload());
    recovery.separate();
    node(2).start();
    await("it writes alone", () -> node(2).journal().head() == 30);
    assertEquals(25, node(2).journal().first());
    append(node(2), 31, 32);
    node(2).journal().trim(28);
    Node joining = quorum.add("n4");
    join(joining, node(2));
    assertCopy(joining, 29, 32);
    assertEquals(29, joining.journal().first());
  }

  @Test
  void aNodeIsNotStartedWhereTheOthersWouldNotFindIt() throws Exception {
    Node moved = node(3);
    moved.stop();
    QuorumSettings before = moved.settings;
    QuorumSettings elsewhere =
        new QuorumSettings(
            before.directory(),
            before.nodeId(),
            before.host(),
            QuorumFixture.freePort(),
            before.bindHost(),
            before.electionTimeoutMin(),
            before.electionTimeoutMax());
    QuorumIdentity identity = QuorumIdentity.load(before.directory()).orElseThrow();
    JournalException refused =
        assertThrows(JournalException.class, () -> QuorumServer.start(elsewhere, identity).close());
    assertTrue(
        String.valueOf(refused.getMessage()).contains("--quorum-addr " + moved.address()),
        refused::getMessage);
    moved.start();
    append(moved, 1, 2);
  }

  @Test
  void recoveryRefusesWhatIsNoPartOfAQuorum() throws Exception {
    assertThrows(JournalException.class, () -> QuorumRecovery.of(folder.resolve("none"), "x"));
    node(3).stop();
    Path data = node(3).settings.directory();
    QuorumFiles.deleteRaft(data);
    assertThrows(JournalException.class, () -> QuorumRecovery.of(data, "n3").gather());
  }

  private void join(Node node) throws Exception {
    join(node, node(1));
  }

  private static void join(Node node, Node member) throws Exception {
    FormationState.Status formed = member.server().status("host:1");
    new QuorumIdentity(
            QuorumIdentity.Standing.JOINING,
            member.server().group(),
            QuorumIdentity.newPeerId(node.name),
            formed.peers())
        .store(node.settings.directory());
    node.start();
  }

  private void awaitVoters(int count) throws Exception {
    await(count + " voters", () -> node(1).server().members().voters().size() == count);
  }

  private static void delete(Path directory) throws Exception {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
