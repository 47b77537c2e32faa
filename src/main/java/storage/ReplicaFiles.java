package storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Takes the replica's database out of use and puts another one in its place, so that after a crash
 * at any moment there is the one, the other, or none; never one with the other's write-ahead log.
 *
 * <p>No connection of this process may use the database meanwhile.
 */
public final class ReplicaFiles {

  private static final List<String> SUFFIXES = List.of("", "-wal", "-shm");

  private ReplicaFiles() {}

  private static Path with(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }

  /** Where a database is kept that was taken out of use, until another one has replaced it. */
  public static Path aside(Path database) {
    return with(database, ".aside");
  }

  /**
   * Takes the database out of use and keeps it aside; the first one that was taken out stays, if
   * that is done again before another one was installed.
   */
  public static void setAside(Path database) throws IOException {
    Files.deleteIfExists(loaded(database));
    Path aside = aside(database);
    if (Files.exists(aside) || !Files.exists(database)) {
      delete(database);
    } else {
      // Without its database a log means nothing to SQLite, which deletes it with the next one.
      Durability.rename(database, aside);
      if (Files.exists(with(database, "-wal"))) {
        Durability.rename(with(database, "-wal"), with(aside, "-wal"));
      }
      delete(database);
    }
  }

  /**
   * Puts a synced database in the place of the one that is there.
   *
   * @param next is renamed; a database in one file, without a write-ahead log
   */
  public static void install(Path database, Path next) throws IOException {
    Files.deleteIfExists(loaded(database));
    delete(database);
    Durability.rename(next, database);
    delete(aside(database));
  }

  /**
   * Puts a database that was loaded in the place of the one that it follows. From the first step on
   * it is the database: what a crash leaves undone, {@link #finishReplacing} does.
   */
  public static void replaceByLoaded(Path database) throws IOException {
    Files.delete(database);
    finishReplacing(database);
  }

  /** Does what a crash has left undone, or undoes what was not begun. */
  public static void finishReplacing(Path database) throws IOException {
    Files.deleteIfExists(loading(database));
    Path loaded = loaded(database);
    if (!Files.exists(loaded)) {
      return;
    }
    if (Files.exists(database)) {
      Files.delete(loaded); // it was never used, and is made again
      return;
    }
    delete(database);
    Durability.rename(loaded, database);
  }

  /** Where a database is that takes the place of the one it follows; complete if it is there. */
  public static Path loaded(Path database) {
    return with(database, ".loaded");
  }

  /** Where that is made. */
  static Path loading(Path database) {
    return with(database, ".loading");
  }

  /** Deletes what was kept aside, and what was made to be installed and was not. */
  public static void forgetAside(Path database) throws IOException {
    for (String suffix : SUFFIXES) {
      Files.deleteIfExists(with(aside(database), suffix));
    }
    Files.deleteIfExists(restored(database));
  }

  /** Where a database is made before it is installed. */
  public static Path restored(Path database) {
    return with(database, ".restored");
  }

  /** The database first: a log without one is deleted by SQLite, one with another's is not. */
  private static void delete(Path database) throws IOException {
    for (String suffix : SUFFIXES) {
      Files.deleteIfExists(with(database, suffix));
    }
    Path directory = database.toAbsolutePath().getParent();
    if (directory != null) {
      Durability.sync(directory);
    }
  }
}
