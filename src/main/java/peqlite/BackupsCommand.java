package peqlite;

import backup.BackupCatalog;
import backup.BackupCheck;
import backup.BackupObject;
import backup.BackupStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import storage.PastTarget;

/** {@code peqlite backups}: what a place of backups has, and whether it can be restored. */
@Command(
    name = "backups",
    description = {
      "Say what a place of backups has, and between which events and times it can be restored.",
      "Exit code 1 if --verify finds something wrong."
    })
final class BackupsCommand implements Callable<Integer> {

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private PlaceOptions place = new PlaceOptions();

  @Option(
      names = "--verify",
      description =
          "Fetch and restore everything, and compare each full backup with what the one before"
              + " becomes by the events between.")
  private boolean verify;

  @Option(
      names = "--directory",
      paramLabel = "DIRECTORY",
      description = "With --verify: where there is room for that (default: the current one).")
  private Path directory = Path.of("");

  @Parameters(paramLabel = "URL", description = "file:///directory, s3://bucket/prefix.")
  private String url = "";

  @Override
  public Integer call() throws SettingsException, StartException {
    Steps steps = new Steps(spec.commandLine().getErr());
    PrintWriter out = spec.commandLine().getOut();
    try (BackupStore store = place.open("URL", url)) {
      if (store.onlyName().isPresent()) {
        throw new SettingsException(
            "URL: such a place has room for one full backup, and nothing to list");
      }
      List<BackupCatalog> catalogs = BackupCatalog.of(store.list(""));
      if (catalogs.isEmpty()) {
        throw new StartException("there are no backups in " + store.describe());
      }
      boolean good = true;
      for (BackupCatalog catalog : catalogs) {
        describe(out, catalog);
        if (verify) {
          List<String> problems =
              BackupCheck.all(store, catalog, directory.toAbsolutePath(), steps::show);
          steps.end();
          problems.forEach(problem -> out.println("  wrong: " + problem));
          out.println(problems.isEmpty() ? "  everything can be restored" : "");
          good &= problems.isEmpty();
        }
      }
      return good ? 0 : 1;
    } catch (IOException e) {
      steps.end();
      throw new StartException(String.valueOf(e.getMessage()), e);
    }
  }

  private static void describe(PrintWriter out, BackupCatalog catalog) {
    out.println("journal " + catalog.journalId());
    for (BackupObject.Full full : catalog.fulls()) {
      out.println("  full backup of event " + full.seq() + ", " + PastTarget.text(full.micros()));
    }
    out.println("  segments: " + catalog.segments().size());
    for (BackupCatalog.Range range : catalog.ranges()) {
      out.println(
          "  can be restored: events "
              + range.from()
              + " to "
              + range.to()
              + ", "
              + PastTarget.text(range.fromMicros())
              + " to "
              + PastTarget.text(range.toMicros()));
    }
  }
}
