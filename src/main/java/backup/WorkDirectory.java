package backup;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A directory for files that are needed only for a while; gone with all of them when closed. What a
 * process that was killed has left is removed when the next one is made beside it: a lock in each
 * tells whether its process lives.
 */
final class WorkDirectory implements AutoCloseable {

  private static final String PREFIX = "backup-work-";

  /** Its name before it is locked, so that nobody takes it for one that was left. */
  private static final String UNLOCKED_PREFIX = "backup-unlocked-";

  private static final String LOCK = "lock";

  private final Path path;
  private final FileChannel lock;

  private WorkDirectory(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  /**
   * Makes one.
   *
   * @param parent a directory that exists, with room for what is to be made
   */
  static WorkDirectory in(Path parent) throws IOException {
    removeAbandoned(parent);
    Path unlocked = Files.createTempDirectory(parent, UNLOCKED_PREFIX);
    FileChannel lock =
        FileChannel.open(
            unlocked.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    lock.lock();
    String suffix = unlocked.getFileName().toString().substring(UNLOCKED_PREFIX.length());
    Path path = Files.move(unlocked, parent.resolve(PREFIX + suffix));
    return new WorkDirectory(path, lock);
  }

  private static void removeAbandoned(Path parent) throws IOException {
    List<Path> found;
    try (Stream<Path> files = Files.list(parent)) {
      found = files.filter(file -> file.getFileName().toString().startsWith(PREFIX)).toList();
    }
    for (Path directory : found) {
      try (FileChannel lock = FileChannel.open(directory.resolve(LOCK), StandardOpenOption.WRITE);
          FileLock taken = lock.tryLock()) {
        if (taken != null) {
          empty(directory);
          Files.deleteIfExists(directory);
        }
      } catch (OverlappingFileLockException | IOException inUseOrNotOurs) {
        // It stays, and is in nobody's way.
      }
    }
  }

  Path file(String name) {
    return path.resolve(name);
  }

  Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    empty(path);
    Files.deleteIfExists(path);
    lock.close();
  }

  /** Deletes everything in a directory. */
  static void empty(Path directory) throws IOException {
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path left, @Nullable IOException failure)
              throws IOException {
            if (!left.equals(directory)) {
              Files.deleteIfExists(left);
            }
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
