package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A node that cannot start says why in one line, and its exit code says whose fault it is. */
@Timeout(120)
class StartIT {

  private static final int CANNOT = 1;
  private static final int WRONG_USE = 2;

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void refusesADataDirectoryThatAnotherNodeHolds() throws Exception {
    Path data = directory.resolve("data");
    NodeProcess first = nodes.start(data).awaitReady();
    assertEnds(nodes.start(data), CANNOT, "another node is running on the data directory");
    assertTrue(first.execute("CREATE TABLE t (x)").succeeded(), "the first one goes on");
  }

  @Test
  void refusesWrongOptionsAndValues() throws Exception {
    Path data = directory.resolve("data");
    assertEnds(nodes.at(data).option("--no-such-option").start(), WRONG_USE, "--no-such-option");
    assertEnds(nodes.at(data).option("--http-addr", "nonsense").start(), WRONG_USE, "--http-addr");
    assertEnds(nodes.at(data).option("--journal", "paper").start(), WRONG_USE, "--journal");
    assertEnds(nodes.at(data).option("--journal", "quorum").start(), WRONG_USE, "--join");
    assertEnds(
        nodes.at(data).set("peqlite.apply.hold-after", "soon").start(),
        WRONG_USE,
        "peqlite.apply.hold-after");
    assertEnds(nodes.at(data).set("peqlite.no-such-key", "1").start(), WRONG_USE, "no-such-key");
  }

  @Test
  void refusesAConfigurationThatCannotBeRead() throws Exception {
    Path data = directory.resolve("data");
    String missing = directory.resolve("missing.conf").toString();
    assertEnds(nodes.at(data).option("--config", missing).start(), WRONG_USE, "missing.conf");
    Path broken = Files.writeString(directory.resolve("broken.conf"), "peqlite { http-addr = ");
    assertEnds(
        nodes.at(data).option("--config", broken.toString()).start(), WRONG_USE, "broken.conf");
  }

  @Test
  void refusesAnHttpAddressInUse() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      String address = "127.0.0.1:" + taken.getLocalPort();
      assertEnds(
          nodes.at(directory.resolve("data")).option("--http-addr", address).start(),
          CANNOT,
          address);
    }
  }

  @Test
  void refusesADataDirectoryThatCannotBeWritten() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "not a folder");
    assertEnds(nodes.start(file.resolve("data")), WRONG_USE, "--data-dir");
    assertEnds(nodes.start(Path.of("/proc/peqlite-data")), WRONG_USE, "--data-dir");
  }

  @Test
  void refusesForeignKeysOtherThanTheJournalWasCreatedWith() throws Exception {
    Path data = directory.resolve("data");
    NodeProcess first = nodes.at(data).option("--foreign-keys").start().awaitReady();
    assertTrue(first.execute("CREATE TABLE t (x)").succeeded());
    assertEquals(0, first.terminate());

    NodeProcess other = nodes.start(data);
    Eventually.eventually(
        "the node says why it is not ready",
        Duration.ofSeconds(30),
        () -> other.get("/readyz").text().contains("--foreign-keys"));
    assertEquals(503, other.execute("INSERT INTO t VALUES (1)").status());
    assertEquals(0, other.terminate());

    NodeProcess again = nodes.at(data).option("--foreign-keys").start().awaitReady();
    assertEquals(0, again.query("SELECT count(*) FROM t").value().asLong());
    assertTrue(again.execute("INSERT INTO t VALUES (1)").succeeded());
  }

  private static void assertEnds(NodeProcess node, int exitCode, String words) throws Exception {
    assertEquals(exitCode, node.exitCode(), node::log);
    assertTrue(node.log().startsWith("peqlite: "), node::log);
    assertTrue(node.log().contains(words), node::log);
    assertEquals(1, node.log().lines().count(), node::log);
  }
}
