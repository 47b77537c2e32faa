package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SnapshotFileTest {

  private static final int MEBIBYTE = 1 << 20;

  @TempDir private Path directory;
  private Path database;
  private Path file;
  private Path target;

  @BeforeEach
  void names() {
    database = directory.resolve("database");
    file = directory.resolve("snapshot");
    target = directory.resolve("target");
  }

  private static SnapshotHeader header(long bytes) {
    return new SnapshotHeader("journal", 7, EventHash.of(new byte[] {1}), 8, 9, bytes, "a", "3.5");
  }

  /** Half of it can be compressed and half cannot. */
  private byte[] write(int bytes) throws IOException {
    byte[] content = new byte[bytes];
    new Random(bytes).nextBytes(content);
    Arrays.fill(content, 0, bytes / 2, (byte) 'x');
    Files.write(database, content);
    SnapshotFile.write(header(bytes), database, file, 1, () -> true);
    return content;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE + 17})
  void givesBackWhatWasWritten(int bytes) throws Exception {
    byte[] content = write(bytes);
    SnapshotHeader read = SnapshotFile.extract(file, target);
    assertArrayEquals(content, Files.readAllBytes(target));
    assertEquals("journal", read.journalId());
    assertEquals(7, read.seq());
    assertArrayEquals(EventHash.of(new byte[] {1}), read.hash());
    assertEquals(8, read.timestampMicros());
    assertEquals(9, read.outcomes());
    assertEquals(bytes, read.databaseBytes());
    assertEquals("a", read.nodeId());
    assertEquals("3.5", read.sqliteVersion());
  }

  @Test
  void everyFlippedBitIsFound() throws Exception {
    write(1_500);
    byte[] good = Files.readAllBytes(file);
    for (int at = 0; at < good.length; at++) {
      byte[] bad = good.clone();
      bad[at] ^= (byte) (1 << (at % 8));
      Files.write(file, bad);
      int flipped = at;
      SnapshotDamagedException e =
          assertThrows(
              SnapshotDamagedException.class, () -> SnapshotFile.verify(file), "byte " + flipped);
      assertTrue(String.valueOf(e.getMessage()).contains(file.toString()), e.getMessage());
    }
  }

  @Test
  void theMessageTellsWhereALargeOneIsDamaged() throws Exception {
    write(8 * MEBIBYTE);
    byte[] bytes = Files.readAllBytes(file);
    int at = bytes.length - MEBIBYTE / 2;
    bytes[at] ^= 4;
    Files.write(file, bytes);
    String message =
        String.valueOf(
            assertThrows(SnapshotDamagedException.class, () -> SnapshotFile.verify(file))
                .getMessage());
    long told = Long.parseLong(message.replaceAll(".* at byte (\\d+) .*", "$1"));
    assertTrue(told <= at && at - told <= 2 * MEBIBYTE, message);
  }

  @Test
  void whereverItEndsTooEarlyItIsRefused() throws Exception {
    write(1_000);
    byte[] good = Files.readAllBytes(file);
    for (int length = 0; length < good.length; length++) {
      Files.write(file, Arrays.copyOf(good, length));
      assertThrows(SnapshotDamagedException.class, () -> SnapshotFile.verify(file));
    }
    Files.write(file, Arrays.copyOf(good, good.length + 1));
    assertThrows(SnapshotDamagedException.class, () -> SnapshotFile.verify(file));
  }

  @Test
  void aDatabaseThatChangesMeanwhileGivesNoSnapshot() throws Exception {
    Files.write(database, new byte[100]);
    assertThrows(
        IOException.class, () -> SnapshotFile.write(header(99), database, file, 1, () -> true));
  }

  @Test
  void writingEndsWhenNobodyWantsIt() throws Exception {
    Files.write(database, new byte[3 * MEBIBYTE]);
    int[] asked = {0};
    assertThrows(
        SnapshotFile.NotWantedException.class,
        () -> SnapshotFile.write(header(3 * MEBIBYTE), database, file, 1, () -> asked[0]++ < 2));
  }
}
