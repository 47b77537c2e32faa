package quorum;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static quorum.QuorumFixture.append;
import static quorum.QuorumFixture.assertCopy;
import static quorum.QuorumFixture.await;
import static quorum.QuorumFixture.event;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import quorum.QuorumFixture.Node;
import storage.JournalException;
import storage.StoredEvent;

/** A node whose own copy of the journal is damaged makes it anew from another one's. */
@Timeout(180)
class CopyDamageTest extends QuorumOfThree {

  private static final int PAGE = 4096;
  private static final int ALL = 1000;
  private static final int FLIPS = Integer.getInteger("peqlite.flips", 4);

  /** Its Raft log begins behind everything that the damaged copy held. */
  @Test
  void aFileThatIsNoDatabaseAnyMore() throws Exception {
    append(node(1), 1, 100);
    node(1).journal().trim(20);
    checkpointAll(101, 130);
    node(3).stop();
    try (RandomAccessFile file = copyOf(node(3))) {
      file.write(new byte[PAGE]);
    }
    node(3).start();
    assertCopy(node(3), 21, 130);
    // Its vote counts as before.
    node(1).stop();
    append(node(3), 131, 140);
    assertCopy(node(3), 21, 140);
    node(1).start();
    assertCopy(node(1), 21, 140);
  }

  @Test
  void pagesThatHoldAnotherThing() throws Exception {
    append(node(1), 1, 300);
    checkpointAll(301, 310);
    node(3).stop();
    byte[] garbage = new byte[2 * PAGE];
    new Random(1).nextBytes(garbage);
    try (RandomAccessFile file = copyOf(node(3))) {
      assertTrue(file.length() > 6 * PAGE, "there is more than that");
      file.seek(3 * PAGE);
      file.write(garbage);
    }
    node(3).start();
    assertIsMended(node(3), 310);
    append(node(3), 311, 312);
    assertCopy(node(3), 312);
  }

  /** It hands over first: nobody has to wait for an election. */
  @Test
  void anEventOfTheOneThatLeads() throws Exception {
    append(node(1), 1, 50);
    Node leader = quorum.leader();
    assertCopy(leader, 50);
    byte[] damaged = event(20);
    damaged[damaged.length - 1] ^= 1;
    QuorumFixture.change(
        leader, "UPDATE event_journal SET event_payload = ? WHERE sequence_number = 20", damaged);
    assertEquals(19, leader.journal().read(1, ALL, Long.MAX_VALUE).size());
    assertThrows(JournalException.class, () -> leader.journal().read(20, 1, 1));
    append(node(2), 51, 60);
    assertIsMended(leader, 60);
    append(leader, 61, 62);
    assertCopy(node(1), 62);
  }

  /** Nobody takes a damaged event over from another one. */
  @Test
  void twoCopiesAtOnce() throws Exception {
    append(node(1), 1, 50);
    for (int number : new int[] {2, 3}) {
      assertCopy(node(number), 50);
      QuorumFixture.change(
          node(number),
          "UPDATE event_journal SET event_payload = zeroblob(90) WHERE sequence_number = "
              + (10 * number));
    }
    assertThrows(JournalException.class, () -> node(2).journal().read(20, 1, 1));
    assertIsMended(node(2), 50);
    // It may have noticed when it was asked.
    assertIsMended(node(3), 50);
  }

  @Test
  void whileNobodyElseCanBeReached() throws Exception {
    append(node(1), 1, 50);
    assertCopy(node(3), 50);
    quorum.close();
    try (RandomAccessFile file = copyOf(node(3))) {
      file.setLength(PAGE + 1);
    }
    node(3).start();
    assertThrows(JournalException.class, () -> node(3).journal().read(1, 1, 1));
    assertTrue(node(3).server().problem().orElseThrow().contains("is damaged"));
    node(2).start();
    node(1).start();
    assertCopy(node(3), 50);
    assertTrue(node(3).server().problem().isEmpty());
    append(node(3), 51, 52);
  }

  /** What only its own log held was never committed, and others stand in its place since. */
  @Test
  void whatOnlyItsOwnLogHeldDoesNotComeBackBehindTheCopy() throws Exception {
    append(node(1), 1, 20);
    Node alone = quorum.leader();
    List<Node> others = quorum.nodes().stream().filter(node -> node != alone).toList();
    RaftLogFiles log = RaftLogFiles.of(alone.settings.directory(), alone.server().groupId());
    others.get(0).stop();
    List<CompletableFuture<Void>> lost = new ArrayList<>();
    ExecutorService writers = Executors.newFixedThreadPool(16);
    for (int i = 0; i < 16; i++) {
      lost.add(CompletableFuture.runAsync(() -> trimUntilNobodyAnswers(alone), writers));
    }
    others.get(1).stop();
    lost.forEach(CompletableFuture::join);
    writers.shutdown();
    alone.stop();
    for (Node node : others) {
      node.start();
    }
    append(others.get(0), 21, 22);
    assertCopy(others.get(1), 22);
    long taken = others.get(1).server().table().entry();
    LogEntryProto last = lastOf(log);
    assertTrue(last.getIndex() >= taken, last.getIndex() + " in its own log, of " + taken);
    try (RandomAccessFile file = copyOf(alone)) {
      file.setLength(PAGE + 1);
    }
    alone.start();
    assertCopy(alone, 22);
    for (Path segment : log.segments()) {
      for (LogEntryProto entry : RaftLogFiles.entries(segment)) {
        assertTrue(entry.getTerm() > last.getTerm(), entry.getIndex() + " came back");
      }
    }
    others.get(0).stop();
    append(alone, 23, 30);
    assertCopy(others.get(1), 30);
    assertCopy(alone, 30);
  }

  private static void trimUntilNobodyAnswers(Node node) {
    try {
      while (true) {
        node.server().calls().order(new Command.Trim(0), Duration.ofSeconds(2));
      }
    } catch (JournalException nobody) {
      // What was ordered last may stand in the log of the one that led.
    }
  }

  private static LogEntryProto lastOf(RaftLogFiles log) throws IOException {
    List<Path> segments = log.segments();
    List<LogEntryProto> entries = RaftLogFiles.entries(segments.get(segments.size() - 1));
    return entries.get(entries.size() - 1);
  }

  @Test
  void aLogContinuesACopyThatItHoldsOrBeginsBehind() throws Exception {
    append(node(1), 1, 20);
    assertCopy(node(3), 20);
    String group = node(3).server().groupId();
    node(3).stop();
    RaftLogFiles log = RaftLogFiles.of(node(3).settings.directory(), group);
    LogEntryProto last = lastOf(log);
    assertTrue(log.continues(last.getTerm(), last.getIndex()));
    assertTrue(log.continues(last.getTerm(), last.getIndex() - 5));
    assertTrue(log.continues(0, log.first().orElseThrow() - 1));
    assertFalse(log.continues(last.getTerm() + 1, last.getIndex()));
    assertFalse(log.continues(last.getTerm(), last.getIndex() + 1));
  }

  /** Who leads has sent it, before it was stopped, what its log does not hold any more. */
  @Test
  void theOthersHaveGoneOnMeanwhileUnderTheSameLeader() throws Exception {
    append(node(1), 1, 20);
    Node leader = quorum.leader();
    Node damaged = quorum.nodes().stream().filter(node -> node != leader).findFirst().orElseThrow();
    assertCopy(damaged, 20);
    damaged.stop();
    append(leader, 21, 80);
    try (RandomAccessFile file = copyOf(damaged)) {
      file.setLength(PAGE + 1);
    }
    damaged.start();
    append(leader, 81, 90);
    assertCopy(damaged, 90);
  }

  @Test
  void whoElseIsInTheGroupIsKnownWithoutAServer() throws Exception {
    append(node(1), 1, 1);
    Set<String> all = new HashSet<>();
    node(2).server().peers().forEach(peer -> all.add(peer.getId().toString()));
    RaftLogFiles files = RaftLogFiles.of(node(2).settings.directory(), node(2).server().groupId());
    await(
        "the members are stored",
        () -> {
          try {
            Set<String> stored = new HashSet<>();
            files.members().forEach(peer -> stored.add(peer.id()));
            return stored.equals(all);
          } catch (IOException e) {
            throw new JournalException(e.toString(), e);
          }
        });
  }

  /** Whatever bit it is, nobody ever reads another thing than what was appended. */
  @Test
  void anyBit() throws Exception {
    long seed = Long.getLong("peqlite.seed", System.nanoTime());
    System.out.println("CopyDamageTest.anyBit: seed " + seed);
    Random random = new Random(seed);
    long highest = 200;
    append(node(1), 1, highest);
    checkpointAll(201, 210);
    highest = 210;
    for (int run = 0; run < FLIPS; run++) {
      assertCopy(node(3), highest);
      node(3).stop();
      long at;
      try (RandomAccessFile file = copyOf(node(3))) {
        at = random.nextLong(file.length());
        file.seek(at);
        int before = file.read();
        file.seek(at);
        file.write(before ^ 1 << random.nextInt(8));
      }
      String where = "seed " + seed + ", run " + run + ", byte " + at;
      node(3).start();
      append(node(1), highest + 1, highest + 1);
      highest++;
      long upTo = highest;
      await(
          where,
          () -> {
            long next = 1;
            while (next <= upTo) {
              // What it gives may end before what is damaged.
              for (StoredEvent event : node(3).journal().read(next, ALL, Long.MAX_VALUE)) {
                assertArrayEquals(event(next++), event.bytes(), where);
              }
            }
            return true;
          });
    }
    node(1).stop();
    append(node(3), highest + 1, highest + 2);
    assertCopy(node(2), highest + 2);
  }

  private void assertIsMended(Node node, long highest) throws Exception {
    await(
        "the copy is mended",
        () -> {
          int events = node.journal().read(1, ALL, Long.MAX_VALUE).size();
          if (events < highest) {
            node.journal().read(events + 1, 1, 1); // what it gives ends before what is damaged
          }
          return events == highest;
        });
    assertCopy(node, highest);
    assertFalse(node.server().problem().isPresent());
  }

  private static RandomAccessFile copyOf(Node node) throws IOException {
    return new RandomAccessFile(QuorumFiles.table(node.settings.directory()).toFile(), "rw");
  }

  /** Makes all Raft logs forget what stands before an event. */
  private void checkpointAll(long from, long to) throws Exception {
    for (int round = 0; round < 2; round++) {
      for (Node node : quorum.nodes()) {
        node.server().checkpointNow();
      }
      if (round == 0) {
        append(node(1), from, to);
        for (Node node : quorum.nodes()) {
          node.server().copyWith(to, Duration.ofSeconds(20));
        }
      }
    }
  }
}
