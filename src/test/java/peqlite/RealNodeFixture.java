package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.typesafe.config.Config;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.LoggerFactory;

/**
 * A whole node in this process, wired as {@code serve} wires it, on free ports, and a client for
 * its HTTP interface. Its settings are those of {@code application.conf} but for what a test gives.
 */
final class RealNodeFixture implements AutoCloseable {

  private static final Pattern TEXT_CELL = Pattern.compile("\\[\"([^\"\\\\]*)\"");

  /** What clients made, not the node itself. */
  private static final String OURS = "tbl_name NOT LIKE '!_peqlite%' ESCAPE '!'";

  private final RunningNode node;
  private final LogWatch log;
  private final List<String> expectedTroubles = new CopyOnWriteArrayList<>();
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private RealNodeFixture(RunningNode node, LogWatch log) {
    this.node = node;
    this.log = log;
  }

  /**
   * Starts a node and waits until it is ready.
   *
   * @param directory where it keeps everything
   * @param overrides lines of a configuration file
   */
  static RealNodeFixture start(Path directory, String... overrides) throws Exception {
    return start(directory, Map.of("cluster-addr", "127.0.0.1:0"), overrides);
  }

  /** The same with the journal {@code quorum}, of which it is the only voter. */
  static RealNodeFixture startQuorum(Path directory) throws Exception {
    String address;
    try (ServerSocket free = new ServerSocket(0)) {
      address = "127.0.0.1:" + free.getLocalPort();
    }
    return start(directory, Map.of("cluster-addr", address, "join", address));
  }

  private static RealNodeFixture start(
      Path directory, Map<String, String> more, String... overrides) throws Exception {
    Path file = Files.write(directory.resolve("test.conf"), List.of(overrides));
    Map<String, String> options = new HashMap<>(more);
    options.putAll(
        Map.of(
            "data-dir", directory.resolve("data").toString(),
            "http-addr", "127.0.0.1:0",
            "management-addr", "127.0.0.1:0"));
    Config config = SettingsSource.load(options, Map.of(), Optional.of(file));
    LogWatch log = LogWatch.begin();
    RunningNode node = RunningNode.start(Settings.from(config), config);
    RealNodeFixture fixture = new RealNodeFixture(node, log);
    if (!node.awaitReady(Duration.ofSeconds(60))) {
      String problem = node.problem();
      fixture.close();
      throw new IllegalStateException("the node is not ready: " + problem);
    }
    return fixture;
  }

  RunningNode node() {
    return node;
  }

  HttpResponse<String> get(String pathAndQuery) throws Exception {
    return send(request(pathAndQuery).GET());
  }

  HttpResponse<String> post(String pathAndQuery, String json) throws Exception {
    return send(request(pathAndQuery).POST(HttpRequest.BodyPublishers.ofString(json)));
  }

  HttpResponse<String> delete(String pathAndQuery, String json) throws Exception {
    return send(request(pathAndQuery).method("DELETE", HttpRequest.BodyPublishers.ofString(json)));
  }

  HttpResponse<String> postText(String pathAndQuery, String text) throws Exception {
    return send(
        request(pathAndQuery)
            .header("Content-Type", "text/plain")
            .POST(HttpRequest.BodyPublishers.ofString(text)));
  }

  HttpResponse<String> postBytes(String pathAndQuery, byte[] body) throws Exception {
    return send(request(pathAndQuery).POST(HttpRequest.BodyPublishers.ofByteArray(body)));
  }

  HttpResponse<String> postWithKey(String pathAndQuery, String key, String json) throws Exception {
    return send(
        request(pathAndQuery)
            .header("Idempotency-Key", key)
            .POST(HttpRequest.BodyPublishers.ofString(json)));
  }

  /** Where its HTTP interface is. */
  String url() {
    return node.url();
  }

  HttpRequest.Builder request(String pathAndQuery) {
    return HttpRequest.newBuilder(URI.create(node.url() + pathAndQuery))
        .timeout(Duration.ofSeconds(60));
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  /** A connection without a client's manners. */
  Socket connect() throws IOException {
    Socket socket = new Socket("127.0.0.1", node.httpAddress().port());
    socket.setSoTimeout(60_000);
    return socket;
  }

  /** One text through {@code /db/execute}; the body of the answer. */
  String execute(String sql) throws Exception {
    return postText("/db/execute", sql).body();
  }

  /** The same, which must succeed. */
  void mustExecute(String sql) throws Exception {
    String answer = execute(sql);
    assertTrue(answer.startsWith("{\"results\":[") && !answer.contains("\"error\""), answer);
  }

  /** One query by GET; the body of the answer. */
  String query(String sql) throws Exception {
    return get("/db/query?q=" + encoded(sql)).body();
  }

  /** The rows that a query finds, as JSON; empty if there are none. */
  String rows(String sql) throws Exception {
    String body = get("/db/query?level=strong&q=" + encoded(sql)).body();
    assertTrue(!body.contains("\"error\""), body);
    String head = "\"values\":";
    int start = body.indexOf(head);
    return start < 0 ? "" : body.substring(start + head.length(), body.length() - "}]}".length());
  }

  /** Everything that clients can have put there: the schema, and all rows of all tables. */
  String content() throws Exception {
    StringBuilder content = new StringBuilder();
    content.append(
        rows(
            "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE "
                + OURS
                + " ORDER BY 1, 2"));
    for (String table :
        names("SELECT name FROM sqlite_master WHERE type = 'table' AND " + OURS + " ORDER BY 1")) {
      content.append('\n').append(table).append(' ').append(rows("SELECT * FROM \"" + table + '"'));
    }
    return content.toString();
  }

  /** Removes everything that clients have put there. */
  void dropAll() throws Exception {
    for (String kind : List.of("view", "table")) {
      String sql =
          "SELECT name FROM sqlite_master WHERE type = '"
              + kind
              + "' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND "
              + OURS;
      for (String name : names(sql)) {
        mustExecute("DROP " + kind + " \"" + name + '"');
      }
    }
  }

  private List<String> names(String sql) throws Exception {
    List<String> names = new ArrayList<>();
    Matcher cells = TEXT_CELL.matcher(rows(sql));
    while (cells.find()) {
      names.add(cells.group(1));
    }
    return names;
  }

  /** How many events the journal holds, as far as the node knows. */
  long headSeq() throws Exception {
    return number("peqlite.head_seq");
  }

  /** A number of {@code /status}. */
  long number(String key) throws Exception {
    return Long.parseLong(get("/status?key=" + key).body());
  }

  /** The header by which reads and writes tell their position. */
  static long seq(HttpResponse<?> response) {
    return Long.parseLong(response.headers().firstValue("Peqlite-Seq").orElseThrow());
  }

  /** Returns once the question is answered with true; fails after a minute. */
  static void eventually(String what, Callable<Boolean> question) throws Exception {
    long deadlineNanos = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (!question.call()) {
      if (System.nanoTime() - deadlineNanos >= 0) {
        throw new AssertionError("not in a minute: " + what);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
    }
  }

  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /** From now on it is fine that the log has errors with this text. */
  void expectTrouble(String text) {
    expectedTroubles.add(text);
  }

  /** What the log said of errors that no test expects; empty while all is well. */
  List<String> troubles() {
    return log.troubles.stream()
        .filter(trouble -> expectedTroubles.stream().noneMatch(trouble::contains))
        .toList();
  }

  @Override
  public void close() {
    boolean clean;
    try {
      clean = node.stop();
    } finally {
      log.end();
    }
    assertTrue(clean, "the node did not stop as it should");
    assertEquals(List.of(), troubles());
  }

  /** Collects what an operator would have to look at. */
  private static final class LogWatch extends AppenderBase<ILoggingEvent> {

    private final List<String> troubles = new CopyOnWriteArrayList<>();

    static LogWatch begin() {
      LogWatch watch = new LogWatch();
      watch.start();
      root().addAppender(watch);
      return watch;
    }

    void end() {
      root().detachAppender(this);
      stop();
    }

    private static Logger root() {
      return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    }

    @Override
    protected void append(ILoggingEvent event) {
      boolean trace = event.getThrowableProxy() != null;
      if (trace || event.getLevel().isGreaterOrEqual(Level.ERROR)) {
        String cause =
            trace
                ? ": "
                    + event.getThrowableProxy().getClassName()
                    + ": "
                    + event.getThrowableProxy().getMessage()
                : "";
        troubles.add(event.getLoggerName() + ": " + event.getFormattedMessage() + cause);
      }
    }
  }
}
