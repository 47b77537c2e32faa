package peqlite;

import com.typesafe.config.Config;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Runs a node that is alone and two that are a cluster, for a moment, so that a JVM that archives
 * the classes which it has loaded has those that most starts need. Only for what starts peqlite.
 */
@Command(
    name = "prepare",
    hidden = true,
    description = "Use most of it once, for a JVM that archives its loaded classes.")
final class PrepareCommand implements Callable<Integer> {

  private static final Duration READY_MAX = Duration.ofSeconds(20);

  /** A port that was free may be taken before it is used. */
  private static final int ATTEMPTS_MAX = 3;

  private static final List<String> ALONE =
      List.of(
          "--http",
          "--no-yardsticks",
          "--workload=mixed",
          "--warmup=0ms",
          "--duration=1s",
          "--count=300",
          "--workers=4",
          "--rows=100");

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--data-dir",
      required = true,
      paramLabel = "DIR",
      description = "A new folder for the nodes' data, which stays.")
  private Path dataDirectory = Path.of("peqlite-data");

  @Override
  public Integer call() throws SettingsException, StartException, InterruptedException {
    List<String> arguments = new ArrayList<>(ALONE);
    arguments.add("--data-dir=" + dataDirectory);
    int alone =
        new CommandLine(new BenchCommand())
            .setOut(spec.commandLine().getOut())
            .setErr(spec.commandLine().getErr())
            .execute(arguments.toArray(String[]::new));
    if (alone != CommandLine.ExitCode.OK) {
      return alone;
    }
    for (int attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
      try {
        return together(attempt);
      } catch (StartException e) {
        spec.commandLine().getErr().println(e.getMessage());
      }
    }
    return together(ATTEMPTS_MAX);
  }

  private int together(int attempt) throws SettingsException, StartException, InterruptedException {
    List<String> addresses = BenchCluster.freeAddresses(2);
    RunningNode one = start("a" + attempt, addresses.get(0), addresses);
    try {
      RunningNode other = start("b" + attempt, addresses.get(1), addresses);
      try {
        return one.awaitReady(READY_MAX) && other.awaitReady(READY_MAX)
            ? CommandLine.ExitCode.OK
            : CommandLine.ExitCode.SOFTWARE;
      } finally {
        boolean unused = other.stop();
      }
    } finally {
      boolean unused = one.stop();
    }
  }

  private RunningNode start(String nodeId, String address, List<String> join)
      throws SettingsException, StartException, InterruptedException {
    Map<String, String> options = new HashMap<>();
    options.put("node-id", nodeId);
    options.put("http-addr", "127.0.0.1:0");
    options.put("cluster-addr", address);
    options.put("management-addr", "127.0.0.1:0");
    options.put("quorum-addr", "127.0.0.1:0");
    options.put("join", String.join(",", join));
    options.put("data-dir", dataDirectory.resolve(nodeId).toString());
    Config config = SettingsSource.load(options, Map.of(), Optional.empty());
    return RunningNode.start(Settings.from(config), config);
  }
}
