package quorum;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
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

  /** Everybody, sorted by identity. */
  List<QuorumIdentity.Peer> all() {
    return Stream.concat(voters.stream(), listeners.stream())
        .sorted(Comparator.comparing(QuorumIdentity.Peer::id))
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

  /** What an operator wants, as a change, or why it cannot be. */
  sealed interface Decision {

    /** It can be. */
    record Make(Change change) implements Decision {}

    /** It must not be. */
    record Refuse(String reason) implements Decision {}
  }

  /**
   * Takes a node out for good.
   *
   * @param name the node's name, or one of its identities
   * @param answering the identities of those who answer now, the leader included
   */
  Decision remove(String name, Set<String> answering) {
    List<QuorumIdentity.Peer> outVoters = named(voters, name);
    List<QuorumIdentity.Peer> outListeners = named(listeners, name);
    if (outVoters.isEmpty() && outListeners.isEmpty()) {
      return unknown(name);
    }
    if (!outVoters.isEmpty() && !outListeners.isEmpty()) {
      return new Decision.Refuse(
          name
              + " has come back with an empty disk and listens as "
              + outListeners.get(0).id()
              + ": replace its lost self by it, or name the identity to remove");
    }
    return out("remove " + name, outVoters, outListeners, answering);
  }

  /**
   * Takes the voter out whose disk is lost, so that his node, which has come back with an empty
   * one, can become a voter in his place: it listens, is taken out too, and asks to be added.
   */
  Decision replace(String name, Set<String> answering) {
    List<QuorumIdentity.Peer> outVoters = named(voters, name);
    List<QuorumIdentity.Peer> outListeners = named(listeners, name);
    if (outVoters.isEmpty() && outListeners.isEmpty()) {
      return unknown(name);
    }
    if (outListeners.isEmpty()) {
      return new Decision.Refuse(
          name
              + " has not come back with an empty disk: start it with one first; or add a node of"
              + " another name, and remove this one");
    }
    for (QuorumIdentity.Peer lost : outVoters) {
      if (answering.contains(lost.id())) {
        return new Decision.Refuse(
            lost.id()
                + " at "
                + lost.address()
                + " answers, so that its disk is not lost: two nodes run under the name "
                + name);
      }
    }
    return out("replace " + name, outVoters, outListeners, answering);
  }

  private Decision out(
      String what,
      List<QuorumIdentity.Peer> outVoters,
      List<QuorumIdentity.Peer> outListeners,
      Set<String> answering) {
    List<QuorumIdentity.Peer> left = without(voters, outVoters);
    long living = left.stream().filter(peer -> answering.contains(peer.id())).count();
    if (left.isEmpty()) {
      return new Decision.Refuse("it is the only voter: nobody would be left");
    }
    if (!outVoters.isEmpty() && living < left.size() / 2 + 1) {
      return new Decision.Refuse(
          "of the "
              + left.size()
              + " voters that would be left, "
              + living
              + " answer, which is no majority: nothing could be written any more. Start "
              + String.join(
                  ", ",
                  left.stream()
                      .map(QuorumIdentity.Peer::id)
                      .filter(id -> !answering.contains(id))
                      .toList())
              + " first, or add a node");
    }
    return new Decision.Make(change(what, left, without(listeners, outListeners)));
  }

  private Decision unknown(String name) {
    return new Decision.Refuse(
        "nobody called "
            + name
            + " keeps the journal; who does: "
            + String.join(", ", all().stream().map(QuorumIdentity.Peer::id).toList()));
  }

  private static List<QuorumIdentity.Peer> named(List<QuorumIdentity.Peer> peers, String name) {
    return peers.stream().filter(peer -> peer.id().equals(name) || peer.isOf(name)).toList();
  }

  private static List<QuorumIdentity.Peer> without(
      List<QuorumIdentity.Peer> peers, List<QuorumIdentity.Peer> out) {
    return peers.stream().filter(peer -> !out.contains(peer)).toList();
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
