package process;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Starts nodes for a test and ends them with it, in every outcome; also when the JVM of the tests
 * is stopped. After a failure it prints the seed and what each node said.
 *
 * <p>System properties: {@code peqlite.jar}, the program (default {@code target/peqlite.jar});
 * {@code peqlite.seed}, to repeat a run; {@code peqlite.kills}, how often the tests that kill do so
 * (default 20); {@code peqlite.long=true}, for the tests that take minutes.
 */
final class Nodes implements AfterEachCallback {

  private static final Set<NodeProcess> RUNNING = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> RUNNING.forEach(NodeProcess::close), "end-nodes"));
  }

  private static final int LOG_CHARACTERS_MAX = 20_000;

  private final List<NodeProcess> started = new ArrayList<>();
  private final List<Path> outputs = new ArrayList<>();
  private final long seed = Long.getLong("peqlite.seed", System.nanoTime());
  private final Random random = new Random(seed);

  /** How often the tests that kill do so. */
  static int kills() {
    return Integer.getInteger("peqlite.kills", 10);
  }

  /** Starts a node with the default settings. */
  NodeProcess start(Path dataDirectory) throws IOException {
    return at(dataDirectory).start();
  }

  /** Prepares a node. */
  Preparation at(Path dataDirectory) {
    return new Preparation(dataDirectory);
  }

  /** By which this run can be repeated. */
  long seed() {
    return seed;
  }

  /** Randomness that a printed seed repeats. One thread. */
  Random random() {
    return random;
  }

  @Override
  public void afterEach(ExtensionContext context) throws IOException {
    if (context.getExecutionException().isPresent()) {
      System.err.println(context.getDisplayName() + " failed; repeat with -Dpeqlite.seed=" + seed);
      for (NodeProcess node : started) {
        String log = node.log();
        int from = Math.max(0, log.length() - LOG_CHARACTERS_MAX);
        System.err.println(
            "--- process " + node.pid() + " " + node.state() + "\n" + log.substring(from));
      }
    }
    for (NodeProcess node : started) {
      node.close();
      RUNNING.remove(node);
    }
    for (Path output : outputs) {
      Files.deleteIfExists(output);
    }
  }

  /** How a node is to be started. */
  final class Preparation {

    private final Path dataDirectory;
    private final Map<String, String> settings = new TreeMap<>();
    private final List<String> options = new ArrayList<>();
    private final List<String> jvmOptions = new ArrayList<>();
    private final List<String> prefix = new ArrayList<>();
    private final Map<String, String> environment = new TreeMap<>();
    private String jar = System.getProperty("peqlite.jar", "target/peqlite.jar");
    private String classes = "";
    private long fileBlocksMax;

    private Preparation(Path dataDirectory) {
      this.dataDirectory = dataDirectory;
    }

    /** Gives a key of the configuration a value. */
    Preparation set(String key, String value) {
      settings.put(key, value);
      return this;
    }

    /** Adds to the command line. */
    Preparation option(String... words) {
      options.addAll(List.of(words));
      return this;
    }

    /** Adds options of the JVM, such as its heap. */
    Preparation jvm(String... words) {
      jvmOptions.addAll(List.of(words));
      return this;
    }

    /** Runs the node by another command, which has to become the node: {@code words java ...}. */
    Preparation by(List<String> words) {
      prefix.addAll(words);
      return this;
    }

    /** Gives the process a variable. */
    Preparation environment(String name, String value) {
      environment.put(name, value);
      return this;
    }

    /** Runs another build of the program. */
    Preparation jar(Path file) {
      jar = file.toString();
      return this;
    }

    /** Lets the program also find the tests' own classes. */
    Preparation withTestClasses() throws IOException {
      try {
        classes =
            Path.of(Nodes.class.getProtectionDomain().getCodeSource().getLocation().toURI())
                .toString();
      } catch (URISyntaxException e) {
        throw new IOException(e);
      }
      return this;
    }

    /** Lets no file of the process grow beyond so many KiB, as a full disk would. */
    Preparation filesUpTo(long kibibytes) {
      fileBlocksMax = kibibytes;
      return this;
    }

    NodeProcess start() throws IOException {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(ClassArchive.jvmOptions());
      command.addAll(jvmOptions);
      command.addAll(
          classes.isEmpty()
              ? List.of("-jar", jar)
              : List.of("-cp", jar + File.pathSeparator + classes, "peqlite.Main"));
      command.add("serve");
      if (!options.contains("--http-addr")) {
        command.addAll(List.of("--http-addr", "127.0.0.1:0"));
      }
      if (!options.contains("--cluster-addr")) {
        command.addAll(List.of("--cluster-addr", "127.0.0.1:0"));
      }
      if (!options.contains("--management-addr")) {
        command.addAll(List.of("--management-addr", "127.0.0.1:0"));
      }
      if (!options.contains("--node-id")) {
        command.addAll(List.of("--node-id", "node"));
      }
      command.addAll(List.of("--data-dir", dataDirectory.toString()));
      if (!settings.isEmpty()) {
        command.addAll(List.of("--config", settingsFile().toString()));
      }
      command.addAll(options);
      if (fileBlocksMax > 0) {
        // Counted in blocks of 512 bytes by POSIX; bash and dash agree on that only here.
        String limit = "ulimit -f " + fileBlocksMax * 2 + "; exec \"$@\"";
        command.addAll(0, List.of("/bin/sh", "-c", limit, "sh"));
      }
      command.addAll(0, prefix);
      ProcessBuilder builder = new ProcessBuilder(command);
      builder.environment().putAll(environment);
      Path output = Files.createTempFile("peqlite-node", ".out");
      outputs.add(output);
      builder.redirectErrorStream(true).redirectOutput(output.toFile());
      NodeProcess node = new NodeProcess(dataDirectory, builder.start(), output);
      RUNNING.add(node);
      started.add(node);
      return node;
    }

    private Path settingsFile() throws IOException {
      StringBuilder text = new StringBuilder();
      settings.forEach((key, value) -> text.append(key).append(" = ").append(value).append('\n'));
      Path file = dataDirectory.resolveSibling(dataDirectory.getFileName() + ".conf");
      Files.createDirectories(dataDirectory.toAbsolutePath().getParent());
      return Files.writeString(file, text);
    }
  }
}
