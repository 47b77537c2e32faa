package process;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A node in a process of its own, as a user runs it, on free ports. Made by {@link Nodes}, which
 * ends it whatever the test does. Thread-safe.
 */
final class NodeProcess implements AutoCloseable {

  private static final Duration START_MAX = Duration.ofSeconds(60);
  private static final Pattern READY = Pattern.compile("peqlite \\S+ ready: (http://\\S+)");
  private static final Pattern SERVED = Pattern.compile(".*HTTP is served at (http://\\S+)");
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path dataDirectory;
  private final Process process;
  private final List<String> log = new ArrayList<>();
  private final CompletableFuture<String> served = new CompletableFuture<>();
  private final CompletableFuture<String> ready = new CompletableFuture<>();
  private final Thread reader;
  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(10))
          .build();

  /**
   * Takes charge of a process.
   *
   * @param output the file that it prints to; a pipe's last lines can be lost when its process ends
   */
  NodeProcess(Path dataDirectory, Process process, Path output) {
    this.dataDirectory = dataDirectory;
    this.process = process;
    this.reader = new Thread(() -> follow(output), "node-" + process.pid() + "-output");
    reader.setDaemon(true);
    reader.start();
  }

  private void follow(Path output) {
    try (BufferedReader lines = Files.newBufferedReader(output)) {
      StringBuilder line = new StringBuilder();
      boolean alive = true;
      while (alive) {
        // Asked before the rest is read, so that nothing printed at the very end is missed.
        alive = process.isAlive();
        for (int letter = lines.read(); letter >= 0; letter = lines.read()) {
          if (letter == '\n') {
            take(line.toString());
            line.setLength(0);
          } else {
            line.append((char) letter);
          }
        }
        LockSupport.parkNanos(LOOK_NANOS);
      }
      if (line.length() > 0) {
        take(line.toString());
      }
    } catch (IOException e) {
      take("(the node's output cannot be read: " + e + ")");
    }
    IllegalStateException gone = new IllegalStateException("the node has ended");
    served.completeExceptionally(gone);
    ready.completeExceptionally(gone);
  }

  private void take(String line) {
    synchronized (log) {
      log.add(line);
    }
    Matcher found = SERVED.matcher(line);
    if (found.matches()) {
      served.complete(found.group(1));
    }
    found = READY.matcher(line);
    if (found.matches()) {
      served.complete(found.group(1)); // a log of JSON says it in another way
      ready.complete(found.group(1));
    }
  }

  /** Waits until the node says that it is ready. */
  NodeProcess awaitReady() throws Exception {
    String url = ready.get(START_MAX.toSeconds(), TimeUnit.SECONDS);
    if (!url.equals(url())) {
      throw new AssertionError("served at " + url() + ", ready at " + url);
    }
    return this;
  }

  /** Whether the node has said that it is ready. */
  boolean hasBeenReady() {
    return ready.isDone() && !ready.isCompletedExceptionally();
  }

  /** Where it serves HTTP; waits until it does. */
  String url() throws Exception {
    return served.get(START_MAX.toSeconds(), TimeUnit.SECONDS);
  }

  Path dataDirectory() {
    return dataDirectory;
  }

  /** The file that holds what is applied. */
  Path databaseFile() {
    return dataDirectory.resolve("database.db");
  }

  /** The file that holds what is ordered. */
  Path journalFile() {
    return dataDirectory.resolve("journal.db");
  }

  /** Everything that the node has printed. */
  String log() {
    synchronized (log) {
      return String.join("\n", log);
    }
  }

  /** Whether it runs, or how it ended, in words. */
  String state() {
    return process.isAlive() ? "runs" : "ended with " + process.exitValue();
  }

  /** The id of the process. */
  long pid() {
    return process.pid();
  }

  /** Writes statements by themselves; parameters follow their text, as in {@code ["..?", 1]}. */
  Answer execute(Object... statements) throws Exception {
    return post("/db/execute", statements);
  }

  /** Sends statements as JSON to a path. */
  Answer post(String pathAndQuery, Object... statements) throws Exception {
    return post(pathAndQuery, Map.of(), statements);
  }

  /** Sends statements as JSON to a path, with headers. */
  Answer post(String pathAndQuery, Map<String, String> headers, Object... statements)
      throws Exception {
    byte[] body = JSON.writeValueAsBytes(statements);
    HttpRequest.Builder request =
        request(pathAndQuery).POST(HttpRequest.BodyPublishers.ofByteArray(body));
    headers.forEach(request::header);
    return Answer.of(client.send(request.build(), HttpResponse.BodyHandlers.ofString()));
  }

  /** An operator gives up the write at this position. */
  Answer abort(String position) throws Exception {
    HttpRequest.Builder request = request("/abort");
    String body = "{\"position\":\"" + position + "\"}";
    return Answer.of(
        client.send(
            request.POST(HttpRequest.BodyPublishers.ofString(body)).build(),
            HttpResponse.BodyHandlers.ofString()));
  }

  /** Reads from the level that sees every acknowledged write. */
  Answer query(String sql) throws Exception {
    return query(sql, "strong");
  }

  /** Reads at a level. */
  Answer query(String sql, String level) throws Exception {
    String text = URLEncoder.encode(sql, StandardCharsets.UTF_8);
    return get("/db/query?timeout=30s&level=" + level + "&q=" + text);
  }

  /** Gets a path. */
  Answer get(String pathAndQuery) throws Exception {
    return Answer.of(
        client.send(request(pathAndQuery).GET().build(), HttpResponse.BodyHandlers.ofString()));
  }

  /** Reads at level none and hands the body on as it comes. */
  HttpResponse<InputStream> stream(String sql) throws Exception {
    String text = URLEncoder.encode(sql, StandardCharsets.UTF_8);
    return client.send(
        request("/db/query?level=none&timeout=120s&q=" + text).GET().build(),
        HttpResponse.BodyHandlers.ofInputStream());
  }

  private HttpRequest.Builder request(String pathAndQuery) throws Exception {
    return HttpRequest.newBuilder(URI.create(url() + pathAndQuery)).timeout(Duration.ofMinutes(3));
  }

  /** A part of {@code /status}, by its dotted path; empty if there is none. */
  String status(String path) throws Exception {
    return get("/status?key=" + path).json().asText("");
  }

  /** Ends the process as a power switch does, except that the operating system lives on. */
  NodeProcess kill9() throws Exception {
    process.destroyForcibly();
    exitCode();
    return this;
  }

  /** Stops the process without its notice, as a long pause of the machine does. */
  NodeProcess pause() throws Exception {
    signal("STOP");
    return this;
  }

  /** Lets a paused process go on. */
  NodeProcess resume() throws Exception {
    signal("CONT");
    return this;
  }

  private void signal(String name) throws Exception {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid())).inheritIO().start();
    if (kill.waitFor() != 0) {
      throw new AssertionError("process " + pid() + " takes no SIG" + name);
    }
  }

  /** Asks the process to stop; {@link #exitCode} waits for it. */
  NodeProcess askToStop() {
    process.destroy();
    return this;
  }

  /** Sends SIGTERM, waits for the end, and returns the exit code. */
  int terminate() throws Exception {
    return askToStop().exitCode();
  }

  /** Waits for the end of the process and of its output. */
  int exitCode() throws Exception {
    if (!process.waitFor(90, TimeUnit.SECONDS)) {
      throw new AssertionError("the process does not end");
    }
    reader.join(TimeUnit.SECONDS.toMillis(10));
    return process.exitValue();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
  }
}
