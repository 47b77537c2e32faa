package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import storage.History;
import storage.PastTarget;
import storage.SnapshotDirectory;

/** Backups at an address that has room for one object. */
final class HttpBackupJobTest {

  @TempDir private Path folder;

  private static BackupStore open(HttpObjectServer server) throws IOException {
    return BackupStores.open(
        URI.create("http://127.0.0.1:" + server.port() + "/keep/database.db"),
        BackupStoreSettings.defaults());
  }

  @Test
  void takesFullBackupsOnlyAndTheJournalDoesNotWaitForIt() throws Exception {
    try (HttpObjectServer server = new HttpObjectServer();
        History history = History.plain(30, folder)) {
      SnapshotDirectory snapshots = SnapshotDirectory.open(folder.resolve("snapshots"));
      try (BackupJob job =
          BackupJob.open(
              open(server),
              history.journal(),
              history.journalId(),
              snapshots,
              folder.resolve("work"),
              new BackupJob.Settings(Duration.ofDays(1), 1_000, Duration.ofDays(1), false, 1))) {
        BackupJob.Result first = job.run(0, 0, () -> true);
        assertTrue(first.takeSnapshot());
        assertEquals(Long.MAX_VALUE, first.cutMax(Duration.ZERO, Duration.ofHours(1)));
        history.applyTo(20);
        history.snapshot(snapshots);
        assertEquals(20, job.run(30, 20, () -> true).fullSeq());
        history.applyTo(30);
        history.snapshot(snapshots);
        BackupJob.Result next = job.run(30, 0, () -> true);
        assertEquals(20, next.fullSeq(), "the next one is due in a day");
        assertFalse(next.takeSnapshot());
      }
      try (BackupStore store = open(server)) {
        Path output = folder.resolve("restored");
        assertEquals(20, restore(store, Optional.empty(), output));
        assertEquals(20, restore(store, Optional.of(new PastTarget.AfterEvent(20)), output));
        NotRestorableException refused =
            assertThrows(
                NotRestorableException.class,
                () -> restore(store, Optional.of(new PastTarget.AfterEvent(19)), output));
        assertTrue(refused.getMessage().contains("one full backup only"), refused.getMessage());
      }
    }
  }

  private static long restore(BackupStore store, Optional<PastTarget> target, Path output)
      throws IOException {
    return BackupRestore.restore(store, Optional.empty(), target, output, step -> {}).seq();
  }
}
