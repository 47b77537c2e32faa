package peqlite;

import actors.NodeSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import quorum.QuorumRecovery;
import storage.EventCodec;
import storage.FormatException;
import storage.JournalException;
import storage.StoredEvent;

/** {@code peqlite recover}: goes on with one node when the majority is lost for good. */
@Command(
    name = "recover",
    description = {
      "Go on with this node alone when the majority of those who keep the journal is lost for good.",
      "Run it on each survivor without --confirm, and confirm it on the one that holds the most."
          + " The node must be stopped. Afterwards start it, and every other node with an empty data"
          + " directory: they join it."
    })
final class RecoverCommand implements Callable<Integer> {

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--data-dir",
      paramLabel = "DIRECTORY",
      required = true,
      description = "The data directory of the survivor.")
  private Path dataDirectory = Path.of("");

  @Option(
      names = "--node-id",
      paramLabel = "NAME",
      required = true,
      description = "The survivor's name, as it is started with.")
  private String nodeId = "";

  @Option(
      names = "--confirm",
      paramLabel = "GROUP",
      description = "Do it: the id of the group whose majority will never come back.")
  private String confirmed = "";

  @Override
  public Integer call() throws SettingsException, StartException {
    Path directory = dataDirectory.toAbsolutePath().normalize();
    if (!directory.toFile().isDirectory()) {
      throw new SettingsException("--data-dir: there is no folder " + directory);
    }
    try (DataDirectory held = DataDirectory.open(directory)) {
      QuorumRecovery recovery = QuorumRecovery.of(NodeSettings.quorumDirectory(directory), nodeId);
      QuorumRecovery.Holdings holdings = recovery.gather();
      PrintWriter out = spec.commandLine().getOut();
      describe(out, holdings);
      if (confirmed.isEmpty()) {
        out.println(
            "Nothing is changed yet. To go on with this node alone: --confirm " + holdings.group());
        return 1;
      }
      if (!confirmed.equals(holdings.group().toString())) {
        throw new SettingsException("--confirm: this node's group is " + holdings.group());
      }
      UUID group = recovery.separate();
      out.println("This node goes on alone, as group " + group + ". Start it.");
      return 0;
    } catch (JournalException | IOException e) {
      throw new StartException(String.valueOf(e.getMessage()), e);
    }
  }

  private static void describe(PrintWriter out, QuorumRecovery.Holdings holdings)
      throws StartException {
    out.println("group        " + holdings.group());
    out.println("identity     " + holdings.self());
    out.println("last entry   " + holdings.entry() + " of term " + holdings.term());
    out.println("last event   " + holdings.highest() + time(holdings));
    out.println("unconfirmed  " + holdings.unconfirmed() + " of these events");
    out.println(
        "Of several survivors go on with the one whose last entry has the highest term, and of those"
            + " the highest number.");
    out.println(
        "Kept: everything up to the last event, also the unconfirmed ones, of which some clients may"
            + " have been told nothing.");
    out.println(
        "May be lost: what was acknowledged after the last event, by a majority without this node.");
    out.println(
        "The lost nodes must never be started again with their old data: they would go on as the"
            + " old cluster, beside the new one.");
  }

  private static String time(QuorumRecovery.Holdings holdings) throws StartException {
    if (holdings.payload().length == 0) {
      return "";
    }
    try {
      long micros =
          EventCodec.decode(new StoredEvent(holdings.highest(), holdings.payload()))
              .timestampMicros();
      return ", of " + Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
    } catch (FormatException e) {
      throw new StartException("the last event cannot be read: " + e.getMessage(), e);
    }
  }
}
