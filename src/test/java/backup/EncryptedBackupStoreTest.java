package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The contract of places of backups where they are encrypted, and what is refused. */
final class EncryptedBackupStoreTest extends BackupStoreContract {

  /** Of the header and of a segment's tag. */
  private static final int OVERHEAD = 56;

  @TempDir Path directory;
  @TempDir Path keys;

  @Override
  BackupStore openEmpty() throws IOException {
    return open(key("key", 32, 1));
  }

  private BackupStore open(Path key) throws IOException {
    return BackupStores.open(
        directory.toUri(), BackupStoreSettings.defaults().withEncryptionKeyFile(key));
  }

  private Path key(String file, int bytes, long seed) throws IOException {
    byte[] key = new byte[bytes];
    new Random(seed).nextBytes(key);
    return Files.write(keys.resolve(file), key);
  }

  @Override
  void putBrokenOff(String name) throws IOException {
    store.put(name, here);
  }

  @Override
  int overhead() {
    return OVERHEAD;
  }

  @Test
  void whatIsKeptDoesNotShowWhatWasPut() throws IOException {
    Path put = text("put", "a secret that is long enough to be found");
    store.put("a", put);
    byte[] first = Files.readAllBytes(directory.resolve("a"));
    store.put("a", put);

    assertEquals(-1, new String(first, StandardCharsets.ISO_8859_1).indexOf("secret"));
    assertNotEquals(
        -1, Files.mismatch(directory.resolve("a"), Files.write(here.resolve("b"), first)));
  }

  @Test
  void anotherKeyIsRefused() throws IOException {
    store.put("a", text("put", "something"));
    store = open(key("other", 32, 2));

    assertRefused("a");
  }

  /** In the header's length, salt and nonce, in the first, second and last segment and its tag. */
  @ParameterizedTest
  @ValueSource(ints = {0, 5, 35, 1_000, 1_500_000, -20, -1})
  void aFlippedBitIsRefused(int place) throws IOException {
    store.put("a", random("put", 2_500_000, 5));
    try (RandomAccessFile file = new RandomAccessFile(directory.resolve("a").toFile(), "rw")) {
      long offset = place < 0 ? file.length() + place : place;
      file.seek(offset);
      int value = file.read();
      file.seek(offset);
      file.write(value ^ 0x10);
    }

    assertRefused("a");
  }

  /** Where a segment ends, too. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 55, 56, MEBIBYTE, 2 * MEBIBYTE})
  void whatIsCutOffIsRefused(int bytes) throws IOException {
    store.put("a", random("put", 2_500_000, 6));
    try (RandomAccessFile file = new RandomAccessFile(directory.resolve("a").toFile(), "rw")) {
      file.setLength(bytes);
    }

    assertRefused("a");
  }

  @Test
  void anObjectUnderAnothersNameIsRefused() throws IOException {
    store.put("a", text("put", "the first"));
    store.put("b", text("put", "the second"));
    Path between = directory.resolve("c");
    Files.move(directory.resolve("a"), between);
    Files.move(directory.resolve("b"), directory.resolve("a"));
    Files.move(between, directory.resolve("b"));

    assertRefused("a");
    assertRefused("b");
  }

  @Test
  void whatWasNotEncryptedIsRefused() throws IOException {
    try (BackupStore plain = BackupStores.open(directory.toUri(), BackupStoreSettings.defaults())) {
      plain.put("a", random("put", 100_000, 7));
    }

    assertRefused("a");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 31, 33, 1_000})
  void aKeyOfAnotherLengthIsRefused(int bytes) throws IOException {
    Path key = key("short", bytes, 8);

    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> open(key));

    assertTrue(refused.getMessage().contains("openssl rand 32"), refused.getMessage());
  }

  private void assertRefused(String name) throws IOException {
    Path target = text("target", "from before");
    List<String> before = filesHere();

    DamagedObjectException refused =
        assertThrows(DamagedObjectException.class, () -> store.get(name, target));

    assertTrue(refused.getMessage().startsWith(name + " in "), refused.getMessage());
    assertEquals("from before", Files.readString(target));
    assertEquals(before, filesHere());
  }
}
