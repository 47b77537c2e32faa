package backup;

import java.io.IOException;
import java.net.URI;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Keeps backups in a directory, which several processes may share. An object is a file of its name.
 *
 * <p>The directory must exist: were it made, a disk that is not mounted would be taken for an empty
 * one, and backups be written to the disk that they are to survive. An object is written in the
 * directory itself under another name, synced, and renamed; what a killed process has left of that
 * is no object, and a later {@link #put} removes it.
 *
 * <p>Where {@code a} is an object {@code a/b} cannot be one.
 */
final class FileBackupStore implements BackupStore {

  /** Whoever writes a file changes it far more often. */
  private static final Duration LEFT_AFTER = Duration.ofHours(1);

  private final Path directory;

  static FileBackupStore open(URI place) {
    try {
      return new FileBackupStore(Path.of(place));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "a directory for backups is given as file:///path, with nothing behind the path: "
              + e.getMessage(),
          e);
    }
  }

  private FileBackupStore(Path directory) {
    this.directory = directory;
  }

  @Override
  public void put(String name, Path file) throws IOException {
    Path target = path(name);
    requireDirectory();
    try (WholeFile whole = WholeFile.in(directory, target)) {
      removeLeft(Files.getLastModifiedTime(whole.written()).toInstant());
      WholeFile.copy(file, whole.channel());
      Path parent = WholeFile.directoryOf(target);
      Files.createDirectories(parent);
      whole.takePlace();
      for (Path made = parent; !made.equals(directory); made = WholeFile.directoryOf(made)) {
        WholeFile.syncDirectory(WholeFile.directoryOf(made));
      }
    }
  }

  @Override
  public void get(String name, Path target) throws IOException {
    Path stored = path(name);
    requireDirectory();
    if (!Files.isRegularFile(stored)) {
      throw new NoSuchFileException(name, null, "no such backup in " + describe());
    }
    try (WholeFile whole = WholeFile.beside(target)) {
      WholeFile.copy(stored, whole.channel());
      whole.takePlace();
    }
  }

  @Override
  public List<StoredObject> list(String prefix) throws IOException {
    Listing listing = new Listing(prefix, describe());
    requireDirectory();
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (attributes.isRegularFile()) {
              listing.add(
                  nameOf(file),
                  attributes.size(),
                  Optional.of(attributes.lastModifiedTime().toInstant()));
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException failure)
              throws IOException {
            // Another process may remove or rename what was seen a moment ago.
            if (failure instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw failure;
          }
        });
    return listing.sorted();
  }

  @Override
  public void delete(String name) throws IOException {
    Path stored = path(name);
    requireDirectory();
    if (Files.isRegularFile(stored) && Files.deleteIfExists(stored)) {
      WholeFile.syncDirectory(WholeFile.directoryOf(stored));
    }
  }

  @Override
  public String describe() {
    return directory.toString();
  }

  @Override
  public void close() {}

  private Path path(String name) {
    return directory.resolve(ObjectNames.check(name));
  }

  private String nameOf(Path file) {
    return directory.relativize(file).toString().replace(file.getFileSystem().getSeparator(), "/");
  }

  private void requireDirectory() throws IOException {
    if (!Files.isDirectory(directory)) {
      throw new IOException(
          "there is no directory "
              + directory
              + " for backups; make it, or mount the disk that has it");
    }
  }

  /**
   * Removes what processes that were killed have begun.
   *
   * @param now by the clock of the directory's disk, which may be another machine's
   */
  private void removeLeft(Instant now) throws IOException {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(directory, WholeFile::isTemporary)) {
      for (Path file : files) {
        if (isOld(file, now)) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  private static boolean isOld(Path file, Instant now) throws IOException {
    try {
      return Files.getLastModifiedTime(file).toInstant().isBefore(now.minus(LEFT_AFTER));
    } catch (NoSuchFileException finished) {
      return false;
    }
  }
}
