package storage;

/**
 * The random numbers of one write request: the same seed gives the same sequence on every replica.
 *
 * <p>The generator is SplitMix64 (Steele, Lea and Flood, 2014): the state is a counter that
 * advances by {@code 0x9E3779B97F4A7C15}, and each number is the state mixed by two
 * multiplications. It is written out here, and not taken from the Java library, because replicas
 * that run on different releases of Java must agree for ever: a change of this sequence is a change
 * of the determinism rules, and needs a new version of them. Fit for {@code random()}, not for
 * secrets.
 *
 * <p>For one thread.
 */
final class RequestRandom {

  private static final long STEP = 0x9E3779B97F4A7C15L;

  private long state;

  RequestRandom(long seed) {
    state = seed;
  }

  /** Starts the sequence of another seed. */
  void restart(long seed) {
    state = seed;
  }

  /** The next 64 random bits. */
  long next() {
    state += STEP;
    long mixed = state;
    mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
    return mixed ^ (mixed >>> 31);
  }

  /** Fills the bytes; each number gives eight, the lowest byte first. */
  void fill(byte[] bytes) {
    long bits = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (i % Long.BYTES == 0) {
        bits = next();
      }
      bytes[i] = (byte) bits;
      bits >>>= Byte.SIZE;
    }
  }
}
