package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.AbortResult;
import actors.MembershipResult;
import actors.PastAdmission;
import actors.QuorumSide;
import actors.ReadAdmission;
import actors.ScrubOrder;
import actors.WriteAnswer;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.http.javadsl.model.HttpMethod;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;
import sql.WriteOutcome;

/**
 * Holds {@code openapi.json} to what the server answers: every endpoint is in it, and every status
 * of every operation is brought about here, but for a few that are named.
 */
@Timeout(60)
final class OpenApiTest {

  /** What a handler's defect or a stopping server answers, which only some operations show here. */
  private static final Set<String> NOT_TRIED =
      Set.of(
          "GET /db/query 500",
          "GET /health 503",
          "GET /metrics 503",
          "GET /nodes 503",
          "GET /openapi.json 503",
          "GET /status 503");

  private static final String SELECT = "[\"SELECT 1\"]";
  private static final String A_DATABASE = "a database";
  private static final String INSERT = "[\"INSERT INTO t VALUES (1)\"]";

  /** Every operation whose body is read, with one that is fine. */
  private static final Map<String, String> WITH_BODY =
      Map.ofEntries(
          Map.entry("/db/query", INSERT),
          Map.entry("/db/execute", INSERT),
          Map.entry("/db/request", INSERT),
          Map.entry("/db/load", "INSERT INTO t VALUES (1);"),
          Map.entry("/db/sql", SELECT),
          Map.entry("/leader", ""),
          Map.entry("/abort", "{\"position\":\"1.0\"}"),
          Map.entry("/replace", "{\"id\":\"n3\"}"),
          Map.entry("/remove", "{\"id\":\"n3\"}"),
          Map.entry("/boot", A_DATABASE));

  private static final Map<String, String> WITHOUT_BODY =
      Map.of(
          "/db/query", "/db/query?q=SELECT+1",
          "/db/sql", "/db/sql?q=SELECT+1",
          "/db/backup", "/db/backup",
          "/db/requests/{key}", "/db/requests/known");

  @TempDir private Path directory;

  @Test
  void isWhatTheServerAnswers() throws Exception {
    HttpSettings settings = HttpSettings.of("127.0.0.1", 0, "0.1.0").withBodies(1_000, 10_000);
    OpenApiDocument document;
    try (ServerFixture http = new ServerFixture(directory, settings, false)) {
      document = new OpenApiDocument(http.get("/openapi.json").body());
      assertEquals("0.1.0", document.tree().at("/info/version").asText());
      everyRouteIsThere(document);
      http.node.run("CREATE TABLE t (a)");
      answersThatAreFine(http, document);
      refusals(http, document);
      troubles(http, document);
    }
    Path other = Files.createDirectory(directory.resolve("busy"));
    try (ServerFixture busy = new ServerFixture(other, settings.withRequestsMax(0), false)) {
      for (Map.Entry<String, String> one : WITH_BODY.entrySet()) {
        document.check(
            method(one.getKey()), one.getKey(), send(busy, one.getKey(), one.getValue()));
      }
      for (Map.Entry<String, String> one : WITHOUT_BODY.entrySet()) {
        document.check("GET", one.getKey(), busy.get(one.getValue()));
      }
    }
    Set<String> missing = new TreeSet<>(document.documented());
    missing.removeAll(document.seen());
    assertEquals(new TreeSet<>(NOT_TRIED), missing);
  }

  private static void everyRouteIsThere(OpenApiDocument document) {
    Set<String> documented = new TreeSet<>();
    document
        .tree()
        .get("paths")
        .properties()
        .forEach(
            path ->
                path.getValue()
                    .fieldNames()
                    .forEachRemaining(
                        method ->
                            documented.add(
                                method.toUpperCase(Locale.ROOT)
                                    + " "
                                    + path.getKey().replace("{key}", ""))));
    Set<String> routed = new TreeSet<>();
    for (Route route : Route.values()) {
      for (HttpMethod method : route.methods()) {
        routed.add(method.value() + " " + route.path());
      }
    }
    assertEquals(routed, documented);
  }

  private static void answersThatAreFine(ServerFixture http, OpenApiDocument document)
      throws Exception {
    for (Map.Entry<String, String> one : WITH_BODY.entrySet()) {
      if (!one.getKey().equals("/abort")) {
        document.check(
            method(one.getKey()), one.getKey(), send(http, one.getKey(), one.getValue()));
      }
    }
    String all = "?pretty&timings&seq&raft_index&transaction";
    for (String more : List.of(all, all + "&associative", all + "&blob_array&qualify_columns")) {
      String reads = "[\"SELECT a, 'x', 1.5, x'00', NULL FROM t\", \"SELECT * FROM t WHERE 0\"]";
      document.check("POST", "/db/query", http.post("/db/query" + more, reads));
      document.check("POST", "/db/query", http.post("/db/query" + more, "[\"SELECT nothing\"]"));
      document.check("POST", "/db/request", http.post("/db/request" + more, reads));
      document.check("POST", "/db/execute", http.post("/db/execute" + more, INSERT));
      document.check("POST", "/db/execute", http.post("/db/execute" + more, "[\"x\"]"));
      document.check("GET", "/db/query", http.get("/db/query" + more + "&q=SELECT+a+FROM+t"));
      document.check("GET", "/db/query", http.get("/db/query" + more + "&q=DELETE+FROM+t"));
    }
    document.check("POST", "/db/execute", http.post("/db/execute?queue", INSERT));
    document.check("POST", "/db/execute", http.post("/db/execute?queue&wait", "[]"));
    document.check("POST", "/db/sql", http.post("/db/sql", "[\"VACUUM\"]"));
    document.check("GET", "/db/sql", http.get("/db/sql?q=SELECT+1"));
    HttpResponse<String> keyed =
        http.send(
            http.request("/db/execute")
                .header("Idempotency-Key", "known")
                .POST(HttpRequest.BodyPublishers.ofString(INSERT)));
    document.check("POST", "/db/execute", keyed);
    document.check("GET", "/db/requests/{key}", http.get("/db/requests/known?pretty&timings"));
    document.check("GET", "/db/requests/{key}", http.get("/db/requests/unknown"));
    document.check("GET", "/db/backup", http.get("/db/backup?vacuum"));
    document.check("GET", "/db/backup", http.get("/db/backup?fmt=sql&tables=t"));
    document.check("GET", "/db/backup", http.get("/db/backup?fmt=none"));
    document.check("GET", "/status", http.get("/status?pretty"));
    document.check("GET", "/status", http.get("/status?key=peqlite.lag"), false);
    document.check("GET", "/nodes", http.get("/nodes"));
    document.check("GET", "/nodes", http.get("/nodes?ver=2"));
    document.check("GET", "/leader", http.get("/leader"));
    document.check("GET", "/readyz", http.get("/readyz?sync"));
    document.check("GET", "/health", http.get("/health"));
    document.check("GET", "/metrics", http.get("/metrics"));
    document.check("GET", "/openapi.json", http.get("/openapi.json"));
    String third = "{\"id\":\"n3\"}";
    for (MembershipResult result :
        List.of(
            new MembershipResult.Refused("nobody would be left"),
            new MembershipResult.Unknown("no answer"),
            new MembershipResult.Done())) {
      http.node.change = result;
      document.check("DELETE", "/remove", http.delete("/remove", third));
      document.check("POST", "/replace", http.post("/replace", third));
    }
    http.node.quorum =
        Optional.of(new QuorumSide("g", "n1-1", "follower", "n3-1", 1, 2, 2, Optional.empty()));
    document.check("GET", "/status", http.get("/status"));
    http.node.others = List.of(DatabaseNode.absent(true));
    document.check("GET", "/nodes", http.get("/nodes?nonvoters"));
    document.check("POST", "/snapshot", http.post("/snapshot", ""));
    http.node.snapshot = CompletableFuture.completedFuture(OptionalLong.empty());
    document.check("POST", "/snapshot", http.post("/snapshot", ""));
    http.node.snapshot = CompletableFuture.failedFuture(new IOException("no space"));
    document.check("POST", "/snapshot", http.post("/snapshot", ""));
    document.check("POST", "/scrub", http.post("/scrub", ""));
    http.node.scrubOrder = new ScrubOrder.Refused("the last one has not ended");
    document.check("POST", "/scrub", http.post("/scrub", ""));
    http.node.scrubOrder = new ScrubOrder.Unknown();
    document.check("POST", "/scrub", http.post("/scrub", ""));
    http.node.abortResult = new AbortResult.Ordered(7, List.of("DELETE FROM t"));
    document.check("POST", "/abort", http.post("/abort", "{\"position\":\"1.0\"}"));
    http.node.abortResult = new AbortResult.Refused("every node has got past it");
    document.check("POST", "/abort", http.post("/abort", "{\"position\":\"1.0\"}"));
    http.node.abortResult = new AbortResult.Unknown();
    document.check("POST", "/abort", http.post("/abort", "{\"position\":\"1.0\"}"));
  }

  private void refusals(ServerFixture http, OpenApiDocument document) throws Exception {
    for (Route route : Route.values()) {
      String path = route == Route.KEY ? "/db/requests/{key}" : route.path();
      for (HttpMethod method : route.methods()) {
        String target = path.replace("{key}", "k") + "?timeout=soon";
        HttpResponse<String> bad =
            http.send(
                http.request(target).method(method.value(), HttpRequest.BodyPublishers.noBody()));
        assertEquals(400, bad.statusCode(), target);
        document.check(method.value(), path, bad);
      }
    }
    for (String path : WITH_BODY.keySet()) {
      document.check(method(path), path, send(http, path, "x".repeat(2_000)));
      document.check(method(path), path, compressed(http, path, method(path)));
      checkSlow(http, document, method(path), path, path);
    }
    for (Map.Entry<String, String> one : WITHOUT_BODY.entrySet()) {
      HttpResponse<String> large =
          http.send(
              http.request(one.getValue())
                  .method("GET", HttpRequest.BodyPublishers.ofString("x".repeat(2_000))));
      document.check("GET", one.getKey(), large);
      document.check("GET", one.getKey(), compressed(http, one.getValue(), "GET"));
      checkSlow(http, document, "GET", one.getKey(), one.getValue());
    }
  }

  private static String method(String path) {
    return path.equals("/remove") ? "DELETE" : "POST";
  }

  private static HttpResponse<String> compressed(ServerFixture http, String target, String method)
      throws Exception {
    return http.send(
        http.request(target)
            .header("Content-Encoding", "gzip")
            .method(method, HttpRequest.BodyPublishers.ofString("x")));
  }

  /** A body that never comes whole. */
  private static void checkSlow(
      ServerFixture http, OpenApiDocument document, String method, String path, String target)
      throws Exception {
    try (Socket socket = http.connect()) {
      String timeout = (target.contains("?") ? "&" : "?") + "timeout=10ms";
      socket
          .getOutputStream()
          .write(
              (method
                      + " "
                      + target
                      + timeout
                      + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 100\r\n\r\n[")
                  .getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int end = answer.indexOf("\r\n\r\n");
      String[] lines = answer.substring(0, end).split("\r\n");
      Map<String, String> headers = new HashMap<>();
      for (int i = 1; i < lines.length; i++) {
        int colon = lines[i].indexOf(':');
        headers.put(lines[i].substring(0, colon), lines[i].substring(colon + 1).strip());
      }
      int status = Integer.parseInt(lines[0].split(" ")[1]);
      assertEquals(408, status, target);
      document.check(method, path, status, headers, answer.substring(end + 4), true);
    }
  }

  private static void troubles(ServerFixture http, OpenApiDocument document) throws Exception {
    Position position = new Position(3, 0);
    List<WriteAnswer> answers =
        List.of(
            new WriteAnswer.NotApplied("busy", Duration.ofSeconds(1)),
            new WriteAnswer.Unknown("sent"),
            new WriteAnswer.Committed(position),
            new WriteAnswer.Applied(position, new WriteOutcome.KeyConflict(position)),
            new WriteAnswer.Applied(position, new WriteOutcome.KeyStoreFull()),
            new WriteAnswer.Applied(
                position, new WriteOutcome.Duplicate(position, Optional.empty())));
    List<WriteAnswer> loads = new ArrayList<>(answers);
    loads.add(new WriteAnswer.TooLarge("larger than any may be"));
    for (WriteAnswer answer : loads) {
      http.node.loadAnswer = () -> CompletableFuture.completedFuture(answer);
      document.check("POST", "/boot", send(http, "/boot", A_DATABASE));
      document.check("POST", "/db/load", send(http, "/db/load", A_DATABASE));
    }
    http.node.loadAnswer =
        () -> {
          throw new IllegalStateException("a defect, for a test");
        };
    document.check("POST", "/boot", send(http, "/boot", A_DATABASE));
    for (String path : List.of("/db/query", "/db/execute", "/db/request", "/db/load")) {
      for (WriteAnswer answer : answers) {
        http.node.writeAnswer = request -> CompletableFuture.completedFuture(answer);
        document.check(method(path), path, send(http, path, WITH_BODY.get(path)));
      }
      http.node.writeAnswer =
          request -> {
            throw new IllegalStateException("a defect, for a test");
          };
      document.check(method(path), path, send(http, path, WITH_BODY.get(path)));
    }
    for (PastAdmission past :
        List.of(
            new PastAdmission.Beyond("there is no event 9 yet: the last one is event 3"),
            new PastAdmission.NotRetained("the oldest is event 2"),
            new PastAdmission.Stale(),
            new PastAdmission.Refused("it is being made"))) {
      http.node.past = past;
      document.check("GET", "/db/query", http.get("/db/query?as_of_seq=9&q=SELECT+1"));
      document.check("POST", "/db/query", http.post("/db/query?as_of_seq=9", SELECT));
      document.check("POST", "/db/request", http.post("/db/request?as_of_time=9", SELECT));
    }
    http.node.admission = new ReadAdmission.Refused("too late");
    document.check("GET", "/db/query", http.get("/db/query?q=SELECT+1"));
    http.node.admission = new ReadAdmission.Stale();
    HttpResponse<String> stale = http.get("/db/query?level=none&q=SELECT+1");
    assertTrue(stale.body().contains("stale read"), stale.body());
    document.check("GET", "/db/query", stale);
    http.node.moveProblem = Optional.of("there is no other node");
    document.check("POST", "/leader", http.post("/leader", ""));
    http.node.ready = false;
    document.check("GET", "/readyz", http.get("/readyz"));
    http.node.sequencer = Optional.empty();
    document.check("GET", "/leader", http.get("/leader"));
    document.check("POST", "/leader", http.post("/leader", ""));
  }

  private static HttpResponse<String> send(ServerFixture http, String path, String body)
      throws Exception {
    if (method(path).equals("DELETE")) {
      return http.delete(path, body);
    }
    if (body.equals(A_DATABASE)) {
      return http.postBytes(path, database());
    }
    return path.equals("/db/load") ? http.postText(path, body) : http.post(path, body);
  }

  private static byte[] database() throws Exception {
    Path file = Files.createTempFile("database", ".db");
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE t (a)");
      return Files.readAllBytes(file);
    } finally {
      Files.delete(file);
    }
  }
}
