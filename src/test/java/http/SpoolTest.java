package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SpoolTest {

  private static final byte[] CHUNK = "0123456789".getBytes(StandardCharsets.US_ASCII);

  @TempDir Path directory;
  private ActorSystem system;

  @BeforeAll
  void start() {
    system =
        ActorSystem.create(
            "spool-test",
            ConfigFactory.parseString("pekko.actor.provider = local")
                .withFallback(ConfigFactory.defaultReference())
                .resolve());
  }

  @AfterAll
  void stop() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
  }

  private static Spool.Segment begin(Spool spool) {
    return Objects.requireNonNull(spool.begin());
  }

  @Test
  void givesBackWhatWasWrittenAndThenItsRoom() throws Exception {
    Spool spool = new Spool(directory.resolve("made/when/needed"), 10_000_000);
    Spool.Segment segment = begin(spool);
    byte[] large = new byte[300_000];
    Arrays.fill(large, (byte) 7);
    assertTrue(segment.append(CHUNK, 3));
    assertTrue(segment.append(large, large.length));
    assertTrue(segment.append(CHUNK, CHUNK.length));
    assertEquals(300_013, spool.bytes());

    ByteString read =
        segment
            .source()
            .runFold(ByteString.emptyByteString(), ByteString::concat, system)
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS);

    assertEquals(300_013, read.size());
    assertEquals("012", read.take(3).utf8String());
    assertEquals("0123456789", read.drop(300_003).utf8String());
    assertEquals(0, spool.bytes());
    assertTrue(segment.isClosed());
  }

  @Test
  void takesNoMoreThanItMayHold() {
    Spool spool = new Spool(directory, 25);
    Spool.Segment first = begin(spool);
    Spool.Segment second = begin(spool);
    assertTrue(first.append(CHUNK, 10));
    assertTrue(second.append(CHUNK, 10));
    assertFalse(first.append(CHUNK, 10));
    assertTrue(first.append(CHUNK, 5));
    assertNull(spool.begin());
    second.close();
    second.close();
    assertEquals(15, spool.bytes());
    assertTrue(first.append(CHUNK, 10));
    first.close();
    assertEquals(0, spool.bytes());
    assertFalse(first.append(CHUNK, 1));
    assertEquals(0, spool.bytes());
  }

  @Test
  void leavesNoFileThatAnotherProcessCouldFind() throws Exception {
    Path own = directory.resolve("own");
    Spool spool = new Spool(own, 100);
    Spool.Segment segment = begin(spool);
    assertTrue(segment.append(CHUNK, 10));
    segment.close();
    try (Stream<Path> files = Files.list(own)) {
      assertEquals(0, files.count());
    }
  }

  @Test
  void keepsNothingWhereItCannotWriteOrMayNot() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    assertNull(new Spool(file.resolve("below"), 100).begin());
    assertNull(new Spool(directory, 0).begin());
    assertNotNull(new Spool(directory, 1).begin());
  }
}
