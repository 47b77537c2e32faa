package backup;

import java.io.IOException;
import java.net.URI;
import java.util.Locale;

/**
 * Finds the place of backups that an address names.
 *
 * <table>
 * <caption>addresses</caption>
 * <tr><td>{@code file:///directory}</td><td>{@link FileBackupStore}</td></tr>
 * <tr><td>{@code http://...}, {@code https://...}</td><td>{@link HttpBackupStore}</td></tr>
 * <tr><td>{@code s3://bucket/prefix?endpoint=...&region=...&path-style=true}</td>
 *     <td>{@link S3BackupStore}</td></tr>
 * </table>
 */
public final class BackupStores {

  private BackupStores() {}

  /**
   * Opens a place. Nothing is asked of it yet: that it can be reached is known after the first
   * call.
   *
   * @throws IllegalArgumentException if the address names no place, or the settings do not fit; the
   *     message does not repeat secrets of the address
   * @throws IOException if a file with a key cannot be read
   */
  public static BackupStore open(URI place, BackupStoreSettings settings) throws IOException {
    String scheme = String.valueOf(place.getScheme()).toLowerCase(Locale.ROOT);
    BackupStore store =
        switch (scheme) {
          case "file" -> FileBackupStore.open(place);
          case "http", "https" -> HttpBackupStore.open(place, settings);
          case "s3" -> S3BackupStore.open(S3Place.of(place), settings);
          default ->
              throw new IllegalArgumentException(
                  "a place of backups begins with file:, http:, https: or s3:, not "
                      + scheme
                      + ':');
        };
    if (settings.encryptionKeyFile().isEmpty()) {
      return store;
    }
    try {
      return EncryptedBackupStore.open(store, settings.encryptionKeyFile().get());
    } catch (IOException | RuntimeException e) {
      store.close();
      throw e;
    }
  }
}
