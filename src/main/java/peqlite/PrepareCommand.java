package peqlite;

import com.typesafe.config.Config;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
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
 * the classes which it has loaded has them all. Only for what starts peqlite.
 */
@Command(
    name = "prepare",
    hidden = true,
    description = "Use everything once, for a JVM that archives its loaded classes.")
final class PrepareCommand implements Callable<Integer> {

  private static final Duration READY_MAX = Duration.ofSeconds(60);

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
  public Integer call()
      throws SettingsException, StartException, IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(ALONE);
    arguments.add("--data-dir=" + dataDirectory);
    int alone =
        new CommandLine(new BenchCommand())
            .setOut(spec.commandLine().getOut())
            .setErr(spec.commandLine().getErr())
            .execute(arguments.toArray(String[]::new));
    return alone == CommandLine.ExitCode.OK ? together() : alone;
  }

  private int together()
      throws SettingsException, StartException, IOException, InterruptedException {
    String first = freeAddress();
    String second = freeAddress();
    RunningNode one = start("n1", first, first + "," + second);
    try {
      RunningNode other = start("n2", second, first + "," + second);
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

  private RunningNode start(String nodeId, String address, String join)
      throws SettingsException, StartException, InterruptedException {
    Map<String, String> options =
        Map.of(
            "node-id",
            nodeId,
            "http-addr",
            "127.0.0.1:0",
            "cluster-addr",
            address,
            "management-addr",
            "127.0.0.1:0",
            "quorum-addr",
            "127.0.0.1:0",
            "join",
            join,
            "data-dir",
            dataDirectory.resolve(nodeId).toString());
    Config config = SettingsSource.load(options, Map.of(), Optional.empty());
    return RunningNode.start(Settings.from(config), config);
  }

  private static String freeAddress() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return "127.0.0.1:" + socket.getLocalPort();
    }
  }
}
