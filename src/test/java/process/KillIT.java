package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import process.Writers.Kind;

/**
 * A node is killed again and again while clients write to it: every acknowledged write is there
 * once, none is there twice, and the node comes back where it was instead of building its database
 * anew.
 *
 * <p>{@code -Dpeqlite.kills=500} kills more often than the default of 10.
 */
@Timeout(3600)
class KillIT {

  private static final int WRITING_MILLIS_MAX = 500;

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void keepsEveryAcknowledgedWriteOnce() throws Exception {
    killWhileWriting(
        nodes.at(directory.resolve("data")).set("peqlite.sequencer.event-bytes-max", "64KiB"),
        Writers.SCHEMA,
        Nodes.kills(),
        Kind.PLAIN,
        Kind.PLAIN,
        Kind.BATCH,
        Kind.TRANSACTION,
        Kind.FAILING,
        Kind.KEYED,
        Kind.KEYED,
        Kind.LARGE);
  }

  @Test
  void keepsEveryAcknowledgedWriteOnceWithDeferredForeignKeys() throws Exception {
    killWhileWriting(
        nodes.at(directory.resolve("data")).option("--foreign-keys"),
        Writers.DEFERRED_SCHEMA,
        Math.max(1, Nodes.kills() / 3),
        Kind.PLAIN,
        Kind.TRANSACTION,
        Kind.KEYED,
        Kind.CUT,
        Kind.CUT,
        Kind.CHILD_FIRST,
        Kind.ORPHAN);
  }

  private void killWhileWriting(
      Nodes.Preparation preparation, Iterable<String> schema, int kills, Kind... kinds)
      throws Exception {
    NodeProcess node = preparation.start().awaitReady();
    for (String statement : schema) {
      assertTrue(node.execute(statement).succeeded());
    }
    Object file = fileKey(node);
    try (Writers writers = new Writers(nodes.random())) {
      for (int kill = 1; kill <= kills; kill++) {
        writers.writeTo(node, kinds);
        Eventually.pass(Duration.ofMillis(1 + nodes.random().nextInt(WRITING_MILLIS_MAX)));
        node.kill9();
        writers.awaitGone();
        assertFalse(node.log().contains(" ERROR "), "nothing went wrong until it was killed");
        assertTrue(
            applied(node) >= writers.highestSeq(),
            "what was acknowledged is applied when the process is gone");

        node = preparation.start().awaitReady();
        assertEquals(file, fileKey(node), "the database was not built anew");
        assertTrue(
            node.query("SELECT count(*) FROM log", "none").value().asLong()
                >= writers.rowsAcknowledged(),
            "no read is served from before what was acknowledged");
        assertEquals("ok", node.query("PRAGMA integrity_check").value().asText());
      }
      writers.settleKeyed(node);
      assertTrue(writers.rowsAcknowledged() > 0, "there were writes");
      WriteCheck.assertAppliedOnce(writers, node);
      assertEquals(0, node.terminate());
      assertFalse(node.log().contains(" ERROR "), "nothing went wrong until it was stopped");
      WriteCheck.assertAtToldPositions(writers, new JournalFile(node.journalFile()));
      assertSameWhenBuiltAnew(node, preparation);
    }
  }

  /** The journal alone gives the same database, without any kill on the way. */
  private void assertSameWhenBuiltAnew(NodeProcess stopped, Nodes.Preparation preparation)
      throws Exception {
    var contents = DatabaseFile.contents(stopped.databaseFile());
    DatabaseFile.delete(stopped.databaseFile());
    NodeProcess anew = preparation.start().awaitReady();
    assertEquals(0, anew.terminate());
    assertEquals(contents, DatabaseFile.contents(anew.databaseFile()));
  }

  private static Object fileKey(NodeProcess node) throws Exception {
    return Files.readAttributes(node.databaseFile(), BasicFileAttributes.class).fileKey();
  }

  /** The last event of which anything is applied: an event can be cut into transactions. */
  private static long applied(NodeProcess node) throws Exception {
    return DatabaseFile.number(
        node.databaseFile(), "SELECT seq + (idx > 0 OR statement > 0) FROM _peqlite_position");
  }
}
