package http;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Large files of one kind that exist while a request is served, and the thread that works on them,
 * which is there only when there is work. Thread-safe.
 */
final class SpoolFiles {

  private static final Logger LOG = LoggerFactory.getLogger(SpoolFiles.class);

  private static final int IDLE_SECONDS = 10;

  private final Path directory;
  private final String kind;
  private final ThreadPoolExecutor worker;

  /**
   * Removes what an earlier process may have left unfinished.
   *
   * @param directory where the files are made; need not exist yet
   * @param kind such as {@code backup}; no other kind in the directory begins so
   */
  SpoolFiles(Path directory, String kind) {
    this.directory = directory;
    this.kind = kind;
    this.worker =
        new ThreadPoolExecutor(
            0, 1, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), this::thread);
    removeLeftOvers();
  }

  private Thread thread(Runnable work) {
    Thread thread = new Thread(work, "peqlite-" + kind);
    thread.setDaemon(true);
    return thread;
  }

  private String prefix() {
    return "peqlite-" + kind + "-";
  }

  private void removeLeftOvers() {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (DirectoryStream<Path> left = Files.newDirectoryStream(directory, prefix() + "*")) {
      for (Path file : left) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      LOG.warn(
          "unfinished files {}* in {} cannot be removed: {}", prefix(), directory, e.toString());
    }
  }

  /** A name that no other file has; makes the directory if it is missing. */
  Path next() throws IOException {
    Files.createDirectories(directory);
    return directory.resolve(prefix() + UUID.randomUUID());
  }

  /** Runs one piece of work at a time, in the order in which they come. */
  ThreadPoolExecutor worker() {
    return worker;
  }
}
