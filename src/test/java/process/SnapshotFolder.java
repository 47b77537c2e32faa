package process;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A node's snapshots, seen from outside of the node, which may be running or dead. */
final class SnapshotFolder {

  private static final String SNAPSHOT = ".snapshot";

  private final Path directory;

  /**
   * @param dataDirectory the node's
   */
  SnapshotFolder(Path dataDirectory) {
    this.directory = dataDirectory.resolve("snapshots");
  }

  Path path() {
    return directory;
  }

  /** Those that can be used, the newest first. */
  List<Path> newestFirst() throws IOException {
    return files(SNAPSHOT).stream().sorted(Comparator.reverseOrder()).toList();
  }

  /** All files whose names end so; none if there is no folder. */
  List<Path> files(String suffix) throws IOException {
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(file -> file.toString().endsWith(suffix)).toList();
    }
  }

  /** The last event in the newest, 0 if there is none. */
  long newestSeq() throws IOException {
    List<Path> files = newestFirst();
    return files.isEmpty() ? 0 : seq(files.get(0));
  }

  /** The last event in a snapshot, which its name begins with. */
  static long seq(Path snapshot) {
    String name = snapshot.getFileName().toString();
    return Long.parseLong(name.substring(0, name.indexOf('-')));
  }

  /** Where a snapshot is kept once it was found to be damaged. */
  static Path damaged(Path snapshot) {
    String name = snapshot.getFileName().toString();
    assertTrue(name.endsWith(SNAPSHOT), name);
    return snapshot.resolveSibling(name.replace(SNAPSHOT, ".damaged"));
  }

  /** Turns one bit of a file into its opposite. */
  static void flipBit(Path file, long at, int bit) throws IOException {
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      bytes.seek(at);
      int old = bytes.read();
      bytes.seek(at);
      bytes.write(old ^ 1 << bit);
    }
  }
}
