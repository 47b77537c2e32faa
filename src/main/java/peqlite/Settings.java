package peqlite;

import actors.BackupSettings;
import actors.JournalChoice;
import com.typesafe.config.Config;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Every key under {@code peqlite} in {@code application.conf}, read once and checked. The comments
 * there say what each one does; sizes are bytes. Nothing else reads the configuration.
 *
 * @param nodeId the node's name, if one was given; else it is the cluster address
 * @param httpAddress where HTTP is served, if it is
 * @param dataDirectory absolute
 * @param clusterAddress where this node talks to others
 * @param bindHost at which of this machine's addresses nodes are listened to; empty for the host of
 *     the cluster address
 * @param managementAddress where the cluster is shown, if it is to be shown
 * @param join cluster addresses to look for other nodes at, in the order they were given; may name
 *     this node; empty unless the journal is for many nodes
 * @param discovery how other nodes are looked for besides, if they are
 * @param foreignKeys whether foreign keys are enforced
 * @param journal where writes are made durable
 * @param cluster how the nodes judge which of them is gone
 * @param write limits of what a node has taken and not answered
 * @param sequencer limits of the sequencer
 * @param apply how a replica applies
 * @param snapshot when snapshots are taken
 * @param backup where and when backups are made, if they are
 * @param keys limits of the idempotency keys
 * @param read limits of reads
 * @param asOf limits of reads as of the past
 * @param http limits of the HTTP interface
 * @param log what is logged, and how
 */
public record Settings(
    Optional<String> nodeId,
    Optional<NetworkAddress> httpAddress,
    Path dataDirectory,
    NetworkAddress clusterAddress,
    String bindHost,
    Optional<NetworkAddress> managementAddress,
    List<NetworkAddress> join,
    Optional<Discovery> discovery,
    boolean foreignKeys,
    JournalChoice journal,
    Cluster cluster,
    Write write,
    Sequencer sequencer,
    Apply apply,
    Snapshot snapshot,
    Scrub scrub,
    Vacuum vacuum,
    Optional<BackupSettings> backup,
    Keys keys,
    Read read,
    AsOf asOf,
    Http http,
    Log log) {

  /** Read for the journal too. */
  static final String BIND_HOST = "peqlite.bind-host";

  private static final Pattern NODE_ID = Pattern.compile("[A-Za-z0-9._:\\-\\[\\]]{1,64}");
  private static final int KIB = 1 << 10;
  private static final int MIB = 1 << 20;
  private static final long GIB = 1L << 30;
  private static final Duration MILLISECOND = Duration.ofMillis(1);
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration HOUR = Duration.ofHours(1);

  /**
   * Keys under {@code peqlite.discovery}; the method is {@code kubernetes-api}.
   *
   * @param namespace as given, or this pod's
   * @param tokenFile the file with which this node shows the API server who it is
   */
  public record Discovery(
      String namespace, String selector, String portName, int nodesMin, Path tokenFile) {}

  /** Keys under {@code peqlite.cluster}. */
  public record Cluster(Duration stableAfter, Duration minorityDelay) {}

  /** Keys under {@code peqlite.write}. */
  public record Write(
      int pendingMax,
      long pendingBytesMax,
      int sessionWindow,
      int requestBytesMax,
      Duration resendInterval,
      long lagMax) {}

  /** Keys under {@code peqlite.sequencer}. */
  public record Sequencer(
      int queueMax,
      long queueBytesMax,
      int batchRequestsMax,
      int eventBytesMax,
      Duration reportWait) {}

  /** Keys under {@code peqlite.apply}. */
  public record Apply(
      long stepLimit,
      Duration holdAfter,
      Duration retryBackoffMin,
      Duration retryBackoffMax,
      long cacheBytes,
      int statementCache,
      int resultBytesMax,
      long walBytesMax,
      long databaseBytesMax,
      int batchEventsMax,
      long catchUpBytesPerSecond,
      long changesBytesMax) {}

  /** Keys under {@code peqlite.snapshot}. */
  public record Snapshot(
      long journalBytes,
      long journalEvents,
      Duration interval,
      int keep,
      int compression,
      Duration lookInterval,
      long restoreBehindEvents,
      long transferBytesPerSecond) {}

  /** Keys under {@code peqlite.vacuum}. */
  public record Vacuum(long freeBytes) {}

  /** Keys under {@code peqlite.scrub}. */
  public record Scrub(Duration interval) {}

  /** Keys under {@code peqlite.keys}. */
  public record Keys(Duration age, int countMax, int outcomeBytesMax) {}

  /** Keys under {@code peqlite.read}. */
  public record Read(
      int connections,
      int queueMax,
      Duration timeMax,
      long rowsMax,
      long bytesMax,
      long cacheBytes,
      Duration weakAgeMax) {}

  /** Keys under {@code peqlite.as-of}. */
  public record AsOf(int statesMax, long bytesMax, Duration idle) {}

  /** Keys under {@code peqlite.http}. */
  public record Http(
      Optional<String> allowOrigin,
      int bodyBytesMax,
      long bodiesBytesMax,
      Duration timeout,
      Duration timeoutMax,
      int requestsMax,
      int connectionsMax,
      long spoolBytesMax,
      Duration stopDeadline) {}

  /**
   * Keys under {@code peqlite.log}.
   *
   * @param format of its lines
   * @param slowStatement how long a statement may take without being logged; zero for ever
   */
  public record Log(LogFormat format, Duration slowStatement) {}

  /**
   * Reads and checks all of it.
   *
   * @throws SettingsException naming the first value that cannot be used
   */
  public static Settings from(Config config) throws SettingsException {
    SettingsReader reader = new SettingsReader(config);
    JournalChoice journal = JournalReader.read(reader);
    return new Settings(
        nodeId(reader),
        optionalAddress(reader, "peqlite.http-addr"),
        dataDirectory(reader),
        clusterAddress(reader, journal),
        reader.text(BIND_HOST),
        optionalAddress(reader, "peqlite.management-addr"),
        join(reader, journal),
        DiscoveryReader.read(reader, journal),
        reader.flag("peqlite.foreign-keys"),
        journal,
        cluster(reader),
        write(reader),
        sequencer(reader),
        apply(reader),
        snapshot(reader),
        scrub(reader),
        vacuum(reader),
        BackupReader.read(reader, snapshot(reader).compression()),
        keys(reader),
        read(reader),
        asOf(reader),
        http(reader),
        log(reader));
  }

  private static Optional<String> nodeId(SettingsReader reader) throws SettingsException {
    String path = "peqlite.node-id";
    String nodeId = reader.text(path);
    if (nodeId.isEmpty()) {
      return Optional.empty();
    }
    if (!NODE_ID.matcher(nodeId).matches()) {
      throw reader.wrong(
          path, "'" + nodeId + "' is not 1 to 64 letters, digits and any of . _ : -");
    }
    return Optional.of(nodeId);
  }

  private static Path dataDirectory(SettingsReader reader) throws SettingsException {
    String path = "peqlite.data-dir";
    String text = reader.text(path);
    // A question mark would begin the parameters of the JDBC URLs made from this path.
    if (text.isEmpty() || text.indexOf('?') >= 0) {
      throw reader.wrong(path, "'" + text + "' is not a folder's path without question marks");
    }
    try {
      return Path.of(text).toAbsolutePath().normalize();
    } catch (InvalidPathException e) {
      throw reader.wrong(path, "is not a path: " + e.getReason());
    }
  }

  private static NetworkAddress clusterAddress(SettingsReader reader, JournalChoice journal)
      throws SettingsException {
    String path = "peqlite.cluster-addr";
    NetworkAddress address = reader.address(path);
    // The others are told this address, and from there it would lead back to themselves.
    if (!(journal instanceof JournalChoice.Sqlite) && address.isWildcard()) {
      throw reader.wrong(
          path, "'" + address.host() + "' is no host that other nodes reach this one by");
    }
    return address;
  }

  private static Optional<NetworkAddress> optionalAddress(SettingsReader reader, String path)
      throws SettingsException {
    return reader.text(path).isEmpty() ? Optional.empty() : Optional.of(reader.address(path));
  }

  private static List<NetworkAddress> join(SettingsReader reader, JournalChoice journal)
      throws SettingsException {
    String path = "peqlite.join";
    List<NetworkAddress> join = reader.addresses(path);
    if (!join.isEmpty() && journal instanceof JournalChoice.Sqlite) {
      throw reader.wrong(
          path,
          "needs a journal for many nodes, and 'sqlite' is for one; use --journal quorum or"
              + " --journal postgres");
    }
    if (join.isEmpty() && journal instanceof JournalChoice.Quorum) {
      throw new SettingsException(
          "--join: is not set, and the journal 'quorum' needs the --cluster-addr of all nodes that"
              + " are to form the cluster, this one's included");
    }
    return join;
  }

  private static Cluster cluster(SettingsReader reader) throws SettingsException {
    return new Cluster(
        reader.duration("peqlite.cluster.stable-after", MILLISECOND, MINUTE),
        reader.duration("peqlite.cluster.minority-delay", Duration.ZERO, MINUTE));
  }

  private static Write write(SettingsReader reader) throws SettingsException {
    Write write =
        new Write(
            reader.count("peqlite.write.pending-max", 1, 10_000_000),
            reader.bytes("peqlite.write.pending-bytes-max", 64 * KIB, 64 * GIB),
            reader.count("peqlite.write.session-window", 1, 65_536),
            reader.smallBytes("peqlite.write.request-bytes-max", KIB, 512 * MIB),
            reader.duration("peqlite.write.resend-interval", Duration.ofMillis(10), MINUTE),
            reader.number("peqlite.write.lag-max", 1, Long.MAX_VALUE));
    if (write.requestBytesMax() > write.pendingBytesMax() / 2) {
      throw reader.wrong(
          "peqlite.write.request-bytes-max",
          "is more than half of peqlite.write.pending-bytes-max");
    }
    return write;
  }

  private static Sequencer sequencer(SettingsReader reader) throws SettingsException {
    Sequencer sequencer =
        new Sequencer(
            reader.count("peqlite.sequencer.queue-max", 1, 10_000_000),
            reader.bytes("peqlite.sequencer.queue-bytes-max", 64 * KIB, 64 * GIB),
            reader.count("peqlite.sequencer.batch-requests-max", 1, 65_536),
            reader.smallBytes("peqlite.sequencer.event-bytes-max", 16 * KIB, 64 * MIB),
            reader.duration("peqlite.sequencer.report-wait", MILLISECOND, HOUR));
    long requestBytesMax = reader.bytes("peqlite.write.request-bytes-max", KIB, 512 * MIB);
    if (sequencer.queueBytesMax() < requestBytesMax) {
      throw reader.wrong(
          "peqlite.sequencer.queue-bytes-max", "is less than peqlite.write.request-bytes-max");
    }
    return sequencer;
  }

  private static Apply apply(SettingsReader reader) throws SettingsException {
    Apply apply =
        new Apply(
            reader.number("peqlite.apply.step-limit", 0, Long.MAX_VALUE),
            reader.duration("peqlite.apply.hold-after", MILLISECOND, HOUR),
            reader.duration("peqlite.apply.retry-backoff-min", MILLISECOND, HOUR),
            reader.duration("peqlite.apply.retry-backoff-max", MILLISECOND, HOUR),
            reader.bytes("peqlite.apply.cache-bytes", 64 * KIB, 64 * GIB),
            reader.count("peqlite.apply.statement-cache", 0, 100_000),
            reader.smallBytes("peqlite.apply.result-bytes-max", KIB, 512 * MIB),
            reader.bytes("peqlite.apply.wal-bytes-max", MIB, 64 * GIB),
            reader.bytes("peqlite.apply.database-bytes-max", 0, 1024 * 1024 * GIB),
            reader.count("peqlite.apply.batch-events-max", 1, 10_000),
            reader.bytes("peqlite.apply.catch-up-bytes-per-second", 64 * KIB, 64 * GIB),
            reader.bytes("peqlite.apply.changes-bytes-max", 64 * KIB, 64 * GIB));
    if (apply.retryBackoffMin().compareTo(apply.retryBackoffMax()) > 0) {
      throw reader.wrong(
          "peqlite.apply.retry-backoff-min", "is longer than peqlite.apply.retry-backoff-max");
    }
    return apply;
  }

  private static Vacuum vacuum(SettingsReader reader) throws SettingsException {
    return new Vacuum(reader.bytes("peqlite.vacuum.free-bytes", 0, 1024 * GIB));
  }

  private static Scrub scrub(SettingsReader reader) throws SettingsException {
    return new Scrub(
        reader.duration("peqlite.scrub.interval", Duration.ZERO, Duration.ofDays(365)));
  }

  private static Snapshot snapshot(SettingsReader reader) throws SettingsException {
    return new Snapshot(
        reader.bytes("peqlite.snapshot.journal-bytes", 64 * KIB, 1024 * GIB),
        reader.number("peqlite.snapshot.journal-events", 1, Long.MAX_VALUE),
        reader.duration("peqlite.snapshot.interval", Duration.ofSeconds(1), Duration.ofDays(365)),
        reader.count("peqlite.snapshot.keep", 1, 1_000),
        reader.count("peqlite.snapshot.compression", 1, 19),
        reader.duration("peqlite.snapshot.look-interval", MILLISECOND, HOUR),
        reader.number("peqlite.snapshot.restore-behind-events", 1, Long.MAX_VALUE),
        reader.bytes("peqlite.snapshot.transfer-bytes-per-second", 64 * KIB, 64 * GIB));
  }

  private static Keys keys(SettingsReader reader) throws SettingsException {
    return new Keys(
        reader.duration("peqlite.keys.age", Duration.ofSeconds(1), Duration.ofDays(3650)),
        reader.count("peqlite.keys.count-max", 0, 1_000_000_000),
        reader.smallBytes("peqlite.keys.outcome-bytes-max", 0, 16 * MIB));
  }

  private static Read read(SettingsReader reader) throws SettingsException {
    return new Read(
        reader.count("peqlite.read.connections", 1, 256),
        reader.count("peqlite.read.queue-max", 1, 1_000_000),
        reader.duration("peqlite.read.time-max", MILLISECOND, Duration.ofDays(1)),
        reader.number("peqlite.read.rows-max", 1, Long.MAX_VALUE),
        reader.bytes("peqlite.read.bytes-max", KIB, 1024 * GIB),
        reader.bytes("peqlite.read.cache-bytes", 64 * KIB, 64 * GIB),
        reader.duration("peqlite.read.weak-age-max", Duration.ZERO, HOUR));
  }

  private static AsOf asOf(SettingsReader reader) throws SettingsException {
    return new AsOf(
        reader.count("peqlite.as-of.states-max", 0, 1_000),
        reader.bytes("peqlite.as-of.bytes-max", MIB, 1024 * 1024 * GIB),
        reader.duration("peqlite.as-of.idle", MILLISECOND, Duration.ofDays(365)));
  }

  private static Http http(SettingsReader reader) throws SettingsException {
    String allowOrigin = reader.text("peqlite.http.allow-origin");
    Http http =
        new Http(
            allowOrigin.isEmpty() ? Optional.empty() : Optional.of(allowOrigin),
            reader.smallBytes("peqlite.http.body-bytes-max", KIB, 1024 * MIB),
            reader.bytes("peqlite.http.bodies-bytes-max", KIB, 64 * GIB),
            reader.duration("peqlite.http.timeout", MILLISECOND, HOUR),
            reader.duration("peqlite.http.timeout-max", MILLISECOND, HOUR),
            reader.count("peqlite.http.requests-max", 1, 1_000_000),
            reader.count("peqlite.http.connections-max", 1, 1_000_000),
            reader.bytes("peqlite.http.spool-bytes-max", 0, 1024 * GIB),
            reader.duration("peqlite.http.stop-deadline", Duration.ZERO, HOUR));
    if (allowOrigin.chars().anyMatch(c -> c <= ' ' || c > '~')) {
      throw reader.wrong(
          "peqlite.http.allow-origin", "is not an origin such as https://example.com");
    }
    if (http.timeout().compareTo(http.timeoutMax()) > 0) {
      throw reader.wrong("peqlite.http.timeout", "is longer than peqlite.http.timeout-max");
    }
    if (http.bodiesBytesMax() < http.bodyBytesMax()) {
      throw reader.wrong(
          "peqlite.http.bodies-bytes-max", "is less than peqlite.http.body-bytes-max");
    }
    return http;
  }

  private static Log log(SettingsReader reader) throws SettingsException {
    String path = "peqlite.log.format";
    String format = reader.text(path);
    return new Log(
        LogFormat.of(format)
            .orElseThrow(() -> reader.wrong(path, "'" + format + "' is neither text nor json")),
        reader.duration("peqlite.log.slow-statement", Duration.ZERO, Duration.ofDays(1)));
  }
}
