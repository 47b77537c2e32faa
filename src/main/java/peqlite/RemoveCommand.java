package peqlite;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code peqlite remove}: a node keeps the journal no more, for good. */
@Command(
    name = "remove",
    description = {
      "Remove a node for good from those who keep the journal on their own disks.",
      "Stop it first, unless it is to go on until then. Nothing is changed if no majority of those"
          + " who are left answers."
    })
final class RemoveCommand implements Callable<Integer> {

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--url",
      paramLabel = "URLS",
      defaultValue = "http://127.0.0.1:4001",
      description =
          "A node that stays, or several with commas between (default: ${DEFAULT-VALUE}).")
  private String urls = "";

  @Parameters(paramLabel = "NODE", description = "The node's id, or its identity in the quorum.")
  private String node = "";

  @Override
  public Integer call() throws SettingsException, StartException {
    send(new OperatorClient(urls), "DELETE", "/remove", node);
    spec.commandLine().getOut().println(node + " is removed");
    return 0;
  }

  /**
   * Has a node changed.
   *
   * @throws StartException if that was refused, or is not known
   */
  static void send(OperatorClient client, String method, String path, String node)
      throws StartException {
    String body = JsonNodeFactory.instance.objectNode().put("id", node).toString();
    OperatorClient.Answer answer = client.send(method, path + "?timeout=30s", body);
    if (answer.status() != 200) {
      String text = answer.text().strip();
      throw new StartException(text.isEmpty() ? "the node answers " + answer.status() : text);
    }
  }
}
