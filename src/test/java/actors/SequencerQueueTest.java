package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import sql.Position;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SequencerQueueTest {

  private static final Position SESSION = new Position(2, 0);

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());
  private final TestProbe<NodeMessage> node = testKit.createTestProbe();

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
  }

  private SequencerQueue.Waiting item(long number, int bytes) {
    return new SequencerQueue.Waiting(
        new Sequencer.Item(SESSION, number, false, new byte[bytes]), node.getRef());
  }

  private static List<Long> numbers(List<SequencerQueue.Waiting> batch) {
    return batch.stream().map(waiting -> waiting.item().number()).toList();
  }

  @Test
  void givesBatchesInOrderUpToBothLimits() {
    SequencerQueue queue = new SequencerQueue(100, 1_000_000);
    for (int number = 1; number <= 6; number++) {
      queue.add(item(number, 100));
    }
    assertEquals(List.of(1L, 2L), numbers(queue.take(2, 1_000, 1_000)));
    assertEquals(List.of(3L, 4L), numbers(queue.take(10, 250, 1_000)));
    assertEquals(List.of(5L, 6L), numbers(queue.take(10, 1_000, 1_000)));
    assertTrue(queue.isEmpty());
  }

  @Test
  void aLargeItemIsABatchOfItsOwn() {
    SequencerQueue queue = new SequencerQueue(100, 1_000_000);
    queue.add(item(1, 10));
    queue.add(item(2, 5_000));
    queue.add(item(3, 10));
    assertEquals(List.of(1L), numbers(queue.take(10, 1_000, 1_000)));
    assertEquals(List.of(2L), numbers(queue.take(10, 1_000, 1_000)));
    assertEquals(List.of(3L), numbers(queue.take(10, 1_000, 1_000)));
  }

  @Test
  void dropsWhatWaitsAlreadyAndWhatHasNoRoom() {
    SequencerQueue queue = new SequencerQueue(2, 1_000);
    queue.add(item(1, 10));
    queue.add(item(1, 10));
    queue.add(item(2, 995));
    queue.add(item(3, 10));
    queue.add(item(4, 10));
    assertEquals(List.of(1L, 3L), numbers(queue.take(10, 10_000, 10_000)));
  }

  @Test
  void aCancellationIsNoRepeatOfItsRequest() {
    SequencerQueue queue = new SequencerQueue(10, 1_000);
    queue.add(item(1, 10));
    queue.add(
        new SequencerQueue.Waiting(
            new Sequencer.Item(SESSION, 1, true, new byte[10]), node.getRef()));
    assertEquals(2, queue.size());
  }

  @Test
  void remembersWhereAnItemWasOrdered() {
    SequencerQueue queue = new SequencerQueue(10, 1_000);
    SequencerQueue.Waiting waiting = item(7, 10);
    assertNull(queue.orderedAt(waiting.item()));
    queue.remember(waiting.item(), new Position(9, 3));
    assertEquals(new Position(9, 3), queue.orderedAt(waiting.item()));
  }

  /** A large request is on its way for longer than its session waits before it asks again. */
  @Test
  void dropsARepeatOfWhatIsBeingAppended() {
    SequencerQueue queue = new SequencerQueue(10, 1_000);
    SequencerQueue.Waiting waiting = item(1, 10);
    queue.add(waiting);
    queue.take(10, 1_000, 1_000);
    queue.add(item(1, 10));
    assertTrue(queue.isEmpty());
    queue.remember(waiting.item(), new Position(9, 3));
    queue.add(item(1, 10));
    assertEquals(1, queue.size());
  }
}
