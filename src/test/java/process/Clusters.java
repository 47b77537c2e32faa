package process;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Starts clusters for a test and ends them with it, in every outcome, together with their journals
 * and their networks. Prints the seed before, and after a failure what each node said.
 *
 * <p>System properties, beside those of {@link Nodes}: {@code peqlite.runs}, how often each fault
 * is repeated (default 1); {@code peqlite.long=true}, for the long form of the scenarios; {@code
 * peqlite.faults.journal}, where a cluster keeps its journal if the test does not say (default
 * {@code postgres}, or {@code quorum}).
 */
final class Clusters implements BeforeEachCallback, AfterEachCallback {

  /** Marks what {@code mvn verify} leaves to the long form. */
  static final String LONG = "long";

  private static final String JOURNAL = System.getProperty("peqlite.faults.journal", "postgres");

  private static final int PORTS_BEGIN = 10_000;
  private static final int PORTS_END = 20_000;

  /** Starts anywhere, because tests may run in several processes at once. */
  private static final AtomicInteger NEXT_PORT =
      new AtomicInteger(ThreadLocalRandom.current().nextInt(PORTS_BEGIN, PORTS_END));

  private final Nodes nodes = new Nodes();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private final List<Cluster> clusters = new ArrayList<>();
  private String title = "";
  private Path directory;

  /** How often each fault is repeated. */
  static int runs() {
    return Integer.getInteger("peqlite.runs", 1);
  }

  /** Whether there is time. */
  static boolean isLong() {
    return Boolean.getBoolean("peqlite.long");
  }

  /** Randomness that the printed seed repeats. One thread. */
  Random random() {
    return nodes.random();
  }

  /** A folder that the test has for itself. */
  Path directory() {
    return directory;
  }

  /** A cluster on the loopback address, not yet started. */
  Cluster onLoopback(int count) throws Exception {
    return create(count, count, null, JOURNAL);
  }

  /** The same, for what can happen to a PostgreSQL only. */
  Cluster onPostgres(int count) throws Exception {
    return create(count, count, null, "postgres");
  }

  /** The same, for what can happen to a quorum only. */
  Cluster onQuorum(int count) throws Exception {
    return create(count, count, null, "quorum");
  }

  /** So many nodes over a quorum, and some more that the others' command lines do not name. */
  Cluster onQuorum(int count, int more) throws Exception {
    return create(count + more, count, null, "quorum");
  }

  /** The same, with nodes that call each other by names. */
  Cluster onQuorumByNames(int count) throws Exception {
    Cluster cluster = onQuorum(count);
    HostNames names = new HostNames(directory.resolve("hosts"));
    for (ClusterNode node : cluster.nodes()) {
      node.named(names);
    }
    String join = join(cluster.nodes());
    cluster.nodes().forEach(node -> node.join(join));
    return cluster;
  }

  private static String join(List<ClusterNode> nodes) {
    return String.join(",", nodes.stream().map(ClusterNode::clusterAddress).toList());
  }

  /** Keeps a node's data on a disk of its own size; before its first start; else skips the test. */
  SmallDisk smallDisk(ClusterNode node, int mebibytes) throws Exception {
    SmallDisk disk = SmallDisk.mount(node.dataDirectory(), mebibytes);
    opened.add(disk);
    return disk;
  }

  /** So many nodes, and some more that the others' command lines do not name. */
  Cluster onLoopback(int count, int more) throws Exception {
    return create(count + more, count, null, JOURNAL);
  }

  /** A cluster that takes writes when so many of its nodes are dead. */
  Cluster thatSurvives(int deaths) throws Exception {
    return onLoopback(JOURNAL.equals("quorum") ? 2 * deaths + 1 : deaths + 1);
  }

  /**
   * Nodes as pods of a StatefulSet: the same ports, an address for each start, and nobody told of
   * the others. None is started, nor known to the API server.
   */
  StatefulSet inPods(int count) throws Exception {
    KubernetesApi api = KubernetesApi.start(directory.resolve("kubernetes"));
    opened.add(api);
    Cluster cluster = create(count, count, null, "postgres");
    ClusterNode.Ports ports = cluster.node(0).ports();
    List<ClusterNode> pods = new ArrayList<>();
    for (ClusterNode node : cluster.nodes()) {
      node.join("");
      pods.add(node.ports(ports).discover(api));
    }
    StatefulSet set = new StatefulSet(cluster, api, pods);
    opened.add(set);
    return set;
  }

  /** A cluster whose nodes have networks of their own, not yet started; else skips the test. */
  Cluster inNamespaces(int count) throws Exception {
    Namespaces network = Namespaces.create(count);
    opened.add(network);
    return create(count, count, network, JOURNAL);
  }

  private Cluster create(int count, int founders, Namespaces network, String journalName)
      throws Exception {
    Path own = directory.resolve("cluster" + clusters.size());
    Files.createDirectories(own);
    ClusterJournal journal = journal(journalName, own, network);
    opened.add(journal);
    List<ClusterNode> made = new ArrayList<>();
    for (int number = 0; number < count; number++) {
      made.add(
          new ClusterNode(
              nodes,
              number,
              own.resolve("node" + (number + 1)),
              network == null ? "127.0.0.1" : network.address(number),
              network == null ? freePorts() : new ClusterNode.Ports(4001, 7355, 7626, 7356),
              journal,
              network == null ? List.of() : network.enter(number)));
    }
    String join = join(made.subList(0, founders));
    made.forEach(node -> node.join(join));
    journal.prepare(List.copyOf(made));
    Cluster cluster = new Cluster(journal, List.copyOf(made), network, random(), own, title);
    clusters.add(cluster);
    return cluster;
  }

  private static ClusterJournal journal(String name, Path own, Namespaces network)
      throws Exception {
    return switch (name) {
      case "postgres" ->
          new PostgresClusterJournal(
              own.resolve("postgres"),
              InetAddress.getByName(network == null ? "127.0.0.1" : network.outsideAddress()));
      case "quorum" -> new QuorumClusterJournal();
      default -> throw new IllegalArgumentException("no journal for clusters: " + name);
    };
  }

  private static ClusterNode.Ports freePorts() throws IOException {
    return new ClusterNode.Ports(freePort(), freePort(), freePort(), freePort());
  }

  /**
   * A port that nobody has now. Outside of the range that the system gives out by itself, so that
   * it stays free while a node is down, and never the same twice.
   */
  private static int freePort() throws IOException {
    while (true) {
      int port = NEXT_PORT.getAndIncrement();
      if (port >= PORTS_END) {
        NEXT_PORT.compareAndSet(port + 1, PORTS_BEGIN);
        continue;
      }
      try (ServerSocket socket = new ServerSocket()) {
        socket.bind(new InetSocketAddress("127.0.0.1", port));
        return port;
      } catch (BindException taken) {
        // The next one then.
      }
    }
  }

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    title =
        context.getRequiredTestClass().getSimpleName()
            + "."
            + context.getRequiredTestMethod().getName();
    directory = Files.createTempDirectory("peqlite-cluster");
    System.out.println(title + ": seed " + nodes.seed());
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    if (context.getExecutionException().isPresent()) {
      clusters.forEach(cluster -> System.err.println(cluster.describe()));
    }
    nodes.afterEach(context);
    for (int i = opened.size() - 1; i >= 0; i--) {
      opened.get(i).close();
    }
    FileTree.delete(directory);
  }
}
