package backup;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/** A directory for files that are needed only for a while; gone with all of them when closed. */
final class WorkDirectory implements AutoCloseable {

  private final Path path;

  private WorkDirectory(Path path) {
    this.path = path;
  }

  /**
   * Makes one.
   *
   * @param parent a directory that exists, with room for what is to be made
   */
  static WorkDirectory in(Path parent) throws IOException {
    return new WorkDirectory(Files.createTempDirectory(parent, "backup-work-"));
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
