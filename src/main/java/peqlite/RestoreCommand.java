package peqlite;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code peqlite restore}: gets a database back from backups. */
@Command(
    name = "restore",
    description = {
      "Get a database back from backups.",
      "A SQLite file becomes the database of a running cluster; SQL text is run there, whole or"
          + " not at all.",
      "With --from the file is made of what a place of backups holds, as of any event or time that"
          + " it reaches; with --output too it is only made, and no node is needed."
    })
final class RestoreCommand implements Callable<Integer> {

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private FileRestore cluster = new FileRestore();
  @Mixin private PlaceRestore place = new PlaceRestore();

  @Parameters(
      paramLabel = "FILE",
      arity = "0..1",
      description = "A SQLite file, or SQL text; either may be compressed with gzip.")
  private @Nullable Path file;

  @Override
  public Integer call() throws SettingsException, StartException {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    Path named = file;
    if (named != null && place.isAsked()) {
      throw new SettingsException("FILE and --from: say where the backup is once");
    }
    if (named != null) {
      return cluster.send(named, named.toString(), out, err);
    }
    if (!place.isAsked()) {
      throw new SettingsException("FILE or --from: one of them says where the backup is");
    }
    return place.hasOutput() ? place.run(out, err) : fromPlace(out, err);
  }

  private int fromPlace(PrintWriter out, PrintWriter err) throws SettingsException, StartException {
    cluster.requireReplaceable();
    try {
      Path directory = Files.createTempDirectory(Path.of("").toAbsolutePath(), "peqlite-restore-");
      Path made = directory.resolve("restored.db");
      try {
        int code = place.run(made, out, err);
        return code == 0 ? cluster.send(made, "what was restored", out, err) : code;
      } finally {
        Files.deleteIfExists(made);
        Files.deleteIfExists(directory);
      }
    } catch (IOException e) {
      throw new StartException("nothing is restored: " + e.getMessage(), e);
    }
  }
}
