package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What holds of every place of backups; a subclass for each. */
@Timeout(60)
abstract class BackupStoreContract {

  static final int MEBIBYTE = 1024 * 1024;

  /** Where files are put from and got to. */
  @TempDir Path here;

  BackupStore store;

  /** Opens a place that is empty. */
  abstract BackupStore openEmpty() throws Exception;

  /** Puts something under a name so that it breaks off in the middle. */
  abstract void putBrokenOff(String name) throws IOException;

  @BeforeEach
  void open() throws Exception {
    store = openEmpty();
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** A name that the place has room for. */
  String name() {
    return store.onlyName().orElse("daily/2026-11-22_04.db");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 40 * MEBIBYTE})
  void givesBackWhatWasPut(int bytes) throws IOException {
    Path put = random("put", bytes, 1);
    Path got = here.resolve("got");

    store.put(name(), put);
    store.get(name(), got);

    assertEquals(-1, Files.mismatch(put, got));
    assertEquals(List.of("got", "put"), filesHere());
  }

  @Test
  void replacesWhatHasTheName() throws IOException {
    store.put(name(), text("put", "the first, which is longer"));
    store.put(name(), text("put", "the second"));

    assertEquals("the second", got(name()));
    assertEquals(1, store.list("").size());
  }

  @Test
  void aPutThatBreaksOffLeavesWhatWasThere() throws IOException {
    store.put(name(), text("put", "the first"));

    assertThrows(IOException.class, () -> putBrokenOff(name()));

    assertEquals("the first", got(name()));
    assertEquals(1, store.list("").size());
  }

  @Test
  void aMissingObjectIsToldAndLeavesTheTarget() throws IOException {
    Path target = text("target", "from before");

    NoSuchFileException missing =
        assertThrows(NoSuchFileException.class, () -> store.get(name(), target));

    assertTrue(missing.getMessage().contains(name()), missing.getMessage());
    assertEquals("from before", Files.readString(target));
    assertEquals(List.of("target"), filesHere());
  }

  @Test
  void whatIsDeletedIsGoneAndMayBeDeletedAgain() throws IOException {
    store.put(name(), text("put", "something"));

    store.delete(name());
    store.delete(name());

    assertThrows(NoSuchFileException.class, () -> store.get(name(), here.resolve("got")));
    assertEquals(List.of(), store.list(""));
  }

  @Test
  void listsByPrefixInOrder() throws IOException {
    assumeTrue(store.onlyName().isEmpty(), "a place for one object");
    Instant before = Instant.now().minus(Duration.ofMinutes(1));
    for (String name : List.of("b", "a/2", "a/10", "a.db", "a-b/c/d")) {
      store.put(name, text("put", name));
    }

    assertEquals(List.of("a-b/c/d", "a.db", "a/10", "a/2", "b"), names(""));
    assertEquals(List.of("a/10", "a/2"), names("a/"));
    assertEquals(List.of("a/10"), names("a/1"));
    assertEquals(List.of(), names("c"));
    StoredObject object = store.list("a-b/c/d").get(0);
    assertEquals("a-b/c/d".length() + overhead(), object.bytes());
    assertTrue(object.lastModified().orElseThrow().isAfter(before), object.toString());
  }

  /** Bytes that a place adds to a small object. */
  int overhead() {
    return 0;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "/a", "a/", "a//b", "../a", "a/..", "a/./b", "a~b", "a\\b", "ä", "a\n"})
  void refusesWhatIsNoName(String name) throws IOException {
    Path file = text("put", "something");
    assertThrows(IllegalArgumentException.class, () -> store.put(name, file));
    assertThrows(IllegalArgumentException.class, () -> store.get(name, file));
    assertThrows(IllegalArgumentException.class, () -> store.delete(name));
  }

  @Test
  void aPrefixMayEndAnywhereButLeadsNowhereElse() throws IOException {
    assertEquals(List.of(), store.list("a/b."));
    assertThrows(IllegalArgumentException.class, () -> store.list("../"));
    assertThrows(IllegalArgumentException.class, () -> store.list("/"));
  }

  final String got(String name) throws IOException {
    Path target = here.resolve("got");
    store.get(name, target);
    return Files.readString(target);
  }

  final List<String> names(String prefix) throws IOException {
    return store.list(prefix).stream().map(StoredObject::name).toList();
  }

  final Path text(String file, String content) throws IOException {
    return Files.writeString(here.resolve(file), content, StandardCharsets.UTF_8);
  }

  final Path random(String file, int bytes, long seed) throws IOException {
    Random random = new Random(seed);
    byte[] block = new byte[64 * 1024];
    Path path = here.resolve(file);
    try (OutputStream out = Files.newOutputStream(path)) {
      for (int left = bytes; left > 0; left -= block.length) {
        random.nextBytes(block);
        out.write(block, 0, Math.min(left, block.length));
      }
    }
    assertEquals(bytes, Files.size(path));
    return path;
  }

  final List<String> filesHere() throws IOException {
    return files(here);
  }

  static List<String> files(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> directory.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  /** An error names the object and not the password. */
  static void assertSays(Exception error, String what, String secret) {
    assertTrue(error.getMessage().contains(what), error.getMessage());
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      assertFalse(cause.toString().contains(secret), cause.toString());
    }
  }
}
