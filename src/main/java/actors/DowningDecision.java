package actors;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Whom a member asks the arbiter to put out, and when. Pure.
 *
 * <p>What a member sees only ever decides whether and when it asks; the arbiter decides who goes.
 * So nothing here has to be right for the cluster to stay in one piece. It is to make the better
 * side ask first: the larger one; of two equal ones that with the lowest address; and of two
 * members that do not hear each other while a third hears both, the older one, where the sequencer
 * is.
 *
 * @param leaving whether this member is about to leave; then it puts out only who has crashed, and
 *     leaves even that to others if there are any
 * @param counts whether this member counts for its side: it is up or leaving
 * @param address host:port of this member
 * @param stableAfter how long all who are silent must have been so
 * @param minorityDelay how much longer the worse side waits
 */
record DowningDecision(
    boolean leaving, boolean counts, String address, Duration stableAfter, Duration minorityDelay) {

  /** A silent one is no longer held up by others that come and go after so many stable-afters. */
  private static final int STABLE_AFTERS_MAX = 10;

  /**
   * Another member, as this one sees it.
   *
   * @param address host:port
   * @param uid Pekko's unique id of its start
   * @param counts whether it counts for its side: it is up or leaving
   * @param leaving whether it is about to leave
   * @param older whether it is a member for longer than this one
   * @param silent for how long this member has not heard it; empty if it has
   * @param crashed how long ago it became known that its process is gone; empty if it is not
   * @param heardElsewhere whether a member that this one hears does hear it
   * @param answers whether it has just answered this member. A failure detector takes its time, and
   *     not the same for each, so that who does not answer now may be on the other side
   */
  record Peer(
      String address,
      long uid,
      boolean counts,
      boolean leaving,
      boolean older,
      Optional<Duration> silent,
      Optional<Duration> crashed,
      boolean heardElsewhere,
      boolean answers) {

    private boolean isLost() {
      return silent.isPresent() || crashed.isPresent();
    }

    private boolean isOnThisSide() {
      return !isLost() && answers;
    }

    private boolean hasBeenSilentFor(Duration time) {
      return isSince(silent, time);
    }

    private boolean crashedBefore(Duration time) {
      return isSince(crashed, time);
    }

    private static boolean isSince(Optional<Duration> since, Duration time) {
      return since.isPresent() && since.get().compareTo(time) >= 0;
    }
  }

  /**
   * Those to ask for now.
   *
   * @param peers all other members that are neither down nor exiting: these are settled
   */
  List<Peer> toPutOut(List<Peer> peers) {
    List<Peer> silent =
        peers.stream().filter(peer -> peer.silent.isPresent() && peer.crashed.isEmpty()).toList();
    Duration crashWait = crashWait(peers);
    Duration wait = stableAfter.plus(isWorseSide(peers) ? minorityDelay : Duration.ZERO);
    Duration waitMax = wait.plus(stableAfter.multipliedBy(STABLE_AFTERS_MAX));
    boolean settled =
        !leaving && silent.stream().allMatch(peer -> peer.hasBeenSilentFor(stableAfter));
    return peers.stream()
        .filter(
            peer ->
                peer.crashed.isPresent()
                    ? peer.crashedBefore(crashWait)
                    : !leaving && peer.hasBeenSilentFor(settled ? wait : waitMax))
        .toList();
  }

  /**
   * A crash is certain enough to ask at once, with one exception: if more have gone than are left,
   * it may be this one's network, and the others are to be first.
   */
  private Duration crashWait(List<Peer> peers) {
    if (leaving && peers.stream().anyMatch(peer -> peer.isOnThisSide() && !peer.leaving)) {
      return minorityDelay;
    }
    return otherSide(peers).count() > thisSide(peers).count() ? stableAfter : Duration.ZERO;
  }

  private boolean isWorseSide(List<Peer> peers) {
    long here = thisSide(peers).count();
    long there = otherSide(peers).count();
    if (here < there || (here == there && !hasLowestAddress(peers))) {
      return true;
    }
    return peers.stream().anyMatch(peer -> peer.isLost() && peer.older && peer.heardElsewhere);
  }

  private boolean hasLowestAddress(List<Peer> peers) {
    Optional<String> here = thisSide(peers).min(Comparator.naturalOrder());
    Optional<String> there = otherSide(peers).min(Comparator.naturalOrder());
    return there.isEmpty() || (here.isPresent() && here.get().compareTo(there.get()) < 0);
  }

  /** The addresses of those who count and go with this member. */
  private Stream<String> thisSide(List<Peer> peers) {
    return Stream.concat(
        counts ? Stream.of(address) : Stream.empty(),
        peers.stream().filter(peer -> peer.counts && peer.isOnThisSide()).map(Peer::address));
  }

  private static Stream<String> otherSide(List<Peer> peers) {
    return peers.stream().filter(peer -> peer.counts && !peer.isOnThisSide()).map(Peer::address);
  }
}
