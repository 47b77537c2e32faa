package quorum;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.ratis.client.RaftClientRpc;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcFactory;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.protocol.exceptions.NotLeaderException;
import org.apache.ratis.protocol.exceptions.SetConfigurationException;
import org.apache.ratis.protocol.exceptions.StateMachineException;
import org.apache.ratis.rpc.CallId;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;
import org.jspecify.annotations.Nullable;
import storage.FormatException;
import storage.JournalException;

/**
 * Calls to the group, wherever its leader is: repeated until they are answered or their time is
 * over, so that an election costs a delay and no failure. Thread-safe; every call blocks.
 *
 * <p>A command is repeated under one call id, so that Ratis answers a repetition instead of
 * ordering it again; where it has forgotten, or another server leads, the command is ordered twice,
 * which does no harm: see {@link Command}.
 */
final class QuorumCalls implements AutoCloseable {

  /** This node's Raft server, and what it knows of the group. */
  record Local(RaftServer server, Optional<RaftPeerId> leader, RaftConfiguration configuration) {}

  /** So that a leader which is frozen is left soon; who is only slow answers the repetition. */
  private static final Duration ATTEMPT_MAX = Duration.ofMillis(1000);

  private static final Duration BETWEEN = Duration.ofMillis(20);

  private final RaftGroupId groupId;
  private final RaftPeerId self;
  private final ClientId clientId = ClientId.randomId();
  private final RaftClientRpc rpc;
  private final Supplier<Optional<Local>> local;
  private final Map<RaftPeerId, RaftPeer> peers = new LinkedHashMap<>();
  private volatile @Nullable RaftConfiguration learned;

  QuorumCalls(
      RaftGroupId groupId,
      RaftPeerId self,
      RaftProperties properties,
      List<QuorumIdentity.Peer> peers,
      Supplier<Optional<Local>> local) {
    this.groupId = groupId;
    this.self = self;
    this.local = local;
    this.rpc = new GrpcFactory(new Parameters()).newRaftClientRpc(clientId, properties);
    learn(peers.stream().map(QuorumCalls::raftPeer).toList());
  }

  static RaftPeer raftPeer(QuorumIdentity.Peer peer) {
    return RaftPeer.newBuilder().setId(peer.id()).setAddress(peer.address()).build();
  }

  ClientId clientId() {
    return clientId;
  }

  /**
   * Has a command ordered and applied.
   *
   * @throws JournalException if that is not known when the time is over: it may still happen
   */
  Answer order(Command command, Duration max) throws JournalException {
    return answerTo(MessageCodec.encode(command), RaftClientRequest.writeRequestType(), local, max);
  }

  /**
   * Asks the leader, who first makes sure that it still is one: the answer contains everything that
   * was ordered before the question.
   */
  Answer ask(Question question, Duration max) throws JournalException {
    return answerTo(MessageCodec.encode(question), RaftClientRequest.readRequestType(), local, max);
  }

  /**
   * The same for a server that may have been taken out: what it knows of the leader is old then.
   */
  Answer askOthers(Question question, Duration max) throws JournalException {
    return answerTo(
        MessageCodec.encode(question), RaftClientRequest.readRequestType(), Optional::empty, max);
  }

  /**
   * Asks one server what it holds, whatever that is.
   *
   * @throws IOException if it does not answer at once
   */
  Answer askPeer(RaftPeer peer, Question question) throws IOException {
    learn(List.of(peer));
    RaftClientRequest request =
        request(MessageCodec.encode(question), RaftClientRequest.staleReadRequestType(0))
            .setServerId(peer.getId())
            .setCallId(CallId.getAndIncrement())
            .setTimeoutMs(ATTEMPT_MAX.toMillis())
            .build();
    RaftClientReply reply = rpc.sendRequest(request);
    try {
      return answer(reply);
    } catch (FormatException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /**
   * Changes who is in the group, by the leader.
   *
   * @throws JournalException if that is not known when the time is over, or it was refused
   */
  void reconfigure(SetConfigurationRequest.Arguments arguments, Duration max)
      throws JournalException {
    learn(arguments.getServersInNewConf());
    learn(arguments.getPeersInNewConf(RaftPeerRole.LISTENER));
    long callId = CallId.getAndIncrement();
    call(
        leader -> new SetConfigurationRequest(clientId, leader, groupId, callId, arguments),
        local,
        max);
  }

  /**
   * Has whoever leads give up, so that the next leader, maybe the same server, finds out anew what
   * each of the others holds.
   *
   * @throws JournalException if that is not known when the time is over
   */
  void stepDown(Duration max) throws JournalException {
    long callId = CallId.getAndIncrement();
    call(
        leader ->
            new TransferLeadershipRequest(
                clientId, leader, groupId, callId, null, ATTEMPT_MAX.toMillis()),
        local,
        max);
  }

  private RaftClientRequest.Builder request(byte[] bytes, RaftClientRequest.Type type) {
    return RaftClientRequest.newBuilder()
        .setClientId(clientId)
        .setGroupId(groupId)
        .setType(type)
        .setMessage(Message.valueOf(UnsafeByteOperations.unsafeWrap(bytes)));
  }

  private Answer answerTo(
      byte[] bytes, RaftClientRequest.Type type, Supplier<Optional<Local>> known, Duration max)
      throws JournalException {
    long callId = CallId.getAndIncrement();
    RaftClientReply reply =
        call(
            leader ->
                request(bytes, type)
                    .setLeaderId(leader)
                    .setCallId(callId)
                    .setTimeoutMs(ATTEMPT_MAX.toMillis())
                    .build(),
            known,
            max);
    try {
      return answer(reply);
    } catch (IOException | FormatException e) {
      throw new JournalException("the quorum cannot answer: " + e.getMessage(), e);
    }
  }

  /** Sends a request to whoever leads, until it succeeds. */
  private RaftClientReply call(
      Function<RaftPeerId, RaftClientRequest> requests, Supplier<Optional<Local>> own, Duration max)
      throws JournalException {
    long deadlineNanos = System.nanoTime() + max.toNanos();
    RaftPeerId suggested = null;
    String failure = "no server of the quorum leads";
    int attempt = 0;
    while (true) {
      long leftNanos = deadlineNanos - System.nanoTime();
      if (leftNanos <= 0) {
        throw new JournalException("the quorum does not answer: " + failure);
      }
      Optional<Local> here = own.get();
      here.ifPresent(known -> learn(known.configuration()));
      Optional<RaftPeerId> target = target(here, suggested, attempt++);
      if (target.isPresent()) {
        RaftClientRequest request = requests.apply(target.get());
        try {
          RaftClientReply reply =
              target.get().equals(self) && here.isPresent()
                  ? submit(here.get().server(), request)
                  : rpc.sendRequest(request);
          NotLeaderException elsewhere = reply.getNotLeaderException();
          if (reply.isSuccess()) {
            return reply;
          }
          if (elsewhere == null) {
            throw reply.getException() == null ? new IOException("refused") : reply.getException();
          }
          learn(List.copyOf(elsewhere.getPeers()));
          RaftPeer leader = elsewhere.getSuggestedLeader();
          suggested = leader == null || leader.getId().equals(target.get()) ? null : leader.getId();
          failure = "its leader has changed";
        } catch (StateMachineException | SetConfigurationException e) {
          throw new JournalException("the quorum refuses: " + e.getMessage(), e);
        } catch (IOException | IllegalStateException e) {
          // The latter while a listener becomes a voter: Ratis trips over its being both.
          suggested = null;
          failure = String.valueOf(e.getMessage());
          if (e instanceof IOException) {
            rpc.handleException(target.get(), e, true);
          }
        }
        if (suggested != null) {
          continue;
        }
      }
      pause(Math.min(BETWEEN.toNanos(), deadlineNanos - System.nanoTime()));
    }
  }

  /**
   * No longer than over the network: a leader whose disk hangs, or who is alone, does not answer.
   */
  private static RaftClientReply submit(RaftServer server, RaftClientRequest request)
      throws IOException {
    CompletableFuture<RaftClientReply> reply;
    if (request instanceof SetConfigurationRequest change) {
      reply = server.setConfigurationAsync(change);
    } else if (request instanceof TransferLeadershipRequest transfer) {
      reply = server.transferLeadershipAsync(transfer);
    } else {
      reply = server.submitClientRequestAsync(request);
    }
    try {
      return reply.get(ATTEMPT_MAX.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new IOException("this node's server leads and does not answer", e);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException();
    }
  }

  /**
   * Whom to ask: whom another server has named, whom this one follows, or, as long as this one has
   * no part in the group, one after the other.
   */
  private Optional<RaftPeerId> target(
      Optional<Local> here, @Nullable RaftPeerId suggested, int attempt) {
    if (suggested != null) {
      return Optional.of(suggested);
    }
    Optional<RaftPeerId> leader = here.flatMap(Local::leader);
    if (leader.isPresent()) {
      return leader;
    }
    boolean member =
        here.isPresent()
            && here.get()
                    .configuration()
                    .getPeer(self, RaftPeerRole.FOLLOWER, RaftPeerRole.LISTENER)
                != null;
    if (member) {
      return Optional.empty(); // it hears of the next leader as soon as there is one
    }
    List<RaftPeerId> others = others();
    return others.isEmpty() ? Optional.empty() : Optional.of(others.get(attempt % others.size()));
  }

  private List<RaftPeerId> others() {
    synchronized (peers) {
      return new ArrayList<>(peers.keySet().stream().filter(id -> !id.equals(self)).toList());
    }
  }

  /** Seldom another one, and asked at every call. */
  private void learn(RaftConfiguration configuration) {
    if (configuration != learned) {
      learn(QuorumServer.peers(configuration));
      learned = configuration;
    }
  }

  private void learn(List<RaftPeer> known) {
    synchronized (peers) {
      for (RaftPeer peer : known) {
        RaftPeer before = peers.put(peer.getId(), peer);
        if (before == null || !before.getAddress().equals(peer.getAddress())) {
          rpc.addRaftPeers(List.of(peer));
        }
      }
    }
  }

  private static Answer answer(RaftClientReply reply) throws IOException, FormatException {
    if (!reply.isSuccess()) {
      throw reply.getException() == null ? new IOException("it refused") : reply.getException();
    }
    return MessageCodec.answer(reply.getMessage().getContent().toByteArray());
  }

  static void pause(long nanos) throws JournalException {
    if (nanos <= 0) {
      return;
    }
    try {
      Thread.sleep(nanos / 1_000_000, (int) (nanos % 1_000_000));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted", e);
    }
  }

  @Override
  public void close() {
    try {
      rpc.close();
    } catch (IOException e) {
      // Its connections are gone in any case.
    }
  }
}
