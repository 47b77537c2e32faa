package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Only what does not start a node; a running one is seen in {@link ServeIT}. */
final class MainTest {

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "serve --help",
        "bench --help",
        "backup --help",
        "version --help",
        "version"
      })
  void whatWasAskedForIsOnStandardOutput(String line) {
    assertEquals(0, run(line.split(" ", -1)));
    assertTrue(out.toString().toLowerCase(java.util.Locale.ROOT).contains("peqlite"));
    assertEquals("", err.toString());
  }

  @Test
  void everyCommandPrintsTheVersion() {
    assertEquals(0, run("--version"));
    assertEquals("peqlite " + Version.text(), out.toString().strip());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "server",
        "--wrong",
        "serve --wrong",
        "serve extra",
        "serve --http-addr",
        "serve --http-addr 127.0.0.1:65536",
        "serve --cluster-addr nonsense",
        "serve --journal postgres",
        "serve --journal postgres --journal-url jdbc:mysql://127.0.0.1/peqlite",
        "serve --journal postgres --journal-url postgresql://127.0.0.1/peqlite",
        "serve --journal postgres --journal-url jdbc:postgresql://h/d --journal-password-file"
            + " /none",
        "serve --journal-url jdbc:postgresql://h/d",
        "serve --management-addr nonsense",
        "serve --journal quorum",
        "serve --journal paper",
        "serve --join 127.0.0.1:7355 --journal sqlite",
        "serve --join 127.0.0.1:7355 --quorum-addr 0.0.0.0:1",
        "serve --join 127.0.0.1:7355 --journal-url jdbc:postgresql://h/d",
        "serve --config /nowhere/at/all",
        "bench --workload none",
        "bench --duration soon",
        "bench --workers 0",
        "bench --workers x",
        "bench --url ftp://x",
        "bench --url http://x:y",
        "bench --http --in-process",
      })
  void wrongUseIsOneLineAndCodeTwo(String line) {
    assertEquals(2, run(line.isEmpty() ? new String[0] : line.split(" ", -1)), line);
    assertOneLine();
  }

  @Test
  void joiningWithTheJournalOfOneNodeIsExplained() {
    assertEquals(2, run("serve", "--join", "127.0.0.1:7355", "--journal", "sqlite"));
    assertEquals(
        "peqlite: --join: needs a journal for many nodes, and 'sqlite' is for one;"
            + " use --journal quorum or --journal postgres",
        err.toString().strip());
  }

  @Test
  void aDataDirectoryThatCannotBeWrittenIsCodeTwo() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "in the way");
    assertEquals(2, run("serve", "--data-dir", file.resolve("data").toString()));
    assertOneLine();
  }

  @Test
  void aDataDirectoryInUseIsCodeOne() throws Exception {
    try (DataDirectory held = DataDirectory.open(directory)) {
      assertEquals(directory, held.path());
      assertEquals(1, run("serve", "--data-dir", directory.toString()));
    }
    assertOneLine();
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
