package peqlite;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code peqlite replace}: a node that lost its disk votes again. */
@Command(
    name = "replace",
    description = {
      "Let a node whose disk was lost keep the journal again.",
      "Start the node with an empty data directory first: it listens until this command says that"
          + " its old disk will not come back."
    })
final class ReplaceCommand implements Callable<Integer> {

  private static final Duration LOOK = Duration.ofMillis(500);

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private OperatorOptions operator = new OperatorOptions();

  @Option(
      names = "--wait",
      paramLabel = "SECONDS",
      defaultValue = "600",
      description = "How long to wait until it has caught up (default: ${DEFAULT-VALUE}).")
  private int waitSeconds;

  @Parameters(paramLabel = "NODE", description = "The node's id.")
  private String node = "";

  @Override
  public Integer call() throws SettingsException, StartException {
    OperatorClient client = operator.client();
    client.change("POST", "/replace", node);
    spec.commandLine().getOut().println("the lost " + node + " is removed; it catches up");
    long deadlineNanos = System.nanoTime() + Duration.ofSeconds(waitSeconds).toNanos();
    while (!votes(client)) {
      if (System.nanoTime() - deadlineNanos > 0) {
        throw new StartException(
            node + " is not a voter yet; it becomes one by itself, see: peqlite nodes");
      }
      pause();
    }
    spec.commandLine().getOut().println(node + " is a voter");
    return 0;
  }

  private boolean votes(OperatorClient client) throws StartException {
    for (JsonNode known : NodesCommand.nodes(client)) {
      if (known.path("id").asText().equals(node)
          && known.has("quorum")
          && known.path("voter").asBoolean()) {
        return true;
      }
    }
    return false;
  }

  private static void pause() throws StartException {
    try {
      Thread.sleep(LOOK.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartException("interrupted", e);
    }
  }
}
