package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract of places of backups at a directory, and what is special about one. */
final class FileBackupStoreTest extends BackupStoreContract {

  @TempDir Path directory;

  @Override
  BackupStore openEmpty() throws IOException {
    return BackupStores.open(directory.toUri(), BackupStoreSettings.defaults());
  }

  /** A directory can be opened like a file, and fails to be read. */
  @Override
  void putBrokenOff(String name) throws IOException {
    store.put(name, here);
  }

  @Test
  void aPutThatBreaksOffLeavesNothingElse() throws IOException {
    assertThrows(IOException.class, () -> putBrokenOff("a"));

    assertEquals(List.of(), files(directory));
  }

  @Test
  void whatAKilledProcessLeftIsNoObjectAndIsRemovedWhenItIsOld() throws IOException {
    Path left = Files.writeString(directory.resolve("~left.part"), "half of");
    Files.setLastModifiedTime(left, FileTime.from(Instant.now().minus(Duration.ofHours(2))));
    Path young = Files.writeString(directory.resolve("~young.part"), "another one's");
    Files.setLastModifiedTime(young, FileTime.from(Instant.now().minus(Duration.ofMinutes(10))));
    assertEquals(List.of(), store.list(""));

    store.put("a", text("put", "something"));

    assertEquals(List.of("a", young.getFileName().toString()), files(directory));
    assertEquals(List.of("a"), names(""));
  }

  @Test
  void aDiskThatIsNotMountedIsNotAnEmptyPlace() throws IOException {
    Path put = text("put", "something");
    store = BackupStores.open(directory.resolve("disk").toUri(), BackupStoreSettings.defaults());

    for (IOException failure :
        List.of(
            assertThrows(IOException.class, () -> store.put("a", put)),
            assertThrows(IOException.class, () -> store.get("a", put)),
            assertThrows(IOException.class, () -> store.list("")))) {
      assertTrue(failure.getMessage().contains("there is no directory"), failure.getMessage());
    }
    assertEquals(List.of(), files(directory));
  }

  @Test
  void anAddressThatNamesNoPlaceIsRefused() {
    for (String address :
        List.of("file:relative", "file:///a?b", "ftp://host/a", "nothing", "s3:///a")) {
      assertThrows(
          IllegalArgumentException.class,
          () -> BackupStores.open(URI.create(address), BackupStoreSettings.defaults()),
          address);
    }
  }
}
