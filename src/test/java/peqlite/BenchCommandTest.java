package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import storage.PostgresSettings;

/** Only what starts no node. */
final class BenchCommandTest {

  private static final String URL = "jdbc:postgresql://127.0.0.1:5432/db";

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bench --cluster --journal-url jdbc:mysql://127.0.0.1/db",
        "bench --cluster --journal-url " + URL + " --url http://127.0.0.1:4001",
        "bench --cluster --journal-url " + URL + " --in-process",
        "bench --journal-url " + URL,
        "bench --url http://127.0.0.1:4001,",
        "bench --url http://127.0.0.1:4001,ftp://127.0.0.1:4002",
      })
  void wrongUseIsOneLineAndCodeTwo(String line) {
    assertEquals(2, run(line.split(" ", -1)), line);
    assertOneLine();
  }

  @Test
  void aClusterWithoutAPostgresIsToldWhatToGive() {
    SettingsException wrong =
        assertThrows(
            SettingsException.class,
            () -> BenchCluster.journal(Optional.empty(), Map.of("PEQLITE_JOURNAL", "sqlite")));
    assertEquals(
        "--cluster: needs a PostgreSQL: give --journal-url or PEQLITE_JOURNAL_URL, or have one"
            + " started by bin/peqlite-cluster --bench",
        wrong.line());
  }

  @Test
  void theOptionWinsAndTheEnvironmentMayNameTheUser() throws Exception {
    Map<String, String> environment =
        Map.of(
            "PEQLITE_JOURNAL", "sqlite",
            "PEQLITE_JOIN", "nonsense",
            "PEQLITE_JOURNAL_URL", "jdbc:postgresql://elsewhere/db",
            "PEQLITE_JOURNAL_USER", "me",
            "PEQLITE_JOURNAL_PASSWORD", "secret");
    assertEquals(
        new PostgresSettings(URL, Optional.of("me"), Optional.of("secret")),
        BenchCluster.journal(Optional.of(URL), environment));
    assertEquals(
        "jdbc:postgresql://elsewhere/db",
        BenchCluster.journal(Optional.empty(), environment).url());
  }

  @Test
  void aPostgresThatIsNotThereIsOneLineAndCodeOne() throws Exception {
    String url = "jdbc:postgresql://127.0.0.1:" + closedPort() + "/db?user=me&password=a-secret-1";
    String[] words = {
      "bench", "--cluster", "--warmup", "0ms", "--duration", "1ms", "--journal-url", url
    };
    assertEquals(1, run(with(words, "--data-dir", directory.toString())));
    assertOneLine();
    assertTrue(!err.toString().contains("a-secret-1"), err.toString());
  }

  private static String[] with(String[] words, String... more) {
    String[] all = Arrays.copyOf(words, words.length + more.length);
    System.arraycopy(more, 0, all, words.length, more.length);
    return all;
  }

  private static int closedPort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private int run(String... arguments) {
    return Main.run(arguments, new PrintWriter(out, true), new PrintWriter(err, true));
  }

  private void assertOneLine() {
    assertEquals("", out.toString());
    assertTrue(err.toString().startsWith("peqlite: "), err.toString());
    assertEquals(1, err.toString().lines().count(), err.toString());
  }
}
