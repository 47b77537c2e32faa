package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static process.Eventually.eventually;

import java.io.File;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import storage.PostgresServer;

/** The example application is built, and three of it share what they count. */
@Timeout(180)
class ExampleIT {

  private static final Duration WAIT = Duration.ofSeconds(60);
  private static final Path EXAMPLE = Path.of("examples", "visits", "src", "main");
  private static final String READY = "visits: ";

  private record Service(Process process, Path output, int number) {
    String url() throws IOException {
      for (String line : Files.readAllLines(output)) {
        if (line.startsWith(READY)) {
          return line.substring(READY.length()).strip();
        }
      }
      throw new IllegalStateException("service " + number + " is not ready");
    }

    boolean isReady() throws IOException {
      if (!process.isAlive()) {
        throw new AssertionError(
            "service "
                + number
                + " ended with "
                + process.exitValue()
                + "\n"
                + Files.readString(output));
      }
      return Files.readString(output).contains(READY + "http");
    }
  }

  private final HttpClient client = HttpClient.newHttpClient();
  private final List<Service> started = new ArrayList<>();

  @TempDir private Path directory;

  @AfterEach
  void end() throws Exception {
    for (Service service : started) {
      service.process().destroyForcibly().waitFor();
    }
  }

  @Test
  void threeServicesCountTogether() throws Exception {
    Path classes = build();
    try (PostgresServer postgres = PostgresServer.start(directory.resolve("postgres"))) {
      List<Service> services = new ArrayList<>();
      for (int number = 1; number <= 3; number++) {
        Service service = start(classes, number, postgres.url());
        eventually("service " + number + " is ready", WAIT, service::isReady);
        services.add(service);
      }
      for (int i = 0; i < 9; i++) {
        String counted = visit(services.get(i % 3), "rome");
        assertEquals("{\"count\":" + (i + 1) + ",\"place\":\"rome\"}", sorted(counted));
      }
      services.get(0).process().destroyForcibly().waitFor();
      eventually("the others go on", WAIT, () -> visit(services.get(1), "oslo").contains("oslo"));
      assertTrue(list(services.get(2)).contains("rome"), () -> "" + services);

      services.get(1).process().destroy();
      assertTrue(services.get(1).process().waitFor(WAIT.toSeconds(), TimeUnit.SECONDS));
      Service again = start(classes, 1, postgres.url());
      eventually("the first is ready again", WAIT, again::isReady);
      assertEquals("{\"count\":10,\"place\":\"rome\"}", sorted(visit(services.get(2), "rome")));
      eventually("the first sees it", WAIT, () -> list(again).contains("10"));
    }
  }

  /** As its own build does, with the libraries of this one. */
  private Path build() throws IOException {
    Path classes = Files.createDirectories(directory.resolve("classes"));
    List<String> arguments = new ArrayList<>(List.of("-d", classes.toString(), "-cp", classPath()));
    try (Stream<Path> files = Files.walk(EXAMPLE.resolve("java"))) {
      files
          .filter(file -> file.toString().endsWith(".java"))
          .map(Path::toString)
          .forEach(arguments::add);
    }
    assertEquals(
        0,
        ToolProvider.getSystemJavaCompiler()
            .run(null, null, null, arguments.toArray(String[]::new)));
    return classes;
  }

  /** Without the tests' own classes. */
  private static String classPath() {
    return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
        .filter(entry -> !entry.contains("test-classes"))
        .reduce((left, right) -> left + File.pathSeparator + right)
        .orElseThrow();
  }

  private Service start(Path classes, int number, String journalUrl) throws IOException {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            String.join(
                File.pathSeparator,
                classes.toString(),
                EXAMPLE.resolve("resources").toString(),
                classPath()),
            "visits.Visits");
    Path output = Files.createTempFile(directory, "visits", ".out");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().put("VISITS_PORT", "0");
    builder.environment().put("VISITS_NODE", "v" + number);
    builder.environment().put("VISITS_DATA", directory.resolve("data" + number).toString());
    builder.environment().put("VISITS_JOURNAL", "postgres");
    builder.environment().put("VISITS_JOURNAL_URL", journalUrl);
    Service service = new Service(builder.start(), output, number);
    started.add(service);
    return service;
  }

  private String visit(Service service, String place) throws Exception {
    return ask(
        HttpRequest.newBuilder(URI.create(service.url() + "/visits/" + place))
            .POST(HttpRequest.BodyPublishers.noBody()));
  }

  private String list(Service service) throws Exception {
    return ask(HttpRequest.newBuilder(URI.create(service.url() + "/visits")));
  }

  private String ask(HttpRequest.Builder request) throws Exception {
    try {
      return client
          .send(request.timeout(WAIT).build(), HttpResponse.BodyHandlers.ofString())
          .body();
    } catch (ConnectException gone) {
      return "";
    }
  }

  private static String sorted(String json) {
    List<String> members = new ArrayList<>(List.of(json.replaceAll("[{}]", "").split(",")));
    members.sort(null);
    return "{" + String.join(",", members) + "}";
  }
}
