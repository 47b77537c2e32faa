package storage;

/**
 * A running 64-bit digest over numbers, by which replicas compare what they made of an event. It
 * finds differences that arise by mistake; it is no defence against a forger.
 */
final class Digest {

  private Digest() {}

  /** The digest after one more number (the finalizer of MurmurHash3 over the running value). */
  static long add(long digest, long number) {
    long mixed = digest * 0x9E3779B97F4A7C15L + number;
    mixed = (mixed ^ (mixed >>> 33)) * 0xFF51AFD7ED558CCDL;
    mixed = (mixed ^ (mixed >>> 33)) * 0xC4CEB9FE1A85EC53L;
    return mixed ^ (mixed >>> 33);
  }
}
