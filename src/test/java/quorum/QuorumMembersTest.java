package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.junit.jupiter.api.Test;
import quorum.QuorumMembers.Decision;

/** Which changes an operator may make, and that no other is made. */
class QuorumMembersTest {

  private static final QuorumMembers THREE = members("a b c", "");

  private static QuorumMembers members(String voters, String listeners) {
    return new QuorumMembers(peers(voters), peers(listeners));
  }

  /** A name stands for its node's first identity, with an apostrophe for its second. */
  private static List<QuorumIdentity.Peer> peers(String names) {
    return Stream.of(names.split(" "))
        .filter(name -> !name.isEmpty())
        .map(name -> new QuorumIdentity.Peer(id(name), name + ":1"))
        .toList();
  }

  private static String id(String name) {
    return name.endsWith("'") ? name.charAt(0) + "-00000002" : name + "-00000001";
  }

  private static Set<String> answering(String names) {
    return Set.copyOf(peers(names).stream().map(QuorumIdentity.Peer::id).toList());
  }

  private static void assertMade(String voters, String listeners, Decision decision) {
    assertTrue(decision instanceof Decision.Make, decision::toString);
    SetConfigurationRequest.Arguments made = ((Decision.Make) decision).change().arguments();
    assertEquals(
        ids(voters),
        made.getServersInNewConf().stream().map(RaftPeer::getId).map(Object::toString).toList());
    assertEquals(
        ids(listeners),
        made.getPeersInNewConf(RaftPeerRole.LISTENER).stream()
            .map(RaftPeer::getId)
            .map(Object::toString)
            .toList());
    assertEquals(SetConfigurationRequest.Mode.COMPARE_AND_SET, made.getMode());
  }

  private static List<String> ids(String names) {
    return peers(names).stream().map(QuorumIdentity.Peer::id).toList();
  }

  private static void assertRefused(String why, Decision decision) {
    assertTrue(decision instanceof Decision.Refuse, decision::toString);
    String reason = ((Decision.Refuse) decision).reason();
    assertTrue(reason.contains(why), reason);
  }

  @Test
  void removesWhomTheOthersCanDoWithout() {
    assertMade("a b", "", THREE.remove("c", answering("a b")));
    assertMade("a b", "", THREE.remove("c", answering("a b c")));
    assertMade("a b", "", THREE.remove("c-00000001", answering("a b")));
    assertMade("b", "", members("a b", "").remove("a", answering("a b")));
    assertMade("a b c", "", members("a b c", "d").remove("d", answering("a b")));
    assertMade("a b c d", "", members("a b c d e", "").remove("e", answering("a b c")));
  }

  @Test
  void keepsAMajorityThatAnswers() {
    assertRefused("no majority", THREE.remove("a", answering("a b")));
    assertRefused("Start c-00000001 first", THREE.remove("a", answering("a b")));
    assertRefused("nobody would be left", members("a", "").remove("a", answering("a")));
    assertRefused("no majority", members("a b", "").remove("a", answering("a")));
    assertRefused("a-00000001, b-00000001, c-00000001", THREE.remove("x", answering("a b c")));
    assertRefused("nobody called", THREE.remove("", answering("a b c")));
  }

  @Test
  void replacesOnlyWhoIsBackWithAnEmptyDisk() {
    QuorumMembers back = members("a b c", "c'");
    assertMade("a b", "", back.replace("c", answering("a b c'")));
    assertRefused("answers, so that its disk is not lost", back.replace("c", answering("a b c")));
    assertRefused("no majority", back.replace("c", answering("a c'")));
    assertRefused("has not come back", THREE.replace("c", answering("a b")));
    assertRefused("nobody called", back.replace("x", answering("a b")));
    assertRefused("has come back with an empty disk", back.remove("c", answering("a b")));
    assertMade("a b", "c'", back.remove("c-00000001", answering("a b")));
    assertMade("a b c", "", back.remove("c-00000002", answering("a b c")));
  }

  @Test
  void addsAVoterUnlessOneHasItsName() {
    QuorumIdentity.Peer fourth = peers("d").get(0);
    QuorumIdentity.Peer back = peers("c'").get(0);
    assertMade("a b c d", "", new Decision.Make(THREE.next(fourth).orElseThrow()));
    assertMade("a b c", "c'", new Decision.Make(THREE.next(back).orElseThrow()));
    assertTrue(members("a b c", "c'").next(back).isEmpty(), "it is there");
  }
}
