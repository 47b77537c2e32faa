package quorum;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import storage.Durability;
import storage.JournalException;

/** Where the parts of the quorum lie in a node's folder for it. */
final class QuorumFiles {

  private QuorumFiles() {}

  /** The Raft log and Ratis' own files. */
  static Path raft(Path directory) {
    return directory.resolve("raft");
  }

  /** This node's copy of the journal. */
  static Path table(Path directory) {
    return directory.resolve("journal.db");
  }

  /** Whether a Raft log of a group was begun there. */
  static boolean hasLog(Path directory, String group) {
    return Files.exists(log(directory, group).resolve("raft-meta"));
  }

  /** The folder of a group's log segments. */
  static Path log(Path directory, String group) {
    return raft(directory).resolve(group).resolve("current");
  }

  /**
   * Deletes the Raft log and the copy of the journal.
   *
   * @throws JournalException if something of it stays; it may be called again
   */
  static void empty(Path directory) throws JournalException {
    Path table = table(directory);
    try {
      Files.deleteIfExists(table);
      deleteBeside(table);
      deleteRaft(directory);
    } catch (IOException e) {
      throw new JournalException("cannot empty " + directory + ": " + e, e);
    }
  }

  /** Deletes what SQLite keeps beside a database. */
  static void deleteBeside(Path database) throws IOException {
    for (String suffix : List.of("-wal", "-shm")) {
      Files.deleteIfExists(database.resolveSibling(database.getFileName() + suffix));
    }
  }

  /** Deletes the Raft log alone. */
  static void deleteRaft(Path directory) throws IOException {
    Path raft = raft(directory);
    if (!Files.exists(raft)) {
      return;
    }
    try (Stream<Path> tree = Files.walk(raft)) {
      for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /**
   * Writes a file in place of what was there; synced when this returns.
   *
   * @throws IOException if that fails; then what was there before still is
   */
  static void replace(Path directory, String name, byte[] content) throws IOException {
    Path file = directory.resolve(name);
    Path written = directory.resolve(name + ".new");
    Files.createDirectories(directory);
    Files.write(written, content);
    Durability.sync(written);
    Durability.rename(written, file);
  }
}
