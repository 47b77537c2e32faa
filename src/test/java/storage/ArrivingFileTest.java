package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A file that is read while it comes. */
@Timeout(60)
class ArrivingFileTest {

  @TempDir Path folder;
  private Path file;
  private byte[] content;

  @BeforeEach
  void make() {
    file = folder.resolve("file");
    content = new byte[1 << 20];
    new Random(1).nextBytes(content);
  }

  private static CompletableFuture<byte[]> readAll(ArrivingFile arriving) {
    return CompletableFuture.supplyAsync(
        () -> {
          try (arriving) {
            return arriving.readAllBytes();
          } catch (IOException e) {
            throw new CompletionException(e);
          }
        });
  }

  @Test
  void givesWhatIsThereAndWhatComes() throws Exception {
    int there = 1000;
    Files.write(file, Arrays.copyOf(content, there));
    ArrivingFile arriving = new ArrivingFile(file, there);
    CompletableFuture<byte[]> read = readAll(arriving);
    Random random = new Random(2);
    try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.APPEND)) {
      int at = there;
      while (at < content.length) {
        int length = Math.min(content.length - at, 1 + random.nextInt(20_000));
        out.write(content, at, length);
        at += length;
        arriving.arrived(at);
      }
    }
    TimeUnit.MILLISECONDS.sleep(50);
    assertFalse(read.isDone(), "more may come");
    arriving.complete();
    assertArrayEquals(content, read.get());
  }

  @Test
  void givesNothingThatHasNotArrived() throws Exception {
    Files.write(file, content);
    try (ArrivingFile arriving = new ArrivingFile(file, 10)) {
      assertArrayEquals(Arrays.copyOf(content, 10), arriving.readNBytes(10));
      arriving.arrived(11);
      assertEquals(content[10] & 0xff, arriving.read());
      arriving.complete();
      assertEquals(-1, arriving.read());
    }
  }

  @Test
  void failsWhoeverWaitsWhenNothingMoreComes() throws Exception {
    Files.write(file, content);
    ArrivingFile arriving = new ArrivingFile(file, 10);
    CompletableFuture<byte[]> read = readAll(arriving);
    TimeUnit.MILLISECONDS.sleep(50);
    arriving.breakOff(new IOException("the node is gone"));
    CompletionException broken = assertThrows(CompletionException.class, read::join);
    assertEquals("the node is gone", broken.getCause().getMessage());
  }
}
