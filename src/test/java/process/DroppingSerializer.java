package process;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.serialization.SerializerWithStringManifest;
import org.apache.pekko.serialization.jackson.JacksonCborSerializer;

/**
 * Takes the place of the serializer of messages between nodes and loses exactly one message of each
 * kind that this process sends: Pekko drops a message that cannot be written, and goes on.
 *
 * <p>System property {@code process.lost}: which one of each kind, from 1.
 */
public final class DroppingSerializer extends SerializerWithStringManifest {

  /** What is printed for each message that is lost, before its kind. */
  static final String LOST = "lost one message: ";

  private static final int WHICH = Integer.getInteger("process.lost", 1);
  private static final Map<String, AtomicInteger> SENT = new ConcurrentHashMap<>();

  private final JacksonCborSerializer real;

  /** Made by Pekko. */
  public DroppingSerializer(ExtendedActorSystem system, String bindingName) {
    real = new JacksonCborSerializer(system, bindingName);
  }

  @Override
  public int identifier() {
    return real.identifier();
  }

  @Override
  public String manifest(Object message) {
    return real.manifest(message);
  }

  @Override
  public byte[] toBinary(Object message) {
    String kind = message.getClass().getName();
    if (SENT.computeIfAbsent(kind, none -> new AtomicInteger()).incrementAndGet() == WHICH) {
      System.out.println(LOST + kind);
      throw new IllegalStateException("lost on purpose");
    }
    return real.toBinary(message);
  }

  @Override
  public Object fromBinary(byte[] bytes, String manifest) {
    return real.fromBinary(bytes, manifest);
  }
}
