package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DataDirectoryTest {

  @TempDir private Path parent;

  @Test
  void isCreatedWithItsParents() throws Exception {
    Path path = parent.resolve("a/b");
    try (DataDirectory directory = DataDirectory.open(path)) {
      assertTrue(Files.isDirectory(directory.path()));
    }
  }

  @Test
  void letsInOneNodeAtATime() throws Exception {
    Path path = parent.resolve("data");
    try (DataDirectory held = DataDirectory.open(path)) {
      assertEquals(path, held.path());
      StartException refused = assertThrows(StartException.class, () -> DataDirectory.open(path));
      assertEquals("another node is running on the data directory " + path, refused.line());
    }
    DataDirectory.open(path).close();
  }

  @Test
  void aPlaceThatCannotBeWrittenIsNamed() throws Exception {
    Path file = Files.writeString(parent.resolve("file"), "in the way");
    SettingsException refused =
        assertThrows(SettingsException.class, () -> DataDirectory.open(file.resolve("data")));
    assertTrue(
        refused.line().startsWith("--data-dir: cannot write to '" + file.resolve("data") + "'"),
        refused.line());
  }
}
