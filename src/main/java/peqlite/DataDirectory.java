package peqlite;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * The folder that a node keeps everything in, held by a lock so that no second process works in it.
 * The operating system gives the lock back when the process ends, however it ends.
 */
final class DataDirectory implements AutoCloseable {

  private static final String NATIVE_DIRECTORY_PROPERTY = "org.sqlite.tmpdir";

  private final Path path;
  private final FileChannel channel;
  private boolean holdsNativeLibrary;

  private DataDirectory(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /**
   * Creates the folder if it is missing, takes its lock, and lets sqlite-jdbc unpack its native
   * library there. To be called before the first class of SQLite is loaded: later, the library lies
   * where it was unpacked first.
   *
   * @throws SettingsException if the folder cannot be made or written to
   * @throws StartException if another node holds it
   */
  static DataDirectory open(Path path) throws SettingsException, StartException {
    FileChannel channel;
    try {
      Files.createDirectories(path);
      channel =
          FileChannel.open(
              path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw new SettingsException(
          "--data-dir: cannot write to '" + path + "': " + e.getClass().getSimpleName());
    }
    try {
      if (tryLock(channel) == null) {
        channel.close();
        throw new StartException("another node is running on the data directory " + path);
      }
      DataDirectory directory = new DataDirectory(path, channel);
      directory.useForNativeLibrary();
      return directory;
    } catch (IOException e) {
      throw new StartException("cannot lock the data directory " + path + ": " + e, e);
    }
  }

  Path path() {
    return path;
  }

  /** Gives the folder to the next node. The library stays usable in this process. */
  @Override
  public void close() throws IOException {
    try (channel) {
      if (holdsNativeLibrary) {
        removeNativeLibraries();
      }
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  /** A process that was killed left its copy of the library behind; the lock says it is gone. */
  private void useForNativeLibrary() throws IOException {
    if (System.getProperty(NATIVE_DIRECTORY_PROPERTY) != null) {
      return;
    }
    Files.createDirectories(nativeDirectory());
    removeNativeLibraries();
    System.setProperty(NATIVE_DIRECTORY_PROPERTY, nativeDirectory().toString());
    holdsNativeLibrary = true;
  }

  private void removeNativeLibraries() throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(nativeDirectory(), "sqlite-*")) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    }
  }

  private Path nativeDirectory() {
    return path.resolve("native");
  }
}
