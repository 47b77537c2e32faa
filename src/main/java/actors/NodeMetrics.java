package actors;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import storage.DatabaseConnections;
import storage.PastStates;
import storage.ReadPool;

/**
 * What this node measures of itself, apart from HTTP. Made once for the process, so that its
 * counters go on when the cluster's actor system is started anew. Thread-safe, and nothing here
 * waits for anything.
 *
 * <p>What happens once in a request or an event is recorded when it happens. What is a state is
 * read from the gauges when somebody looks.
 */
final class NodeMetrics implements PastStates.Observer {

  /** What became of a write, as far as its client was told. */
  enum WriteEnd {
    /** Applied here. */
    APPLIED,
    /** Durable, and its client did not want to wait for more. */
    QUEUED,
    /** Surely not applied. */
    NOT_APPLIED,
    /** Durable and not applied here in time. */
    COMMITTED,
    /** Neither its order nor its cancellation was known in time. */
    UNKNOWN
  }

  /**
   * The sequencer of this node as it was lately.
   *
   * @param here whether one runs here and is open
   * @param queueRequests what waits for its place
   * @param queueBytes their bytes
   * @param lag events that each node known to it has not applied yet, by node id
   */
  record SequencerReading(boolean here, int queueRequests, long queueBytes, Map<String, Long> lag) {

    static final SequencerReading NONE = new SequencerReading(false, 0, 0, Map.of());
  }

  /**
   * This node's newest snapshot.
   *
   * @param takenNanos when it was taken, by {@link System#nanoTime()}; without one when the node
   *     started
   * @param bytesThen {@link ReplicaGauge.Reading#appliedBytes} then
   */
  record SnapshotReading(long takenNanos, long bytesThen) {

    private double ageSeconds() {
      return (System.nanoTime() - takenNanos) / 1e9;
    }

    private long bytesSince(ReplicaGauge.Reading now) {
      return Math.max(0, now.appliedBytes() - bytesThen);
    }
  }

  private static final double[] REQUESTS = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000};

  private static final double[] BYTES = {
    1 << 10, 4 << 10, 16 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20
  };

  private final CompositeMeterRegistry registry = new CompositeMeterRegistry();
  private final Map<WriteEnd, Timer> writes = new EnumMap<>(WriteEnd.class);
  private final Map<ReadLevel, Timer> admissions = new EnumMap<>(ReadLevel.class);
  private final Map<ReadLevel, LongAdder> admissionsRefused = new EnumMap<>(ReadLevel.class);
  private final LongAdder writesGivenUp;
  private final LongAdder writesSentAgain;
  private final LongAdder sessionsOpened;
  private final Timer commit;
  private final DistributionSummary eventRequests;
  private final DistributionSummary eventBytes;
  private final LongAdder openings;
  private final LongAdder sequencerFailures;
  private final LongAdder verdictsGivenUp;
  private final LongAdder verdictsApply;
  private final Timer apply;
  private final LongAdder rebuilds;
  private final LongAdder restores;
  private final LongAdder failures;
  private final LongAdder held;
  private final LongAdder journalErrors;
  private final LongAdder scrubsDiffered;
  private final LongAdder snapshotFailures;
  private final LongAdder clusterStarts;
  private final Timer readQueue;
  private final Timer readRun;
  private final LongAdder readsRefused;
  private final Timer pastMade;
  private final LongAdder pastFailures;
  private final MultiGauge lags;
  private final LongAdder backupFailures;
  private final LongAdder backupGaps;

  private volatile SequencerReading sequencer = SequencerReading.NONE;
  private volatile SnapshotReading snapshot = new SnapshotReading(System.nanoTime(), 0);
  private volatile long journalKept;
  private volatile NodeStatus.Backups backups = NodeStatus.Backups.ELSEWHERE;
  private volatile int sessions;

  /** The nodes whose lag is shown. */
  private Set<String> lagging = Set.of();

  NodeMetrics() {
    for (WriteEnd end : WriteEnd.values()) {
      writes.put(
          end,
          timer("peqlite.write", "Writes taken by this node, until they were answered.")
              .tag("outcome", end.name().toLowerCase(Locale.ROOT))
              .register(registry));
    }
    for (ReadLevel level : ReadLevel.values()) {
      String name = level.name().toLowerCase(Locale.ROOT);
      admissions.put(
          level,
          timer("peqlite.read.admission", "Reads, until this node had applied what they ask for.")
              .tag("level", name)
              .register(registry));
      admissionsRefused.put(
          level,
          counter(
              "peqlite.read.admission.refused",
              "Reads that this node could not let in: too late, or stale.",
              "level",
              name));
    }
    writesGivenUp = counter("peqlite.write.given.up", "Writes cancelled before their deadline.");
    writesSentAgain =
        counter("peqlite.write.sent.again", "Writes sent to a sequencer once more, or cancelled.");
    sessionsOpened = counter("peqlite.session.openings", "Sessions that this process has opened.");
    commit =
        timer("peqlite.journal.commit", "Appends of this node's sequencer, until durable.")
            .register(registry);
    eventRequests =
        DistributionSummary.builder("peqlite.event.requests")
            .description("Requests in each event that this node's sequencer has appended.")
            .serviceLevelObjectives(REQUESTS)
            .register(registry);
    eventBytes =
        DistributionSummary.builder("peqlite.event.size")
            .baseUnit("bytes")
            .description("Bytes of each event that this node's sequencer has appended.")
            .serviceLevelObjectives(BYTES)
            .register(registry);
    openings = counter("peqlite.sequencer.openings", "Sequencers that have opened on this node.");
    sequencerFailures =
        counter("peqlite.sequencer.failures", "Sequencers of this node that ended by a failure.");
    verdictsGivenUp = verdict("given_up");
    verdictsApply = verdict("apply");
    apply =
        timer("peqlite.apply", "Batches of events applied to this node's database.")
            .register(registry);
    rebuilds = counter("peqlite.replica.rebuilds", "Times the database was made anew.");
    restores = counter("peqlite.replica.restores", "Times the database was made from a snapshot.");
    failures =
        counter("peqlite.replica.failures", "Times the replica could not go on and tried again.");
    held = counter("peqlite.replica.held", "Requests at which the replica stopped for a verdict.");
    journalErrors = counter("peqlite.journal.errors", "Times the journal failed this node.");
    scrubsDiffered =
        counter(
            "peqlite.scrub.mismatches",
            "Scrubs by which this node's sequencer found that contents differ.");
    snapshotFailures =
        counter(
            "peqlite.snapshot.failures",
            "Snapshots that this node could not take, or not put into the store.");
    clusterStarts =
        counter("peqlite.cluster.starts", "Times this node's cluster side was started.");
    readQueue =
        timer("peqlite.read.queue", "Reads, while they waited for a connection.")
            .register(registry);
    readRun = timer("peqlite.read.run", "Reads, while they had a connection.").register(registry);
    readsRefused =
        counter("peqlite.read.refused", "Reads refused because too many wait for a connection.");
    pastMade =
        timer("peqlite.past.made", "Databases of the past made for reads.").register(registry);
    pastFailures =
        counter("peqlite.past.failures", "Databases of the past that could not be made for reads.");
    backupFailures = counter("peqlite.backup.failures", "Times that backing up failed here.");
    backupGaps =
        counter(
            "peqlite.backup.gaps", "Times that events were cut off the journal without a backup.");
    Gauge.builder("peqlite.backup.here", () -> backups.here() ? 1 : 0)
        .description("1 while this node makes the backups.")
        .register(registry);
    Gauge.builder(
            "peqlite.backup.last.success",
            () -> backups.lastSuccess().map(Instant::getEpochSecond).orElse(0L))
        .baseUnit("seconds")
        .description("When everything was backed up last, since 1970; 0 if it was not here.")
        .register(registry);
    Gauge.builder("peqlite.backup.full.seq", () -> backups.fullSeq())
        .description("The last event in the newest full backup, where backups are made.")
        .register(registry);
    Gauge.builder("peqlite.backup.seq", () -> backups.seq())
        .description("The last event that can be restored, where backups are made.")
        .register(registry);
    lags =
        MultiGauge.builder("peqlite.sequencer.replica.lag")
            .description("Events that a node has not applied, as this node's sequencer knows.")
            .baseUnit("events")
            .register(registry);
    Gauge.builder("peqlite.sequencer.here", () -> sequencer.here() ? 1 : 0)
        .description("1 while an open sequencer runs on this node.")
        .register(registry);
    Gauge.builder("peqlite.sequencer.queue.requests", () -> sequencer.queueRequests())
        .description("Requests that wait for their place at this node's sequencer.")
        .register(registry);
    Gauge.builder("peqlite.sequencer.queue", () -> sequencer.queueBytes())
        .baseUnit("bytes")
        .description("Bytes of the requests that wait for their place at this node's sequencer.")
        .register(registry);
    Gauge.builder("peqlite.sessions", () -> sessions)
        .description("Sessions of all nodes' processes that are open where this replica stands.")
        .register(registry);
  }

  private static Timer.Builder timer(String name, String description) {
    return Timer.builder(name).description(description).serviceLevelObjectives(Latencies.bounds());
  }

  /**
   * A counter that goes on from where it is for whoever adds a registry later. The registry does
   * not keep it alive; its field here does.
   */
  private LongAdder counter(String name, String description, String... tags) {
    LongAdder adder = new LongAdder();
    FunctionCounter.builder(name, adder, LongAdder::sum)
        .description(description)
        .tags(tags)
        .register(registry);
    return adder;
  }

  private LongAdder verdict(String verdict) {
    return counter(
        "peqlite.sequencer.verdicts",
        "Verdicts on requests that some replica could not apply.",
        "verdict",
        verdict);
  }

  /** Where it is recorded; whoever wants to see it adds a registry of their own. */
  CompositeMeterRegistry registry() {
    return registry;
  }

  /** From now on shows the state of the node's parts too. Once. */
  void show(
      String version,
      LocalNode node,
      ReplicaGauge replica,
      WriteGauge pending,
      ReadPool reads,
      ClusterView view) {
    Gauge.builder("peqlite.ready", () -> node.isReady() ? 1 : 0)
        .description("1 while this node serves all reads and takes writes.")
        .register(registry);
    for (ReplicaGauge.State state : ReplicaGauge.State.values()) {
      Gauge.builder("peqlite.replica.state", () -> replica.read().state() == state ? 1 : 0)
          .description("1 for what the replica is doing, else 0.")
          .tag("state", state.text())
          .register(registry);
    }
    Gauge.builder("peqlite.head.seq", () -> replica.read().head())
        .description("The journal's last event, as far as this node has heard.")
        .register(registry);
    Gauge.builder("peqlite.applied.seq", () -> replica.read().applied())
        .description("The last event that this node has applied.")
        .register(registry);
    Gauge.builder("peqlite.lag", () -> lag(replica.read()))
        .baseUnit("events")
        .description("Events in the journal that this node has not applied.")
        .register(registry);
    Gauge.builder("peqlite.epoch", () -> replica.read().epoch())
        .description("The epoch of the sequencer last heard of.")
        .register(registry);
    Gauge.builder(
            "peqlite.sequencer.known", () -> replica.read().sequencerNodeId().isEmpty() ? 0 : 1)
        .description("1 while this node hears of an open sequencer.")
        .register(registry);
    Gauge.builder("peqlite.journal.reachable", () -> replica.read().journalUnreachable() ? 0 : 1)
        .description("0 while this node could not ask the journal the last time it tried.")
        .register(registry);
    Gauge.builder("peqlite.database", node::databaseBytes)
        .baseUnit("bytes")
        .description("Size of the database file.")
        .register(registry);
    Gauge.builder("peqlite.snapshot.seq", node::snapshotSeq)
        .description("The last event in this node's newest snapshot, 0 without one.")
        .register(registry);
    Gauge.builder("peqlite.snapshots", node::snapshotBytes)
        .baseUnit("bytes")
        .description("Size of this node's snapshots.")
        .register(registry);
    Gauge.builder("peqlite.snapshot.age", () -> snapshot.ageSeconds())
        .baseUnit("seconds")
        .description(
            "Since this node's newest snapshot was taken, or since it started without one.")
        .register(registry);
    Gauge.builder("peqlite.snapshot.behind", () -> snapshot.bytesSince(replica.read()))
        .baseUnit("bytes")
        .description("Bytes of the events that were applied since this node's newest snapshot.")
        .register(registry);
    Gauge.builder("peqlite.journal.kept", () -> journalKept)
        .baseUnit("events")
        .description("Events that the journal holds, as this node's sequencer has seen; else 0.")
        .register(registry);
    Gauge.builder("peqlite.scrub.seq", () -> replica.scrub().seq())
        .description("The event of the last scrub that this replica came to, 0 without one.")
        .register(registry);
    Gauge.builder("peqlite.scrub.running", () -> replica.scrub().running() ? 1 : 0)
        .description("1 while this node's database is looked through.")
        .register(registry);
    Gauge.builder("peqlite.scrub.duration", () -> replica.scrub().tookNanos() / 1e9)
        .baseUnit("seconds")
        .description("How long the last look through this node's database took.")
        .register(registry);
    Gauge.builder("peqlite.scrub.clean.timestamp", () -> replica.scrub().cleanMicros() / 1e6)
        .baseUnit("seconds")
        .description("As of when this node was last found to hold what most hold, since 1970.")
        .register(registry);
    Gauge.builder("peqlite.scrub.undecided", () -> replica.scrub().undecided() ? 1 : 0)
        .description("1 while contents differ and nobody can tell which are right.")
        .register(registry);
    Gauge.builder("peqlite.past.states", () -> node.pastUse().states())
        .description("Databases of the past that this node keeps for reads.")
        .register(registry);
    Gauge.builder("peqlite.past", () -> node.pastUse().bytes())
        .baseUnit("bytes")
        .description("Size of the databases of the past.")
        .register(registry);
    Gauge.builder("peqlite.disk.free", node::diskFreeBytes)
        .baseUnit("bytes")
        .description("Free space where the data directory is.")
        .register(registry);
    Gauge.builder("peqlite.disk.size", node::diskBytes)
        .baseUnit("bytes")
        .description("Size of the file system where the data directory is.")
        .register(registry);
    Gauge.builder("peqlite.wal", () -> replica.read().walBytes())
        .baseUnit("bytes")
        .description("Size of the database's write-ahead log.")
        .register(registry);
    Gauge.builder("peqlite.writes.pending", pending::pending)
        .description("Writes that this node has taken and not settled.")
        .register(registry);
    Gauge.builder("peqlite.session.open", () -> pending.sessionOpen() ? 1 : 0)
        .description("1 while this process has a session to number its writes in.")
        .register(registry);
    Gauge.builder("peqlite.read.waiting", reads::queued)
        .description("Reads that wait for a connection.")
        .register(registry);
    Gauge.builder("peqlite.read.connections.active", reads::active)
        .description("Connections that read now.")
        .register(registry);
    Gauge.builder("peqlite.read.connections.max", reads::connections)
        .description("Connections for reads.")
        .register(registry);
    FunctionCounter.builder("peqlite.messages.dropped", view, ClusterView::messagesDropped)
        .description("Messages between nodes that Pekko has given up.")
        .register(registry);
    Gauge.builder("peqlite.cluster.members", () -> view.members(true))
        .tag("state", "reachable")
        .description("Members of the cluster, this node included, by whether it reaches them.")
        .register(registry);
    Gauge.builder("peqlite.cluster.members", () -> view.members(false))
        .tag("state", "unreachable")
        .description("Members of the cluster, this node included, by whether it reaches them.")
        .register(registry);
    Gauge.builder("peqlite.build.info", () -> 1)
        .tags("version", version)
        .tags("sqlite_version", DatabaseConnections.sqliteVersion())
        .tags("java_version", Runtime.version().toString())
        .description("1, labelled with what runs here.")
        .register(registry);
  }

  private static long lag(ReplicaGauge.Reading now) {
    return Math.max(0, now.head() - now.applied());
  }

  void writeEnded(WriteEnd end, long nanos) {
    timerOf(writes, end).record(Math.max(0, nanos), TimeUnit.NANOSECONDS);
  }

  void writeGivenUp() {
    writesGivenUp.increment();
  }

  void writeSentAgain() {
    writesSentAgain.increment();
  }

  void sessionOpened() {
    sessionsOpened.increment();
  }

  /** An event of this node's sequencer is durable. */
  void appended(int requests, int bytes, long nanos) {
    commit.record(nanos, TimeUnit.NANOSECONDS);
    eventBytes.record(bytes);
    if (requests > 0) {
      eventRequests.record(requests);
    }
  }

  void sequencerOpened() {
    openings.increment();
  }

  void sequencerFailed() {
    sequencerFailures.increment();
  }

  void verdict(boolean givenUp) {
    (givenUp ? verdictsGivenUp : verdictsApply).increment();
  }

  /** Tells how this node's sequencer is now; {@link SequencerReading#NONE} when it has ended. */
  synchronized void sequencer(SequencerReading reading) {
    sequencer = reading;
    if (!reading.lag().keySet().equals(lagging)) {
      lagging = new HashSet<>(reading.lag().keySet());
      List<MultiGauge.Row<?>> rows = new ArrayList<>();
      lagging.forEach(nodeId -> rows.add(lagOf(nodeId)));
      lags.register(rows, true);
    }
  }

  private MultiGauge.Row<?> lagOf(String nodeId) {
    Supplier<Number> lag = () -> sequencer.lag().getOrDefault(nodeId, 0L);
    return MultiGauge.Row.of(Tags.of("node", nodeId), lag);
  }

  /**
   * How backups are getting on; {@link NodeStatus.Backups#ELSEWHERE} when they are not made here.
   */
  void backups(NodeStatus.Backups now) {
    backups = now;
  }

  NodeStatus.Backups backups() {
    return backups;
  }

  void backupFailed() {
    backupFailures.increment();
  }

  void backupGap() {
    backupGaps.increment();
  }

  void applied(long nanos, int sessionsOpen) {
    apply.record(nanos, TimeUnit.NANOSECONDS);
    sessions = sessionsOpen;
  }

  void rebuilt() {
    rebuilds.increment();
  }

  void restored() {
    restores.increment();
  }

  void replicaFailed() {
    failures.increment();
  }

  void held() {
    held.increment();
  }

  void journalFailed() {
    journalErrors.increment();
  }

  void scrubDiffered() {
    scrubsDiffered.increment();
  }

  /** This node's newest snapshot is another one now. */
  void snapshot(SnapshotReading newest) {
    snapshot = newest;
  }

  /** So many events are in the journal; 0 from who does not look any more. */
  void journalKept(long events) {
    journalKept = events;
  }

  void snapshotFailed() {
    snapshotFailures.increment();
  }

  void clusterStarted() {
    clusterStarts.increment();
  }

  void admitted(ReadLevel level, ReadAdmission admission, long nanos) {
    if (admission instanceof ReadAdmission.Admitted) {
      timerOf(admissions, level).record(nanos, TimeUnit.NANOSECONDS);
    } else {
      LongAdder refused = admissionsRefused.get(level);
      if (refused != null) {
        refused.increment();
      }
    }
  }

  @Override
  public void ran(long waitedNanos, long ranNanos) {
    readQueue.record(waitedNanos, TimeUnit.NANOSECONDS);
    readRun.record(ranNanos, TimeUnit.NANOSECONDS);
  }

  @Override
  public void made(boolean succeeded, long nanos) {
    if (succeeded) {
      pastMade.record(nanos, TimeUnit.NANOSECONDS);
    } else {
      pastFailures.increment();
    }
  }

  @Override
  public void refused() {
    readsRefused.increment();
  }

  private static <K extends Enum<K>> Timer timerOf(Map<K, Timer> timers, K key) {
    Timer timer = timers.get(key);
    if (timer == null) {
      throw new IllegalStateException("there is no timer for " + key);
    }
    return timer;
  }
}
