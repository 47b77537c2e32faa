package peqlite;

import com.typesafe.config.Config;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Runs a node until it is told to stop. SIGTERM and SIGINT stop it: what was taken is finished, and
 * the exit code is 0. A node that stops for another reason ends the process with 1.
 */
@Command(
    name = "serve",
    description = "Run a node.",
    footer = {
      "",
      "Each option but --config is also an environment variable (--http-addr is PEQLITE_HTTP_ADDR)",
      "and a key of the file (peqlite.http-addr); the command line wins, then the environment,"
          + " then",
      "the file."
    })
final class ServeCommand implements Callable<Integer> {

  /** A healthy node is ready much earlier, so that after this someone should look at it. */
  private static final Duration READY_PATIENCE = Duration.ofSeconds(10);

  private static final Duration FOREVER = Duration.ofDays(36_500);

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--node-id",
      paramLabel = "NAME",
      description = "The node's name (default: its cluster address).")
  private @Nullable String nodeId;

  @Option(
      names = "--http-addr",
      paramLabel = "HOST:PORT",
      description = "Where to serve HTTP (default: 127.0.0.1:4001); port 0 takes a free one.")
  private @Nullable String httpAddress;

  @Option(
      names = "--data-dir",
      paramLabel = "DIR",
      description = "The folder that holds everything (default: ./peqlite-data).")
  private @Nullable String dataDirectory;

  @Option(
      names = "--cluster-addr",
      paramLabel = "HOST:PORT",
      description = "Where to talk to other nodes (default: 127.0.0.1:7355).")
  private @Nullable String clusterAddress;

  @Option(
      names = "--management-addr",
      paramLabel = "HOST:PORT",
      description =
          "Where to show the cluster to operators: /ready, /alive, /cluster/members (default:"
              + " 127.0.0.1:7626); empty for nowhere.")
  private @Nullable String managementAddress;

  @Option(
      names = "--join",
      paramLabel = "HOST:PORT,...",
      description = "Cluster addresses of nodes to look for; may name this one.")
  private @Nullable String join;

  @Option(
      names = "--discovery",
      paramLabel = "METHOD",
      description =
          "How to look for other nodes besides: kubernetes-api asks the API server of the Kubernetes"
              + " that this node runs in (default: not at all).")
  private @Nullable String discovery;

  @Option(
      names = "--discovery-namespace",
      paramLabel = "NAME",
      description = "The namespace of the nodes' pods (default: this pod's).")
  private @Nullable String discoveryNamespace;

  @Option(
      names = "--discovery-selector",
      paramLabel = "LABELS",
      description = "Which pods are nodes (default: app.kubernetes.io/name=peqlite).")
  private @Nullable String discoverySelector;

  @Option(
      names = "--discovery-nodes-min",
      paramLabel = "COUNT",
      description = "How many nodes must be seen before one forms the cluster (default: 1).")
  private @Nullable Integer discoveryNodesMin;

  @Option(
      names = "--journal",
      paramLabel = "KIND",
      description =
          "Where writes are made durable: sqlite, for one node, quorum, the nodes' own disks, or"
              + " postgres (default: quorum with --join, else sqlite).")
  private @Nullable String journal;

  @Option(
      names = "--quorum-addr",
      paramLabel = "HOST:PORT",
      description =
          "Where the journal quorum talks to other nodes (default: the host of --cluster-addr and a"
              + " free port, which is kept).")
  private @Nullable String quorumAddress;

  @Option(
      names = "--bind-host",
      paramLabel = "HOST",
      description =
          "Listen to nodes at this address instead of the hosts of --cluster-addr and --quorum-addr,"
              + " as in a container.")
  private @Nullable String bindHost;

  @Option(
      names = "--journal-url",
      paramLabel = "URL",
      description = "The database of the journal postgres: jdbc:postgresql://host:port/database.")
  private @Nullable String journalUrl;

  @Option(
      names = "--journal-user",
      paramLabel = "NAME",
      description = "Its user (default: as in the URL).")
  private @Nullable String journalUser;

  @Option(
      names = "--journal-password",
      paramLabel = "TEXT",
      description = "Its password (default: as in the URL); everybody on the machine can see it.")
  private @Nullable String journalPassword;

  @Option(
      names = "--journal-password-file",
      paramLabel = "FILE",
      description = "A file that holds its password.")
  private @Nullable String journalPasswordFile;

  @Option(
      names = "--foreign-keys",
      negatable = true,
      description = "Enforce foreign keys; for the whole life of the data (default: no).")
  private @Nullable Boolean foreignKeys;

  @Option(
      names = "--backup-url",
      paramLabel = "URL",
      description =
          "Back up to this place: file:///directory, https://..., s3://bucket/prefix (default: not at"
              + " all).")
  private @Nullable String backupUrl;

  @Option(
      names = "--backup-encryption-key-file",
      paramLabel = "FILE",
      description = "32 random bytes with which backups are encrypted (default: they are not).")
  private @Nullable String backupEncryptionKeyFile;

  @Option(
      names = "--log-format",
      paramLabel = "FORMAT",
      description = "Lines of the log: text (default), or json, an object each.")
  private @Nullable String logFormat;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "A file with the keys that differ from the defaults.")
  private @Nullable Path configFile;

  /** Whether the node ended without being told to. */
  private final AtomicBoolean failed = new AtomicBoolean();

  @Override
  public Integer call() throws SettingsException, StartException, InterruptedException {
    Config config = SettingsSource.load(given(), System.getenv(), Optional.ofNullable(configFile));
    Settings settings = Settings.from(config);
    settings.log().format().use();
    if (settings.httpAddress().isEmpty()) {
      throw new SettingsException("--http-addr: is empty, and a node that is served needs one");
    }
    RunningNode node = RunningNode.start(settings, config);
    // Said before the node is ready, so that one that never gets ready can be asked why.
    LoggerFactory.getLogger(ServeCommand.class).info("HTTP is served at {}", node.url());
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stopAndExit(node), "peqlite-stop"));
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    warn(node, err);
    boolean ready = node.awaitReady(READY_PATIENCE);
    if (!ready && !node.stopAsked() && node.refusal().isEmpty()) {
      err.println("peqlite: not ready yet, " + node.url() + "/status says more: " + node.problem());
      ready = node.awaitReady(FOREVER);
    }
    Optional<String> refusal = node.refusal();
    if (refusal.isPresent()) {
      // Ending the process stops the node, and the exit code must not say that it was asked to.
      failed.set(true);
      throw new StartException(refusal.get());
    }
    if (ready) {
      out.println("peqlite " + Version.text() + " ready: " + node.url());
      out.flush();
    }
    node.awaitEnd();
    if (!node.stopAsked()) {
      failed.set(true);
      err.println("peqlite: the node has stopped by itself");
    }
    return 1;
  }

  /** One line for each address that others reach, because nobody is asked who he is. */
  private static void warn(RunningNode node, PrintWriter err) {
    warn(
        err,
        node.httpAddress(),
        "is served without authentication; whoever reaches it can read and write everything");
    warn(
        err,
        node.clusterAddress(),
        "takes other nodes without authentication; whoever reaches it can take part in the"
            + " cluster");
    node.managementAddress()
        .ifPresent(
            address ->
                warn(
                    err,
                    address,
                    "is served without authentication; whoever reaches it can see the cluster"));
  }

  private static void warn(PrintWriter err, NetworkAddress address, String what) {
    if (!address.isLoopback()) {
      err.println("peqlite: warning: " + address + " " + what);
    }
  }

  private Map<String, String> given() {
    Map<String, String> given = new HashMap<>();
    put(given, "node-id", nodeId);
    put(given, "http-addr", httpAddress);
    put(given, "data-dir", dataDirectory);
    put(given, "cluster-addr", clusterAddress);
    put(given, "management-addr", managementAddress);
    put(given, "join", join);
    put(given, "discovery", discovery);
    put(given, "discovery-namespace", discoveryNamespace);
    put(given, "discovery-selector", discoverySelector);
    put(given, "discovery-nodes-min", discoveryNodesMin);
    put(given, "journal", journal);
    put(given, "quorum-addr", quorumAddress);
    put(given, "bind-host", bindHost);
    put(given, "journal-url", journalUrl);
    put(given, "journal-user", journalUser);
    put(given, "journal-password", journalPassword);
    put(given, "journal-password-file", journalPasswordFile);
    put(given, "foreign-keys", foreignKeys);
    put(given, "backup-url", backupUrl);
    put(given, "backup-encryption-key-file", backupEncryptionKeyFile);
    put(given, "log-format", logFormat);
    return given;
  }

  private static void put(Map<String, String> given, String option, @Nullable Object value) {
    if (value != null) {
      given.put(option, value.toString());
    }
  }

  /** Ends the process from within its shutdown, because only that lets it exit with 0. */
  private void stopAndExit(RunningNode node) {
    int code = node.stop() && !failed.get() ? 0 : 1;
    System.out.flush();
    System.err.flush();
    Runtime.getRuntime().halt(code);
  }
}
