package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import process.JournalLink.Held;
import storage.PostgresServer;

/** The tools that break things do break them, and in the way they say. */
@Timeout(120)
class FaultToolsIT {

  private static final Duration WAIT = Duration.ofSeconds(20);

  @TempDir Path directory;

  @Test
  void aLinkIsCutStalledDeafAndHealed() throws Exception {
    try (PostgresServer postgres = PostgresServer.start(directory);
        JournalLink link = link(postgres)) {
      String url = link.through(postgres.url()) + "&socketTimeout=1&connectTimeout=1";
      assertEquals(1, one(url));

      Connection cut = DriverManager.getConnection(url);
      link.cut();
      assertThrows(SQLException.class, () -> one(cut));
      assertThrows(SQLException.class, () -> one(url));
      link.heal();
      assertEquals(1, one(url));

      Connection stalled = DriverManager.getConnection(url);
      link.stall();
      assertThrows(SQLException.class, () -> one(stalled), "nothing comes back in time");
      link.heal();
      assertEquals(1, one(url));

      try (Connection deaf = DriverManager.getConnection(url);
          Statement statement = deaf.createStatement()) {
        statement.execute("CREATE TABLE heard (x INTEGER)");
        link.deafen();
        assertThrows(SQLException.class, () -> statement.execute("INSERT INTO heard VALUES (1)"));
      }
      link.heal();
      Eventually.eventually(
          "the question was heard", WAIT, () -> number(url, "SELECT count(*) FROM heard") == 1);
    }
  }

  @Test
  void anAppendIsHeldBeforeItsCommit() throws Exception {
    try (PostgresServer postgres = PostgresServer.start(directory);
        JournalLink link = link(postgres);
        Connection connection = DriverManager.getConnection(link.through(postgres.url()))) {
      postgres.execute("CREATE TABLE event_journal (bytes BYTEA)");
      connection.setAutoCommit(false);
      // More often than it takes the driver to name its statements.
      for (int i = 0; i < 10; i++) {
        append(connection, 10);
      }
      Held held = link.holdCommit(1_000, 1);
      append(connection, 10);
      append(connection, 5_000);
      CompletableFuture<Void> appending =
          CompletableFuture.runAsync(
              () -> {
                try {
                  append(connection, 5_000);
                } catch (SQLException e) {
                  throw new AssertionError(e);
                }
              });
      held.awaitReached(WAIT);
      assertFalse(appending.isDone());
      assertEquals(12, number(postgres.url(), "SELECT count(*) FROM event_journal"));
      held.release();
      appending.get(20, TimeUnit.SECONDS);
      assertEquals(13, number(postgres.url(), "SELECT count(*) FROM event_journal"));
    }
  }

  @Test
  void waysBetweenNetworksAreCutOneByOne() throws Exception {
    try (Namespaces network = Namespaces.create(3)) {
      List<Process> started = new ArrayList<>();
      try {
        for (int node = 0; node < 3; node++) {
          started.add(listener(network, node));
        }
        Eventually.eventually(
            "all are joined", WAIT, () -> reaches(network, 0, 1) && reaches(network, 1, 2));
        network.cutOneWay(0, 1);
        assertFalse(reaches(network, 0, 1));
        assertFalse(reaches(network, 1, 0), "its answers take the way that is cut");
        assertTrue(reaches(network, 1, 2));
        network.heal();
        assertTrue(reaches(network, 1, 0));
        network.isolate(2);
        assertFalse(reaches(network, 2, 0));
        assertFalse(reaches(network, 1, 2));
        assertTrue(reaches(network, 0, 1));
        assertTrue(reachesFromOutside(network, 2), "the tests still reach it");
        network.heal();
        assertTrue(reaches(network, 2, 0));

        Process lasting =
            command(
                network, 0, "exec 3<>/dev/tcp/" + network.address(1) + "/7000; cat <&3; echo x");
        started.add(lasting);
        Eventually.pass(Duration.ofMillis(500));
        assertTrue(lasting.isAlive());
        network.resetConnections(0, 1);
        assertTrue(lasting.waitFor(10, TimeUnit.SECONDS), "its connection is gone");
      } finally {
        started.forEach(Process::destroyForcibly);
      }
    }
  }

  private static JournalLink link(PostgresServer postgres) throws Exception {
    return new JournalLink(
        InetAddress.getLoopbackAddress(), new InetSocketAddress(postgres.host(), postgres.port()));
  }

  private static void append(Connection connection, int bytes) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("INSERT INTO event_journal VALUES (?)")) {
      insert.setBytes(1, new byte[bytes]);
      insert.executeUpdate();
      connection.commit();
    }
  }

  private static long one(String url) throws SQLException {
    return number(url, "SELECT 1");
  }

  private static long one(Connection connection) throws SQLException {
    return DatabaseFile.number(connection, "SELECT 1");
  }

  private static long number(String url, String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection(url)) {
      return DatabaseFile.number(connection, sql);
    }
  }

  /** A process in a node's network that takes connections and keeps them. */
  private static Process listener(Namespaces network, int node) throws Exception {
    List<String> words = new ArrayList<>(network.enter(node));
    words.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            Path.of(Listener.class.getProtectionDomain().getCodeSource().getLocation().toURI())
                .toString(),
            Listener.class.getName(),
            network.address(node)));
    return new ProcessBuilder(words).inheritIO().start();
  }

  /** Takes connections on port 7000 and keeps them. */
  static final class Listener {

    private Listener() {}

    /** Runs until it is ended. */
    public static void main(String[] arguments) throws Exception {
      List<Socket> kept = new ArrayList<>();
      try (ServerSocket server = new ServerSocket(7000, 50, InetAddress.getByName(arguments[0]))) {
        while (kept.size() < 10_000) {
          kept.add(server.accept());
        }
      }
    }
  }

  private static Process command(Namespaces network, int node, String bash) throws Exception {
    List<String> words = new ArrayList<>(network.enter(node));
    words.addAll(List.of("bash", "-c", bash));
    return new ProcessBuilder(words)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static boolean reaches(Namespaces network, int from, int to) throws Exception {
    Process process = command(network, from, "exec 3<>/dev/tcp/" + network.address(to) + "/7000");
    if (process.waitFor(1_500, TimeUnit.MILLISECONDS)) {
      return process.exitValue() == 0;
    }
    process.destroyForcibly().waitFor();
    return false;
  }

  private static boolean reachesFromOutside(Namespaces network, int node) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(network.address(node), 7000), 2_000);
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
