package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import storage.JournalException;
import storage.PostgresServer;
import storage.PostgresSnapshots;
import storage.SnapshotFile;
import storage.SnapshotStore;

/**
 * A disk changes a value behind a node's back, and nothing that is written meets it: only a scrub
 * can find that. Whole nodes over a real PostgreSQL, in one JVM.
 */
@Timeout(300)
class ScrubClusterTest {

  private static final String FLIP = "UPDATE t SET b = 'flipped' WHERE a = 2";

  @TempDir private Path folder;
  private final List<TestNode> nodes = new ArrayList<>();
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private PostgresServer server;

  @BeforeEach
  void start() throws Exception {
    ((Logger) LoggerFactory.getLogger("org.apache.pekko.remote.artery")).setLevel(Level.OFF);
    log.list = Collections.synchronizedList(log.list);
    log.start();
    ((Logger) LoggerFactory.getLogger("actors")).addAppender(log);
    server = PostgresServer.start(folder);
  }

  @AfterEach
  void stop() {
    nodes.forEach(TestNode::close);
    server.close();
    ((Logger) LoggerFactory.getLogger("actors")).detachAppender(log);
  }

  private void start(String... nodeIds) throws Exception {
    for (String nodeId : nodeIds) {
      nodes.add(TestNode.start(nodeId, folder, server.settings(), 0));
    }
    for (TestNode node : nodes) {
      node.awaitReady();
    }
  }

  private void fill() throws Exception {
    for (String sql :
        List.of(
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b)",
            "INSERT INTO t (b) VALUES ('one'), ('two'), ('three')")) {
      assertInstanceOf(WriteAnswer.Applied.class, nodes.get(0).write(sql));
    }
  }

  /** Stops a node, changes its database, and starts it again. */
  private TestNode flipped(TestNode node, String sql) throws Exception {
    node.close();
    nodes.remove(node);
    TestNode.tamper(folder, node.nodeId(), sql);
    TestNode again = TestNode.start(node.nodeId(), folder, server.settings(), 0);
    nodes.add(again);
    again.awaitReady();
    return again;
  }

  private static <T> T eventually(String what, Callable<Optional<T>> question) throws Exception {
    long endNanos = System.nanoTime() + 3 * TestNode.TIMEOUT.toNanos();
    Optional<T> answer = question.call();
    while (answer.isEmpty()) {
      assertTrue(System.nanoTime() - endNanos < 0, () -> "not in time: " + what);
      TimeUnit.MILLISECONDS.sleep(20);
      answer = question.call();
    }
    return answer.get();
  }

  private static NodeStatus.Scrub scrubbed(TestNode node, long seq, String result)
      throws Exception {
    return eventually(
        "a scrub that is " + result + " as node " + node.nodeId() + " hears",
        () ->
            Optional.of(node.node().status().scrub())
                .filter(now -> now.seq() == seq && now.result().equals(result)));
  }

  private List<SnapshotStore.Kept> stored() throws JournalException {
    try (PostgresSnapshots store = new PostgresSnapshots(server.settings())) {
      return store.list();
    }
  }

  private boolean isFrom(TestNode node, SnapshotStore.Kept kept) {
    try (PostgresSnapshots store = new PostgresSnapshots(server.settings())) {
      byte[] beginning = store.piece(kept.id(), 0);
      return SnapshotFile.header(kept.id(), beginning).nodeId().equals(node.nodeId());
    } catch (JournalException | IOException e) {
      return false; // it has made room for a newer one meanwhile
    }
  }

  private boolean isLogged(String text) {
    synchronized (log.list) {
      return log.list.stream().anyMatch(event -> event.getFormattedMessage().contains(text));
    }
  }

  private void holdsWhatTheOthersHold(TestNode node) throws Exception {
    TestNode other = nodes.stream().filter(one -> one != node).findFirst().orElseThrow();
    eventually(
        "node " + node.nodeId() + " holds what the others hold",
        () -> holdTheSame(node, other) ? Optional.of(true) : Optional.empty());
    assertEquals(List.of("two"), node.read(ReadLevel.WEAK, "SELECT b FROM t WHERE a = 2"));
  }

  private static boolean holdTheSame(TestNode one, TestNode other) {
    try {
      return one.node().status().ready() && one.contents().equals(other.contents());
    } catch (SQLException e) {
      return false; // the database is being made anew
    }
  }

  @Test
  void findsTheOneThatDiffersAndHealsIt() throws Exception {
    start("a", "b", "c");
    fill();
    TestNode wrong = flipped(nodes.get(0), FLIP);
    TestNode right = nodes.get(0);
    assertEquals(List.of("flipped"), wrong.read(ReadLevel.WEAK, "SELECT b FROM t WHERE a = 2"));
    assertNotEquals(right.contents(), wrong.contents());
    // The journal's database has a snapshot of it, which nobody else may begin with either.
    assertInstanceOf(WriteAnswer.Applied.class, right.write("INSERT INTO t (b) VALUES ('four')"));
    long written = right.node().status().appliedSeq();
    String stored =
        eventually(
            "a snapshot that is wrong",
            () ->
                stored().stream()
                    .filter(kept -> kept.seq() >= written && isFrom(wrong, kept))
                    .map(SnapshotStore.Kept::id)
                    .findFirst());

    long seq = right.scrub();
    eventually(
        "it is said who differs",
        () ->
            isLogged("the contents of [" + wrong.nodeId() + "] as of event " + seq)
                ? Optional.of(true)
                : Optional.empty());
    holdsWhatTheOthersHold(wrong);
    assertTrue(isLogged("the database is made anew: its contents as of event " + seq));
    eventually(
        "the store without the snapshot that is wrong",
        () ->
            stored().stream().noneMatch(kept -> kept.id().equals(stored))
                ? Optional.of(true)
                : Optional.empty());
    // Those who were right have been found so; the other one is when it is looked through again.
    assertEquals(seq, scrubbed(right, seq, "clean").cleanSeq());
    long next = right.scrub();
    for (TestNode node : nodes) {
      eventually(
          "node " + node.nodeId() + " is found right",
          () -> Optional.of(node.node().status().scrub()).filter(now -> now.cleanSeq() == next));
    }
  }

  @Test
  void nobodyIsRightOfTwo() throws Exception {
    start("a", "b");
    fill();
    TestNode wrong = flipped(nodes.get(0), FLIP);
    TestNode other = nodes.get(0);
    long seq = other.scrub();
    for (TestNode node : nodes) {
      NodeStatus.Scrub scrub = scrubbed(node, seq, "undecided");
      assertTrue(scrub.text().contains("not known which are right"), scrub.text());
      assertEquals(0, scrub.cleanSeq());
    }
    assertTrue(isLogged("the journal is not cut any more"));
    // Service goes on, with what each of them holds.
    assertInstanceOf(WriteAnswer.Applied.class, other.write("INSERT INTO t (b) VALUES ('four')"));
    assertEquals(List.of("flipped"), wrong.read(ReadLevel.STRONG, "SELECT b FROM t WHERE a = 2"));

    // Until whoever is wrong is made anew, here by a write that sets it right.
    assertInstanceOf(WriteAnswer.Applied.class, other.write("UPDATE t SET b = 'x' WHERE a = 2"));
    long next = other.scrub();
    scrubbed(wrong, next, "clean");
    scrubbed(other, next, "clean");
  }

  /** A sole node has nobody to compare with: it finds damage only, and says so. */
  @Test
  void aSoleNodeComparesWithNobody() throws Exception {
    start("a");
    fill();
    TestNode sole = flipped(nodes.get(0), FLIP);
    long seq = sole.scrub();
    NodeStatus.Scrub scrub = scrubbed(sole, seq, "alone");
    assertEquals(0, scrub.cleanSeq());
    assertTrue(scrub.text().contains("no other node"), scrub.text());
    assertEquals(List.of("flipped"), sole.read(ReadLevel.WEAK, "SELECT b FROM t WHERE a = 2"));
  }

  /** A sequencer that did not order the scrub hears from the nodes what it has found. */
  @Test
  void theNextSequencerKnowsWhatTheLastScrubHasFound() throws Exception {
    start("a", "b");
    fill();
    TestNode wrong = flipped(nodes.get(0), FLIP);
    TestNode other = nodes.get(0);
    long seq = other.scrub();
    scrubbed(wrong, seq, "undecided");
    log.list.clear();
    TestNode before = wrong.hasSequencer() ? wrong : other;
    assertEquals(
        Optional.empty(),
        before
            .node()
            .moveSequencer(Optional.empty(), TestNode.TIMEOUT)
            .toCompletableFuture()
            .get(60, TimeUnit.SECONDS));
    eventually(
        "the next sequencer says it too",
        () ->
            isLogged("the contents as of event " + seq + " differ")
                ? Optional.of(true)
                : Optional.empty());
    assertEquals(List.of("flipped"), wrong.read(ReadLevel.NONE, "SELECT b FROM t WHERE a = 2"));
  }
}
