package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import process.HistoryChecker.Violation;
import process.Operation.Fate;
import process.Operation.ReadOperation;
import process.Operation.WriteOperation;
import storage.ContentDigest;

/**
 * Nodes in processes of their own and their journal. Made by {@link Clusters}, which ends all of
 * it. One thread.
 */
final class Cluster {

  /** How long the cluster may take until all is well again, on a loaded machine. */
  static final Duration RECOVERY_MAX = Duration.ofSeconds(60);

  private final ClusterJournal journal;
  private final List<ClusterNode> nodes;
  private final Namespaces network;
  private final Random random;
  private final Path directory;
  private final String title;
  private final Set<String> withoutSpace = new HashSet<>();
  private JournalArchive archive;
  private int checks;
  private long filledFrom;
  private long filledUntil;

  Cluster(
      ClusterJournal journal,
      List<ClusterNode> nodes,
      Namespaces network,
      Random random,
      Path directory,
      String title) {
    this.journal = journal;
    this.nodes = nodes;
    this.network = network;
    this.random = random;
    this.directory = directory;
    this.title = title;
  }

  /** The nodes' journal. */
  ClusterJournal journal() {
    return journal;
  }

  /** The nodes' journal; only of a cluster that keeps it in PostgreSQL. */
  PostgresClusterJournal postgres() {
    return (PostgresClusterJournal) journal;
  }

  /** How many nodes have to live, so that writes are taken. */
  int livingMin() {
    return journal.livingMin(nodes.size());
  }

  /** Keeps all events from now on, so that they can be compared although the journal is cut. */
  JournalArchive archive() {
    archive = new JournalArchive(journal);
    return archive;
  }

  /** From now on these nodes may be without space for a while, which their reads show. */
  void withoutSpace(List<ClusterNode> these) {
    withoutSpace.addAll(ids(these));
  }

  /** Whether it takes writes when these are dead. */
  boolean survivesWithout(ClusterNode... dead) {
    return nodes.size() - dead.length >= livingMin();
  }

  /** The networks between the nodes; only of a cluster that was made with them. */
  Namespaces network() {
    if (network == null) {
      throw new IllegalStateException("this cluster has no networks of its own");
    }
    return network;
  }

  /** All nodes, running or not. */
  List<ClusterNode> nodes() {
    return nodes;
  }

  ClusterNode node(int number) {
    return nodes.get(number);
  }

  /** Every node but these. */
  List<ClusterNode> others(ClusterNode... these) {
    List<ClusterNode> others = new ArrayList<>(nodes);
    others.removeAll(List.of(these));
    return others;
  }

  /** One of the nodes on which the sequencer does not run. */
  ClusterNode anotherNode() throws Exception {
    List<ClusterNode> others = others(sequencerNode());
    return others.get(random.nextInt(others.size()));
  }

  /** The node on which the sequencer runs, by the word of all living nodes. */
  ClusterNode sequencerNode() throws Exception {
    return sequencerNode(alive(), nodes);
  }

  /** The node on which the sequencer runs by the word of some; waits until it is one of others. */
  ClusterNode sequencerNode(List<ClusterNode> by, List<ClusterNode> amongst) throws Exception {
    Set<String> accepted = ids(amongst);
    Set<String> named = new HashSet<>();
    Eventually.eventually(
        by + " name the same sequencer, one of " + amongst,
        RECOVERY_MAX,
        () -> {
          named.clear();
          by.forEach(node -> named.add(node.status("sequencer")));
          return named.size() == 1 && accepted.containsAll(named);
        });
    return byId(named.iterator().next());
  }

  private static Set<String> ids(List<ClusterNode> nodes) {
    return new HashSet<>(nodes.stream().map(ClusterNode::id).toList());
  }

  /** The epoch that all these nodes name. */
  long epoch(List<ClusterNode> by) throws Exception {
    Set<String> named = new HashSet<>();
    Eventually.eventually(
        by + " name the same epoch",
        RECOVERY_MAX,
        () -> {
          named.clear();
          by.forEach(node -> named.add(node.status("epoch")));
          return named.size() == 1 && !named.contains("");
        });
    return Long.parseLong(named.iterator().next());
  }

  /** Lets a random time pass, of which the scenario wants at least and at most so much. */
  void pass(int millisMin, int millisMax) {
    Eventually.pass(Duration.ofMillis(millisMin + random.nextInt(millisMax - millisMin + 1)));
  }

  private ClusterNode byId(String id) {
    return nodes.stream()
        .filter(node -> node.id().equals(id))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no node " + id));
  }

  private List<ClusterNode> alive() {
    return nodes.stream().filter(ClusterNode::isAlive).toList();
  }

  /** Starts what does not run, and waits until all is well. */
  Cluster startAll() throws Exception {
    for (ClusterNode node : nodes) {
      if (!node.isAlive()) {
        node.start();
      }
    }
    return awaitReady();
  }

  /** Waits until all living nodes are ready, see each other, and name the same sequencer. */
  Cluster awaitReady() throws Exception {
    return awaitReady(RECOVERY_MAX);
  }

  /** The same within another time. */
  Cluster awaitReady(Duration timeMax) throws Exception {
    List<ClusterNode> expected = alive();
    try {
      Eventually.eventually(
          "all living nodes are ready",
          timeMax,
          () -> {
            for (ClusterNode node : expected) {
              assertTrue(node.isAlive(), () -> node + " has ended by itself");
            }
            return expected.stream().allMatch(ClusterNode::isReady) && seeEachOther();
          });
    } catch (AssertionError late) {
      throw new AssertionError(late.getMessage() + "\n" + describe(), late);
    }
    sequencerNode();
    return this;
  }

  private boolean seeEachOther() {
    Set<String> living = ids(alive());
    return alive().stream()
        .allMatch(
            node -> {
              Map<String, Boolean> members = node.members();
              return living.stream().allMatch(id -> members.getOrDefault(id, false));
            });
  }

  /**
   * Checks that these nodes, to which the journal is lost, take no writes and say so, and go on
   * with reads that need nobody else.
   */
  void assertReadOnly(Workload load, List<ClusterNode> lost) throws Exception {
    for (ClusterNode node : lost) {
      Eventually.eventually(
          node + " refuses writes",
          RECOVERY_MAX,
          () -> {
            Fate fate = load.write(node, Workload.Kind.PLAIN).fate();
            assertFalse(fate == Fate.APPLIED || fate == Fate.COMMITTED, () -> node + " writes");
            return fate == Fate.REFUSED;
          });
      ReadOperation read = load.read(node, "none");
      assertTrue(read.answered(), () -> "reads at none go on without the journal: " + read);
      assertFalse(node.isReady(), () -> node + " says that it is not ready");
    }
  }

  /** Every node's word about itself, for a failure's message. */
  String describe() {
    StringBuilder text = new StringBuilder();
    for (ClusterNode node : nodes) {
      text.append(node).append(node.isAlive() ? ": " : " has ended: ");
      for (String name :
          List.of("applied_seq", "head_seq", "epoch", "sequencer", "replica_state", "problem")) {
        text.append(name).append('=').append(node.status(name)).append(' ');
      }
      text.append(node.readiness().replace('\n', ' ')).append(" sees ").append(node.members());
      text.append('\n');
    }
    return text.toString();
  }

  /** Creates the tables and lets so many clients on each node write and read. */
  Workload load(int clientsPerNode) throws Exception {
    Workload workload = idle();
    return workload.start(clientsPerNode);
  }

  /** Creates the tables, for a test that asks by itself. */
  Workload idle() throws Exception {
    String body =
        "["
            + String.join(",", Workload.SCHEMA.stream().map(sql -> "\"" + sql + "\"").toList())
            + "]";
    Answer answer = nodes.get(0).post("/db/execute?timeout=30s", body);
    assertTrue(answer.succeeded(), answer::text);
    return new Workload(nodes, random);
  }

  /** Waits until every living node holds what the journal holds. */
  void awaitEven() throws Exception {
    Eventually.eventually(
        "every living node has applied everything",
        RECOVERY_MAX,
        () -> {
          long head = journal.head();
          return alive().stream().allMatch(node -> node.appliedSeq() == head);
        });
  }

  /** Makes the journal so much longer; the nodes have to be stopped, and to have run before. */
  void fillJournal(int events) throws Exception {
    filledUntil = JournalFiller.append(postgres().server().url(), events);
    filledFrom = filledUntil - events + 1;
  }

  /**
   * Ends the load, brings everything up, waits until all nodes hold the same, stops them, and
   * compares what clients were told with the journal and what the nodes hold with one another.
   *
   * @return what the clients were told
   */
  List<Operation> finish(Workload workload) throws Exception {
    workload.stop();
    startAll();
    workload.settleKeyed(nodes.get(0));
    for (ClusterNode node : nodes) {
      assertTrue(workload.read(node, "linearizable").answered(), "every node serves reads");
    }
    awaitEven();
    stopAll();
    check(workload.history());
    return workload.history();
  }

  /** SIGTERM to all living nodes at once; each has to end well. */
  void stopAll() throws Exception {
    List<ClusterNode> living = alive();
    living.forEach(node -> node.process().askToStop());
    for (ClusterNode node : living) {
      assertEquals(0, node.process().exitCode(), () -> node + " ended badly");
    }
  }

  /** Compares; the nodes have to be stopped. */
  void check(List<Operation> history) throws Exception {
    Map<ClusterNode, Held> held = new HashMap<>();
    Set<Long> ends = new HashSet<>();
    for (ClusterNode node : nodes) {
      Held one = held(node);
      held.put(node, one);
      ends.add(one.seq());
    }
    Set<Long> seen = new HashSet<>();
    for (Operation operation : history) {
      if (operation instanceof ReadOperation read && read.answered()) {
        seen.add(read.seq());
        seen.add(read.seq() + 1);
      }
    }
    JournalReplay.Result replayed =
        new JournalReplay(archive == null ? journal::forEach : archive::forEach)
            .quiet(filledFrom, filledUntil)
            .run(directory.resolve("replay" + ++checks + ".db"), seen, ends);
    List<Violation> violations = HistoryChecker.check(history, replayed.ledger(), withoutSpace);
    print(history, replayed.ledger());
    assertTrue(
        violations.isEmpty(), () -> violations.size() + " violations:\n" + lines(violations));
    held.forEach(
        (node, one) -> {
          assertEquals(
              replayed.digests().get(one.seq()),
              one.digest(),
              () -> node + " holds something else at " + one.seq());
          one.outcomes()
              .forEach(
                  (seq, digest) ->
                      assertEquals(
                          replayed.outcomes().getOrDefault(seq, digest),
                          digest,
                          () -> node + " had another outcome of event " + seq));
        });
  }

  private static String lines(List<Violation> violations) {
    return String.join(
        "\n", violations.stream().limit(20).map(violation -> "  " + violation).toList());
  }

  /**
   * Checks that nobody waited longer than the deadline of the request, and a little for the way.
   *
   * @param at nodes that were never paused
   */
  static void assertAnsweredInTime(List<Operation> history, List<ClusterNode> at) {
    Set<String> ids = ids(at);
    long nanosMax = Workload.DEADLINE.plusMillis(2_500).toNanos();
    List<Operation> late =
        history.stream()
            .filter(operation -> ids.contains(operation.node()))
            .filter(operation -> operation.endNanos() - operation.startNanos() > nanosMax)
            .toList();
    assertTrue(late.isEmpty(), () -> late.size() + " answers came late, such as " + late.get(0));
  }

  /** Checks that every request to these nodes was of use to its client. */
  static void assertNoFailures(List<Operation> history, List<ClusterNode> at) {
    assertNoFailures(history, at, Long.MIN_VALUE);
  }

  /** Checks that of every request that was sent to these nodes since then. */
  static void assertNoFailures(List<Operation> history, List<ClusterNode> at, long sinceNanos) {
    Set<String> ids = ids(at);
    List<Operation> failures =
        history.stream()
            .filter(operation -> ids.contains(operation.node()) && !operation.succeeded())
            .filter(operation -> operation.startNanos() >= sinceNanos)
            .toList();
    assertTrue(
        failures.isEmpty(),
        () ->
            failures.size()
                + " failed requests:\n"
                + String.join("\n", failures.stream().limit(10).map(Object::toString).toList()));
  }

  /** What a stopped node's file holds. */
  private record Held(long seq, String digest, Map<Long, Long> outcomes) {}

  private static Held held(ClusterNode node) throws SQLException {
    try (Connection connection =
        DriverManager.getConnection("jdbc:sqlite:" + node.databaseFile())) {
      return new Held(
          DatabaseFile.number(connection, "SELECT seq FROM _peqlite_position"),
          HexFormat.of().formatHex(ContentDigest.of(connection)),
          JournalReplay.outcomeDigests(connection));
    }
  }

  /** One line about a run, from which docs/RELIABILITY.md is made. */
  private void print(List<Operation> history, Ledger ledger) {
    Map<Fate, Integer> fates = new TreeMap<>();
    int reads = 0;
    for (Operation operation : history) {
      if (operation instanceof WriteOperation write) {
        fates.merge(write.fate(), 1, Integer::sum);
      } else {
        reads++;
      }
    }
    System.out.println(
        title + ": " + ledger.head() + " events, writes " + fates + ", reads " + reads);
  }
}
