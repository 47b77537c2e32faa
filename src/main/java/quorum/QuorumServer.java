package quorum;

import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
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
 *
 * <p>When this node's copy of the journal is found damaged, it is made anew from another member's,
 * and the server is started again on that.
 */
public final class QuorumServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(QuorumServer.class);

  /** Of the Raft log, between two checkpoints; the log may be larger by as much again. */
  private static final long CHECKPOINT_BYTES = 64L << 20;

  private static final int LOOK_MILLIS = 500;
  private static final Duration AGAIN_MIN = Duration.ofSeconds(1);
  private static final Duration AGAIN_MAX = Duration.ofSeconds(10);

  /** Short, because it is asked again, and nothing else is looked after meanwhile. */
  private static final Duration CHANGE_MAX = Duration.ofSeconds(3);

  /** A disk that damages the copy as often as that in one process does so again. */
  private static final int MADE_ANEW_MAX = 3;

  /** Longer than any election takes whose majority lives. */
  private static final Duration UNLED = Duration.ofSeconds(5);

  /** Who this node is, and by which it calls the others. */
  private record Self(QuorumIdentity identity, RaftPeerId id, QuorumCalls calls) {}

  private final QuorumSettings settings;
  private final String address;
  private final RaftGroupId groupId;
  private final Object advanced = new Object();
  private final ScheduledExecutorService supervisor =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "peqlite-quorum");
            thread.setDaemon(true);
            return thread;
          });

  private final QuorumMembership membership = new QuorumMembership(new MembershipOwner());
  private volatile Self self;
  private volatile @Nullable RaftRun running;
  private volatile @Nullable String problem;
  private volatile @Nullable String damage;
  private volatile boolean mayStartAgain;
  private volatile boolean checkpointing;
  private volatile int timesMadeAnew;

  /** The entry up to which the copy was when the server was started last; -1 before that. */
  private volatile long startedAt = -1;

  private long ledNanos = System.nanoTime();
  private boolean closedItself;
  private boolean closed;
  private long againNanos;
  private Duration pause = AGAIN_MIN;

  private QuorumServer(QuorumSettings settings, QuorumIdentity identity, String address) {
    this.settings = settings;
    this.address = address;
    this.groupId = RaftGroupId.valueOf(identity.group());
    this.self = self(identity);
  }

  private Self self(QuorumIdentity identity) {
    RaftPeerId id = RaftPeerId.valueOf(identity.peerId());
    return new Self(
        identity,
        id,
        new QuorumCalls(
            groupId, id, RaftSettings.of(settings, address), identity.peers(), this::local));
  }

  /**
   * Starts the server under an identity that was stored, and notes that its log exists.
   *
   * @throws JournalException if it cannot be started; nothing runs then
   */
  public static QuorumServer start(QuorumSettings settings, QuorumIdentity identity)
      throws JournalException {
    String address = QuorumAddress.of(settings, Optional.of(identity));
    QuorumServer server = new QuorumServer(settings, identity, address);
    try {
      if (identity.standing() == QuorumIdentity.Standing.EMPTYING) {
        server.empty();
      }
      if (identity.standing() == QuorumIdentity.Standing.ALONE
          && !QuorumFiles.hasLog(settings.directory(), server.groupId())) {
        QuorumRecovery.takeOver(settings.directory(), server.groupId());
      }
      server.startFirst();
      if (identity.standing() == QuorumIdentity.Standing.PROPOSED
          || identity.standing() == QuorumIdentity.Standing.ALONE) {
        server.become(QuorumIdentity.Standing.MEMBER);
      }
    } catch (JournalException e) {
      server.close();
      throw e;
    }
    server.supervisor.scheduleWithFixedDelay(
        server::supervise, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    return server;
  }

  /**
   * A damaged copy is no reason not to start: it is made anew as soon as another member answers.
   */
  private void startFirst() throws JournalException {
    try {
      startRaft();
    } catch (CopyDamagedException e) {
      if (!self.identity().mustHaveFiles() || !copyDamaged(String.valueOf(e.getMessage()))) {
        throw e;
      }
    }
  }

  private synchronized void startRaft() throws JournalException {
    Self own = self;
    RaftRun started =
        RaftRun.start(settings, own.identity(), address, own.calls(), new MachineOwner());
    running = started;
    startedAt = started.table().entry();
    ledNanos = System.nanoTime();
    problem = null;
  }

  /** The group's id. */
  public String groupId() {
    return groupId.getUuid().toString();
  }

  /** Who this node is in it. */
  public String peerId() {
    return self.identity().peerId();
  }

  /**
   * What this node says to those who look for a quorum.
   *
   * @param clusterAddress its own, host:port
   */
  public FormationState.Status status(String clusterAddress) {
    return new FormationState.Status(
        clusterAddress, peerId(), address, List.of(), groupId(), true, known());
  }

  /** Who is in the group: as the server knows it, or knew it, or as this node has found it. */
  private List<QuorumIdentity.Peer> known() {
    List<QuorumIdentity.Peer> known =
        peers().stream()
            .map(peer -> new QuorumIdentity.Peer(peer.getId().toString(), peer.getAddress()))
            .toList();
    if (known.isEmpty()) {
      known = stored();
    }
    return known.isEmpty() ? self.identity().peers() : known;
  }

  private List<QuorumIdentity.Peer> stored() {
    try {
      return RaftLogFiles.of(settings.directory(), groupId()).members();
    } catch (IOException e) {
      LOG.debug("the stored members cannot be read", e);
      return List.of();
    }
  }

  private List<RaftPeer> others() {
    return known().stream()
        .filter(peer -> !peer.id().equals(peerId()))
        .map(QuorumCalls::raftPeer)
        .toList();
  }

  /** What keeps this node's part from working, if anything does. */
  public Optional<String> problem() {
    return Optional.ofNullable(problem).or(() -> Optional.ofNullable(damage));
  }

  /** Asks the group, wherever its leader is. */
  QuorumCalls calls() {
    return self.calls();
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
      while (table.visible() < seq) {
        long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
        if (leftMillis <= 0) {
          throw new JournalException(
              "this node's copy of the journal ends with event "
                  + table.visible()
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
    return running().table();
  }

  private RaftRun running() throws JournalException {
    RaftRun now = running;
    if (now == null) {
      throw notRunning();
    }
    return now;
  }

  private JournalException notRunning() {
    return new JournalException(problem().orElse("this node's part of the journal is not running"));
  }

  private Optional<QuorumCalls.Local> local() {
    return Optional.ofNullable(running).flatMap(RaftRun::local);
  }

  /** Each once: while a listener becomes a voter it is both. */
  static List<RaftPeer> peers(RaftConfiguration configuration) {
    Map<RaftPeerId, RaftPeer> peers = new LinkedHashMap<>();
    for (RaftPeerRole role : List.of(RaftPeerRole.FOLLOWER, RaftPeerRole.LISTENER)) {
      configuration.getAllPeers(role).forEach(peer -> peers.putIfAbsent(peer.getId(), peer));
    }
    return List.copyOf(peers.values());
  }

  private final class MembershipOwner implements QuorumMembership.Own {

    @Override
    public RaftServer.Division division() throws JournalException {
      return QuorumServer.this.division();
    }

    @Override
    public QuorumCalls calls() {
      return QuorumServer.this.calls();
    }

    @Override
    public String peerId() {
      return QuorumServer.this.peerId();
    }
  }

  // Failures.

  private final class MachineOwner implements QuorumMachine.Owner {

    @Override
    public void halted(String what, Throwable cause) {
      boolean mended = CopyDamagedException.isDamage(cause) && copyDamaged(what);
      halt(what, mended || isFull(cause));
    }

    @Override
    public void damaged(String what) {
      copyDamaged(what);
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
      return membership.members();
    }

    @Override
    public Answer.Progress progress() throws JournalException {
      return membership.progress();
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
    if (problem == null || mayStartAgain && !again) {
      problem = what;
      mayStartAgain = again;
      LOG.error(
          "this node's part of the journal has ended: {}; {}",
          what,
          again ? "it is tried again" : "restart the node when the cause is gone");
    }
    RaftRun ended = running;
    try {
      supervisor.execute(() -> stop(ended));
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

  /** One that was started since goes on. */
  private synchronized void stop(@Nullable RaftRun ended) {
    if (ended == null || ended.equals(running)) {
      stopRaft();
    }
  }

  private synchronized void stopRaft() {
    RaftRun now = running;
    running = null;
    againNanos = System.nanoTime() + pause.toNanos();
    if (now != null) {
      now.close();
    }
  }

  /**
   * This node's copy of the journal gives another thing than what was written to it.
   *
   * @return whether it is made anew from another member's, which takes a while; not if there is
   *     none, or if that has not helped before
   */
  boolean copyDamaged(String what) {
    if (timesMadeAnew >= MADE_ANEW_MAX || others().isEmpty()) {
      return false;
    }
    if (damage == null) {
      damage = what;
      LOG.error(
          "this node's copy of the journal is damaged, and is made anew from another member's: {}",
          what);
    }
    return true;
  }

  /** Twice a second; what it throws would end it for good. */
  private void supervise() {
    try {
      // What has ended for another reason is not started again.
      if (damage == null || problem != null && !mayStartAgain) {
        look();
      } else if (!isTooSoon()) {
        remake();
      }
    } catch (RuntimeException e) {
      LOG.error("this node's part of the journal could not be looked after", e);
    }
  }

  /** This node takes part meanwhile as far as it can: only what comes last holds it up. */
  private void remake() {
    try (CopyRemake remake = CopyRemake.begin(settings.directory(), groupId())) {
      List<RaftPeer> others = others();
      remake.copy(others, calls()::askPeer, startedAt);
      putInPlace(remake, others);
      pause = AGAIN_MIN;
    } catch (JournalException e) {
      LOG.warn("this node's copy of the journal is not made anew yet: {}", e.getMessage());
      again();
    }
  }

  private synchronized void putInPlace(CopyRemake remake, List<RaftPeer> others)
      throws JournalException {
    if (closed || problem != null && !mayStartAgain) {
      return;
    }
    boolean ran = running != null;
    handOver();
    stopRaft();
    try {
      // The Raft log may have lost its beginning up to here, and nothing more of it from now on.
      remake.copy(others, calls()::askPeer, startedAt);
      remake.install();
    } catch (JournalException e) {
      if (ran) {
        startRaft(); // as well as it can
      }
      throw e;
    }
    damage = null;
    timesMadeAnew++;
    mayStartAgain = true;
    LOG.info("this node's copy of the journal is made anew");
    startRaft();
  }

  private synchronized boolean isTooSoon() {
    return System.nanoTime() - againNanos < 0;
  }

  private synchronized void again() {
    Duration doubled = pause.multipliedBy(2);
    pause = doubled.compareTo(AGAIN_MAX) < 0 ? doubled : AGAIN_MAX;
    againNanos = System.nanoTime() + pause.toNanos();
  }

  /** Starts what has ended, and notices what ended by itself. */
  private synchronized void look() {
    RaftRun now = running;
    if (closed) {
      return;
    }
    if (now != null) {
      if (now.hasEnded()) {
        closedItself = true;
        halt("the quorum's server has closed itself", true);
      } else if (now.wantsALeaderWhoBegins()) {
        askForALeaderWhoBegins();
      } else if (now.leadsInVain()) {
        if (now.giveUp()) {
          LOG.info("this node led the quorum in vain, and has given up to do so");
        }
      } else {
        takePart();
      }
      return;
    }
    if (!mayStartAgain || isTooSoon()) {
      return;
    }
    try {
      if (closedItself && isOutByOthers()) {
        leave();
        return;
      }
      closedItself = false;
      startRaft();
      pause = AGAIN_MIN;
      LOG.info("this node's part of the journal runs again");
    } catch (JournalException e) {
      problem = e.getMessage();
      if (e instanceof CopyDamagedException) {
        copyDamaged(String.valueOf(e.getMessage()));
      }
      again();
      LOG.debug("it cannot be started again yet", e);
    }
  }

  private void askForALeaderWhoBegins() {
    try {
      calls().stepDown(CHANGE_MAX);
      LOG.info("asked the one that leads the quorum to give up, so that this node is found anew");
    } catch (JournalException e) {
      LOG.debug("nobody has given up to lead", e);
    }
  }

  private void become(QuorumIdentity.Standing standing) throws JournalException {
    QuorumIdentity next = self.identity().as(standing);
    next.store(settings.directory());
    self = new Self(next, self.id(), self.calls());
  }

  /**
   * A node that was not among the founders asks to be added; others look whether they still are.
   */
  private void takePart() {
    try {
      if (self.identity().standing() == QuorumIdentity.Standing.JOINING) {
        join(division().getRaftConf());
      } else if (isOut(division())) {
        leave();
      }
    } catch (JournalException e) {
      LOG.debug("the quorum's members are not known or could not be changed yet", e);
    }
  }

  private void join(RaftConfiguration own) throws JournalException {
    QuorumMembers known = membership.byLeader();
    Optional<QuorumMembers.Change> change = known.next(new QuorumIdentity.Peer(peerId(), address));
    if (change.isEmpty()) {
      become(
          known.isVoter(peerId())
              ? QuorumIdentity.Standing.MEMBER
              : QuorumIdentity.Standing.LISTENER);
      return;
    }
    if (own.getPeer(self.id(), RaftPeerRole.LISTENER) != null) {
      beginAnew(); // it was taken out before it had heard that it was in
      return;
    }
    LOG.info("asks the quorum: {}", change.get().what());
    calls().reconfigure(change.get().arguments(), CHANGE_MAX);
  }

  /**
   * Whoever is removed while it is away is never told: it asks when nobody leads it. A listener is
   * never told and goes on naming a leader: it asks from time to time. What this node knows by
   * itself decides nothing, since it may be older than its own arrival.
   */
  private boolean isOut(RaftServer.Division division) throws JournalException {
    RaftConfiguration known = division.getRaftConf();
    boolean seemsOut =
        QuorumMembership.isSettled(division) && !QuorumMembers.of(known).includes(peerId());
    boolean led = division.getInfo().getLeaderId() != null;
    if (led && self.identity().standing() == QuorumIdentity.Standing.MEMBER) {
      ledNanos = System.nanoTime();
    }
    if (!seemsOut && System.nanoTime() - ledNanos < UNLED.toNanos()) {
      return false;
    }
    ledNanos = System.nanoTime();
    return !membership.byOthers().includes(peerId());
  }

  private boolean isOutByOthers() {
    try {
      return self.identity().standing() != QuorumIdentity.Standing.JOINING
          && !membership.byOthers().includes(peerId());
    } catch (JournalException e) {
      LOG.debug("nobody says whether this node is still in the quorum", e);
      return false;
    }
  }

  private void leave() throws JournalException {
    if (self.identity().standing() == QuorumIdentity.Standing.LISTENER) {
      LOG.info("{} was taken out of the quorum, and asks to join it anew", peerId());
      beginAnew();
    } else {
      halt(
          peerId()
              + " was removed from the quorum: stop this node for good, or empty its data directory"
              + " and start it again to let it join anew",
          false);
    }
  }

  /** Only for one who has never voted. Each step is found again after a crash. */
  private void beginAnew() throws JournalException {
    List<QuorumIdentity.Peer> known = membership.byOthers().all();
    stopRaft();
    QuorumIdentity next =
        new QuorumIdentity(
            QuorumIdentity.Standing.EMPTYING,
            groupId.getUuid(),
            QuorumIdentity.newPeerId(settings.nodeId()),
            known);
    next.store(settings.directory());
    Self before = self;
    self = self(next);
    before.calls().close();
    mayStartAgain = true;
    empty();
    startRaft();
  }

  private void empty() throws JournalException {
    QuorumFiles.empty(settings.directory());
    become(QuorumIdentity.Standing.JOINING);
  }

  private void checkpoint() {
    try {
      checkpointNow();
    } catch (IOException e) {
      LOG.warn("the journal's checkpoint failed: {}", e.toString());
      if (CopyDamagedException.isDamage(e)) {
        copyDamaged(String.valueOf(e.getMessage()));
      }
    } finally {
      checkpointing = false;
    }
  }

  /** Syncs the copy of the journal, so that the Raft log need not keep what is in it. */
  void checkpointNow() throws IOException {
    RaftRun now = running;
    if (now != null) {
      now.checkpoint();
    }
  }

  /** Ends this node's part; what it has stored stays. */
  @Override
  public void close() {
    supervisor.shutdownNow();
    synchronized (this) {
      closed = true;
    }
    handOver();
    stopRaft();
    calls().close();
  }

  /** Whoever leads and goes in order does not leave the others to an election. */
  private void handOver() {
    RaftRun now = running;
    if (now != null) {
      membership.successor().ifPresent(now::handOver);
    }
  }

  // Who is in the group.

  RaftServer.Division division() throws JournalException {
    return running().division().orElseThrow(this::notRunning);
  }

  /** What this node knows of the quorum by itself. */
  public QuorumStatus status() {
    RaftServer.Division division;
    try {
      division = division();
    } catch (JournalException e) {
      return new QuorumStatus(
          groupId(), peerId(), "ended", "", 0, 0, 0, Optional.of(String.valueOf(e.getMessage())));
    }
    DivisionInfo info = division.getInfo();
    return new QuorumStatus(
        groupId(),
        peerId(),
        division.getRaftConf().getPeer(self.id(), RaftPeerRole.LISTENER) != null
            ? "listener"
            : info.getCurrentRole().name().toLowerCase(Locale.ROOT),
        info.getLeaderId() == null ? "" : info.getLeaderId().toString(),
        info.getCurrentTerm(),
        division.getRaftLog().getLastCommittedIndex(),
        info.getLastAppliedIndex(),
        problem());
  }

  /** How many vote, and how many of them are silent; none while the server does not run. */
  public QuorumStatus.Voters voters() {
    try {
      return membership.voters();
    } catch (JournalException e) {
      return new QuorumStatus.Voters(0, 0);
    }
  }

  /** The names of the nodes that count for the majority; none while the server does not run. */
  public List<String> voterNodes() {
    try {
      return membership.members().voters().stream().map(QuorumIdentity.Peer::nodeId).toList();
    } catch (JournalException e) {
      return List.of();
    }
  }

  /** Who is in the group for good; see {@link QuorumMembership#members()}. */
  QuorumMembers members() throws JournalException {
    return membership.members();
  }

  /**
   * Who is in the group, sorted by identity, with what the one that leads says of each. Blocks.
   *
   * @param max how long to wait for that one
   */
  public List<QuorumStatus.Member> members(Duration max) {
    return membership.members(max);
  }

  /**
   * Takes a node out of the quorum for good. Blocks.
   *
   * @param name the node's, or one of its identities
   */
  public MemberChange remove(String name, Duration max) {
    return membership.remove(name, max);
  }

  /**
   * Lets a node that has lost its disk, and has come back with an empty one, vote in its own place.
   * Blocks; when this is done the node asks to be added, which takes as long as it has to catch up.
   */
  public MemberChange replace(String name, Duration max) {
    return membership.replace(name, max);
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
