package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import process.Writers.Kind;

/** SIGTERM: what was taken is answered, what was not is refused, and the exit code is 0. */
@Timeout(120)
class StopIT {

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void answersWhatItHasTakenUnderLoad() throws Exception {
    NodeProcess node = nodes.start(directory.resolve("data")).awaitReady();
    assertTrue(node.execute(Writers.SCHEMA.toArray()).succeeded());
    URI url = URI.create(node.url());
    try (Writers writers = new Writers(nodes.random())) {
      writers.writeTo(
          node,
          Kind.PLAIN,
          Kind.PLAIN,
          Kind.PLAIN,
          Kind.BATCH,
          Kind.TRANSACTION,
          Kind.KEYED,
          Kind.LARGE);
      Eventually.pass(Duration.ofMillis(500 + nodes.random().nextInt(1_000)));
      assertEquals(0, node.terminate());
      writers.awaitGone();
      assertThrows(ConnectException.class, () -> connect(url));

      long before = writers.rowsAcknowledged();
      assertTrue(before > 0, "there was a load");
      NodeProcess next = nodes.start(directory.resolve("data")).awaitReady();
      // A connection that was closed without an answer carried nothing that was taken.
      assertEquals(before, next.query("SELECT count(*) FROM log").value().asLong());
      WriteCheck.assertAppliedOnce(writers, next);
      assertEquals(0, next.terminate());
      WriteCheck.assertAtToldPositions(writers, new JournalFile(next.journalFile()));
    }
  }

  @Test
  void leavesNothingToDoForTheNextStart() throws Exception {
    NodeProcess node = nodes.start(directory.resolve("data")).awaitReady();
    assertTrue(node.execute("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)").succeeded());
    assertEquals(0, node.terminate());
    assertFalse(node.databaseFile().resolveSibling("database.db-wal").toFile().exists());
    assertFalse(node.journalFile().resolveSibling("journal.db-wal").toFile().exists());

    NodeProcess next = nodes.start(directory.resolve("data")).awaitReady();
    assertEquals(1, next.query("SELECT x FROM t").value().asLong());
    // A late heartbeat says that this machine is busy.
    assertFalse(
        next.log()
            .lines()
            .filter(line -> !line.contains("ClusterHeartbeat"))
            .anyMatch(line -> line.contains(" WARN ") || line.contains(" ERROR ")),
        next::log);
  }

  private static void connect(URI url) throws Exception {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(url.getHost(), url.getPort()), 5_000);
    }
  }
}
