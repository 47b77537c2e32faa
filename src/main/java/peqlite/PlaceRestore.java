package peqlite;

import backup.BackupRestore;
import backup.BackupStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import storage.PastTarget;

/** Makes a SQLite file from a place of backups, as of any event or time that it reaches. */
final class PlaceRestore {

  @Option(
      names = "--from",
      paramLabel = "URL",
      description =
          "Restore from this place of backups: file:///directory, https://..., s3://bucket/prefix.")
  private @Nullable String from;

  @Option(
      names = "--to-seq",
      paramLabel = "NUMBER",
      description = "With --from: as of this event (default: as late as possible).")
  private @Nullable Long toSeq;

  @Option(
      names = "--to-time",
      paramLabel = "TIME",
      description =
          "With --from: as of this time, such as 2026-01-31T23:59:59.5Z or"
              + " 2026-02-01T00:59:59+01:00; the last event that is not later.")
  private @Nullable String toTime;

  @Option(
      names = "--journal",
      paramLabel = "ID",
      description = "With --from: of this journal, if the place has backups of several.")
  private @Nullable String journalId;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description =
          "With --from: only make this SQLite file, whole or not at all, and send it nowhere.")
  private @Nullable Path output;

  @Option(names = "--overwrite", description = "Replace FILE of --output if it is there.")
  private boolean overwrite;

  @Mixin private PlaceOptions place = new PlaceOptions();

  /** Whether a place was named. */
  boolean isAsked() {
    return from != null;
  }

  /** Whether the file to make was named. */
  boolean hasOutput() {
    return output != null;
  }

  /** Makes the file that was named; otherwise as {@link #run(Path, PrintWriter, PrintWriter)}. */
  int run(PrintWriter out, PrintWriter err) throws SettingsException, StartException {
    return run(file(), out, err);
  }

  /**
   * Makes a SQLite file.
   *
   * @param out is told what was made
   * @param err is told how it goes on
   */
  int run(Path file, PrintWriter out, PrintWriter err) throws SettingsException, StartException {
    Optional<PastTarget> target = target();
    Steps steps = new Steps(err);
    try (BackupStore store = place.open("--from", String.valueOf(from))) {
      BackupRestore.Restored restored =
          BackupRestore.restore(store, Optional.ofNullable(journalId), target, file, steps::show);
      steps.end();
      restored.damaged().forEach(damaged -> err.println("peqlite: warning: " + damaged));
      out.println(
          file.getFileName()
              + ": "
              + restored.bytes()
              + " bytes, as of event "
              + restored.seq()
              + ", "
              + PastTarget.text(restored.micros())
              + ", of journal "
              + restored.journalId());
      return 0;
    } catch (IOException e) {
      steps.end();
      throw new StartException("nothing was restored: " + e.getMessage(), e);
    }
  }

  private Optional<PastTarget> target() throws SettingsException {
    if (toSeq != null && toTime != null) {
      throw new SettingsException("--to-seq and --to-time: only one of them can be meant");
    }
    if (toSeq != null) {
      if (toSeq < 1) {
        throw new SettingsException("--to-seq: events are numbered from 1");
      }
      return Optional.of(new PastTarget.AfterEvent(toSeq));
    }
    return toTime == null ? Optional.empty() : Optional.of(time(toTime));
  }

  private static PastTarget time(String text) throws SettingsException {
    try {
      Instant time = OffsetDateTime.parse(text).toInstant();
      return new PastTarget.AtTime(ChronoUnit.MICROS.between(Instant.EPOCH, time));
    } catch (DateTimeException | ArithmeticException e) {
      throw new SettingsException(
          "--to-time: '" + text + "' is not a time such as 2026-01-31T23:59:59Z");
    }
  }

  private Path file() throws SettingsException {
    if (output == null) {
      throw new SettingsException("--output: is missing, the file to make");
    }
    Path file = output.toAbsolutePath();
    if (Files.exists(file) && (!overwrite || !Files.isRegularFile(file))) {
      throw new SettingsException(
          output
              + " is there already"
              + (Files.isDirectory(file) ? "" : ": --overwrite replaces it"));
    }
    if (file.getParent() == null || !Files.isDirectory(file.getParent())) {
      throw new SettingsException("there is no folder " + file.getParent());
    }
    return file;
  }
}
