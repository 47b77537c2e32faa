package actors;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import quorum.MemberChange;
import quorum.QuorumPart;
import quorum.QuorumServer;
import quorum.QuorumStatus;

/** This node's part in the quorum, as the outside sees it and changes it. Thread-safe. */
final class LocalQuorum {

  private static final QuorumSide NONE =
      new QuorumSide("", "", "none", "", 0, 0, 0, Optional.empty());

  private static final MembershipResult NOT_HERE =
      new MembershipResult.Refused(
          "with this journal nobody is removed by hand: a node that ends is put out by the others,"
              + " and comes back when it is started");

  private final Optional<QuorumPart> part;

  /** Empty for another journal. */
  LocalQuorum(Optional<QuorumPart> part) {
    this.part = part;
  }

  /** What this node knows of itself; empty for another journal. */
  Optional<QuorumSide> side() {
    return part.map(known -> known.ifStarted().map(server -> side(server.status())).orElse(NONE));
  }

  private static QuorumSide side(QuorumStatus status) {
    return new QuorumSide(
        status.group(),
        status.self(),
        status.role(),
        status.leader(),
        status.term(),
        status.committed(),
        status.applied(),
        status.problem());
  }

  /**
   * Adds to the cluster's members their places in the quorum, and those of its members who are in
   * no cluster now: they count, although nobody sees them.
   */
  CompletionStage<List<MemberStatus>> places(
      CompletionStage<List<MemberStatus>> members, Duration max) {
    Optional<QuorumServer> server = part.flatMap(QuorumPart::ifStarted);
    if (server.isEmpty()) {
      return members;
    }
    CompletableFuture<List<QuorumStatus.Member>> places =
        CompletableFuture.supplyAsync(() -> server.get().members(max), part.get().executor());
    return members.thenCombine(places, LocalQuorum::merged);
  }

  private static List<MemberStatus> merged(
      List<MemberStatus> members, List<QuorumStatus.Member> places) {
    Map<String, QuorumStatus.Member> unnamed = new LinkedHashMap<>();
    places.forEach(place -> unnamed.put(place.peer().id(), place));
    List<MemberStatus> merged = new ArrayList<>();
    for (MemberStatus member : members) {
      // An emptied node is there twice: as the listener that it is, and as the voter that it was.
      Optional<QuorumStatus.Member> own =
          places.stream()
              .filter(place -> place.peer().isOf(member.nodeId()))
              .min(Comparator.comparing(QuorumStatus.Member::voter));
      own.ifPresent(place -> unnamed.remove(place.peer().id()));
      merged.add(own.map(place -> member.in(place(place), place.voter())).orElse(member));
    }
    for (QuorumStatus.Member place : unnamed.values()) {
      // What a member was before it lost its disk is somebody else, and needs another name.
      boolean taken = members.stream().anyMatch(member -> place.peer().isOf(member.nodeId()));
      String name = taken ? place.peer().id() : place.peer().nodeId();
      merged.add(MemberStatus.absent(name, place(place), place.voter()));
    }
    merged.sort(Comparator.comparing(MemberStatus::nodeId));
    return merged;
  }

  private static QuorumPlace place(QuorumStatus.Member member) {
    return new QuorumPlace(
        member.peer().id(),
        member.peer().address(),
        member.leader(),
        member.match(),
        member.silentMillis());
  }

  /** See {@link Node#remove}. */
  CompletionStage<MembershipResult> remove(String name, Duration max) {
    return change(server -> server.remove(name, max));
  }

  /** See {@link Node#replace}. */
  CompletionStage<MembershipResult> replace(String name, Duration max) {
    return change(server -> server.replace(name, max));
  }

  private CompletionStage<MembershipResult> change(Function<QuorumServer, MemberChange> change) {
    if (part.isEmpty()) {
      return CompletableFuture.completedFuture(NOT_HERE);
    }
    Optional<QuorumServer> server = part.get().ifStarted();
    if (server.isEmpty()) {
      return CompletableFuture.completedFuture(
          new MembershipResult.Refused("this node has no part in the quorum yet: ask another one"));
    }
    return CompletableFuture.supplyAsync(
        () -> result(change.apply(server.get())), part.get().executor());
  }

  private static MembershipResult result(MemberChange change) {
    if (change instanceof MemberChange.Refused refused) {
      return new MembershipResult.Refused(refused.reason());
    }
    if (change instanceof MemberChange.Unknown unknown) {
      return new MembershipResult.Unknown(unknown.reason());
    }
    return new MembershipResult.Done();
  }
}
