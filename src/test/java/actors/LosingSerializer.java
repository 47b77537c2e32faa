package actors;

import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.serialization.SerializerWithStringManifest;
import org.apache.pekko.serialization.jackson.JacksonCborSerializer;

/**
 * Writes messages between nodes as the product does, and loses those that a test wants to be lost:
 * Pekko gives up a message that cannot be written, and tells nobody. Named in a test's
 * configuration and made by Pekko; all systems of the JVM do as one test says. Thread-safe.
 */
public final class LosingSerializer extends SerializerWithStringManifest {

  private static final AtomicReference<Class<?>> NEXT = new AtomicReference<>(Void.class);
  private static final Map<Class<?>, AtomicLong> WRITTEN = new ConcurrentHashMap<>();
  private static final Map<Class<?>, AtomicLong> LOST = new ConcurrentHashMap<>();
  private static final Random RANDOM = new Random();
  private static volatile double chance;

  private final JacksonCborSerializer serializer;

  public LosingSerializer(ExtendedActorSystem system, String name) {
    serializer = new JacksonCborSerializer(system, name);
  }

  /** From now on all messages come through again. */
  static void loseNothing() {
    NEXT.set(Void.class);
    chance = 0;
  }

  /** The next message of this kind is lost, and no more. */
  static void loseNext(Class<?> kind) {
    NEXT.set(kind);
  }

  /** From now on each message is lost with this chance. */
  static void loseSome(double ofAll, long seed) {
    RANDOM.setSeed(seed);
    chance = ofAll;
  }

  /** How many of a kind were lost so far. */
  static long lost(Class<?> kind) {
    return count(LOST, kind);
  }

  /** How many of a kind came through so far. */
  static long written(Class<?> kind) {
    return count(WRITTEN, kind);
  }

  private static long count(Map<Class<?>, AtomicLong> counts, Class<?> kind) {
    AtomicLong count = counts.get(kind);
    return count == null ? 0 : count.get();
  }

  @Override
  public int identifier() {
    return serializer.identifier();
  }

  @Override
  public String manifest(Object message) {
    return serializer.manifest(message);
  }

  @Override
  public byte[] toBinary(Object message) {
    Class<?> kind = message.getClass();
    boolean lost = NEXT.compareAndSet(kind, Void.class) || RANDOM.nextDouble() < chance;
    (lost ? LOST : WRITTEN).computeIfAbsent(kind, none -> new AtomicLong()).incrementAndGet();
    if (lost) {
      throw new IllegalStateException("a test loses this message");
    }
    return serializer.toBinary(message);
  }

  @Override
  public Object fromBinary(byte[] bytes, String manifest) {
    return serializer.fromBinary(bytes, manifest);
  }
}
