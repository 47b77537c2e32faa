package process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * An archive of the program's loaded classes, as {@code bin/peqlite} makes one: it halves the time
 * of a start, and the tests start hundreds of processes. Made once for a jar; a process whose class
 * path is another one goes without it, silently.
 */
final class ClassArchive {

  private static final int SECONDS_MAX = 120;

  private ClassArchive() {}

  /** Options of a JVM that is to run the program; they belong before its own. */
  static synchronized List<String> jvmOptions() throws IOException {
    Path jar = Path.of(System.getProperty("peqlite.jar", "target/peqlite.jar"));
    Path archive = jar.resolveSibling("peqlite-tests.jsa");
    if (!Files.exists(archive)
        || Files.getLastModifiedTime(archive).compareTo(Files.getLastModifiedTime(jar)) < 0) {
      make(jar, archive);
    }
    List<String> options = new ArrayList<>(common());
    options.add("-XX:SharedArchiveFile=" + archive);
    return options;
  }

  private static List<String> common() {
    return List.of(
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Xlog:cds=off",
        "-Xlog:cds+dynamic=off");
  }

  private static void make(Path jar, Path archive) throws IOException {
    Path made = Files.createTempDirectory(jar.toAbsolutePath().getParent(), "archive");
    try {
      Path written = made.resolve("classes.jsa");
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(common());
      command.add("-XX:ArchiveClassesAtExit=" + written);
      command.addAll(List.of("-jar", jar.toString(), "prepare"));
      command.addAll(List.of("--data-dir", made.resolve("nodes").toString()));
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(made.resolve("output").toFile())
              .start();
      try {
        if (!process.waitFor(SECONDS_MAX, TimeUnit.SECONDS) || process.exitValue() != 0) {
          throw new IOException(
              "no archive of classes: " + Files.readString(made.resolve("output")));
        }
      } finally {
        process.destroyForcibly();
      }
      Files.move(written, archive, StandardCopyOption.ATOMIC_MOVE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    } finally {
      FileTree.delete(made);
    }
  }
}
