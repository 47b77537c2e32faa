package process;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A command of the program that ends by itself, run as an operator runs it.
 *
 * @param exitCode of its process
 * @param output what it has printed, errors too
 */
record Program(int exitCode, String output) {

  private static final int SECONDS_MAX = 120;

  /** Runs it to its end. */
  static Program run(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ClassArchive.jvmOptions());
    command.add("-jar");
    command.add(System.getProperty("peqlite.jar", "target/peqlite.jar"));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try {
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)) {
        throw new IOException("it does not end: " + command);
      }
      return new Program(process.exitValue(), output);
    } finally {
      process.destroyForcibly();
    }
  }
}
