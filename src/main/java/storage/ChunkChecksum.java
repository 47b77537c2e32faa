package storage;

import java.util.zip.CRC32C;

/** The sum that stands beside each chunk of a file that is written in chunks. */
public final class ChunkChecksum {

  private ChunkChecksum() {}

  /**
   * CRC-32C (RFC 3720) of a chunk and its length, so that a flipped bit in that is found too.
   *
   * @param length how many of the bytes, from the first on
   */
  public static int of(byte[] bytes, int length) {
    CRC32C sum = new CRC32C();
    for (int shift = 24; shift >= 0; shift -= 8) {
      sum.update(length >>> shift);
    }
    sum.update(bytes, 0, length);
    return (int) sum.getValue();
  }
}
