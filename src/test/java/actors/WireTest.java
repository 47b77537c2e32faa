package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.cbor.databind.CBORMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.serialization.Serialization;
import org.apache.pekko.serialization.SerializationExtension;
import org.apache.pekko.serialization.SerializerWithStringManifest;
import org.apache.pekko.serialization.jackson.JacksonCborSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Everything that may cross between nodes can be written and read, by neighbouring releases too.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WireTest {

  private static final CBORMapper CBOR = new CBORMapper();

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());
  private final ActorRef<Object> ref = testKit.createTestProbe().getRef();
  private final Serialization serialization =
      SerializationExtension.get(Adapter.toClassic(testKit.system()));

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
  }

  static List<Class<? extends Record>> types() {
    return WireMessages.types();
  }

  private byte[] written(Record message) throws IOException {
    assertInstanceOf(JacksonCborSerializer.class, serialization.serializerFor(message.getClass()));
    return serialization.serialize(message).get();
  }

  /** Reads something like this message from other bytes. */
  private Object read(JsonNode tree, Record like) throws IOException {
    SerializerWithStringManifest serializer =
        (SerializerWithStringManifest) serialization.serializerFor(like.getClass());
    return serialization
        .deserialize(
            CBOR.writeValueAsBytes(tree), serializer.identifier(), serializer.manifest(like))
        .get();
  }

  @Test
  void findsTheMessages() {
    assertTrue(types().contains(Sequencer.Submit.class));
    assertTrue(types().contains(NodeGateway.AskStatus.class));
    assertTrue(types().size() > 20, () -> "" + types());
  }

  @ParameterizedTest
  @MethodSource("types")
  void canBeWrittenAndRead(Class<? extends Record> type) {
    Record message = WireMessages.example(type, ref);
    Object read = testKit.serializationTestKit().verifySerialization(message, false);
    assertEquals(WireMessages.text(message), WireMessages.text(read));
  }

  /** The next release may tell more. */
  @ParameterizedTest
  @MethodSource("types")
  void passesOverWhatItDoesNotKnow(Class<? extends Record> type) throws Exception {
    Record message = WireMessages.example(type, ref);
    JsonNode tree = CBOR.readTree(written(message));
    objects(tree).forEach(object -> object.putObject("addedLater").put("value", 5));
    assertEquals(WireMessages.text(message), WireMessages.text(read(tree, message)));
  }

  /** The release before may have told less; what is missing is 0, false or null. */
  @ParameterizedTest
  @MethodSource("types")
  void bearsThatAFieldIsMissing(Class<? extends Record> type) throws Exception {
    Record message = WireMessages.example(type, ref);
    byte[] bytes = written(message);
    int count = objects(CBOR.readTree(bytes)).size();
    for (int i = 0; i < count; i++) {
      for (String field : fields(objects(CBOR.readTree(bytes)).get(i))) {
        JsonNode tree = CBOR.readTree(bytes);
        objects(tree).get(i).remove(field);
        Object read = read(tree, message);
        assertInstanceOf(type, read, field);
        assertFalse(WireMessages.text(message).equals(WireMessages.text(read)), field);
      }
    }
  }

  /** All objects of a message, itself first. */
  private static List<ObjectNode> objects(JsonNode tree) {
    List<ObjectNode> objects = new ArrayList<>();
    if (tree instanceof ObjectNode object) {
      objects.add(object);
    }
    tree.forEach(child -> objects.addAll(objects(child)));
    return objects;
  }

  private static List<String> fields(ObjectNode object) throws IOException {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
