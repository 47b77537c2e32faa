package storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Keeps the disk from being filled by what is only made beside the database. */
public final class FreeSpace {

  /** The database lives on the same disk, and must not find it full because of a copy of it. */
  private static final long KEPT_BYTES = 256L << 20;

  private FreeSpace() {}

  /**
   * Checks that so many bytes can be written and enough is left for the database.
   *
   * @param what is to be written, as the message's first words
   * @throws IOException if not; the message says how much is missing
   */
  public static void require(Path directory, String what, long bytes) throws IOException {
    long free = Files.getFileStore(directory).getUsableSpace();
    if (free < bytes + KEPT_BYTES) {
      throw new IOException(
          what
              + " needs "
              + (bytes >> 20)
              + " MiB in "
              + directory
              + ", of whose "
              + (free >> 20)
              + " MiB "
              + (KEPT_BYTES >> 20)
              + " stay free");
    }
  }
}
