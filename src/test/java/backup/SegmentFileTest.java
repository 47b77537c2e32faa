package backup;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import storage.History;
import storage.StoredEvent;

final class SegmentFileTest {

  @TempDir private Path folder;
  private History history;
  private Path file;

  @BeforeEach
  void open() throws Exception {
    history = History.plain(30, folder);
    file = folder.resolve("segment");
  }

  @AfterEach
  void close() throws Exception {
    history.close();
  }

  private BackupObject.Segment write(long from, long to, long bytesMax) throws Exception {
    return SegmentFile.write(
            history.journal(),
            history.journalId(),
            from,
            BackupObject.shortHash(history.hash(from - 1)),
            to,
            bytesMax,
            1,
            file,
            () -> true)
        .orElseThrow()
        .object();
  }

  private void readAll(BackupObject.Segment segment) throws Exception {
    try (SegmentFile.Events events = new SegmentFile.Events(segment, file)) {
      for (long seq = segment.from(); seq <= segment.seq(); seq++) {
        StoredEvent event = events.next().orElseThrow();
        assertEquals(seq, event.seq());
        assertArrayEquals(history.events().get((int) seq - 1).bytes(), event.bytes());
      }
      assertEquals(Optional.empty(), events.next());
    }
  }

  @Test
  void givesBackWhatItTookAndItsNameSaysWhatThatIs() throws Exception {
    BackupObject.Segment segment = write(5, 20, Long.MAX_VALUE);

    assertEquals(5, segment.from());
    assertEquals(20, segment.seq());
    assertEquals(history.micros(20), segment.micros());
    assertEquals(Optional.of(segment), BackupObject.of(segment.name()));
    assertTrue(ObjectNames.isValid(segment.name()), segment.name());
    readAll(segment);
  }

  @Test
  void endsWithTheEventThatReachesItsSize() throws Exception {
    int two = history.events().get(4).bytes().length + history.events().get(5).bytes().length;

    BackupObject.Segment segment = write(5, 30, two);

    assertEquals(6, segment.seq());
    readAll(segment);
  }

  @Test
  void everyFlippedByteIsFound() throws Exception {
    BackupObject.Segment segment = write(3, 9, Long.MAX_VALUE);
    byte[] good = Files.readAllBytes(file);
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= (byte) (1 << i % 8);
      Files.write(file, bad);
      DamagedObjectException found =
          assertThrows(DamagedObjectException.class, () -> readAll(segment), "byte " + i);
      assertTrue(found.getMessage().contains(segment.name()), found.getMessage());
    }
    for (int length = 0; length < good.length; length++) {
      Files.write(file, Arrays.copyOf(good, length));
      assertThrows(DamagedObjectException.class, () -> readAll(segment), length + " bytes");
    }
  }

  @Test
  void anotherSegmentUnderItsNameIsFound() throws Exception {
    BackupObject.Segment segment = write(3, 9, Long.MAX_VALUE);
    write(3, 8, Long.MAX_VALUE);

    assertThrows(DamagedObjectException.class, () -> readAll(segment));
  }

  @Test
  void aJournalThatDoesNotGoOnFromThereIsRefused() {
    SegmentFile.ChainException refused =
        assertThrows(
            SegmentFile.ChainException.class,
            () ->
                SegmentFile.write(
                    history.journal(),
                    history.journalId(),
                    5,
                    BackupObject.shortHash(history.hash(3)),
                    9,
                    Long.MAX_VALUE,
                    1,
                    file,
                    () -> true));
    assertTrue(refused.getMessage().contains("event 5 does not follow"), refused.getMessage());
  }
}
