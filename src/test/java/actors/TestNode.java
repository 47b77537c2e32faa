package actors;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import sql.WriteRequest;
import storage.ApplySettings;
import storage.ContentDigest;
import storage.DatabaseConnections;
import storage.PastSettings;
import storage.PostgresJournal;
import storage.PostgresSettings;
import storage.ReadSettings;
import storage.ReplicatedSettings;
import storage.SnapshotDirectory;

/**
 * A whole node in this JVM, without HTTP, with the journal of a real PostgreSQL. What it says to
 * others may be lost: see {@link LosingSerializer}.
 */
final class TestNode implements AutoCloseable {

  private static final Duration LONG = Duration.ofSeconds(60);

  /** Far more than any loss may cost. */
  static final Duration TIMEOUT = Duration.ofSeconds(20);

  private final String nodeId;
  private final Path folder;
  private final NodeRuntime runtime;

  private TestNode(String nodeId, Path folder, NodeRuntime runtime) {
    this.nodeId = nodeId;
    this.folder = folder;
    this.runtime = runtime;
  }

  /**
   * Starts a node and returns at once.
   *
   * @param stepLimit of its replica, 0 for none
   */
  static TestNode start(String nodeId, Path parent, PostgresSettings journal, long stepLimit)
      throws Exception {
    Path folder = Files.createDirectories(parent.resolve(nodeId));
    int port = freePort();
    NodeSettings settings =
        new NodeSettings(
            nodeId,
            "test",
            "127.0.0.1:" + port,
            folder,
            config(port, journal),
            new JournalChoice.Postgres(journal),
            new ClusterSettings(List.of(), Duration.ofMillis(300), Duration.ofMillis(700), false),
            new ReplicatedSettings(false, Duration.ofDays(1), 1000, 1 << 16),
            new ApplySettings(nodeId, false, stepLimit, 2 << 20, 64, 1 << 20, 16 << 20, 0),
            new Replica.Settings(
                Duration.ofSeconds(10),
                Duration.ofMillis(100),
                Duration.ofSeconds(1),
                64,
                50_000,
                64 << 20,
                1 << 20),
            new SnapshotSettings(
                64 << 20, 1, Duration.ofDays(1), 2, 1, Duration.ofMillis(500), 50_000, 256 << 20),
            Optional.empty(),
            new ReadSettings(1, 100, false, 1 << 20, DatabaseConnections.LENGTH_MAX),
            new PastSettings(
                2,
                1 << 30,
                Duration.ofMinutes(1),
                64 << 20,
                1 << 20,
                new ReadSettings(1, 100, false, 1 << 20, DatabaseConnections.LENGTH_MAX)),
            new WriteSession.Settings(
                1000, 64 << 20, 4096, 16 << 20, Duration.ofMillis(500), 20_000),
            new Sequencer.Settings(
                20_000,
                128 << 20,
                1024,
                900 << 10,
                Duration.ofMillis(200),
                Duration.ofSeconds(10),
                Duration.ZERO,
                0));
    NodeRuntime runtime =
        NodeRuntime.start(settings).toCompletableFuture().get(LONG.toSeconds(), TimeUnit.SECONDS);
    return new TestNode(nodeId, folder, runtime);
  }

  private static Config config(int port, PostgresSettings journal) {
    Map<String, Object> keys = new HashMap<>(PostgresJournal.appendPool(journal));
    keys.put("pekko.remote.artery.canonical.hostname", "127.0.0.1");
    keys.put("pekko.remote.artery.canonical.port", port);
    keys.put("pekko.actor.serializers.jackson-cbor", LosingSerializer.class.getName());
    // Pekko trusts all classes that are bound to its own serializer, and to no other.
    keys.put("pekko.serialization.jackson.allowed-class-prefix", List.of("actors."));
    keys.put("pekko.loglevel", "WARNING");
    return ConfigFactory.parseMap(keys).withFallback(ConfigFactory.load("peqlite/application"));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return socket.getLocalPort();
    }
  }

  void awaitReady() throws Exception {
    runtime.ready().toCompletableFuture().get(LONG.toSeconds(), TimeUnit.SECONDS);
  }

  String nodeId() {
    return nodeId;
  }

  Node node() {
    return runtime.node();
  }

  /** Fetches the newest snapshot of another node to a place of its own. */
  SnapshotRestore.Result fetchSnapshot(Path place) throws Exception {
    SnapshotDirectory directory = SnapshotDirectory.open(place);
    return new SnapshotRestore(nodeId, directory, place.resolve("database"), 256 << 20)
        .restore(
            new SnapshotRestore.Wanted(
                node().status().journalId(), 1, Long.MAX_VALUE, Long.MAX_VALUE, false),
            () -> PeerSnapshots.all(runtime.clusterSystem().orElseThrow()),
            text -> {});
  }

  /** Orders a scrub, and tells by which event. */
  long scrub() throws Exception {
    ScrubOrder order = get(node().scrub(TIMEOUT));
    if (order instanceof ScrubOrder.Ordered ordered) {
      return ordered.seq();
    }
    throw new IllegalStateException("no scrub: " + order);
  }

  boolean hasSequencer() {
    return node().status().sequencerNodeId().equals(Optional.of(nodeId));
  }

  private static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(2 * TIMEOUT.toSeconds(), TimeUnit.SECONDS);
  }

  private static WriteRequest request(String text) {
    return WriteRequest.of(false, sql.Statement.of(text));
  }

  CompletionStage<WriteAnswer> begin(String text) {
    return node().write(request(text), TIMEOUT, false);
  }

  WriteAnswer write(String text) throws Exception {
    return get(begin(text));
  }

  WriteAnswer writeQueued(String text) throws Exception {
    return get(node().write(request(text), TIMEOUT, true));
  }

  /** What a query finds, one text for each row's first value, or why it is refused. */
  List<String> read(ReadLevel level, String text) throws Exception {
    ReadAdmission admission =
        get(node().admit(level, Optional.empty(), OptionalLong.empty(), TIMEOUT));
    return admission instanceof ReadAdmission.Admitted
        ? query(text)
        : List.of(nodeId + ": " + admission);
  }

  private List<String> query(String text) throws SQLException {
    List<String> rows = new ArrayList<>();
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(text)) {
      while (row.next()) {
        rows.add(row.getString(1));
      }
    }
    return rows;
  }

  /** The digest of what its database holds now. */
  String contents() throws SQLException {
    try (Connection connection = connect()) {
      return HexFormat.of().formatHex(ContentDigest.of(connection));
    }
  }

  /** Changes the database of a node that does not run. */
  static void tamper(Path parent, String nodeId, String text) throws SQLException {
    Path file = NodeSettings.databaseFile(parent.resolve(nodeId));
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      if (statement.executeUpdate(text) != 1) {
        throw new IllegalStateException("not one row was changed by: " + text);
      }
    }
  }

  /** Changes its database behind its back. */
  void tamper(String text) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA busy_timeout = 20000");
      statement.executeUpdate(text);
    }
  }

  private Connection connect() throws SQLException {
    return DriverManager.getConnection(
        "jdbc:sqlite:" + NodeSettings.databaseFile(folder) + "?busy_timeout=20000");
  }

  @Override
  public void close() {
    try {
      runtime.stop().toCompletableFuture().get(LONG.toSeconds(), TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException("node " + nodeId + " does not stop", e);
    }
  }
}
