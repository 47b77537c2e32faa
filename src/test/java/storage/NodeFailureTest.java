package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;
import sql.Statement;
import sql.Value;
import sql.WriteRequest;

/** Failures of the node are never outcomes: nothing is recorded, and it goes on afterwards. */
class NodeFailureTest {

  private static final long SMALL = 600 << 10;

  @TempDir private Path folder;
  private final EventChain chain = EventChain.create();

  @Test
  void goesOnWhenThereIsSpaceAgain() throws Exception {
    try (ReplicaFixture replica =
        new ReplicaFixture(folder.resolve("replica.db"), ReplicaFixture.limited(false, 0, SMALL))) {
      replica.run(chain, "CREATE TABLE t (v)");
      chain.append(
          chain.request(EventChain.statements("INSERT INTO t VALUES ('before')")),
          chain.request(blob(1 << 20)),
          chain.request(EventChain.statements("INSERT INTO t VALUES ('after')")));
      Position full = new Position(chain.head(), 1);
      ApplyResult.Failed failed = (ApplyResult.Failed) replica.apply(chain);
      assertEquals(full, failed.position());
      assertEquals("database or disk is full", failed.reason());
      assertEquals(2, replica.seq());
      assertEquals(List.of(), replica.read("SELECT v FROM t"));
      assertEquals(2, replica.told.size());

      replica.reopen(ReplicaFixture.limited(false, 0, SMALL));
      assertFalse(replica.applier().hasSpace());
      ApplyResult again = replica.apply(chain.events(), Map.of(), true, entry -> {});
      assertEquals(full, ((ApplyResult.Failed) again).position());
      assertEquals(List.of("before"), replica.read("SELECT v FROM t"));

      replica.reopen(ReplicaFixture.settings(false));
      assertTrue(replica.applier().hasSpace());
      assertEquals(new ApplyResult.Applied(), replica.apply(chain));
      assertEquals(
          List.of("before", "1048576", "after"),
          replica.read("SELECT iif(length(v) > 99, length(v), v) FROM t"));
    }
  }

  @Test
  void hasSpaceLeavesNothingBehind() throws Exception {
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.run(chain, "CREATE TABLE t (v)", "INSERT INTO t VALUES (1)");
      String before = replica.digest();
      assertTrue(replica.applier().hasSpace());
      assertEquals(before, replica.digest());
      assertEquals(List.of("0"), replica.read("SELECT count(*) FROM _peqlite_space"));
    }
  }

  @Test
  void saysThatAFileIsNoDatabase() throws Exception {
    Path file = folder.resolve("replica.db");
    Files.writeString(file, "this is a text and no database".repeat(1000), StandardCharsets.UTF_8);
    ReplicaException refused =
        assertThrows(ReplicaException.class, () -> ReplicaFixture.open(folder));
    assertTrue(refused.getMessage().contains("replica.db"), refused.getMessage());
    assertTrue(refused.getMessage().contains("file is not a database"), refused.getMessage());
  }

  @Test
  void failsOnAPageThatIsDamaged() throws Exception {
    Path file = folder.resolve("replica.db");
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.run(chain, "CREATE TABLE t (v UNIQUE)");
      for (int i = 0; i < 50; i++) {
        replica.run(chain, blob(5000 + i));
      }
    }
    try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
      byte[] garbage = new byte[4096];
      Arrays.fill(garbage, (byte) 0xA5);
      for (long page = 30 * 4096L; page + 4096 <= bytes.length(); page += 4096) {
        bytes.seek(page);
        bytes.write(garbage);
      }
    }
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      long before = replica.seq();
      chain.write("UPDATE t SET v = v || 'x'");
      ApplyResult.Failed failed = (ApplyResult.Failed) replica.apply(chain);
      assertEquals("database disk image is malformed", failed.reason());
      assertEquals(before, replica.seq());
    }
  }

  @Test
  void saysThatTheFileCannotBeMade() throws Exception {
    Path file = folder.resolve("a-file");
    Files.writeString(file, "");
    assertThrows(
        ReplicaException.class,
        () -> EventApplier.open(file.resolve("replica.db"), ReplicaFixture.settings(false)));
  }

  @Test
  void movesItsLogIntoTheFile() throws Exception {
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.run(chain, "CREATE TABLE t (v)");
      replica.run(chain, blob(1 << 20));
      assertTrue(replica.applier().walBytes() > 1 << 20);
      assertTrue(replica.applier().checkpoint());
      assertEquals(0, replica.applier().walBytes());
      assertInstanceOf(ApplyResult.Applied.class, replica.apply(chain));
    }
  }

  private static WriteRequest blob(int length) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) length);
    return WriteRequest.of(false, Statement.of("INSERT INTO t VALUES (?)", new Value.Blob(bytes)));
  }
}
