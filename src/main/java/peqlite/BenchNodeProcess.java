package peqlite;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A node in a process of its own, started with the flags of this JVM, which {@code bin/peqlite} has
 * chosen. It is killed by {@link #close}, since its data is thrown away, and ends with this process
 * in any case. Thread-safe.
 */
final class BenchNodeProcess implements AutoCloseable {

  /** Far beyond what a start takes, also on a machine that is busy. */
  private static final Duration READY_MAX = Duration.ofSeconds(120);

  private static final long LOOK_MILLIS = 20;
  private static final Pattern READY = Pattern.compile(" ready: http://(\\S+)");

  /** Flags that are for one process and not for its children. */
  private static final Pattern OWN_FLAG =
      Pattern.compile("-(javaagent|agentlib|agentpath|XX:ArchiveClassesAtExit)[:=].*");

  private final Process process;
  private final Path out;
  private final Path log;
  private volatile boolean closed;

  private BenchNodeProcess(Process process, Path out, Path log) {
    this.process = process;
    this.out = out;
    this.log = log;
  }

  /**
   * Starts a node.
   *
   * @param directory where it puts its data and what it prints; made if it is missing
   * @param name its name in the cluster
   * @param clusterAddress where it talks to other nodes; HTTP is served at a free port
   * @param options more options of {@code serve}
   * @param environment instead of all variables that begin with {@code PEQLITE_}
   */
  static BenchNodeProcess start(
      Path directory,
      String name,
      String clusterAddress,
      List<String> options,
      Map<String, String> environment)
      throws StartException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!OWN_FLAG.matcher(flag).matches()) {
        command.add(flag);
      }
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(BenchNodeMain.class.getName(), "serve", "--node-id", name));
    command.addAll(List.of("--data-dir", directory.resolve(name).toString()));
    command.addAll(List.of("--http-addr", "127.0.0.1:0", "--cluster-addr", clusterAddress));
    command.addAll(List.of("--management-addr", ""));
    command.addAll(options);
    try {
      Files.createDirectories(directory);
      Path out = directory.resolve(name + ".out");
      Path log = directory.resolve(name + ".log");
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(log.toFile());
      builder.environment().keySet().removeIf(variable -> variable.startsWith("PEQLITE_"));
      builder.environment().putAll(environment);
      return new BenchNodeProcess(builder.start(), out, log);
    } catch (IOException e) {
      throw new StartException("cannot start a node: " + e.getMessage(), e);
    }
  }

  /** Waits until it says that it is ready, and returns where it serves HTTP. */
  NetworkAddress awaitReady() throws StartException, InterruptedException {
    long deadlineNanos = System.nanoTime() + READY_MAX.toNanos();
    while (true) {
      boolean ended = !process.isAlive();
      Matcher ready = READY.matcher(text(out));
      if (ready.find()) {
        return NetworkAddress.parse(ready.group(1));
      }
      if (ended || System.nanoTime() - deadlineNanos >= 0) {
        throw failure("a node " + (ended ? "has ended" : "does not get ready") + ": " + lastLine());
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
    }
  }

  private String lastLine() throws StartException {
    String[] lines = text(log).strip().split("\\R");
    return lines[lines.length - 1];
  }

  private String text(Path file) throws StartException {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw failure("cannot read what a node prints: " + e.getMessage());
    }
  }

  /** What a node does after it was closed says nothing about it. */
  private StartException failure(String message) {
    return new StartException(closed ? "the benchmark was stopped" : message);
  }

  @Override
  public void close() {
    closed = true;
    process.destroyForcibly();
    process.onExit().join();
  }
}
