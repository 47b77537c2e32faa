package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import storage.History;

/** Backups in an encrypted directory. */
final class FileBackupJobTest extends BackupJobContract {

  @TempDir Path place;
  @TempDir Path keys;

  @Override
  int targets() {
    return 20;
  }

  @Override
  BackupStore openStore() throws IOException {
    Path key = keys.resolve("key");
    if (!Files.exists(key)) {
      byte[] bytes = new byte[32];
      new SecureRandom().nextBytes(bytes);
      Files.write(key, bytes);
    }
    return BackupStores.open(
        place.toUri(), BackupStoreSettings.defaults().withEncryptionKeyFile(key));
  }

  @Test
  void anEmptyPlaceSaysSo() throws IOException {
    try (BackupStore store = openStore()) {
      NotRestorableException refused =
          assertThrows(
              NotRestorableException.class,
              () ->
                  BackupRestore.restore(
                      store,
                      Optional.empty(),
                      Optional.empty(),
                      folder.resolve("output"),
                      step -> {}));
      assertTrue(refused.getMessage().startsWith("there are no backups"), refused.getMessage());
      assertEquals(List.of(), store.list(""));
    }
  }

  @Test
  void withoutTheKeyItSaysThatOneMayBeMissing() throws Exception {
    begin(History.plain(10, folder));
    runFullAt(5);
    try (BackupStore plain = BackupStores.open(place.toUri(), BackupStoreSettings.defaults())) {
      NotRestorableException refused =
          assertThrows(
              NotRestorableException.class,
              () ->
                  BackupRestore.restore(
                      plain,
                      Optional.empty(),
                      Optional.empty(),
                      folder.resolve("output"),
                      step -> {}));
      assertTrue(refused.getMessage().contains("its key was not given"), refused.getMessage());
    }
  }
}
