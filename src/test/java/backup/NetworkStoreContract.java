package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What holds of places behind a network, whose connections can be cut. */
abstract class NetworkStoreContract extends BackupStoreContract {

  static final BackupStoreSettings SETTINGS =
      BackupStoreSettings.defaults().withResumePauseMax(Duration.ofMillis(20));

  /** What the place is reached through. */
  abstract CuttingRelay relay();

  @Override
  void putBrokenOff(String name) throws IOException {
    Path put = random("large", 40 * MEBIBYTE, 2);
    relay().cutUploadsAfter(10 * MEBIBYTE);
    try {
      store.put(name, put);
    } finally {
      relay().mend();
    }
  }

  @Test
  void aGetThatIsCutGoesOnWhereItWas() throws IOException {
    Path put = random("put", 10 * MEBIBYTE, 3);
    Path got = here.resolve("got");
    store.put(name(), put);

    // No connection gives all of it, so only the rest can have been asked for.
    relay().cutDownloadsAfter(4 * MEBIBYTE);
    store.get(name(), got);

    assertEquals(-1, Files.mismatch(put, got));
    assertTrue(relay().cuts() >= 2, "cuts: " + relay().cuts());
    assertEquals(List.of("got", "put"), filesHere());
  }

  @Test
  void aGetThatIsCutTooOftenLeavesTheTarget() throws IOException {
    store.put(name(), random("put", 10 * MEBIBYTE, 4));
    Path target = text("target", "from before");

    relay().cutDownloadsAfter(64 * 1024);
    IOException cut = assertThrows(IOException.class, () -> store.get(name(), target));

    assertTrue(cut.getMessage().contains(name()), cut.getMessage());
    assertEquals("from before", Files.readString(target));
    assertEquals(List.of("put", "target"), filesHere());
  }
}
