package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;
import sql.Position;
import sql.WriteOutcome;
import storage.PostgresServer;
import storage.PostgresSnapshots;

/**
 * Messages are hints: whatever message between nodes is lost, writes and reads complete, and what
 * is written happens once. Three whole nodes over a real PostgreSQL; messages are lost where they
 * would leave a node.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LostMessagesTest {

  /** Set it to see the same messages lost again, as far as threads allow. */
  private static final long SEED = Long.getLong("peqlite.seed", System.nanoTime());

  /** How long messages are lost at random. */
  private static final Duration LOSSY = Duration.ofSeconds(Long.getLong("peqlite.lossy", 5));

  private static final long STEP_LIMIT = 300_000;

  private static final String RUNAWAY =
      "INSERT INTO log WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)"
          + " SELECT count(*) FROM n";

  /**
   * What nodes say of membership, and say again and again before there is a quorum, has tests of
   * its own; nobody waits for a {@code MoveAnswer}.
   */
  private static final Set<Class<?>> ELSEWHERE =
      Set.of(
          Downing.AskGone.class,
          Downing.GoneAnswer.class,
          Downing.AskHeard.class,
          Downing.HeardAnswer.class,
          Membership.AskIdentity.class,
          Membership.Identity.class,
          NodeGateway.MoveAnswer.class,
          QuorumAnnouncer.Announced.class);

  /** What a test does so that a message of a kind is sent, which is then lost. */
  private interface Cause {
    void act() throws Exception;
  }

  private final List<TestNode> nodes = new ArrayList<>();
  private final AtomicInteger markers = new AtomicInteger();
  private final Set<Integer> written = new HashSet<>();
  private Optional<PostgresServer> server = Optional.empty();
  private Path folder = Path.of("");

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    folder = directory;
    quiet("org.apache.pekko.remote.artery");
    PostgresServer postgres = PostgresServer.start(folder);
    server = Optional.of(postgres);
    for (String nodeId : List.of("a", "b", "c")) {
      nodes.add(TestNode.start(nodeId, folder, postgres.settings(), STEP_LIMIT));
    }
    for (TestNode node : nodes) {
      node.awaitReady();
    }
    assertInstanceOf(WriteAnswer.Applied.class, nodes.get(0).write("CREATE TABLE log (v INTEGER)"));
  }

  /** Each lost message is told by Pekko with a stack trace. */
  private static void quiet(String logger) {
    ((Logger) LoggerFactory.getLogger(logger)).setLevel(Level.OFF);
  }

  @AfterAll
  void stop() {
    LosingSerializer.loseNothing();
    nodes.forEach(TestNode::close);
    server.ifPresent(PostgresServer::close);
  }

  @AfterEach
  void loseNothing() {
    LosingSerializer.loseNothing();
  }

  private TestNode withSequencer() throws Exception {
    return eventually(
        "a node with the sequencer",
        () -> nodes.stream().filter(TestNode::hasSequencer).findFirst());
  }

  /** Any node that does not have the sequencer. */
  private TestNode another() throws Exception {
    TestNode first = withSequencer();
    return nodes.stream().filter(node -> node != first).findFirst().orElseThrow();
  }

  private static <T> T eventually(String what, Callable<Optional<T>> question) throws Exception {
    long endNanos = System.nanoTime() + TestNode.TIMEOUT.toNanos();
    Optional<T> answer = question.call();
    while (answer.isEmpty()) {
      assertTrue(System.nanoTime() - endNanos < 0, () -> "not in time: " + what);
      TimeUnit.MILLISECONDS.sleep(5);
      answer = question.call();
    }
    return answer.get();
  }

  /** A statement that nobody else writes. */
  private String marker() {
    int marker = markers.incrementAndGet();
    written.add(marker);
    return "INSERT INTO log VALUES (" + marker + ")";
  }

  private void applied(WriteAnswer answer) {
    WriteAnswer.Applied applied =
        assertInstanceOf(WriteAnswer.Applied.class, answer, answer::toString);
    assertInstanceOf(WriteOutcome.Executed.class, applied.outcome());
  }

  /** Every node takes writes and reads, and holds everything exactly once. */
  private void everythingWorks() throws Exception {
    for (TestNode node : nodes) {
      awaitReady(node); // another node may have seen the end of the trouble earlier
      applied(node.write(marker()));
      assertEquals(List.of("1"), node.read(ReadLevel.WEAK, "SELECT 1"));
    }
    for (TestNode node : nodes) {
      assertEquals(
          List.of(),
          node.read(ReadLevel.LINEARIZABLE, "SELECT v FROM log GROUP BY v HAVING count(*) > 1"),
          "written twice, as node " + node.nodeId() + " sees it");
      assertEquals(
          List.of(String.valueOf(written.size())),
          node.read(ReadLevel.STRONG, "SELECT count(*) FROM log"),
          "as node " + node.nodeId() + " sees it");
    }
  }

  // ---- One message of each kind

  private Map<Class<?>, Cause> causes() {
    Map<Class<?>, Cause> causes = new HashMap<>();
    causes.put(Sequencer.Submit.class, () -> applied(another().write(marker())));
    causes.put(Sequencer.Fragment.class, this::writeMuch);
    causes.put(WriteSession.Ordered.class, this::writeQueued);
    causes.put(Replica.Push.class, this::writeHereAndReadThere);
    causes.put(Replica.Head.class, this::everythingWorks);
    causes.put(Sequencer.Progress.class, this::everythingWorks);
    causes.put(Sequencer.AskCommitted.class, this::readWeak);
    causes.put(ReadGate.Committed.class, this::readWeak);
    causes.put(Sequencer.ReportHeld.class, this::runAway);
    causes.put(NodeGateway.AskHold.class, this::runAway);
    causes.put(Sequencer.HoldAnswer.class, this::runAway);
    causes.put(NodeGateway.AskWhere.class, this::moveTheSequencer);
    causes.put(Replica.WhereAnswer.class, this::moveTheSequencer);
    causes.put(NodeGateway.AskMove.class, this::moveTheSequencer);
    causes.put(NodeGateway.AskStatus.class, this::askForTheMembers);
    causes.put(NodeGateway.StatusAnswer.class, this::askForTheMembers);
    causes.put(NodeGateway.AskJournal.class, this::keepTheJournalWaiting);
    causes.put(NodeGateway.JournalReached.class, this::keepTheJournalWaiting);
    causes.put(Replica.Diverged.class, this::differ);
    causes.put(SnapshotKeeper.Take.class, this::waitForSnapshots);
    causes.put(SnapshotKeeper.Upload.class, this::waitForSnapshots);
    causes.put(SnapshotKeeper.RelyFrom.class, this::waitForSnapshots);
    causes.put(SnapshotKeeper.AskReport.class, this::waitForSnapshots);
    causes.put(SnapshotKeeper.Report.class, this::waitForSnapshots);
    causes.put(SnapshotKeeper.AskPiece.class, this::fetchSnapshot);
    causes.put(SnapshotKeeper.Piece.class, this::fetchSnapshot);
    causes.put(Sequencer.AskAbort.class, this::giveUp);
    causes.put(Sequencer.AbortAnswer.class, this::giveUp);
    causes.put(Sequencer.AskScrub.class, this::askForAScrub);
    causes.put(Sequencer.ScrubAnswer.class, this::askForAScrub);
    causes.put(Sequencer.ScrubWord.class, this::scrub);
    causes.put(Replica.Scrubbed.class, this::scrub);
    return causes;
  }

  List<Class<?>> kinds() {
    return WireMessages.types().stream()
        .filter(kind -> !ELSEWHERE.contains(kind))
        .<Class<?>>map(kind -> kind)
        .toList();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void everythingHappensOnceAlthoughOneMessageIsLost(Class<?> kind) throws Exception {
    Cause cause = causes().get(kind);
    assertTrue(cause != null, () -> "no test knows what " + kind + " is for");
    long before = LosingSerializer.lost(kind);
    LosingSerializer.loseNext(kind);
    cause.act();
    eventually(
        "the loss of a " + kind.getSimpleName(),
        () -> LosingSerializer.lost(kind) > before ? Optional.of(true) : Optional.empty());
    everythingWorks();
    assertEquals(before + 1, LosingSerializer.lost(kind));
  }

  /** Another one comes into the store, behind which the journal may be cut. */
  private void waitForSnapshots() throws Exception {
    try (PostgresSnapshots store = new PostgresSnapshots(server.orElseThrow().settings())) {
      applied(withSequencer().write(marker()));
      long seq = withSequencer().node().status().appliedSeq();
      eventually(
          "a snapshot in the store",
          () -> store.list().stream().filter(kept -> kept.seq() >= seq).findFirst());
    }
  }

  private void fetchSnapshot() throws Exception {
    TestNode fetching = withSequencer(); // the others take the snapshots
    SnapshotRestore.Result result =
        fetching.fetchSnapshot(folder.resolve("fetched-" + markers.get()));
    assertTrue(result.database().isPresent(), result::told);
  }

  /** Several fragments, which together are one write. */
  private void writeMuch() throws Exception {
    String marker = marker();
    applied(another().write(marker + " /* " + "x".repeat(500_000) + " */"));
  }

  /** The answer waits for the lost message, unless the write is applied earlier. */
  private void writeQueued() throws Exception {
    WriteAnswer answer = another().writeQueued(marker());
    assertTrue(
        answer instanceof WriteAnswer.Queued || answer instanceof WriteAnswer.Applied,
        answer::toString);
  }

  private void writeHereAndReadThere() throws Exception {
    applied(withSequencer().write(marker()));
    assertEquals(
        List.of(String.valueOf(written.size())),
        another().read(ReadLevel.LINEARIZABLE, "SELECT count(*) FROM log"));
  }

  private void readWeak() throws Exception {
    assertEquals(List.of("1"), another().read(ReadLevel.WEAK, "SELECT 1"));
  }

  /** All replicas hold it, and all say so in the end: it is given up, and not run without limit. */
  private void runAway() throws Exception {
    WriteAnswer.Applied answer =
        assertInstanceOf(WriteAnswer.Applied.class, another().write(RUNAWAY));
    assertInstanceOf(WriteOutcome.Aborted.class, answer.outcome());
  }

  private void moveTheSequencer() throws Exception {
    TestNode before = withSequencer();
    assertEquals(
        Optional.empty(),
        another()
            .node()
            .moveSequencer(Optional.empty(), TestNode.TIMEOUT)
            .toCompletableFuture()
            .get(60, TimeUnit.SECONDS));
    assertTrue(withSequencer() != before);
    awaitReady(before); // it comes back as a member, without the sequencer
  }

  private static void awaitReady(TestNode node) throws Exception {
    eventually(
        "node " + node.nodeId() + " being ready",
        () -> node.node().status().ready() ? Optional.of(true) : Optional.empty());
  }

  private void askForTheMembers() throws Exception {
    List<MemberStatus> members =
        withSequencer()
            .node()
            .members(Duration.ofSeconds(1))
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS);
    assertEquals(3, members.size());
    assertEquals(2, members.stream().filter(MemberStatus::reachable).count());
  }

  /** Nobody can append for a while; then nodes ask each other whether it is the same with them. */
  private void keepTheJournalWaiting() throws Exception {
    try (Connection connection = server.orElseThrow().connect();
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute("LOCK TABLE event_journal IN EXCLUSIVE MODE");
      CompletionStage<WriteAnswer> write = another().begin(marker());
      TimeUnit.MILLISECONDS.sleep(1800);
      connection.rollback();
      applied(write.toCompletableFuture().get(60, TimeUnit.SECONDS));
    }
  }

  /** The operator hears nothing, and asks again. */
  private void giveUp() throws Exception {
    TestNode operators = another();
    assertInstanceOf(AbortResult.Unknown.class, giveUp(operators, Duration.ofMillis(500)));
    assertInstanceOf(AbortResult.Refused.class, giveUp(operators, TestNode.TIMEOUT));
  }

  private static AbortResult giveUp(TestNode at, Duration timeout) throws Exception {
    Position everyNodeHasGotPastIt = new Position(1, 0);
    return at.node()
        .abort(everyNodeHasGotPastIt, timeout)
        .toCompletableFuture()
        .get(60, TimeUnit.SECONDS);
  }

  /** The operator hears nothing, and asks again when that one has ended, if it was ordered. */
  private void askForAScrub() throws Exception {
    TestNode operators = another();
    assertEquals(new ScrubOrder.Unknown(), orderScrub(operators, Duration.ofMillis(500)));
    eventually(
        "another scrub",
        () ->
            orderScrub(operators, TestNode.TIMEOUT) instanceof ScrubOrder.Ordered ordered
                ? Optional.of(ordered)
                : Optional.empty());
  }

  private static ScrubOrder orderScrub(TestNode at, Duration timeout) throws Exception {
    return at.node().scrub(timeout).toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  /** Every node hears in the end that all hold the same. */
  private void scrub() throws Exception {
    long seq =
        eventually(
            "a scrub",
            () ->
                orderScrub(withSequencer(), TestNode.TIMEOUT) instanceof ScrubOrder.Ordered ordered
                    ? Optional.of(ordered.seq())
                    : Optional.empty());
    for (TestNode node : nodes) {
      eventually(
          "a clean scrub as node " + node.nodeId() + " hears of it",
          () -> Optional.of(node.node().status().scrub()).filter(now -> now.cleanSeq() >= seq));
    }
  }

  /** One replica differs from the two others, and is made anew. */
  private void differ() throws Exception {
    TestNode wrong = another();
    long before = LosingSerializer.lost(Replica.Diverged.class);
    long told = LosingSerializer.written(Replica.Diverged.class);
    long endNanos = System.nanoTime() + TestNode.TIMEOUT.toNanos();
    while (LosingSerializer.lost(Replica.Diverged.class) == before) {
      assertTrue(System.nanoTime() - endNanos < 0, "nobody notices that a replica differs");
      // Before the nodes compare this event, which they do every two seconds.
      applied(wrong.write(marker()));
      wrong.tamper(
          "UPDATE _peqlite_digests SET digest = digest + 1"
              + " WHERE seq = (SELECT max(seq) FROM _peqlite_digests)");
      TimeUnit.MILLISECONDS.sleep(4500);
    }
    eventually(
        "telling it again",
        () ->
            LosingSerializer.written(Replica.Diverged.class) > told
                ? Optional.of(true)
                : Optional.empty());
  }

  /** A member that does not answer must not use up the time for the others. */
  @Test
  void movesTheSequencerAlthoughAMemberDoesNotAnswer() throws Exception {
    LosingSerializer.loseNext(NodeGateway.StatusAnswer.class);
    moveTheSequencer();
    everythingWorks();
  }

  // ---- Messages of all kinds

  @Test
  void everythingHappensOnceAlthoughManyMessagesAreLost() throws Exception {
    System.out.println("messages are lost with seed " + SEED);
    LosingSerializer.loseSome(0.2, SEED);
    long endNanos = System.nanoTime() + LOSSY.toNanos();
    List<Future<Integer>> clients = new ArrayList<>();
    ExecutorService executor = Executors.newCachedThreadPool();
    try {
      for (TestNode node : nodes) {
        for (int i = 0; i < 4; i++) {
          clients.add(executor.submit(() -> writeUntil(endNanos, node)));
        }
        clients.add(executor.submit(() -> readUntil(endNanos, node)));
      }
      TimeUnit.SECONDS.sleep(1);
      moveTheSequencer(); // what was sent to it is sent again to the next one
      int count = 0;
      for (Future<Integer> client : clients) {
        count += client.get(120, TimeUnit.SECONDS);
      }
      System.out.println(count + " writes and reads although every fifth message was lost");
    } finally {
      executor.shutdownNow();
    }
    LosingSerializer.loseNothing();
    everythingWorks();
  }

  private int writeUntil(long endNanos, TestNode node) throws Exception {
    int count = 0;
    while (System.nanoTime() - endNanos < 0) {
      int marker = markers.incrementAndGet();
      synchronized (written) {
        written.add(marker);
      }
      String sql = "INSERT INTO log VALUES (" + marker + ")";
      applied(node.write(count % 20 == 7 ? sql + " -- " + "x".repeat(300_000) : sql));
      count++;
    }
    return count;
  }

  private int readUntil(long endNanos, TestNode node) throws Exception {
    int count = 0;
    long highest = 0;
    while (System.nanoTime() - endNanos < 0) {
      ReadLevel level = count % 2 == 0 ? ReadLevel.WEAK : ReadLevel.LINEARIZABLE;
      String rows = node.read(level, "SELECT count(*) FROM log").get(0);
      assertTrue(rows.matches("[0-9]+"), rows);
      assertTrue(Long.parseLong(rows) >= highest, "a node's reads go back");
      highest = Long.parseLong(rows);
      count++;
    }
    return count;
  }
}
