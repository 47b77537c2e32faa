package peqlite;

import actors.JournalChoice;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import storage.PostgresSettings;

/**
 * Compares, one after the other on this machine: a node with the journal {@code sqlite}, a node
 * with the journal {@code postgres}, and clusters of three with the journals {@code postgres} and
 * {@code quorum}. Every node is a process of its own, and the load comes over HTTP.
 */
final class BenchCluster {

  /** Stands before the names of what the first node gave. */
  static final String SQLITE_NODE = "1 sqlite node";

  /** Stands before the names of what the second node gave. */
  static final String POSTGRES_NODE = "1 postgres node";

  /** Stands before the names of what the cluster gave. */
  static final String POSTGRES_NODES = "3 postgres nodes";

  /** Stands before the names of what the cluster with nothing beside it gave. */
  static final String QUORUM_NODES = "3 quorum nodes";

  private static final String URL = "journal-url";
  private static final String ANY_PORT = "127.0.0.1:0";

  private final PostgresSettings journal;
  private final Path directory;
  private final BenchResources resources;

  /**
   * Starts nothing yet.
   *
   * @param journal a PostgreSQL in which schemas can be made
   * @param directory for the data of all nodes
   * @param resources takes over what is started
   */
  BenchCluster(PostgresSettings journal, Path directory, BenchResources resources) {
    this.journal = journal;
    this.directory = directory;
    this.resources = resources;
  }

  /**
   * Which PostgreSQL is to be used: the option's, else the one that the environment names. User and
   * password are looked for in the address and in the environment.
   */
  static PostgresSettings journal(Optional<String> url, Map<String, String> environment)
      throws SettingsException {
    if (url.isEmpty() && !environment.containsKey(SettingsSource.variable(URL))) {
      throw new SettingsException(
          "--cluster: needs a PostgreSQL: give --"
              + URL
              + " or "
              + SettingsSource.variable(URL)
              + ", or have one started by bin/peqlite-cluster --bench");
    }
    Map<String, String> options = new HashMap<>();
    options.put("journal", "postgres");
    url.ifPresent(text -> options.put(URL, text));
    // The rest of the environment is for nodes that are to be served.
    Map<String, String> relevant = new HashMap<>(environment);
    relevant.keySet().removeIf(variable -> !variable.startsWith("PEQLITE_JOURNAL_"));
    Settings settings = Settings.from(SettingsSource.load(options, relevant, Optional.empty()));
    if (settings.journal() instanceof JournalChoice.Postgres postgres) {
      return postgres.settings();
    }
    throw new IllegalStateException("another journal than was asked for");
  }

  /** What the PostgreSQL does by itself, as one client sees it. */
  BenchResult yardstick(BenchYardsticks sticks) throws StartException {
    try (BenchResources part = resources.part()) {
      BenchSchema schema = part.keep(BenchSchema.create(journal));
      try (Connection connection = schema.connect()) {
        return sticks.postgresInserts(connection);
      }
    } catch (SQLException e) {
      throw new StartException("cannot measure the PostgreSQL: " + e.getMessage(), e);
    }
  }

  /** Measures all of them. */
  void measure(BenchRun run) throws StartException, InterruptedException {
    try (BenchResources part = resources.part()) {
      measure(run, SQLITE_NODE, sqliteNode(part));
    }
    try (BenchResources part = resources.part()) {
      measure(run, POSTGRES_NODE, postgresNodes(part, "one", 1));
    }
    try (BenchResources part = resources.part()) {
      measure(run, POSTGRES_NODES, postgresNodes(part, "three", 3));
    }
    try (BenchResources part = resources.part()) {
      measure(run, QUORUM_NODES, quorumNodes(part));
    }
  }

  private List<NetworkAddress> sqliteNode(BenchResources part)
      throws StartException, InterruptedException {
    List<String> options = List.of("--journal", "sqlite");
    Path folder = directory.resolve("sqlite");
    return List.of(
        part.keep(BenchNodeProcess.start(folder, "n1", ANY_PORT, options, Map.of())).awaitReady());
  }

  /** The last one is the one that was started first, and has the sequencer. */
  private List<NetworkAddress> postgresNodes(BenchResources part, String folder, int count)
      throws StartException, InterruptedException {
    // Kept before the nodes, and so dropped after they have ended.
    BenchSchema schema = part.keep(BenchSchema.create(journal));
    List<String> options = List.of("--journal", "postgres");
    List<BenchNodeProcess> nodes = new ArrayList<>();
    List<NetworkAddress> addresses = new ArrayList<>();
    for (int number = 1; number <= count; number++) {
      nodes.add(
          part.keep(
              BenchNodeProcess.start(
                  directory.resolve(folder),
                  "n" + number,
                  ANY_PORT,
                  options,
                  schema.environment())));
      // The first forms the cluster; the others then come at once.
      if (number == 1) {
        addresses.add(nodes.get(0).awaitReady());
      }
    }
    for (BenchNodeProcess node : nodes.subList(1, count)) {
      addresses.add(0, node.awaitReady());
    }
    return addresses;
  }

  /** The last one has the sequencer, as with the other journal. */
  private List<NetworkAddress> quorumNodes(BenchResources part)
      throws StartException, InterruptedException {
    List<String> clusterAddresses = freeAddresses(3);
    List<String> options =
        List.of("--journal", "quorum", "--join", String.join(",", clusterAddresses));
    List<BenchNodeProcess> nodes = new ArrayList<>();
    for (int i = 0; i < clusterAddresses.size(); i++) {
      nodes.add(
          part.keep(
              BenchNodeProcess.start(
                  directory.resolve("quorum"),
                  "n" + (i + 1),
                  clusterAddresses.get(i),
                  options,
                  Map.of())));
    }
    List<NetworkAddress> addresses = new ArrayList<>();
    for (BenchNodeProcess node : nodes) {
      addresses.add(node.awaitReady());
    }
    String sequencer = ask(addresses.get(0), "sequencer").replace("\"", "");
    addresses.add(addresses.remove(Integer.parseInt(sequencer.substring(1)) - 1));
    return addresses;
  }

  private static String ask(NetworkAddress node, String name) throws StartException {
    try {
      return new OperatorClient("http://" + node)
          .send("GET", "/status?key=peqlite." + name, "")
          .text();
    } catch (SettingsException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Free a moment ago: the nodes have to know each other's before they start. */
  static List<String> freeAddresses(int count) throws StartException {
    List<String> addresses = new ArrayList<>();
    List<ServerSocket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
        addresses.add("127.0.0.1:" + sockets.get(i).getLocalPort());
      }
      return addresses;
    } catch (IOException e) {
      throw new StartException("there are no free ports: " + e.getMessage(), e);
    } finally {
      for (ServerSocket socket : sockets) {
        try {
          socket.close();
        } catch (IOException e) {
          // Whoever wants the port then says so.
        }
      }
    }
  }

  private static void measure(BenchRun run, String label, List<NetworkAddress> addresses)
      throws StartException {
    try {
      run.nodes(label, addresses);
    } catch (IOException e) {
      throw new StartException("cannot measure " + label + ": " + e.getMessage(), e);
    }
  }
}
