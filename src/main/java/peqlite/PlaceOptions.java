package peqlite;

import backup.BackupStore;
import backup.BackupStoreSettings;
import backup.BackupStores;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What commands have to know of a place of backups beside its address. */
final class PlaceOptions {

  @Option(
      names = "--encryption-key-file",
      paramLabel = "FILE",
      description = "The 32 bytes with which the backups were encrypted.")
  private @Nullable Path encryptionKeyFile;

  @Option(
      names = "--access-key",
      paramLabel = "TEXT",
      description =
          "Of S3, with --secret-key-file (default: as the AWS SDK finds them: environment, ~/.aws,"
              + " the machine's role).")
  private @Nullable String accessKey;

  @Option(
      names = "--secret-key-file",
      paramLabel = "FILE",
      description = "A file that holds the secret key of S3.")
  private @Nullable Path secretKeyFile;

  /**
   * Opens a place.
   *
   * @param option by which the address was given, for messages
   */
  BackupStore open(String option, String address) throws SettingsException, StartException {
    URI place =
        BackupReader.place(address)
            .orElseThrow(() -> new SettingsException(option + ": " + BackupReader.NO_PLACE));
    BackupStoreSettings defaults = BackupStoreSettings.defaults();
    try {
      return BackupStores.open(
          place,
          new BackupStoreSettings(
              Optional.ofNullable(accessKey),
              Optional.empty(),
              Optional.ofNullable(secretKeyFile),
              Optional.ofNullable(encryptionKeyFile),
              defaults.upload(),
              defaults.connectTimeout(),
              defaults.stallTimeout(),
              defaults.resumePauseMax()));
    } catch (IllegalArgumentException e) {
      throw new SettingsException(option + ": " + e.getMessage());
    } catch (IOException e) {
      throw new StartException("a key cannot be read: " + e.getMessage(), e);
    }
  }
}
