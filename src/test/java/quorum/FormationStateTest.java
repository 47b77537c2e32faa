package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import quorum.FormationState.Status;
import quorum.FormationState.Step;

/** That nodes without data form one group at most, whatever is lost on the way. */
class FormationStateTest {

  private static final List<String> LIST = List.of("a:1", "b:1", "c:1");
  private static final int SEEDS = 3_000;
  private static final int STEPS = 120;

  private static Status empty(String address) {
    return new Status(address, address + "-id", address + "-q", LIST, "", false, List.of());
  }

  private static Status proposed(String address, UUID group, List<QuorumIdentity.Peer> peers) {
    return new Status(
        address, address + "-id", address + "-q", LIST, group.toString(), false, peers);
  }

  private static List<QuorumIdentity.Peer> peers() {
    return LIST.stream().map(a -> new QuorumIdentity.Peer(a + "-id", a + "-q")).toList();
  }

  private static Step next(Status self, Status... heard) {
    return FormationState.next(self, List.of(heard), new UUID(0, 1), true);
  }

  @Test
  void waitsUntilAllAreThere() {
    Step step = next(empty("a:1"), empty("b:1"));
    assertEquals("waits for c:1 to form the cluster", ((Step.Wait) step).reason());
  }

  @Test
  void theFirstProposesAndTheOthersFollow() {
    Step.Accept accept =
        assertInstanceOf(Step.Accept.class, next(empty("a:1"), empty("b:1"), empty("c:1")));
    assertEquals(peers(), accept.peers());
    assertInstanceOf(Step.Wait.class, next(empty("b:1"), empty("a:1"), empty("c:1")));
    Status first = proposed("a:1", accept.group(), accept.peers());
    assertEquals(accept, next(empty("b:1"), first, empty("c:1")));
    assertInstanceOf(
        Step.Wait.class, next(first, proposed("b:1", accept.group(), peers()), empty("c:1")));
  }

  @Test
  void begins() {
    UUID group = new UUID(0, 7);
    assertEquals(
        new Step.Begin(),
        next(
            proposed("b:1", group, peers()),
            proposed("a:1", group, peers()),
            proposed("c:1", group, peers())));
  }

  @Test
  void joinsWhatHasBegunWithoutIt() {
    UUID group = new UUID(0, 7);
    Status begun = new Status("b:1", "b:1-id", "b:1-q", LIST, group.toString(), true, peers());
    assertEquals(new Step.Join(group, peers()), next(empty("a:1"), begun));
    assertEquals(new Step.Begin(), next(proposed("a:1", group, peers()), begun));
    Status emptied = new Status("a:1", "another", "a:1-q", LIST, "", false, List.of());
    assertEquals(new Step.Join(group, peers()), next(emptied, begun));
  }

  @Test
  void namesWhoNamesOthers() {
    Status other =
        new Status("b:1", "b:1-id", "b:1-q", List.of("b:1", "a:1"), "", false, List.of());
    Step step = next(empty("a:1"), other, empty("c:1"));
    assertTrue(
        ((Step.Wait) step).reason().startsWith("b:1 names other nodes in --join"), step.toString());
  }

  @Test
  void aNodeThatIsNotNamedFormsNothing() {
    Status stranger = new Status("d:1", "d", "d:1-q", LIST, "", false, List.of());
    Step step = next(stranger, empty("a:1"), empty("b:1"), empty("c:1"));
    assertTrue(((Step.Wait) step).reason().contains("does not name this node"), step.toString());
  }

  /** A node of the simulation: what is on its disk, and what it has heard. */
  private static final class Node {
    final String address;
    String peerId = "";
    String group = "";
    List<QuorumIdentity.Peer> peers = List.of();
    boolean begun;
    @Nullable UUID joining;
    Map<String, Status> heard = new HashMap<>();
    int quiet;

    Node(String address) {
      this.address = address;
    }

    Status status() {
      return new Status(address, peerId, address + "-q", LIST, group, begun, peers);
    }
  }

  /**
   * Messages are lost and late, and nodes crash and lose their disks, but no disk is emptied in the
   * moment between a node's word and the others' hearing of it: see {@link Founding}.
   */
  @Test
  void oneGroupAtMostHasAMajority() {
    for (int seed = 0; seed < SEEDS; seed++) {
      simulate(seed);
    }
  }

  private static void simulate(int seed) {
    Random random = new Random(seed);
    Map<String, Node> nodes = new LinkedHashMap<>();
    for (String address : LIST) {
      Node node = new Node(address);
      node.peerId = address + "-" + random.nextInt(1 << 20);
      nodes.put(address, node);
    }
    Set<String> beginnings = new TreeSet<>();
    List<String> lost = new ArrayList<>();
    for (int step = 0; step < STEPS; step++) {
      Node node = nodes.get(LIST.get(random.nextInt(LIST.size())));
      int dice = random.nextInt(100);
      boolean faults = step < STEPS / 2;
      if (faults && dice < 4) {
        node.heard.clear(); // a crash
      } else if (faults && dice < 6 && !node.begun) {
        lost.add(node.group);
        wipe(node, nodes, random);
      } else if (dice < 50) {
        for (Node other : nodes.values()) {
          if (other != node && random.nextInt(4) > 0) {
            hear(other, node.status());
          }
        }
      } else {
        take(node, random, beginnings);
      }
    }
    for (int round = 0; round < 30; round++) {
      for (Node node : nodes.values()) {
        nodes.values().stream().filter(o -> o != node).forEach(o -> hear(o, node.status()));
      }
      for (Node node : nodes.values()) {
        take(node, random, beginnings);
      }
    }
    assertEquals(1, beginnings.size(), () -> "seed " + seed + ": " + beginnings);
    for (Node node : nodes.values()) {
      assertTrue(node.begun || node.joining != null, () -> "seed " + seed + ": " + node.address);
    }
    // Who loses two of three disks has lost the majority, here as later.
    String group = beginnings.iterator().next();
    if (lost.stream().filter(group::equals).count() > 1) {
      return;
    }
    long members = nodes.values().stream().filter(node -> node.begun).count();
    assertTrue(members >= 2, () -> "seed " + seed + ": no majority of the group has begun");
  }

  private static void hear(Node node, Status status) {
    Status before = node.heard.put(status.address(), status);
    node.quiet = status.equals(before) ? node.quiet + 1 : 0;
  }

  /** Everybody hears of it before anybody acts on what was said before. */
  private static void wipe(Node node, Map<String, Node> nodes, Random random) {
    node.peerId = node.address + "-" + random.nextInt(1 << 20);
    node.group = "";
    node.peers = List.of();
    node.heard = new HashMap<>();
    nodes.values().forEach(other -> other.heard.remove(node.address));
  }

  private static void take(Node node, Random random, Set<String> beginnings) {
    if (node.begun || node.joining != null) {
      return;
    }
    Step step =
        FormationState.next(
            node.status(),
            new ArrayList<>(node.heard.values()),
            new UUID(0, random.nextLong()),
            node.quiet > 4 || (node.group.isEmpty() && noneHasAGroup(node)));
    if (step instanceof Step.Accept accept) {
      node.group = accept.group().toString();
      node.peers = accept.peers();
    } else if (step instanceof Step.Begin) {
      node.begun = true;
      beginnings.add(node.group);
    } else if (step instanceof Step.Join join) {
      node.joining = join.group();
      node.group = "";
    }
  }

  private static boolean noneHasAGroup(Node node) {
    return node.heard.values().stream().allMatch(status -> status.group().isEmpty());
  }
}
