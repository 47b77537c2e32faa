package peqlite;

import actors.BackupSettings;
import backup.BackupJob;
import backup.BackupStoreSettings;
import java.net.URI;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Reads the keys under {@code peqlite.backup}. */
final class BackupReader {

  private static final String ROOT = "peqlite.backup.";
  private static final String URL = ROOT + "url";
  private static final String UPLOAD = ROOT + "upload";

  private static final Set<String> SCHEMES = Set.of("file", "http", "https", "s3");
  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Duration YEAR = Duration.ofDays(365);
  private static final Duration DECADE = Duration.ofDays(3650);
  private static final int MIB = 1 << 20;

  private BackupReader() {}

  /**
   * Where and when backups are made; empty if they are not.
   *
   * @param compression zstd's level
   */
  static Optional<BackupSettings> read(SettingsReader reader, int compression)
      throws SettingsException {
    // All are read, so that a mistake shows before backups are switched on.
    BackupJob.Settings job =
        new BackupJob.Settings(
            reader.duration(ROOT + "full-interval", SECOND, YEAR),
            reader.bytes(ROOT + "segment-bytes", 64 * 1024, 1024 * MIB),
            reader.duration(ROOT + "keep", SECOND, DECADE),
            reader.flag(ROOT + "verify"),
            compression);
    Duration segmentInterval = reader.duration(ROOT + "segment-interval", SECOND, YEAR);
    Duration holdJournal = reader.duration(ROOT + "hold-journal", Duration.ZERO, YEAR);
    BackupStoreSettings store = store(reader);
    Optional<String> url = reader.secret(URL);
    if (url.isEmpty()) {
      return Optional.empty();
    }
    URI place = place(url.get()).orElseThrow(() -> reader.wrong(URL, NO_PLACE));
    return Optional.of(new BackupSettings(place, store, segmentInterval, holdJournal, job));
  }

  /** What is said of an address that is none; the address itself may have a password in it. */
  static final String NO_PLACE =
      "is not the address of a place of backups, such as file:///backups, https://host/path or"
          + " s3://bucket/prefix";

  /** The address of a place; empty if it is none. */
  static Optional<URI> place(String text) {
    try {
      URI place = URI.create(text);
      String scheme = String.valueOf(place.getScheme()).toLowerCase(Locale.ROOT);
      return SCHEMES.contains(scheme) ? Optional.of(place) : Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static BackupStoreSettings store(SettingsReader reader) throws SettingsException {
    BackupStoreSettings defaults = BackupStoreSettings.defaults();
    try {
      return new BackupStoreSettings(
          optionalText(reader, "access-key"),
          Optional.empty(),
          optionalPath(reader, "secret-key-file"),
          optionalPath(reader, "encryption-key-file"),
          upload(reader),
          defaults.connectTimeout(),
          defaults.stallTimeout(),
          defaults.resumePauseMax());
    } catch (IllegalArgumentException e) {
      throw reader.wrong(ROOT + "access-key", String.valueOf(e.getMessage()));
    }
  }

  private static Optional<String> optionalText(SettingsReader reader, String key)
      throws SettingsException {
    String text = reader.text(ROOT + key);
    return text.isEmpty() ? Optional.empty() : Optional.of(text);
  }

  private static Optional<Path> optionalPath(SettingsReader reader, String key)
      throws SettingsException {
    try {
      return optionalText(reader, key).map(Path::of);
    } catch (InvalidPathException e) {
      throw reader.wrong(ROOT + key, "is not a path: " + e.getReason());
    }
  }

  private static BackupStoreSettings.Upload upload(SettingsReader reader) throws SettingsException {
    String text = reader.text(UPLOAD);
    return switch (text) {
      case "post" -> BackupStoreSettings.Upload.POST;
      case "put" -> BackupStoreSettings.Upload.PUT;
      default -> throw reader.wrong(UPLOAD, "'" + text + "' is neither post nor put");
    };
  }
}
