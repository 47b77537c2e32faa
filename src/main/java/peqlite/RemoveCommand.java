package peqlite;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code peqlite remove}: a node keeps the journal no more, for good. */
@Command(
    name = "remove",
    description = {
      "Remove a node for good from those who keep the journal on their own disks.",
      "Stop it first, unless it is to go on until then, and ask a node that stays. Nothing is"
          + " changed if no majority of those who are left answers."
    })
final class RemoveCommand implements Callable<Integer> {

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private OperatorOptions operator = new OperatorOptions();

  @Parameters(paramLabel = "NODE", description = "The node's id, or its identity in the quorum.")
  private String node = "";

  @Override
  public Integer call() throws SettingsException, StartException {
    operator.client().change("DELETE", "/remove", node);
    spec.commandLine().getOut().println(node + " is removed");
    return 0;
  }
}
