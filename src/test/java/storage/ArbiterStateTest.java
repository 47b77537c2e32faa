package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import storage.Arbiter.Entry;
import storage.Arbiter.Standing;
import storage.ArbiterState.Heard;
import storage.ArbiterState.ProcessKey;

/** What follows for processes that enter, by the time that a made-up clock shows. */
class ArbiterStateTest {

  private static final long SECOND = 1_000_000;

  private static final Arbiter.Process A = new Arbiter.Process("a", "host-a:1", 1);
  private static final Arbiter.Process B = new Arbiter.Process("b", "host-b:1", 2);
  private static final Arbiter.Process C = new Arbiter.Process("c", "host-c:1", 3);

  /** The tables of the arbiter without a database, and a clock that stands still. */
  private static final class Tables {
    private long now = 1_000 * SECOND;
    private long formation;
    private @Nullable ProcessKey former;
    private List<Heard> heard = List.of();
    private final Set<ProcessKey> out = new HashSet<>();

    private ArbiterState state() {
      return new ArbiterState(now, formation, former, heard);
    }

    Entry enter(Arbiter.Process self) {
      if (out.contains(ProcessKey.of(self))) {
        return new Entry.Wait("out");
      }
      ArbiterState before = state();
      ArbiterState state = before.with(before.candidate(self));
      ArbiterState.Admission admission = state.admit(self);
      heard = state.heard();
      admission.replaced().forEach(this::putOut);
      if (admission.entry() instanceof Entry.Form form && form.formation() > formation) {
        formation = form.formation();
        former = ProcessKey.of(self);
      }
      return admission.entry();
    }

    Standing renew(Arbiter.Process self, long ofFormation, boolean member) {
      if (out.contains(ProcessKey.of(self)) || formation != ofFormation) {
        return new Standing.Out("out");
      }
      ArbiterState before = state();
      heard = before.with(member ? before.member(self) : before.candidate(self)).heard();
      return new Standing.In();
    }

    void putOut(ProcessKey key) {
      out.add(key);
      heard = heard.stream().filter(one -> !one.key().equals(key)).toList();
    }

    /** Time passes in steps, in each of which these members renew. */
    void pass(double seconds, Arbiter.Process... members) {
      for (long end = now + (long) (seconds * SECOND); now < end; ) {
        now = Math.min(end, now + SECOND / 2);
        for (Arbiter.Process member : members) {
          assertInstanceOf(Standing.In.class, renew(member, formation, true));
        }
      }
    }

    /** Asks in steps until the answer is none of waiting, and returns the time that it took. */
    double untilFormed(Arbiter.Process self, double secondsMax) {
      long start = now;
      while (!(enter(self) instanceof Entry.Form)) {
        assertTrue(now - start <= secondsMax * SECOND, "not within " + secondsMax + " s");
        now += SECOND / 4;
      }
      return (now - start) / (double) SECOND;
    }
  }

  private final Tables tables = new Tables();

  private static Arbiter.Process again(Arbiter.Process process) {
    return new Arbiter.Process(process.nodeId(), process.address(), process.uid() + 100);
  }

  private void formedBy(Arbiter.Process former, Arbiter.Process... others) {
    assertEquals(new Entry.Form(tables.formation + 1), tables.enter(former));
    tables.renew(former, tables.formation, true);
    for (Arbiter.Process other : others) {
      tables.enter(other);
      tables.renew(other, tables.formation, true);
    }
  }

  @Test
  void theFirstFormsAndTheOthersJoinThroughMembers() {
    assertEquals(new Entry.Form(1), tables.enter(A));
    assertInstanceOf(Entry.Wait.class, tables.enter(B));
    assertEquals(new Entry.Form(1), tables.enter(A), "its answer got lost");
    tables.renew(A, 1, true);
    assertEquals(new Entry.Join(1, List.of(A.address())), tables.enter(B));
    tables.renew(B, 1, true);
    assertEquals(new Entry.Join(1, List.of(A.address(), B.address())), tables.enter(C));
  }

  @Test
  void anotherFormsWhenTheFormerDiesBeforeItIsAMember() {
    tables.enter(A);
    tables.enter(B);
    double seconds = tables.untilFormed(B, 6);
    assertTrue(seconds >= 5, "not while it may only be slow: " + seconds);
    assertInstanceOf(Standing.Out.class, tables.renew(A, 1, true), "it was only frozen");
    assertEquals(2, tables.formation);
  }

  @Test
  void aRestartOfAllFormsAsSoonAsAllAreBack() {
    formedBy(A, B, C);
    tables.pass(10, A, B, C);
    // All are killed; they are back 2 s later.
    tables.pass(2);
    tables.enter(again(A));
    tables.enter(again(B));
    tables.enter(again(C));
    assertInstanceOf(Entry.Wait.class, tables.enter(again(A)));
    tables.pass(1);
    assertInstanceOf(Entry.Wait.class, tables.enter(again(A)), "the others' are still known");
    assertInstanceOf(Entry.Wait.class, tables.enter(again(B)));
    assertEquals(new Entry.Form(2), tables.enter(again(C)));
    tables.renew(again(C), 2, true);
    assertEquals(new Entry.Join(2, List.of(C.address())), tables.enter(again(A)));
  }

  @Test
  void someFormWithoutTheOthersWhenTheyAreSilentForLong() {
    formedBy(A, B, C);
    tables.pass(60);
    double seconds = tables.untilFormed(again(A), 6);
    assertTrue(seconds >= 5, "the others might be heard of at any moment: " + seconds);
  }

  @Test
  void aClusterThatLivedThroughAnOutageIsNotReplaced() {
    formedBy(A, B);
    tables.pass(600);
    // The database is back; a new node is the first to reach it.
    assertInstanceOf(Entry.Wait.class, tables.enter(C));
    tables.pass(1);
    assertInstanceOf(Entry.Wait.class, tables.enter(C));
    tables.pass(1, A);
    assertEquals(new Entry.Join(1, List.of(A.address())), tables.enter(C));
    assertInstanceOf(Standing.In.class, tables.renew(B, 1, true));
  }

  @Test
  void theOutageBeginsTheWaitAnew() {
    formedBy(A, B);
    tables.pass(600);
    tables.enter(C);
    tables.pass(2);
    tables.enter(C);
    tables.pass(30);
    assertInstanceOf(Entry.Wait.class, tables.enter(C), "nobody could ask in that time");
    tables.pass(2);
    assertInstanceOf(Entry.Wait.class, tables.enter(C));
  }

  @Test
  void membersThatLeftAreNotWaitedFor() {
    formedBy(A, B);
    tables.putOut(ProcessKey.of(A));
    tables.putOut(ProcessKey.of(B));
    assertEquals(new Entry.Form(2), tables.enter(C));
  }

  @Test
  void aClockThatJumpsForwardReplacesNobody() {
    formedBy(A, B);
    tables.enter(C);
    tables.now += 86_400 * SECOND;
    assertInstanceOf(Entry.Wait.class, tables.enter(C));
    tables.pass(1, A, B);
    assertInstanceOf(Entry.Join.class, tables.enter(C));
  }

  @Test
  void aClockThatIsSetBackKeepsNoDeadAlive() {
    formedBy(A, B);
    tables.pass(1, A, B);
    tables.now -= 86_400 * SECOND;
    double seconds = tables.untilFormed(C, 6);
    assertTrue(seconds >= 5, "they may live: " + seconds);
  }

  @Test
  void aFrozenMemberFindsThatAnotherClusterWasFormed() {
    formedBy(A);
    tables.pass(60);
    tables.untilFormed(B, 6);
    assertInstanceOf(Standing.Out.class, tables.renew(A, 1, true));
    assertInstanceOf(Standing.In.class, tables.renew(B, 2, true));
  }

  @Test
  void aRestartedNodeWaitsUntilItsEarlierStartIsSilent() {
    formedBy(A, B);
    tables.pass(1, A, B);
    assertInstanceOf(Entry.Wait.class, tables.enter(again(B)));
    tables.pass(1, A);
    assertInstanceOf(Entry.Wait.class, tables.enter(again(B)));
    tables.pass(1.5, A);
    assertEquals(new Entry.Join(1, List.of(A.address())), tables.enter(again(B)));
    assertInstanceOf(Standing.Out.class, tables.renew(B, 1, true), "replaced for good");
  }

  @Test
  void aNodeThatWasPutOutEntersAtOnceAfterItsRestart() {
    formedBy(A, B);
    tables.putOut(ProcessKey.of(B));
    assertEquals(new Entry.Join(1, List.of(A.address())), tables.enter(again(B)));
  }

  @Test
  void aSecondProcessWithTheSameAddressIsRefused() {
    formedBy(A);
    assertInstanceOf(Entry.Wait.class, tables.enter(again(A)));
    tables.pass(2, A);
    Entry entry = tables.enter(again(A));
    String reason = assertInstanceOf(Entry.Refused.class, entry).reason();
    assertTrue(reason.contains("cluster address host-a:1 is in use"), reason);
    assertInstanceOf(Standing.In.class, tables.renew(A, 1, true), "the first is not disturbed");
  }

  @Test
  void aSecondProcessWithTheSameNameIsRefused() {
    formedBy(A);
    Arbiter.Process second = new Arbiter.Process("a", "host-b:1", 7);
    assertInstanceOf(Entry.Wait.class, tables.enter(second));
    tables.pass(2, A);
    String reason = assertInstanceOf(Entry.Refused.class, tables.enter(second)).reason();
    assertEquals("node id 'a' is in use by host-a:1: give every node another --node-id", reason);
  }

  @Test
  void ofTwoThatStartTogetherWithOneNameTheEarlierGoesOn() {
    Arbiter.Process second = new Arbiter.Process("a", "host-b:1", 7);
    assertEquals(new Entry.Form(1), tables.enter(A));
    tables.enter(second);
    tables.pass(1.5, A);
    assertInstanceOf(Entry.Refused.class, tables.enter(second));
    assertEquals(new Entry.Form(1), tables.enter(A));
  }

  @Test
  void aNodeThatMovedToAnotherAddressIsLetIn() {
    formedBy(A, B);
    tables.pass(2.5, A);
    Arbiter.Process moved = new Arbiter.Process("b", "host-d:1", 9);
    assertEquals(new Entry.Join(1, List.of(A.address())), tables.enter(moved));
    assertInstanceOf(Standing.Out.class, tables.renew(B, 1, true));
  }

  /** A node of the random schedules. */
  private static final class Node {
    private final String name;
    private Arbiter.Process process;
    private long memberOf;
    private long frozenUntil;
    private long goneUntil;
    private long nextAt;
    private long heardAt;

    Node(String name) {
      this.name = name;
      this.process = new Arbiter.Process(name, name + ":1", 0);
    }

    boolean acts(long now) {
      return now >= frozenUntil && now >= goneUntil && now >= nextAt;
    }
  }

  /**
   * Nodes are killed and frozen at random, the clock jumps, and the database is away for some time.
   * No cluster is replaced of which somebody was heard a moment ago, no node is refused, and soon
   * after the last trouble all nodes are members of one cluster.
   */
  @Test
  void randomSchedulesEndInOneCluster() {
    long seed = Long.getLong("peqlite.seed", System.nanoTime());
    for (int round = 0; round < 300; round++) {
      randomSchedule(new Random(seed + round), "seed " + seed + ", round " + round);
    }
  }

  private static void randomSchedule(Random random, String description) {
    Tables tables = new Tables();
    List<Node> nodes = new ArrayList<>();
    for (int i = 0; i < 2 + random.nextInt(4); i++) {
      nodes.add(new Node("n" + i));
    }
    long uids = 0;
    long awayUntil = 0;
    long elapsed = 0;
    long troubleEnds = 120 * SECOND;
    while (elapsed < troubleEnds + 25 * SECOND) {
      elapsed += SECOND / 10;
      tables.now += SECOND / 10;
      if (elapsed < troubleEnds && random.nextInt(20) == 0) {
        Node node = nodes.get(random.nextInt(nodes.size()));
        long until = elapsed + random.nextInt(12) * SECOND;
        switch (random.nextInt(8)) {
          case 0, 1, 2 -> node.frozenUntil = until;
          case 3, 4, 5 -> {
            node.goneUntil = until;
            node.memberOf = 0;
            node.process = new Arbiter.Process(node.name, node.name + ":1", ++uids);
          }
          case 6 -> awayUntil = until;
          default -> tables.now += (random.nextInt(200) - 100) * SECOND;
        }
      }
      if (elapsed < awayUntil) {
        continue;
      }
      for (Node node : nodes) {
        if (!node.acts(elapsed)) {
          continue;
        }
        node.nextAt = elapsed + (node.memberOf > 0 ? SECOND : 3 * SECOND / 10);
        if (node.memberOf > 0) {
          if (tables.renew(node.process, node.memberOf, true) instanceof Standing.Out) {
            node.memberOf = 0;
            node.process = new Arbiter.Process(node.name, node.name + ":1", ++uids);
          } else {
            node.heardAt = elapsed;
            // Members put out whom they do not reach, the living never.
            for (Node other : nodes) {
              if (elapsed < other.frozenUntil || elapsed < other.goneUntil) {
                tables.heard.stream()
                    .filter(one -> one.process().address().equals(other.process.address()))
                    .map(Heard::key)
                    .toList()
                    .forEach(tables::putOut);
              }
            }
          }
        } else {
          Entry entry = tables.enter(node.process);
          if (tables.out.contains(ProcessKey.of(node.process))) {
            node.process = new Arbiter.Process(node.name, node.name + ":1", ++uids);
          } else if (entry instanceof Entry.Form form) {
            for (Node other : nodes) {
              boolean lives =
                  other.memberOf == form.formation() - 1
                      && elapsed - other.heardAt <= 2 * SECOND
                      && !tables.out.contains(ProcessKey.of(other.process));
              assertFalse(other.memberOf > 0 && lives, description + ": replaces a living cluster");
            }
            node.memberOf = form.formation();
          } else if (entry instanceof Entry.Join join) {
            long formation = join.formation();
            boolean reached =
                nodes.stream()
                    .anyMatch(
                        other ->
                            other.memberOf == formation
                                && join.addresses().contains(other.process.address()));
            node.memberOf = reached ? formation : 0;
          } else {
            assertFalse(entry instanceof Entry.Refused, description + ": " + entry);
          }
        }
      }
    }
    Set<Long> formations = nodes.stream().map(node -> node.memberOf).collect(Collectors.toSet());
    assertEquals(Set.of(tables.formation), formations, description);
  }
}
