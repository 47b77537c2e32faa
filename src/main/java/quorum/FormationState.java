package quorum;

import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * How nodes without data agree, once, on who keeps the journal. Pure.
 *
 * <p>All of them name the same list of cluster addresses. The one whose address is the smallest
 * proposes a group, when it has heard of all the others and all are without data. A node stores a
 * proposal before it says so, and nobody takes part in a group before all have said so: a group of
 * which one member never heard could lose its majority before it has begun. A proposal that cannot
 * be completed, because a node has lost what it had stored, is replaced by another one, which is
 * possible as long as nobody has begun.
 */
public final class FormationState {

  /**
   * What a node says of itself.
   *
   * @param address its cluster address, host:port
   * @param peerId who it would be, or is
   * @param quorumAddress where its Raft server listens, or would
   * @param list the cluster addresses that its {@code --join} names
   * @param group the group that was proposed to it, or that it is a member of; empty for none
   * @param begun whether that group is formed as far as it knows
   * @param peers of the group
   */
  public record Status(
      String address,
      String peerId,
      String quorumAddress,
      List<String> list,
      String group,
      boolean begun,
      List<QuorumIdentity.Peer> peers) {

    /** Nothing is what a node of another release may leave out. */
    public Status {
      list = orEmpty(list);
      peers = orEmpty(peers);
    }

    private static <T> List<T> orEmpty(@Nullable List<T> list) {
      return list == null ? List.of() : List.copyOf(list);
    }
  }

  /** What a node is to do. */
  public sealed interface Step {

    /** Go on listening. */
    record Wait(String reason) implements Step {}

    /** Store this group as proposed, and say so. */
    record Accept(UUID group, List<QuorumIdentity.Peer> peers) implements Step {

      public Accept {
        peers = List.copyOf(peers);
      }
    }

    /** All have stored the group: begin. */
    record Begin() implements Step {}

    /** A group was formed without this node: ask it to be added, under a new identity. */
    record Join(UUID group, List<QuorumIdentity.Peer> peers) implements Step {

      public Join {
        peers = List.copyOf(peers);
      }
    }
  }

  private FormationState() {}

  /**
   * The next step of a node.
   *
   * @param self what it says of itself; it has not begun
   * @param heard what others have said lately, each once
   * @param newGroup an id that nobody has used
   * @param steady whether what it has heard has stayed the same for longer than it takes a node to
   *     hear of what another has done
   */
  public static Step next(Status self, List<Status> heard, UUID newGroup, boolean steady) {
    TreeMap<String, Status> others = new TreeMap<>();
    for (Status one : heard) {
      if (!one.address().equals(self.address())) {
        others.put(one.address(), one);
      }
    }
    for (Status other : others.values()) {
      if (other.begun()) {
        boolean included =
            self.group().equals(other.group())
                && other.peers().stream().anyMatch(peer -> peer.id().equals(self.peerId()));
        return included
            ? new Step.Begin()
            : new Step.Join(UUID.fromString(other.group()), other.peers());
      }
    }
    TreeSet<String> list = new TreeSet<>(self.list());
    if (!list.contains(self.address())) {
      return new Step.Wait(
          "no node of "
              + String.join(", ", list)
              + " is part of a cluster yet, and --join does not name this node ("
              + self.address()
              + "), so that it cannot form one");
    }
    TreeSet<String> missing = new TreeSet<>(list);
    missing.remove(self.address());
    missing.removeAll(others.keySet());
    if (!missing.isEmpty()) {
      return new Step.Wait("waits for " + String.join(", ", missing) + " to form the cluster");
    }
    for (String address : list) {
      Status other = others.get(address);
      if (other != null && !new TreeSet<>(other.list()).equals(list)) {
        return new Step.Wait(
            address
                + " names other nodes in --join ("
                + String.join(", ", new TreeSet<>(other.list()))
                + ") than this one ("
                + String.join(", ", list)
                + "): all must name the same");
      }
    }
    if (!self.group().isEmpty()
        && list.stream().map(others::get).allMatch(other -> other == null || isIn(self, other))) {
      return new Step.Begin();
    }
    return self.address().equals(list.first())
        ? propose(self, list, others, newGroup, steady)
        : follow(self, others.get(list.first()));
  }

  /** Whether both have stored the same group, each being in it as who it is now. */
  private static boolean isIn(Status self, Status other) {
    return !self.group().isEmpty()
        && self.group().equals(other.group())
        && contains(self.peers(), self)
        && contains(self.peers(), other);
  }

  private static boolean contains(List<QuorumIdentity.Peer> peers, Status node) {
    return peers.contains(new QuorumIdentity.Peer(node.peerId(), node.quorumAddress()));
  }

  private static Step propose(
      Status self,
      TreeSet<String> list,
      TreeMap<String, Status> others,
      UUID newGroup,
      boolean steady) {
    boolean possible =
        !self.group().isEmpty()
            && contains(self.peers(), self)
            && list.stream()
                .map(others::get)
                .allMatch(other -> other == null || contains(self.peers(), other));
    if (possible) {
      return new Step.Wait("waits for the other nodes to store who forms the cluster");
    }
    if (!steady) {
      return new Step.Wait("makes sure that no other node forms the cluster");
    }
    TreeMap<String, QuorumIdentity.Peer> peers = new TreeMap<>();
    peers.put(self.address(), new QuorumIdentity.Peer(self.peerId(), self.quorumAddress()));
    for (String address : list) {
      Status other = others.get(address);
      if (other != null) {
        peers.put(address, new QuorumIdentity.Peer(other.peerId(), other.quorumAddress()));
      }
    }
    return new Step.Accept(newGroup, List.copyOf(peers.values()));
  }

  private static Step follow(Status self, @Nullable Status first) {
    boolean proposed =
        first != null
            && !first.group().isEmpty()
            && !first.group().equals(self.group())
            && contains(first.peers(), self);
    return Optional.ofNullable(proposed ? first : null)
        .<Step>map(proposer -> new Step.Accept(UUID.fromString(proposer.group()), proposer.peers()))
        .orElseGet(() -> new Step.Wait("waits for the other nodes to form the cluster"));
  }
}
