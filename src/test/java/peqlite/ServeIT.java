package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Nodes as processes of the complete jar, seen from outside: what they print and how they end. The
 * jar is named by the system property {@code peqlite.jar}, which the build sets.
 */
@Timeout(120)
final class ServeIT {

  private static final String FREE_PORT = "127.0.0.1:0";

  @TempDir private Path directory;

  private final List<Process> started = new ArrayList<>();

  @AfterEach
  void endAll() {
    started.forEach(Process::destroyForcibly);
  }

  @Test
  void printsOneLineServesAndEndsWithZeroOnSigterm() throws Exception {
    Path data = directory.resolve("data");
    Process node = serve("--data-dir", data.toString());
    BufferedReader out = out(node);
    String url = readyUrl(out);

    assertEquals("{\"results\":[{}]}", post(url + "/db/execute", "[\"CREATE TABLE t (x)\"]"));

    terminate(node);
    assertEquals(0, node.waitFor());
    assertEquals(null, out.readLine(), "one line in all");
    assertTrue(Files.exists(data.resolve("journal.db")));
    try (Stream<Path> left = Files.list(data.resolve("native"))) {
      assertEquals(0, left.count(), "the native library is left behind");
    }
  }

  @Test
  void keepsWhatItAcknowledgedOverAKill() throws Exception {
    Path data = directory.resolve("data");
    Process first = serve("--data-dir", data.toString());
    String url = readyUrl(out(first));
    post(url + "/db/execute", "[\"CREATE TABLE t (x)\"]");
    post(url + "/db/execute", "[\"INSERT INTO t VALUES (42)\"]");
    first.destroyForcibly().waitFor();

    Process second = serve("--data-dir", data.toString());
    String again = readyUrl(out(second));
    String answer = post(again + "/db/query?level=strong", "[\"SELECT x FROM t\"]");
    assertTrue(answer.contains("\"values\":[[42]]"), answer);
    terminate(second);
    assertEquals(0, second.waitFor());
    try (Stream<Path> left = Files.list(data.resolve("native"))) {
      assertEquals(0, left.count(), "the killed node's native library is left behind");
    }
  }

  @Test
  void aSecondNodeOnTheSameDataEndsWithOneLine() throws Exception {
    Path data = directory.resolve("data");
    readyUrl(out(serve("--data-dir", data.toString())));

    assertFails(
        1,
        "peqlite: another node is running on the data directory " + data,
        serve("--data-dir", data.toString()));
  }

  @Test
  void aHttpPortInUseEndsWithOneLine() throws Exception {
    String url = readyUrl(out(serve("--data-dir", directory.resolve("one").toString())));
    String address = url.substring("http://".length());

    assertFails(
        1,
        "peqlite: cannot serve HTTP on " + address,
        serve("--data-dir", directory.resolve("two").toString(), "--http-addr", address));
  }

  @Test
  void warnsWhenOthersReachIt() throws Exception {
    Process node =
        serve(
            "--data-dir",
            directory.resolve("data").toString(),
            "--http-addr",
            "0.0.0.0:0",
            "--management-addr",
            "0.0.0.0:0");
    readyUrl(out(node));
    terminate(node);
    assertEquals(0, node.waitFor());
    String err = err(node);
    assertTrue(err.contains("whoever reaches it can read and write everything"), err);
    assertTrue(err.contains("whoever reaches it can see the cluster"), err);
    assertFalse(err.contains("take part in the cluster"), err);
  }

  @Test
  void aWrongOptionEndsWithOneLineAndCodeTwo() throws Exception {
    assertFails(2, "peqlite: Unknown option: '--wrong'", serve("--wrong"));
  }

  @Test
  void benchMeasuresAndLeavesNothingBehind() throws Exception {
    Path data = directory.resolve("data");
    Process bench =
        start(
            List.of(
                "bench",
                "--warmup",
                "0ms",
                "--duration",
                "200ms",
                "--rows",
                "100",
                "--json",
                "--data-dir",
                data.toString()));
    String json = out(bench).readLine();
    String err = err(bench);
    assertEquals(0, bench.waitFor(), err);
    assertTrue(json.contains("\"HTTP point reads / empty HTTP route\""), json);
    assertFalse(json.contains("first_error"), json);
    try (Stream<Path> left = Files.list(data.resolve("tmp"))) {
      assertEquals(0, left.count());
    }
  }

  private static void assertFails(int code, String lineStart, Process process) throws Exception {
    String err = err(process);
    assertEquals(code, process.waitFor(), err);
    assertEquals(1, err.lines().count(), err);
    assertTrue(err.startsWith(lineStart), err);
  }

  /** SIGTERM by the handle, because the process itself would close its streams with it. */
  private static void terminate(Process process) {
    assertTrue(process.toHandle().destroy());
  }

  private Process serve(String... options) throws IOException {
    List<String> arguments = new ArrayList<>(List.of("serve"));
    arguments.addAll(List.of(options));
    for (String address : List.of("--http-addr", "--cluster-addr", "--management-addr")) {
      if (!arguments.contains(address)) {
        arguments.addAll(List.of(address, FREE_PORT));
      }
    }
    return start(arguments);
  }

  private Process start(List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-jar", System.getProperty("peqlite.jar")));
    command.addAll(arguments);
    Process process = new ProcessBuilder(command).directory(directory.toFile()).start();
    started.add(process);
    return process;
  }

  private static String readyUrl(BufferedReader out) throws IOException {
    String line = out.readLine();
    assertTrue(line != null && line.matches("peqlite \\S+ ready: http://\\S+"), "said: " + line);
    return line.substring(line.indexOf("http://"));
  }

  private static BufferedReader out(Process process) {
    return new BufferedReader(
        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  /** Everything the process says until it ends, short enough for the pipe. */
  private static String err(Process process) throws Exception {
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "has not ended");
    return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  private static String post(String url, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body().strip();
  }
}
