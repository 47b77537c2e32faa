package actors;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import sql.Position;

/** Everything that may cross between nodes can be written and read. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WireTest {

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
  }

  private Map<Class<?>, Object> samples() {
    Position position = new Position(7, 3);
    var replica = testKit.<Replica.Command>createTestProbe().getRef();
    var session = testKit.<WriteSession.Command>createTestProbe().getRef();
    var gate = testKit.<ReadGate.Command>createTestProbe().getRef();
    var where = testKit.<Replica.WhereAnswer>createTestProbe().getRef();
    Map<Class<?>, Object> samples = new HashMap<>();
    for (Object sample :
        List.of(
            new Sequencer.Submit(
                List.of(new Sequencer.Item(position, 4, false, new byte[] {1, 2})), session),
            new Sequencer.Subscribe(replica),
            new Sequencer.AskCommitted(5, gate),
            new Sequencer.ReportHeld(position, "because"),
            new Replica.Push(3, new byte[] {9}),
            new Replica.Head(3, 2, "a"),
            new Replica.AskWhere(where),
            new WriteSession.Ordered(List.of(new WriteSession.OrderedItem(position, 4, position))),
            new ReadGate.Committed(5, 6))) {
      samples.put(sample.getClass(), sample);
    }
    return samples;
  }

  @Test
  void everyMessageBetweenNodesCanBeWrittenAndRead() {
    Map<Class<?>, Object> samples = samples();
    for (Class<?> protocol :
        List.of(
            Sequencer.Command.class,
            Replica.Command.class,
            WriteSession.Command.class,
            ReadGate.Command.class)) {
      for (Class<?> type : protocol.getPermittedSubclasses()) {
        if (Wire.class.isAssignableFrom(type) && !Modifier.isPrivate(type.getModifiers())) {
          Object sample = samples.get(type);
          assertNotNull(sample, "no sample of " + type);
          // Arrays are compared by identity in records, so only the way there and back is checked.
          assertNotNull(testKit.serializationTestKit().verifySerialization(sample, false));
        }
      }
    }
    testKit
        .serializationTestKit()
        .verifySerialization(new Replica.WhereAnswer("id", 3, new byte[32]), false);
  }
}
