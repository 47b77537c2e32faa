package quorum;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.RaftConfigKeys;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SnapshotManagementRequest;
import org.apache.ratis.rpc.CallId;
import org.apache.ratis.rpc.SupportedRpcType;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.util.LifeCycle;
import org.apache.ratis.util.SizeInBytes;
import org.apache.ratis.util.TimeDuration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.JournalException;

/**
 * This node's Raft server, from the moment it knows who it is until the node ends. Thread-safe.
 *
 * <p>A write or sync that fails ends the server: what the disk holds is not known then, and nothing
 * may be promised on it. When the disk was full it is started again, as often as it takes, and
 * reads from the disk what is there; after any other failure only a new process does that.
 */
public final class QuorumServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(QuorumServer.class);

  /** Of the Raft log, between two checkpoints; the log may be larger by as much again. */
  private static final long CHECKPOINT_BYTES = 64L << 20;

  private static final long CHECKPOINT_ENTRIES = 20_000;

  /** What stays of the Raft log, so that a node that was away for a moment need not copy rows. */
  private static final long ENTRIES_KEPT = 128;

  private static final int LOOK_MILLIS = 500;
  private static final Duration AGAIN_MIN = Duration.ofSeconds(1);
  private static final Duration AGAIN_MAX = Duration.ofSeconds(10);

  /** Short, because it is asked again, and nothing else is looked after meanwhile. */
  private static final Duration CHANGE_MAX = Duration.ofSeconds(3);

  private static final Duration ADMIN_MAX = Duration.ofSeconds(20);

  /** Kept, because a logger that nobody holds forgets its level; it says what nobody asked for. */
  private static final java.util.logging.Logger GRPC =
      java.util.logging.Logger.getLogger("org.apache.ratis.thirdparty");

  static {
    GRPC.setLevel(java.util.logging.Level.WARNING);
  }

  private record Running(RaftServer server, QuorumTable table) {}

  private final QuorumSettings settings;
  private volatile QuorumIdentity identity;
  private final String address;
  private final RaftGroupId groupId;
  private final RaftPeerId self;
  private final QuorumCalls calls;
  private final Object advanced = new Object();
  private final ScheduledExecutorService supervisor =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "peqlite-quorum");
            thread.setDaemon(true);
            return thread;
          });

  private volatile @Nullable Running running;
  private volatile @Nullable String problem;
  private volatile boolean mayStartAgain;
  private volatile boolean checkpointing;
  private boolean removed;
  private boolean closed;
  private long againNanos;
  private Duration pause = AGAIN_MIN;

  private QuorumServer(QuorumSettings settings, QuorumIdentity identity, String address) {
    this.settings = settings;
    this.identity = identity;
    this.address = address;
    this.groupId = RaftGroupId.valueOf(identity.group());
    this.self = RaftPeerId.valueOf(identity.peerId());
    this.calls = new QuorumCalls(groupId, self, properties(), identity.peers(), this::local);
  }

  /**
   * Starts the server under an identity that was stored, and notes that its log exists.
   *
   * @throws JournalException if it cannot be started; nothing runs then
   */
  public static QuorumServer start(QuorumSettings settings, QuorumIdentity identity)
      throws JournalException {
    QuorumServer server = new QuorumServer(settings, identity, QuorumAddress.of(settings));
    try {
      server.startRaft();
      if (identity.standing() == QuorumIdentity.Standing.PROPOSED) {
        server.becomeMember();
      }
    } catch (JournalException e) {
      server.close();
      throw e;
    }
    server.supervisor.scheduleWithFixedDelay(
        server::look, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    return server;
  }

  private synchronized void startRaft() throws JournalException {
    Path log = settings.directory().resolve("raft");
    Path table = settings.directory().resolve("journal.db");
    boolean formatted =
        Files.exists(log.resolve(groupId.getUuid().toString()).resolve("current/raft-meta"));
    if (identity.standing() == QuorumIdentity.Standing.MEMBER
        && (!formatted || !Files.exists(table))) {
      throw new JournalException(
          "this node's part of the journal is gone from "
              + settings.directory()
              + ": empty its data directory and start it again, so that it joins anew, and replace "
              + identity.peerId()
              + " by it");
    }
    QuorumTable opened = QuorumTable.open(table, groupId.getUuid().toString());
    RaftServer server = null;
    QuorumMachine machine = new QuorumMachine(opened, calls::askPeer, new MachineOwner());
    try {
      server =
          RaftServer.newBuilder()
              .setServerId(self)
              .setGroup(RaftGroup.valueOf(groupId, initialPeers()))
              .setOption(
                  formatted ? RaftStorage.StartupOption.RECOVER : RaftStorage.StartupOption.FORMAT)
              .setStateMachine(machine)
              .setProperties(properties())
              .setParameters(new Parameters())
              .build();
      server.start();
    } catch (IOException | RuntimeException e) {
      close(server);
      opened.close();
      throw new JournalException("cannot start the quorum's server: " + rootMessage(e), e);
    }
    running = new Running(server, opened);
    problem = null;
  }

  /** Nobody, for a node that is to be added: then it waits until the leader calls it. */
  private List<RaftPeer> initialPeers() {
    boolean founder =
        identity.peers().stream().anyMatch(peer -> peer.id().equals(identity.peerId()));
    return founder ? identity.peers().stream().map(QuorumCalls::raftPeer).toList() : List.of();
  }

  private RaftProperties properties() {
    RaftProperties properties = new RaftProperties();
    RaftConfigKeys.Rpc.setType(properties, SupportedRpcType.GRPC);
    int colon = address.lastIndexOf(':');
    GrpcConfigKeys.Server.setHost(properties, address.substring(0, colon));
    GrpcConfigKeys.Server.setPort(properties, Integer.parseInt(address.substring(colon + 1)));
    RaftServerConfigKeys.setStorageDir(
        properties, List.of(settings.directory().resolve("raft").toFile()));
    TimeDuration min = time(settings.electionTimeoutMin());
    TimeDuration max = time(settings.electionTimeoutMax());
    RaftServerConfigKeys.Rpc.setTimeoutMin(properties, min);
    RaftServerConfigKeys.Rpc.setTimeoutMax(properties, max);
    RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMin(properties, min);
    RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMax(properties, max);
    RaftServerConfigKeys.Rpc.setRequestTimeout(
        properties, TimeDuration.valueOf(2, TimeUnit.SECONDS));
    RaftServerConfigKeys.Read.setOption(properties, RaftServerConfigKeys.Read.Option.LINEARIZABLE);
    RaftServerConfigKeys.Read.setTimeout(properties, TimeDuration.valueOf(4, TimeUnit.SECONDS));
    RaftServerConfigKeys.LeaderElection.setPreVote(properties, true);
    // Whoever has lost the majority may be the only one who can lead when it is back.
    RaftServerConfigKeys.LeaderElection.setLeaderStepDownWaitTime(properties, max);
    // From one voter to two.
    RaftServerConfigKeys.LeaderElection.setMemberMajorityAdd(properties, true);
    // Rows are copied by the state machine; files are never sent.
    RaftServerConfigKeys.Log.Appender.setInstallSnapshotEnabled(properties, false);
    RaftServerConfigKeys.Snapshot.setAutoTriggerEnabled(properties, true);
    RaftServerConfigKeys.Snapshot.setAutoTriggerThreshold(properties, CHECKPOINT_ENTRIES);
    // Otherwise a dead node would make the logs of the others grow without end.
    RaftServerConfigKeys.Log.setPurgeUptoSnapshotIndex(properties, true);
    RaftServerConfigKeys.Log.setPurgePreservationLogNum(properties, ENTRIES_KEPT);
    RaftServerConfigKeys.Log.setPurgeGap(properties, 1);
    RaftServerConfigKeys.Log.setSegmentSizeMax(properties, SizeInBytes.valueOf("8MB"));
    RaftServerConfigKeys.Log.setPreallocatedSize(properties, SizeInBytes.valueOf("1MB"));
    RaftServerConfigKeys.Log.setSegmentCacheSizeMax(properties, SizeInBytes.valueOf("16MB"));
    RaftServerConfigKeys.Log.setLogMetadataEnabled(properties, false);
    // An answer before the sync, or a log that counts as synced although that failed, is none.
    RaftServerConfigKeys.Log.setUnsafeFlushEnabled(properties, false);
    RaftServerConfigKeys.Log.setAsyncFlushEnabled(properties, false);
    return properties;
  }

  private static TimeDuration time(Duration duration) {
    return TimeDuration.valueOf(duration.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** The group's id. */
  public String groupId() {
    return groupId.getUuid().toString();
  }

  /** Who this node is in it. */
  public String peerId() {
    return self.toString();
  }

  /**
   * What this node says to those who look for a quorum.
   *
   * @param clusterAddress its own, host:port
   */
  public FormationState.Status status(String clusterAddress) {
    List<QuorumIdentity.Peer> known =
        peers().stream()
            .map(peer -> new QuorumIdentity.Peer(peer.getId().toString(), peer.getAddress()))
            .toList();
    return new FormationState.Status(
        clusterAddress,
        identity.peerId(),
        address,
        List.of(),
        groupId(),
        true,
        known.isEmpty() ? identity.peers() : known);
  }

  /** What keeps this node's part from working, if anything does. */
  public Optional<String> problem() {
    return Optional.ofNullable(problem);
  }

  /** Asks the group, wherever its leader is. */
  QuorumCalls calls() {
    return calls;
  }

  /**
   * This node's copy of the journal, as soon as it holds an event.
   *
   * @throws JournalException if it does not in time
   */
  QuorumTable copyWith(long seq, Duration max) throws JournalException {
    long deadlineNanos = System.nanoTime() + max.toNanos();
    QuorumTable table = table();
    synchronized (advanced) {
      while (table.highest() < seq) {
        long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
        if (leftMillis <= 0) {
          throw new JournalException(
              "this node's copy of the journal ends with event "
                  + table.highest()
                  + " and does not hold event "
                  + seq
                  + " yet");
        }
        try {
          advanced.wait(leftMillis);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new JournalException("interrupted", e);
        }
      }
    }
    return table;
  }

  /** This node's copy of the journal, as it is. */
  QuorumTable table() throws JournalException {
    Running now = running;
    if (now == null) {
      throw new JournalException(
          problem().orElse("this node's part of the journal is not running"));
    }
    return now.table();
  }

  /** The local Raft server and who leads, as far as it knows. */
  private Optional<QuorumCalls.Local> local() {
    Running now = running;
    if (now == null) {
      return Optional.empty();
    }
    try {
      RaftServer.Division division = now.server().getDivision(groupId);
      return Optional.of(
          new QuorumCalls.Local(
              now.server(),
              Optional.ofNullable(division.getInfo().getLeaderId()),
              division.getRaftConf()));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** Each once: while a listener becomes a voter it is both. */
  static List<RaftPeer> peers(RaftConfiguration configuration) {
    Map<RaftPeerId, RaftPeer> peers = new LinkedHashMap<>();
    for (RaftPeerRole role : List.of(RaftPeerRole.FOLLOWER, RaftPeerRole.LISTENER)) {
      configuration.getAllPeers(role).forEach(peer -> peers.putIfAbsent(peer.getId(), peer));
    }
    return List.copyOf(peers.values());
  }

  // Failures.

  private final class MachineOwner implements QuorumMachine.Owner {

    @Override
    public void halted(String what, Throwable cause) {
      halt(what, isFull(cause));
    }

    @Override
    public void advanced() {
      synchronized (advanced) {
        advanced.notifyAll();
      }
    }

    @Override
    public void ledBy(@Nullable RaftPeerId leader) {
      LOG.info("the quorum is led by {}", leader == null ? "nobody" : leader);
    }

    @Override
    public QuorumMembers members() throws JournalException {
      return QuorumServer.this.members();
    }

    @Override
    public void applied(long bytesSinceCheckpoint) {
      if (bytesSinceCheckpoint >= CHECKPOINT_BYTES && !checkpointing) {
        checkpointing = true;
        supervisor.execute(QuorumServer.this::checkpoint);
      }
    }
  }

  private void halt(String what, boolean again) {
    if (problem == null) {
      problem = what;
      mayStartAgain = again;
      LOG.error(
          "this node's part of the journal has ended: {}; {}",
          what,
          again ? "it is tried again" : "restart the node when the cause is gone");
    }
    try {
      supervisor.execute(this::stopRaft);
    } catch (RejectedExecutionException closing) {
      LOG.debug("it is being closed anyway", closing);
    }
  }

  private static boolean isFull(@Nullable Throwable cause) {
    for (Throwable at = cause; at != null; at = at.getCause()) {
      String message = String.valueOf(at.getMessage());
      if (message.contains("No space left on device")
          || message.contains("Disk quota exceeded")
          || message.contains("SQLITE_FULL")) {
        return true;
      }
    }
    return false;
  }

  private synchronized void stopRaft() {
    Running now = running;
    running = null;
    againNanos = System.nanoTime() + pause.toNanos();
    if (now != null) {
      close(now.server());
    }
  }

  /** Twice a second: starts what has ended, and notices what ended by itself. */
  private synchronized void look() {
    Running now = running;
    if (closed) {
      return;
    }
    if (now != null) {
      if (now.server().getLifeCycleState().isClosingOrClosed() || hasDied(now)) {
        halt("the quorum's server has closed itself", true);
      } else {
        takePart(now);
      }
      return;
    }
    if (!mayStartAgain || System.nanoTime() - againNanos < 0) {
      return;
    }
    try {
      startRaft();
      pause = AGAIN_MIN;
      LOG.info("this node's part of the journal runs again");
    } catch (JournalException e) {
      problem = e.getMessage();
      Duration doubled = pause.multipliedBy(2);
      pause = doubled.compareTo(AGAIN_MAX) < 0 ? doubled : AGAIN_MAX;
      againNanos = System.nanoTime() + pause.toNanos();
      LOG.debug("it cannot be started again yet", e);
    }
  }

  private void becomeMember() throws JournalException {
    QuorumIdentity member = identity.as(QuorumIdentity.Standing.MEMBER);
    member.store(settings.directory());
    identity = member;
  }

  /** A node that was not among the founders asks to be added. */
  private void takePart(Running now) {
    try {
      if (identity.standing() == QuorumIdentity.Standing.JOINING) {
        join();
      } else {
        warnIfRemoved(now.server().getDivision(groupId).getRaftConf());
      }
    } catch (IOException | JournalException e) {
      LOG.debug("the quorum's members could not be changed yet", e);
    }
  }

  private void join() throws JournalException {
    QuorumMembers known = membersByLeader();
    Optional<QuorumMembers.Change> change =
        known.next(new QuorumIdentity.Peer(identity.peerId(), address));
    if (change.isEmpty()) {
      becomeMember();
      return;
    }
    LOG.info("asks the quorum: {}", change.get().what());
    calls.reconfigure(change.get().arguments(), CHANGE_MAX);
  }

  private void warnIfRemoved(RaftConfiguration known) {
    boolean out =
        identity.standing() == QuorumIdentity.Standing.MEMBER
            && !known.getAllPeers().isEmpty()
            && !QuorumMembers.of(known).includes(identity.peerId());
    if (out && !removed) {
      LOG.warn(
          "{} was removed from the quorum: to take part again, empty this node's data directory",
          identity.peerId());
    }
    removed = out;
  }

  private boolean hasDied(Running now) {
    try {
      LifeCycle.State state = now.server().getDivision(groupId).getInfo().getLifeCycleState();
      return state.isClosingOrClosed() || state == LifeCycle.State.EXCEPTION;
    } catch (IOException e) {
      return true;
    }
  }

  private void checkpoint() {
    try {
      checkpointNow();
    } catch (IOException e) {
      LOG.warn("the journal's checkpoint failed: {}", e.toString());
    } finally {
      checkpointing = false;
    }
  }

  /** Syncs the copy of the journal, so that the Raft log need not keep what is in it. */
  void checkpointNow() throws IOException {
    Running now = running;
    if (now != null) {
      RaftClientReply reply =
          now.server()
              .snapshotManagement(
                  SnapshotManagementRequest.newCreate(
                      calls.clientId(),
                      self,
                      groupId,
                      CallId.getAndIncrement(),
                      ADMIN_MAX.toMillis()));
      if (!reply.isSuccess()) {
        throw new IOException("the checkpoint was refused: " + reply.getException());
      }
    }
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }

  private static void close(@Nullable RaftServer server) {
    if (server != null) {
      try {
        server.close();
      } catch (IOException e) {
        LOG.debug("the quorum's server did not close well", e);
      }
    }
  }

  /** Ends this node's part; what it has stored stays. */
  @Override
  public void close() {
    supervisor.shutdownNow();
    synchronized (this) {
      closed = true;
    }
    stopRaft();
    calls.close();
  }

  /** Who is in the group, as far as this node knows. */
  QuorumMembers members() throws JournalException {
    Running now = running;
    try {
      if (now != null) {
        return QuorumMembers.of(now.server().getDivision(groupId).getRaftConf());
      }
    } catch (IOException e) {
      LOG.debug("the group is not known", e);
    }
    throw new JournalException(problem().orElse("this node's part of the journal is not running"));
  }

  /** Who is in the group, as its leader says; for a node that is not in it. */
  private QuorumMembers membersByLeader() throws JournalException {
    if (calls.ask(new Question.AskMembers(), CHANGE_MAX) instanceof Answer.Members members) {
      return new QuorumMembers(members.voters(), members.listeners());
    }
    throw new JournalException("the quorum gave another answer than who is in it");
  }

  /** The group's id. */
  UUID group() {
    return groupId.getUuid();
  }

  /** The voters and listeners that this node knows of. */
  List<RaftPeer> peers() {
    return local().map(local -> peers(local.configuration())).orElse(List.of());
  }
}
