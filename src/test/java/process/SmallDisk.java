package process;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.opentest4j.TestAbortedException;

/**
 * A file system of a size of its own, in memory: full when it is full, and larger when it is told
 * to be. Linux only; needs the right to mount, or skips the test and says so.
 */
final class SmallDisk implements AutoCloseable {

  private final Path directory;

  private SmallDisk(Path directory) {
    this.directory = directory;
  }

  /** Mounts one at a folder, which is made. */
  static SmallDisk mount(Path directory, int mebibytes) throws Exception {
    Files.createDirectories(directory);
    try {
      run("mount", "-t", "tmpfs", "-o", "size=" + mebibytes + "m", "none", directory.toString());
    } catch (IOException e) {
      String missing = "SKIPPED: this test needs the right to mount a tmpfs: " + e.getMessage();
      System.err.println(missing);
      throw new TestAbortedException(missing);
    }
    return new SmallDisk(directory);
  }

  /** Gives it another size; what is there stays. */
  void resize(int mebibytes) throws Exception {
    run("mount", "-o", "remount,size=" + mebibytes + "m", directory.toString());
  }

  @Override
  public void close() throws Exception {
    run("umount", "--lazy", directory.toString());
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(List.of(command)).redirectErrorStream(true).start();
    String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (!process.waitFor(20, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException(String.join(" ", command) + ": " + said);
    }
  }
}
