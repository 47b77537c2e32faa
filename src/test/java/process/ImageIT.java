package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The container image is made, unpacked, and run as a container engine would run it. */
@Tag(Clusters.LONG)
@Timeout(900)
class ImageIT {

  /** Everything but two folders is read-only, also for the processes inside. */
  private static final String CONTAINER =
      """
      set -eu
      root=$1
      shift
      mount --bind "$root" "$root"
      mount -t proc proc "$root/proc"
      mount --rbind /dev "$root/dev"
      mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
      mount --bind "$DATA" "$root/data"
      mount -o remount,bind,ro "$root"
      exec chroot --userspec=10001:10001 "$root" "$@"
      """;

  private static final Pattern READY = Pattern.compile("peqlite \\S+ ready: (http://\\S+)");

  @TempDir private Path directory;

  @Test
  void theImageRunsReadOnlyAndWithoutRights() throws Exception {
    Assumptions.assumeTrue(
        "root".equals(System.getProperty("user.name"))
            && Files.isExecutable(Path.of("/usr/bin/umoci")),
        "SKIPPED: needs root and umoci");
    run("bin/peqlite-image");
    Path layout = Files.createDirectory(directory.resolve("layout"));
    run("tar", "-xf", "target/peqlite-image.tar", "-C", layout.toString());
    Path bundle = directory.resolve("bundle");
    String tag;
    try (Stream<String> tags = run("umoci", "list", "--layout", layout.toString()).lines()) {
      tag = tags.findFirst().orElseThrow();
    }
    run("umoci", "unpack", "--image", layout + ":" + tag, bundle.toString());

    Path data = Files.createDirectory(directory.resolve("data"));
    run("chown", "10001:10001", data.toString());
    List<String> command =
        new ArrayList<>(
            List.of(
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                CONTAINER,
                "sh",
                bundle.resolve("rootfs").toString()));
    command.addAll(entrypoint(bundle));
    command.addAll(
        List.of(
            "--http-addr",
            "127.0.0.1:0",
            "--cluster-addr",
            "127.0.0.1:0",
            "--management-addr",
            ""));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().clear();
    builder.environment().put("PATH", "/opt/java/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    builder.environment().put("TZ", "UTC");
    builder.environment().put("DATA", data.toString());
    builder.environment().put("PEQLITE_DATA_DIR", "/data");
    Path output = directory.resolve("output");
    Process container = builder.redirectOutput(output.toFile()).start();
    try {
      Eventually.eventually(
          "the node is ready",
          Duration.ofSeconds(60),
          () -> {
            assertTrue(container.isAlive(), () -> read(output));
            return READY.matcher(read(output)).find();
          });
      Matcher ready = READY.matcher(read(output));
      assertTrue(ready.find());
      String url = ready.group(1);
      assertEquals(200, ask(url + "/db/execute", "[\"CREATE TABLE t (a)\"]").status());
      assertEquals(200, ask(url + "/db/execute", "[\"INSERT INTO t VALUES (42)\"]").status());
      assertTrue(ask(url + "/db/query", "[\"SELECT a FROM t\"]").text().contains("[[42]]"));
      // As an operator does it: kubectl exec peqlite-0 -- peqlite nodes
      String listed =
          run(
              "chroot",
              bundle.resolve("rootfs").toString(),
              "/usr/bin/peqlite",
              "nodes",
              "--url",
              url);
      assertTrue(listed.contains(url), listed);
      // The namespace's first process, whose end is that of its parent outside.
      ProcessHandle node = container.descendants().reduce((first, last) -> last).orElseThrow();
      assertEquals("10001", run("stat", "-c", "%u", "/proc/" + node.pid()).strip());
      assertTrue(node.destroy());
      assertTrue(container.waitFor(60, TimeUnit.SECONDS));
      assertEquals(0, container.exitValue(), () -> read(output));
    } finally {
      container.descendants().forEach(ProcessHandle::destroyForcibly);
      container.destroyForcibly();
    }
  }

  /** What the image's configuration says is to be run. */
  private static List<String> entrypoint(Path bundle) throws IOException {
    List<String> words = new ArrayList<>();
    new ObjectMapper()
        .readTree(bundle.resolve("config.json").toFile())
        .path("process")
        .path("args")
        .forEach(word -> words.add(word.asText()));
    return words;
  }

  private static Answer ask(String url, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return Answer.of(HttpClient.newHttpClient().send(request, BodyHandlers.ofString()));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), () -> String.join(" ", command) + ": " + output);
    return output;
  }
}
