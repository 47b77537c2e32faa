package storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** What it takes until a change of files outlives a power failure. */
public final class Durability {

  private Durability() {}

  /**
   * Syncs a file's content, or a directory's names.
   *
   * <p>Never to be used on a database that this process has open, or on its {@code -shm}: closing
   * the channel gives up the locks that SQLite holds there (sqlite.org, "How To Corrupt An SQLite
   * Database File", 2.2).
   */
  public static void sync(Path path) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Gives a synced file another name in the same directory, whole or not at all. */
  public static void rename(Path file, Path name) throws IOException {
    Files.move(file, name, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Path directory = name.toAbsolutePath().getParent();
    if (directory != null) {
      sync(directory);
    }
  }
}
