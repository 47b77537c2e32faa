package actors;

import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.typed.Cluster;
import sql.IdempotencyKey;
import sql.Position;
import sql.WriteRequest;
import storage.DatabaseConnections;
import storage.KeyReader;
import storage.LoadStep;
import storage.PastStates;
import storage.PastTarget;
import storage.ReadLimits;
import storage.ReadPool;
import storage.RequestCodec;
import storage.SnapshotDirectory;

/** The node of this process. Thread-safe. */
final class LocalNode implements Node {

  /** How long a read that wants fresher knowledge than there is waits for the sequencer. */
  private static final Duration FRESHEN = Duration.ofMillis(250);

  /** A sequencer that is open says so twice a second. */
  private static final Duration SEQUENCER_SILENT_MAX = Duration.ofSeconds(3);

  /** How long a member may take to say that it is there; who is gone must not use up a deadline. */
  private static final Duration MEMBERS_MAX = Duration.ofSeconds(1);

  /** How often it is looked whether the sequencer has moved. */
  private static final Duration MOVE_LOOK = Duration.ofMillis(250);

  private static final long KEY_BYTES_MAX = 64L << 20;

  private final NodeSettings settings;
  private final ActorRef<Replica.Command> replica;
  private final ActorRef<WriteSession.Command> session;
  private final ActorRef<ReadGate.Command> readGate;
  private final ActorRef<SnapshotKeeper.Command> snapshots;
  private final Loader loader;
  private final SnapshotDirectory directory;
  private final ReadPool reads;
  private final PastStates past;
  private final PastReads pastReads;
  private final ReplicaGauge gauge;
  private final NodeMetrics metrics;
  private final WriteGauge writes;
  private final SequencerLink link;
  private final ClusterView view;
  private final LocalQuorum quorum;
  private final Map<Address, NodeGateway.StatusAnswer> lastKnown = new ConcurrentHashMap<>();
  private final Instant startedAt = Instant.now();
  private volatile String httpUrl = "";

  LocalNode(
      NodeSettings settings,
      LocalParts parts,
      SnapshotDirectory directory,
      ReadPool reads,
      PastStates past,
      Executor journalExecutor,
      ReplicaGauge gauge,
      WriteGauge writes,
      SequencerLink link,
      ClusterView view,
      LocalQuorum quorum) {
    this.link = link;
    this.settings = settings;
    this.view = view;
    this.quorum = quorum;
    this.replica = parts.replica();
    this.session = parts.session();
    this.loader = new Loader(session);
    this.readGate = parts.readGate();
    this.snapshots = parts.snapshots();
    this.directory = directory;
    this.metrics = parts.metrics();
    this.reads = reads;
    this.past = past;
    this.pastReads = new PastReads(past, gauge, journalExecutor);
    this.gauge = gauge;
    this.writes = writes;
  }

  void httpUrl(String url) {
    httpUrl = url;
  }

  @Override
  public CompletionStage<WriteAnswer> write(
      WriteRequest request, Duration timeout, boolean queued, WriteCaller caller) {
    byte[] encoded = RequestCodec.encode(request);
    int max = settings.write().requestBytesMax();
    if (encoded.length > max) {
      return CompletableFuture.completedFuture(
          new WriteAnswer.TooLarge(
              "the request takes "
                  + encoded.length
                  + " bytes, more than peqlite.write.request-bytes-max ("
                  + max
                  + "); send it in several requests"));
    }
    CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
    session.tell(
        new WriteSession.Submit(
            encoded,
            System.nanoTime() + timeout.toNanos(),
            timeout.toNanos(),
            queued,
            caller,
            answer));
    return answer;
  }

  @Override
  public CompletionStage<WriteAnswer> load(
      Path file,
      LoadStep.Content content,
      Optional<IdempotencyKey> key,
      Duration timeout,
      WriteCaller caller) {
    long max = settings.apply().databaseBytesMax();
    long bytes = file.toFile().length();
    if (content == LoadStep.Content.DATABASE && max > 0 && bytes > max) {
      return CompletableFuture.completedFuture(
          new WriteAnswer.TooLarge(
              "the file has "
                  + bytes
                  + " bytes, more than peqlite.apply.database-bytes-max ("
                  + max
                  + ")"));
    }
    return loader.load(file, content, key, timeout, caller);
  }

  @Override
  public CompletionStage<ReadAdmission> admit(
      ReadLevel level, Optional<Duration> freshness, OptionalLong minSeq, Duration timeout) {
    long began = System.nanoTime();
    CompletableFuture<ReadAdmission> known = admission(level, freshness, minSeq, timeout);
    if (known.isDone() && !known.isCompletedExceptionally()) {
      metrics.admitted(level, known.join(), System.nanoTime() - began);
      return known; // the usual way at level none, without another stage
    }
    return known.thenApply(
        admission -> {
          metrics.admitted(level, admission, System.nanoTime() - began);
          return admission;
        });
  }

  private CompletableFuture<ReadAdmission> admission(
      ReadLevel level, Optional<Duration> freshness, OptionalLong minSeq, Duration timeout) {
    ReplicaGauge.Reading now = gauge.read();
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    if (level == ReadLevel.NONE && now.servesNone() && now.applied() >= minSeq.orElse(0)) {
      if (now.isFresh(freshness)) {
        return CompletableFuture.completedFuture(new ReadAdmission.Admitted());
      }
      // Nobody has said lately that nothing is missing here; the sequencer is asked before no.
      Duration wait = timeout.compareTo(FRESHEN) < 0 ? timeout : FRESHEN;
      return admission(ReadLevel.WEAK, Optional.empty(), minSeq, wait)
          .thenApply(
              admission ->
                  admission instanceof ReadAdmission.Refused
                      ? new ReadAdmission.Stale()
                      : admission);
    }
    CompletableFuture<ReadAdmission> answer = new CompletableFuture<>();
    readGate.tell(new ReadGate.Admit(level, freshness, minSeq, deadlineNanos, answer));
    return answer;
  }

  @Override
  public CompletionStage<PastAdmission> past(
      PastTarget target,
      ReadLevel level,
      Optional<Duration> freshness,
      OptionalLong minSeq,
      Duration timeout) {
    return pastReads.open(target, minSeq, timeout, left -> admit(level, freshness, minSeq, left));
  }

  @Override
  public ReadPool reads() {
    return reads;
  }

  @Override
  public CompletionStage<ChangeLog.Cursor> changes(OptionalLong afterSeq) {
    CompletableFuture<ChangeLog.Cursor> answer = new CompletableFuture<>();
    replica.tell(new Replica.Follow(afterSeq, answer));
    return answer;
  }

  @Override
  public CompletionStage<Optional<KeyRecord>> keyed(IdempotencyKey key, Duration timeout) {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    return admit(ReadLevel.WEAK, Optional.empty(), OptionalLong.empty(), timeout)
        .thenCompose(
            admission -> {
              if (!(admission instanceof ReadAdmission.Admitted)) {
                return CompletableFuture.failedFuture(
                    new RejectedExecutionException("the key cannot be looked up now"));
              }
              return reads.submit(
                  snapshot ->
                      KeyReader.find(snapshot, key, new ReadLimits(deadlineNanos, 1, KEY_BYTES_MAX))
                          .map(found -> new KeyRecord(found.position(), found.outcome())));
            });
  }

  @Override
  public NodeStatus status() {
    ReplicaGauge.Reading now = gauge.read();
    return new NodeStatus(
        settings.nodeId(),
        settings.clusterAddress(),
        startedAt,
        now.sequencerNodeId().isEmpty() ? Optional.empty() : Optional.of(now.sequencerNodeId()),
        now.epoch(),
        now.journalId(),
        now.head(),
        now.applied(),
        isReady(now),
        now.state().text(),
        now.problem().or(view::problem),
        writes.pending(),
        view.messagesDropped(),
        databaseBytes(),
        now.walBytes(),
        snapshots(),
        scrub(gauge.scrub()),
        past.use(),
        settings.backup().map(backup -> metrics.backups()),
        quorum.side());
  }

  private static NodeStatus.Scrub scrub(Scrubber.Reading now) {
    return new NodeStatus.Scrub(
        now.seq(),
        now.running(),
        now.result(),
        now.text(),
        now.cleanSeq(),
        now.cleanSeq() == 0
            ? Optional.empty()
            : Optional.of(Instant.EPOCH.plus(now.cleanMicros(), ChronoUnit.MICROS)));
  }

  private List<NodeStatus.Snapshot> snapshots() {
    return directory.list().stream()
        .map(kept -> new NodeStatus.Snapshot(kept.id(), kept.header().seq(), kept.bytes()))
        .toList();
  }

  /** The last event in this node's newest snapshot, 0 without one. */
  long snapshotSeq() {
    return directory.newest(any -> true).map(kept -> kept.header().seq()).orElse(0L);
  }

  /** What this node's snapshots take. */
  long snapshotBytes() {
    return directory.list().stream().mapToLong(SnapshotDirectory.Stored::bytes).sum();
  }

  /** What there is of databases of the past. */
  PastStates.Use pastUse() {
    return past.use();
  }

  boolean isReady() {
    return isReady(gauge.read());
  }

  private boolean isReady(ReplicaGauge.Reading now) {
    return now.state() == ReplicaGauge.State.APPLYING
        && now.servesReads()
        && !now.sequencerNodeId().isEmpty()
        && System.nanoTime() - now.heardNanos() < SEQUENCER_SILENT_MAX.toNanos()
        && writes.sessionOpen();
  }

  /** The size of the database file; 0 while there is none. */
  long databaseBytes() {
    return NodeSettings.databaseFile(settings.dataDirectory()).toFile().length();
  }

  /** What is free for this process where the data directory is. */
  long diskFreeBytes() {
    return settings.dataDirectory().toFile().getUsableSpace();
  }

  /** The size of the file system that the data directory is on. */
  long diskBytes() {
    return settings.dataDirectory().toFile().getTotalSpace();
  }

  @Override
  public CompositeMeterRegistry metrics() {
    return metrics.registry();
  }

  /** This node as the others see it. */
  NodeGateway.StatusAnswer statusForOthers() {
    ReplicaGauge.Reading now = gauge.read();
    return new NodeGateway.StatusAnswer(
        settings.nodeId(),
        httpUrl,
        settings.version(),
        DatabaseConnections.sqliteVersion(),
        now.applied(),
        now.head(),
        now.state().text());
  }

  @Override
  public CompletionStage<List<MemberStatus>> members(Duration timeout) {
    return quorum.places(clusterMembers(timeout), timeout);
  }

  private CompletionStage<List<MemberStatus>> clusterMembers(Duration timeout) {
    ActorSystem<?> system = view.system().orElse(null);
    if (system == null) {
      return CompletableFuture.completedFuture(List.of(self(System.nanoTime())));
    }
    Cluster cluster = Cluster.get(system);
    List<CompletableFuture<MemberStatus>> members = new ArrayList<>();
    boolean selfThere = false;
    for (Member member : cluster.state().getMembers()) {
      if (member.uniqueAddress().equals(cluster.selfMember().uniqueAddress())) {
        selfThere = true;
        members.add(CompletableFuture.completedFuture(self(System.nanoTime())));
      } else {
        members.add(ask(system, member, timeout));
      }
    }
    if (!selfThere) {
      members.add(CompletableFuture.completedFuture(self(System.nanoTime())));
    }
    return CompletableFuture.allOf(members.toArray(CompletableFuture[]::new))
        .thenApply(
            done ->
                members.stream()
                    .map(CompletableFuture::join)
                    .sorted(Comparator.comparing(MemberStatus::nodeId))
                    .toList());
  }

  private MemberStatus self(long start) {
    return member(statusForOthers(), settings.clusterAddress(), true, System.nanoTime() - start);
  }

  private CompletableFuture<MemberStatus> ask(
      ActorSystem<?> system, Member member, Duration timeout) {
    Address address = member.address();
    String hostPort = address.getHost().orElse("") + ":" + address.getPort().orElse(0);
    long start = System.nanoTime();
    return AskPattern.<NodeMessage, NodeGateway.StatusAnswer>ask(
            ClusterMembers.gateway(ActorRefResolver.get(system), address),
            NodeGateway.AskStatus::new,
            timeout,
            system.scheduler())
        .handle(
            (answer, failure) -> {
              long nanos = System.nanoTime() - start;
              if (answer != null) {
                lastKnown.put(address, answer);
                return member(answer, hostPort, true, nanos);
              }
              NodeGateway.StatusAnswer known = lastKnown.get(address);
              return member(
                  known != null
                      ? known
                      : new NodeGateway.StatusAnswer(hostPort, "", "", "", 0, 0, ""),
                  hostPort,
                  false,
                  nanos);
            })
        .toCompletableFuture();
  }

  private MemberStatus member(
      NodeGateway.StatusAnswer answer, String address, boolean reachable, long nanos) {
    ReplicaGauge.Reading now = gauge.read();
    long head = Math.max(now.head(), answer.head());
    return new MemberStatus(
        answer.nodeId(),
        answer.httpUrl(),
        address,
        answer.version(),
        true,
        reachable,
        answer.nodeId().equals(now.sequencerNodeId()),
        reachable ? OptionalLong.of(answer.applied()) : OptionalLong.empty(),
        Math.max(0, head - answer.applied()),
        answer.sqliteVersion(),
        nanos,
        Optional.empty());
  }

  /**
   * The sequencer runs on the oldest member: whoever is older than the one it is to move to leaves
   * for a moment and comes back as the youngest, one after the other.
   */
  @Override
  public CompletionStage<Optional<String>> moveSequencer(
      Optional<String> nodeId, Duration timeout) {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    String from = gauge.read().sequencerNodeId();
    if (nodeId.isPresent() && nodeId.get().equals(from)) {
      return CompletableFuture.completedFuture(Optional.empty());
    }
    return clusterMembers(timeout.compareTo(MEMBERS_MAX) < 0 ? timeout : MEMBERS_MAX)
        .thenCompose(
            members -> {
              List<MemberStatus> others =
                  members.stream()
                      .filter(member -> member.reachable() && !member.nodeId().equals(from))
                      .toList();
              if (others.isEmpty()) {
                return done("there is no other node that can be reached");
              }
              if (nodeId.isPresent()
                  && others.stream().noneMatch(o -> o.nodeId().equals(nodeId.get()))) {
                return done("there is no node " + nodeId.get() + " that can be reached");
              }
              return moveOn(from, nodeId, deadlineNanos);
            });
  }

  private static CompletionStage<Optional<String>> done(String why) {
    return CompletableFuture.completedFuture(Optional.of(why));
  }

  private CompletionStage<Optional<String>> moveOn(
      String from, Optional<String> to, long deadlineNanos) {
    ReplicaGauge.Reading now = gauge.read();
    String current = now.sequencerNodeId();
    boolean moved =
        !current.isEmpty() && to.map(current::equals).orElseGet(() -> !current.equals(from));
    if (moved) {
      return CompletableFuture.completedFuture(Optional.empty());
    }
    long left = deadlineNanos - System.nanoTime();
    if (left <= 0) {
      return done("the sequencer has not moved in time; it runs on node " + current);
    }
    ActorSystem<?> system = view.system().orElse(null);
    if (system != null && !current.isEmpty()) {
      askToMove(system);
    }
    return CompletableFuture.supplyAsync(
            () -> Boolean.TRUE,
            CompletableFuture.delayedExecutor(MOVE_LOOK.toMillis(), TimeUnit.MILLISECONDS))
        .thenCompose(again -> moveOn(from, to, deadlineNanos));
  }

  /** Only the node of the sequencer does something; it may be asked more than once. */
  private void askToMove(ActorSystem<?> system) {
    ActorRef<NodeGateway.MoveAnswer> nobody = system.ignoreRef();
    ActorRefResolver resolver = ActorRefResolver.get(system);
    for (Member member : Cluster.get(system).state().getMembers()) {
      ClusterMembers.gateway(resolver, member.address()).tell(new NodeGateway.AskMove(nobody));
    }
  }

  @Override
  public CompletionStage<MembershipResult> remove(String name, Duration timeout) {
    return quorum.remove(name, timeout);
  }

  @Override
  public CompletionStage<MembershipResult> replace(String name, Duration timeout) {
    return quorum.replace(name, timeout);
  }

  @Override
  public CompletionStage<OptionalLong> snapshot() {
    CompletableFuture<Long> taken = new CompletableFuture<>();
    snapshots.tell(new SnapshotKeeper.TakeNow(taken));
    return taken.thenApply(seq -> seq == 0 ? OptionalLong.empty() : OptionalLong.of(seq));
  }

  @Override
  public CompletionStage<ScrubOrder> scrub(Duration timeout) {
    SequencerLink.Target target = link.target();
    ActorSystem<?> system = view.system().orElse(null);
    if (target == null || system == null) {
      return CompletableFuture.completedFuture(
          new ScrubOrder.Refused("this node knows of no sequencer; try again"));
    }
    return AskPattern.<Sequencer.Command, Sequencer.ScrubAnswer>ask(
            target.sequencer(), Sequencer.AskScrub::new, timeout, system.scheduler())
        .<ScrubOrder>thenApply(
            answer ->
                answer.problem().isEmpty()
                    ? new ScrubOrder.Ordered(answer.seq())
                    : new ScrubOrder.Refused(answer.problem()))
        .exceptionally(late -> new ScrubOrder.Unknown());
  }

  @Override
  public CompletionStage<AbortResult> abort(Position position, Duration timeout) {
    SequencerLink.Target target = link.target();
    ActorSystem<?> system = view.system().orElse(null);
    if (target == null || system == null) {
      return CompletableFuture.completedFuture(
          new AbortResult.Refused("this node knows of no sequencer; try again"));
    }
    return AskPattern.<Sequencer.Command, Sequencer.AbortAnswer>ask(
            target.sequencer(),
            replyTo -> new Sequencer.AskAbort(position, replyTo),
            timeout,
            system.scheduler())
        .<AbortResult>thenApply(
            answer ->
                answer.problem().isEmpty()
                    ? new AbortResult.Ordered(answer.verdictSeq(), answer.statements())
                    : new AbortResult.Refused(answer.problem()))
        .exceptionally(late -> new AbortResult.Unknown());
  }

  @Override
  public boolean foreignKeys() {
    return settings.replicated().foreignKeys();
  }
}
