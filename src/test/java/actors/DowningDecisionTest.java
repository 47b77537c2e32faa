package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import actors.DowningDecision.Peer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Whom a member asks the arbiter to put out, and when. */
class DowningDecisionTest {

  private static final Duration STABLE = Duration.ofMillis(300);
  private static final Duration DELAY = Duration.ofMillis(700);

  /** A member that is up and has this address. */
  private static DowningDecision at(String address) {
    return new DowningDecision(false, true, address, STABLE, DELAY);
  }

  private static Peer heard(String address) {
    return peer(address, Optional.empty(), Optional.empty());
  }

  private static Peer silent(String address, long millis) {
    return peer(address, Optional.of(Duration.ofMillis(millis)), Optional.empty());
  }

  private static Peer crashed(String address, long millis) {
    return peer(address, Optional.empty(), Optional.of(Duration.ofMillis(millis)));
  }

  private static Peer peer(String address, Optional<Duration> silent, Optional<Duration> crashed) {
    return new Peer(address, 1, true, false, false, silent, crashed, false, true);
  }

  private static Peer joining(Peer peer) {
    return new Peer(
        peer.address(), 1, false, false, false, peer.silent(), peer.crashed(), false, true);
  }

  private static Peer leaving(Peer peer) {
    return new Peer(
        peer.address(), 1, true, true, false, peer.silent(), peer.crashed(), false, true);
  }

  private static Peer mute(Peer peer) {
    return new Peer(
        peer.address(), 1, true, false, false, peer.silent(), peer.crashed(), false, false);
  }

  private static Peer heardByOthers(Peer peer, boolean older) {
    return new Peer(
        peer.address(), 1, true, false, older, peer.silent(), peer.crashed(), true, true);
  }

  private static void assertPutsOut(DowningDecision decision, List<Peer> peers, String... out) {
    assertEquals(List.of(out), decision.toPutOut(peers).stream().map(Peer::address).toList());
  }

  @Test
  void nobodyIsPutOutWhoIsHeard() {
    assertPutsOut(at("a"), List.of(heard("b"), heard("c")));
  }

  @Test
  void aSilentMemberIsPutOutWhenItHasBeenSilentForLong() {
    assertPutsOut(at("b"), List.of(silent("a", 299), heard("c")));
    assertPutsOut(at("b"), List.of(silent("a", 300), heard("c")), "a");
  }

  @Test
  void theSmallerSideWaitsLonger() {
    assertPutsOut(at("a"), List.of(silent("b", 999), silent("c", 999)));
    assertPutsOut(at("a"), List.of(silent("b", 1000), silent("c", 1000)), "b", "c");
  }

  @Test
  void ofTwoEqualSidesTheOneWithoutTheLowestAddressWaitsLonger() {
    assertPutsOut(at("a"), List.of(silent("b", 300)), "b");
    assertPutsOut(at("b"), List.of(silent("a", 999)));
    assertPutsOut(at("b"), List.of(silent("a", 1000)), "a");
    assertPutsOut(at("d"), List.of(heard("a"), silent("b", 300), silent("c", 300)), "b", "c");
    assertPutsOut(at("c"), List.of(heard("b"), silent("a", 999), silent("d", 999)));
  }

  @Test
  void theyAreAskedForTogetherWhenTheLastHasBeenSilentForLong() {
    assertPutsOut(at("a"), List.of(silent("b", 900), silent("c", 299), heard("d"), heard("e")));
    assertPutsOut(
        at("a"), List.of(silent("b", 900), silent("c", 300), heard("d"), heard("e")), "b", "c");
  }

  @Test
  void whoIsSilentForVeryLongIsNotHeldUpByOthersThatComeAndGo() {
    assertPutsOut(
        at("a"), List.of(silent("b", 3300), silent("c", 10), heard("d"), heard("e")), "b");
  }

  @Test
  void whoHasCrashedIsPutOutAtOnce() {
    assertPutsOut(at("b"), List.of(crashed("a", 0), heard("c")), "a");
    assertPutsOut(at("b"), List.of(crashed("a", 0)), "a");
    assertPutsOut(at("a"), List.of(crashed("b", 0), silent("c", 10), heard("d")), "b");
  }

  @Test
  void ifMoreHaveCrashedThanAreLeftTheOthersAreFirst() {
    assertPutsOut(at("a"), List.of(crashed("b", 299), crashed("c", 299)));
    assertPutsOut(at("a"), List.of(crashed("b", 300), crashed("c", 300)), "b", "c");
  }

  @Test
  void ofTwoThatAThirdHearsTheYoungerOneWaitsLonger() {
    assertPutsOut(at("a"), List.of(heardByOthers(silent("b", 999), true), heard("c")));
    assertPutsOut(at("a"), List.of(heardByOthers(silent("b", 1000), true), heard("c")), "b");
    assertPutsOut(at("b"), List.of(heardByOthers(silent("a", 300), false), heard("c")), "a");
  }

  @Test
  void whoIsNotSilentYetAndDoesNotAnswerMayBeOnTheOtherSide() {
    assertPutsOut(at("a"), List.of(silent("b", 999), mute(heard("c"))));
    assertPutsOut(at("a"), List.of(silent("b", 1000), mute(heard("c"))), "b");
    assertPutsOut(at("a"), List.of(crashed("b", 299), mute(heard("c"))));
    assertPutsOut(at("a"), List.of(crashed("b", 300), mute(heard("c"))), "b");
  }

  @Test
  void joiningMembersDecideNoMajority() {
    assertPutsOut(at("b"), List.of(silent("a", 999), joining(heard("c"))));
    assertPutsOut(at("a"), List.of(joining(silent("b", 300)), joining(silent("c", 300))), "b", "c");
  }

  @Test
  void aJoiningMemberIsOnTheSmallerSide() {
    DowningDecision decision = new DowningDecision(false, false, "a", STABLE, DELAY);
    assertPutsOut(decision, List.of(silent("b", 999)));
    assertPutsOut(decision, List.of(silent("b", 1000)), "b");
    assertPutsOut(decision, List.of(crashed("b", 300)), "b");
  }

  @Test
  void aLeavingMemberLeavesItToOthersIfThereAreAny() {
    DowningDecision leaving = new DowningDecision(true, true, "a", STABLE, DELAY);
    assertPutsOut(leaving, List.of(crashed("b", 699), heard("c")));
    assertPutsOut(leaving, List.of(crashed("b", 700), heard("c")), "b");
    assertPutsOut(leaving, List.of(crashed("b", 0), leaving(heard("c"))), "b");
    assertPutsOut(leaving, List.of(crashed("b", 0)), "b");
    assertPutsOut(leaving, List.of(silent("b", 100_000), heard("c")));
  }
}
