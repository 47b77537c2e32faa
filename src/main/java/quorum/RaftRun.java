package quorum;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SnapshotManagementRequest;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.rpc.CallId;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.util.ExitUtils;
import org.apache.ratis.util.LifeCycle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.JournalException;

/**
 * One run of this node's Raft server under one identity, from its start to its end: it is never
 * mended, {@link QuorumServer} closes it and starts the next. Thread-safe.
 */
final class RaftRun implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RaftRun.class);

  private static final Duration CHECKPOINT_MAX = Duration.ofSeconds(20);

  /** Longer than who leads takes to find out by himself, if he can. */
  private static final Duration ASK_AGAIN = Duration.ofSeconds(2);

  private static final int ASKS_MAX = 3;

  /** No longer than an election would take. */
  private static final Duration HAND_OVER_MAX = Duration.ofSeconds(1);

  /** Kept, because a logger that nobody holds forgets its level; it says what nobody asked for. */
  private static final java.util.logging.Logger GRPC =
      java.util.logging.Logger.getLogger("org.apache.ratis.thirdparty");

  static {
    GRPC.setLevel(java.util.logging.Level.WARNING);
    // Otherwise Ratis ends the whole process when it cannot listen, an application's too; to say so
    // makes it the handler of everybody's uncaught exceptions, which is taken back.
    Thread.UncaughtExceptionHandler handler = Thread.getDefaultUncaughtExceptionHandler();
    ExitUtils.setTerminateOnUncaughtException(false);
    ExitUtils.disableSystemExit();
    Thread.setDefaultUncaughtExceptionHandler(handler);
  }

  private final RaftServer server;
  private final QuorumTable table;
  private final RaftGroupId groupId;
  private final RaftPeerId id;
  private final ClientId clientId;
  private final boolean withoutLog;
  private final LeaderWatch watch = new LeaderWatch();
  private long askedNanos = System.nanoTime();
  private int asksLeft = ASKS_MAX;

  private RaftRun(
      RaftServer server,
      QuorumTable table,
      RaftGroupId groupId,
      RaftPeerId id,
      ClientId clientId,
      boolean withoutLog) {
    this.server = server;
    this.table = table;
    this.groupId = groupId;
    this.id = id;
    this.clientId = clientId;
    this.withoutLog = withoutLog;
  }

  /**
   * Starts on what the disk holds, or on nothing where nothing may have been lost.
   *
   * @param address where this node's server listens, host:port
   * @param calls this identity's
   * @throws CopyDamagedException if the copy of the journal is not what was written
   * @throws JournalException if it cannot be started; nothing runs then
   */
  static RaftRun start(
      QuorumSettings settings,
      QuorumIdentity identity,
      String address,
      QuorumCalls calls,
      QuorumMachine.Owner owner)
      throws JournalException {
    RaftGroupId groupId = RaftGroupId.valueOf(identity.group());
    RaftPeerId id = RaftPeerId.valueOf(identity.peerId());
    boolean hasLog = QuorumFiles.hasLog(settings.directory(), identity.group().toString());
    Path file = QuorumFiles.table(settings.directory());
    if (identity.mustHaveFiles() && (!hasLog || !Files.exists(file))) {
      throw new JournalException(
          "this node's part of the journal is gone from "
              + settings.directory()
              + ": empty its data directory and start it again, so that it joins anew, and replace "
              + identity.peerId()
              + " by it");
    }
    QuorumTable table = QuorumTable.open(file, identity.group().toString());
    Parameters parameters = new Parameters();
    GrpcConfigKeys.Server.setServicesCustomizer(parameters, new RecipientCheck(id));
    RaftServer server = null;
    boolean withoutLog;
    try {
      withoutLog =
          hasLog && fit(table, RaftLogFiles.of(settings.directory(), identity.group().toString()));
      server =
          RaftServer.newBuilder()
              .setServerId(id)
              .setGroup(RaftGroup.valueOf(groupId, initialPeers(identity, address)))
              .setOption(
                  hasLog ? RaftStorage.StartupOption.RECOVER : RaftStorage.StartupOption.FORMAT)
              .setStateMachine(new QuorumMachine(table, calls::askPeer, owner))
              .setProperties(RaftSettings.of(settings, address))
              .setParameters(parameters)
              .build();
      server.start();
    } catch (JournalException e) {
      table.close();
      throw e;
    } catch (IOException | RuntimeException e) {
      close(server);
      table.close();
      throw new JournalException(
          "cannot start the quorum's server at " + address + ": " + rootMessage(e), e);
    }
    return new RaftRun(server, table, groupId, id, calls.clientId(), withoutLog);
  }

  /**
   * The log brings back what follows the copy, and has to hold all of that. If the copy was made
   * from another member's, the log may end before it, or hold at that place what was never
   * committed: then nothing of it counts, and Ratis would take it for what follows.
   *
   * @return whether that is so, and the log was deleted
   */
  private static boolean fit(QuorumTable table, RaftLogFiles log) throws JournalException {
    try {
      OptionalLong first = log.first();
      if (first.isEmpty()) {
        return false;
      }
      if (table.entry() + 1 < first.getAsLong()) {
        throw new CopyDamagedException(
            "this node's copy of the journal is as of entry "
                + table.entry()
                + " of the Raft log, which begins with entry "
                + first.getAsLong());
      }
      if (table.entry() >= 0 && !log.continues(table.term(), table.entry())) {
        // What the copy is as of has to outlive a power failure from now on.
        table.checkpoint();
        log.delete();
        return true;
      }
      return false;
    } catch (IOException | SQLException e) {
      throw new JournalException("cannot read the Raft log: " + e.getMessage(), e);
    }
  }

  /** Nobody, for a node that is to be added: then it waits until the leader calls it. */
  private static List<RaftPeer> initialPeers(QuorumIdentity identity, String address) {
    if (identity.standing() == QuorumIdentity.Standing.ALONE) {
      return List.of(QuorumCalls.raftPeer(new QuorumIdentity.Peer(identity.peerId(), address)));
    }
    boolean founder =
        identity.peers().stream().anyMatch(peer -> peer.id().equals(identity.peerId()));
    return founder ? identity.peers().stream().map(QuorumCalls::raftPeer).toList() : List.of();
  }

  /** This node's copy of the journal. */
  QuorumTable table() {
    return table;
  }

  /**
   * Whether the one that leads is to be asked to give up, now: this server has lost its log for a
   * copy that is ahead of it, and got nothing since. Whoever led then believes that the log holds
   * what he has sent before, and Ratis has him ask for that for ever: only a leader who begins
   * knows nothing and finds out. Yes a few times at most, since everybody waits for an election.
   * One thread.
   */
  boolean wantsALeaderWhoBegins() {
    if (!withoutLog || asksLeft == 0 || System.nanoTime() - askedNanos < ASK_AGAIN.toNanos()) {
      return false;
    }
    boolean wants =
        division()
            .map(
                division ->
                    division.getInfo().getLeaderId() != null
                        && division.getRaftLog().getLastEntryTermIndex() == null)
            .orElse(false);
    if (wants) {
      asksLeft--;
      askedNanos = System.nanoTime();
    }
    return wants;
  }

  /** Whether this server leads, cannot begin, and should give up, now. One thread. */
  boolean leadsInVain() {
    return division()
        .map(
            division -> {
              DivisionInfo info = division.getInfo();
              boolean leads =
                  info.isLeader() && division.getRaftConf().getCurrentPeers().size() > 1;
              boolean isReady = info.isLeaderReady();
              if (leads && isReady) {
                watch.hasBegun();
              }
              return watch.isStuck(leads && !isReady, info.getCurrentTerm());
            })
        .orElse(false);
  }

  /** Ratis' view of the group; empty when the server has ended. */
  Optional<RaftServer.Division> division() {
    try {
      return Optional.of(server.getDivision(groupId));
    } catch (IOException e) {
      LOG.debug("the group is not known", e);
      return Optional.empty();
    }
  }

  /** The server and who leads, as far as it knows; empty when it has ended. */
  Optional<QuorumCalls.Local> local() {
    return division()
        .map(
            division ->
                new QuorumCalls.Local(
                    server,
                    Optional.ofNullable(division.getInfo().getLeaderId()),
                    division.getRaftConf()));
  }

  /** Whether Ratis has ended it, as it does when it is told to be out of the group, or failed. */
  boolean hasEnded() {
    if (server.getLifeCycleState().isClosingOrClosed()) {
      return true;
    }
    Optional<LifeCycle.State> state =
        division().map(division -> division.getInfo().getLifeCycleState());
    return state.isEmpty()
        || state.get().isClosingOrClosed()
        || state.get() == LifeCycle.State.EXCEPTION;
  }

  /** Syncs the copy of the journal, so that the Raft log need not keep what is in it. Blocks. */
  void checkpoint() throws IOException {
    RaftClientReply reply =
        server.snapshotManagement(
            SnapshotManagementRequest.newCreate(
                clientId, id, groupId, CallId.getAndIncrement(), CHECKPOINT_MAX.toMillis()));
    if (!reply.isSuccess()) {
      throw new IOException("the checkpoint was refused: " + reply.getException());
    }
  }

  /** Lets another one lead at once, instead of after an election. Blocks for a second at most. */
  void handOver(RaftPeerId next) {
    if (!transfer(next)) {
      LOG.debug("{} does not take over", next);
    }
  }

  /**
   * Leads no more; this server may be the next one to. Blocks for a second at most.
   *
   * @return whether it did lead and does not now
   */
  boolean giveUp() {
    return transfer(null);
  }

  private boolean transfer(@Nullable RaftPeerId next) {
    try {
      return server
          .transferLeadershipAsync(
              new TransferLeadershipRequest(
                  clientId, id, groupId, CallId.getAndIncrement(), next, HAND_OVER_MAX.toMillis()))
          .get(HAND_OVER_MAX.toMillis(), TimeUnit.MILLISECONDS)
          .isSuccess();
    } catch (IOException | ExecutionException | TimeoutException e) {
      LOG.debug("the leader has not changed", e);
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** What is stored stays; the machine closes its table. */
  @Override
  public void close() {
    close(server);
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

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
