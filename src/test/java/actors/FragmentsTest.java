package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import sql.Position;

@TestInstance(Lifecycle.PER_CLASS)
class FragmentsTest {

  private static final Position SESSION = new Position(3, 1);
  private static final int PIECE = SequencerLink.ENVELOPE_BYTES_MAX;
  private static final long LATER = TimeUnit.SECONDS.toNanos(11);

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());
  private final TestProbe<Sequencer.Command> sequencer = testKit.createTestProbe();
  private final TestProbe<NodeMessage> gateway = testKit.createTestProbe();

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
  }

  private static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  /** The pieces in which a node sends a request. */
  private List<Sequencer.Fragment> fragments(long number, byte[] entry) {
    SequencerLink link = new SequencerLink();
    link.set(new SequencerLink.Target(sequencer.getRef(), gateway.getRef(), 1, "a", false));
    link.submit(List.of(new Sequencer.Item(SESSION, number, false, entry)));
    List<Sequencer.Fragment> fragments = new ArrayList<>();
    do {
      fragments.add(sequencer.expectMessageClass(Sequencer.Fragment.class));
    } while (fragments.size() < fragments.get(0).count());
    return fragments;
  }

  private static Sequencer.@Nullable Item addAll(
      Fragments fragments, List<Sequencer.Fragment> pieces) {
    Sequencer.Item whole = null;
    for (Sequencer.Fragment piece : pieces) {
      assertNull(whole, "it was whole before its last piece came");
      whole = fragments.add(piece, 0);
    }
    return whole;
  }

  @Test
  void putsTogetherWhatANodeHasCutInWhateverOrderItComes() {
    for (int length : new int[] {PIECE - 10, PIECE + 1, 2 * PIECE, 5 * PIECE + 17}) {
      Fragments fragments = new Fragments(10 << 20);
      byte[] entry = bytes(length);
      List<Sequencer.Fragment> pieces = fragments(7, entry);
      for (Sequencer.Fragment piece : pieces) {
        assertEquals(length, piece.length());
        assertEquals(gateway.getRef(), piece.node());
      }
      Collections.shuffle(pieces, new Random(length));
      Sequencer.Item whole = addAll(fragments, pieces);
      assertNotNull(whole, "length " + length);
      assertEquals(SESSION, whole.session());
      assertEquals(7, whole.number());
      assertArrayEquals(entry, whole.entry());
    }
  }

  @Test
  void bearsRepeatsAndLostPieces() {
    Fragments fragments = new Fragments(10 << 20);
    byte[] entry = bytes(3 * PIECE);
    List<Sequencer.Fragment> pieces = fragments(7, entry);
    assertNull(fragments.add(pieces.get(0), 0));
    assertNull(fragments.add(pieces.get(0), 0));
    assertNull(fragments.add(pieces.get(2), 0));
    // The second was lost: all are sent again.
    assertNull(fragments.add(pieces.get(0), 0));
    Sequencer.Item whole = fragments.add(pieces.get(1), 0);
    assertNotNull(whole);
    assertArrayEquals(entry, whole.entry());
  }

  @Test
  void keepsRequestsApart() {
    Fragments fragments = new Fragments(10 << 20);
    List<Sequencer.Fragment> one = fragments(1, bytes(2 * PIECE));
    List<Sequencer.Fragment> other = fragments(2, bytes(2 * PIECE - 5));
    assertNull(fragments.add(one.get(0), 0));
    assertNull(fragments.add(other.get(0), 0));
    assertNotNull(fragments.add(one.get(1), 0));
    assertNotNull(fragments.add(other.get(1), 0));
  }

  @Test
  void dropsWhatItHasNoRoomFor() {
    Fragments fragments = new Fragments(5L * PIECE);
    List<Sequencer.Fragment> first = fragments(1, bytes(3 * PIECE));
    List<Sequencer.Fragment> second = fragments(2, bytes(3 * PIECE));
    assertNull(fragments.add(first.get(0), 0));
    assertNull(addAll(fragments, second));
    assertNull(fragments.add(first.get(1), 0));
    assertNotNull(fragments.add(first.get(2), 0));
    assertNotNull(addAll(fragments, second), "the room is free again");
  }

  @Test
  void forgetsWhatStaysIncomplete() {
    Fragments fragments = new Fragments(3L * PIECE);
    assertNull(fragments.add(fragments(1, bytes(3 * PIECE)).get(0), 0));
    List<Sequencer.Fragment> second = fragments(2, bytes(3 * PIECE));
    assertNull(fragments.add(second.get(0), LATER - 1), "there was no room");
    assertNull(fragments.add(second.get(0), LATER));
    assertNull(fragments.add(second.get(1), LATER));
    assertNotNull(fragments.add(second.get(2), LATER));
  }

  /** Only another release, or a defect, would send them. */
  @Test
  void passesOverPiecesThatDoNotFit() {
    Fragments fragments = new Fragments(10 << 20);
    byte[] entry = bytes(2 * PIECE);
    List<Sequencer.Fragment> pieces = fragments(7, entry);
    assertNull(fragments.add(pieces.get(0), 0));
    for (int[] wrong :
        new int[][] {
          {-1, 2, 2 * PIECE},
          {2, 2, 2 * PIECE},
          {1, 2, PIECE},
          {0, 0, 0},
          {0, -1, 5},
          {0, 1, -1},
          {Integer.MAX_VALUE, Integer.MAX_VALUE, 2 * PIECE},
          {0, Integer.MAX_VALUE, 5}
        }) {
      assertNull(
          fragments.add(
              new Sequencer.Fragment(
                  SESSION, 8, wrong[0], wrong[1], wrong[2], new byte[PIECE], gateway.getRef()),
              0),
          Arrays.toString(wrong));
    }
    assertNotNull(fragments.add(pieces.get(1), 0));
  }
}
