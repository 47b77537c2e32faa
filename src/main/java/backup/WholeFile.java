package backup;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file that is written under another name and takes its place whole and synced, or leaves nothing
 * behind: {@link #close} removes what did not {@link #takePlace}. A process that is killed leaves
 * its file, whose name is no object's ({@link #isTemporary}). For one thread at a time.
 */
final class WholeFile implements Closeable {

  /** No object's name has a tilde. */
  private static final String MARK = "~";

  private static final String SUFFIX = ".part";

  private final Path target;
  private final Path written;
  private final FileChannel channel;
  private boolean placed;

  /** Begins to write a file that will take the target's place, in the target's directory. */
  static WholeFile beside(Path target) throws IOException {
    return new WholeFile(target, temporaryBeside(target));
  }

  /**
   * The same, written in another directory.
   *
   * @param directory in the same file system as the target
   */
  static WholeFile in(Path directory, Path target) throws IOException {
    return new WholeFile(target, directory.resolve(temporaryName("")));
  }

  /** A name that nothing has, in the same directory, for a file that is needed only for a while. */
  static Path temporaryBeside(Path file) {
    return file.resolveSibling(temporaryName(String.valueOf(file.getFileName())));
  }

  private static String temporaryName(String name) {
    return name + MARK + UUID.randomUUID() + SUFFIX;
  }

  /** Whether a file was begun here and has not taken its place. */
  static boolean isTemporary(Path file) {
    String name = String.valueOf(file.getFileName());
    return name.contains(MARK) && name.endsWith(SUFFIX);
  }

  private WholeFile(Path target, Path written) throws IOException {
    this.target = target;
    this.written = written;
    this.channel =
        FileChannel.open(
            written,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
  }

  FileChannel channel() {
    return channel;
  }

  /** Where it is until it takes its place. */
  Path written() {
    return written;
  }

  /** Syncs it and puts it where the target is, whatever is there. */
  void takePlace() throws IOException {
    channel.force(true);
    channel.close();
    Files.move(
        written, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    placed = true;
    syncDirectory(directoryOf(target));
  }

  @Override
  public void close() throws IOException {
    if (!placed) {
      try {
        channel.close();
      } finally {
        Files.deleteIfExists(written);
      }
    }
  }

  /** The directory that a file is in. */
  static Path directoryOf(Path file) {
    Path directory = file.toAbsolutePath().getParent();
    if (directory == null) {
      throw new IllegalArgumentException(file + " is in no directory");
    }
    return directory;
  }

  /** Makes durable which files a directory has. */
  static void syncDirectory(Path directory) throws IOException {
    try (FileChannel opened = FileChannel.open(directory, StandardOpenOption.READ)) {
      opened.force(true);
    }
  }

  /** Copies a file to the end of a channel. */
  static void copy(Path file, FileChannel to) throws IOException {
    try (FileChannel from = FileChannel.open(file, StandardOpenOption.READ)) {
      long bytes = from.size();
      long copied = 0;
      while (copied < bytes) {
        long moved = from.transferTo(copied, bytes - copied, to);
        if (moved <= 0) {
          throw new IOException(file + " became shorter while it was read");
        }
        copied += moved;
      }
    }
  }
}
