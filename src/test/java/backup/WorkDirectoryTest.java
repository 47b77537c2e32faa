package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkDirectoryTest {

  @TempDir private Path parent;

  @Test
  void goesWithItsFiles() throws IOException {
    try (WorkDirectory work = WorkDirectory.in(parent)) {
      Files.createDirectory(work.file("folder"));
      Files.writeString(work.file("folder").resolve("file"), "x");
    }
    assertEquals(List.of(), left());
  }

  @Test
  void whatAKilledProcessHasLeftIsRemoved() throws IOException {
    Path abandoned = Files.createDirectory(parent.resolve("backup-work-1"));
    Files.writeString(abandoned.resolve("lock"), "");
    Files.writeString(abandoned.resolve("full"), "half of it");
    try (WorkDirectory work = WorkDirectory.in(parent)) {
      assertEquals(List.of(work.path()), left());
    }
  }

  @Test
  void whatIsInUseStays() throws IOException {
    Path somebodys = Files.createDirectory(parent.resolve("backup-work-2"));
    try (WorkDirectory first = WorkDirectory.in(parent)) {
      Files.writeString(first.file("full"), "half of it");
      WorkDirectory.in(parent).close();
      assertTrue(Files.exists(first.file("full")));
    }
    assertEquals(List.of(somebodys), left());
    assertFalse(Files.exists(somebodys.resolve("lock")));
  }

  private List<Path> left() throws IOException {
    try (Stream<Path> files = Files.list(parent)) {
      return files.toList();
    }
  }
}
