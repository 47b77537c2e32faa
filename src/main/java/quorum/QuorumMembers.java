package quorum;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.apache.ratis.server.RaftConfiguration;

/**
 * Who is in the quorum, and how that may change: one node at a time, only as long as it is still
 * what the change was decided on, and no voter is ever removed without being told to. Pure.
 *
 * @param voters on whose majority every event stands
 * @param listeners who are sent everything and do not count
 */
record QuorumMembers(List<QuorumIdentity.Peer> voters, List<QuorumIdentity.Peer> listeners) {

  /** A change to be made; {@code what} says it in words. */
  record Change(String what, SetConfigurationRequest.Arguments arguments) {}

  QuorumMembers {
    voters = List.copyOf(voters);
    listeners = List.copyOf(listeners);
  }

  static QuorumMembers of(RaftConfiguration configuration) {
    return new QuorumMembers(
        peers(configuration, RaftPeerRole.FOLLOWER), peers(configuration, RaftPeerRole.LISTENER));
  }

  private static List<QuorumIdentity.Peer> peers(
      RaftConfiguration configuration, RaftPeerRole role) {
    return configuration.getCurrentPeers(role).stream()
        .map(peer -> new QuorumIdentity.Peer(peer.getId().toString(), peer.getAddress()))
        .toList();
  }

  boolean includes(String peerId) {
    return isVoter(peerId) || isListener(peerId);
  }

  boolean isVoter(String peerId) {
    return voters.stream().anyMatch(peer -> peer.id().equals(peerId));
  }

  boolean isListener(String peerId) {
    return listeners.stream().anyMatch(peer -> peer.id().equals(peerId));
  }

  /**
   * What a node asks for that is joining and not in the group yet. As a voter, whom the leader
   * brings up to its log before he counts; but as a listener if a voter has its node's name: that
   * one is of a disk that is lost, or is not, and an operator has to say so.
   *
   * <p>A listener is never made a voter. When the leader goes in the middle of that, Ratis 3.3.0
   * counts on the vote of one who does not give it because he takes himself for a listener
   * (RaftServerImpl.changeToFollower), and no leader is found until the old one is back.
   */
  Optional<Change> next(QuorumIdentity.Peer self) {
    if (includes(self.id())) {
      return Optional.empty();
    }
    boolean taken = voters.stream().anyMatch(voter -> voter.nodeId().equals(self.nodeId()));
    return Optional.of(
        taken
            ? change("add " + self.id() + " as a listener", voters, with(listeners, self))
            : change("add " + self.id() + " as a voter", with(voters, self), listeners));
  }

  private Change change(
      String what, List<QuorumIdentity.Peer> newVoters, List<QuorumIdentity.Peer> newListeners) {
    SetConfigurationRequest.Arguments.Builder arguments =
        SetConfigurationRequest.Arguments.newBuilder()
            .setServersInNewConf(raftPeers(newVoters))
            .setListenersInNewConf(raftPeers(newListeners));
    arguments
        .setMode(SetConfigurationRequest.Mode.COMPARE_AND_SET)
        .setServersInCurrentConf(raftPeers(voters))
        .setListenersInCurrentConf(raftPeers(listeners));
    return new Change(what, arguments.build());
  }

  private static List<RaftPeer> raftPeers(List<QuorumIdentity.Peer> peers) {
    return peers.stream().map(QuorumCalls::raftPeer).toList();
  }

  private static List<QuorumIdentity.Peer> with(
      List<QuorumIdentity.Peer> peers, QuorumIdentity.Peer more) {
    List<QuorumIdentity.Peer> all = new ArrayList<>(peers);
    all.add(more);
    return all;
  }
}
