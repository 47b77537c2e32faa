package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.WriteAnswer;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;
import sql.StatementResult;
import sql.WriteOutcome;

@Timeout(60)
class LoadRoutesTest {

  @TempDir private Path directory;
  private ServerFixture http;

  @BeforeEach
  void start() throws Exception {
    HttpSettings settings = HttpSettings.of("127.0.0.1", 0, "0.1.0").withBodies(20_000, 100_000);
    http = new ServerFixture(directory, settings, false);
  }

  @AfterEach
  void stop() throws Exception {
    http.close();
  }

  private byte[] database(String... statements) throws Exception {
    Path file = directory.resolve("sent.db");
    Files.deleteIfExists(file);
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
    return Files.readAllBytes(file);
  }

  private static String insert(int length) {
    return "INSERT INTO t VALUES ('" + "x".repeat(length) + "');\n";
  }

  private HttpResponse<String> chunked(String path, byte[] body) throws Exception {
    return http.send(
        http.request(path)
            .POST(
                HttpRequest.BodyPublishers.fromPublisher(
                    HttpRequest.BodyPublishers.ofByteArrays(List.of(body)))));
  }

  private void assertNothingIsLeftBehind() throws Exception {
    try (Stream<Path> files = Files.list(directory.resolve("spool"))) {
      assertEquals(List.of(), files.map(Path::toString).toList());
    }
  }

  @Test
  void aDatabaseIsLoadedWhateverItsSize() throws Exception {
    byte[] small = database("CREATE TABLE t (a)");
    byte[] large = database("CREATE TABLE t (a)", insert(30_000));
    assertTrue(small.length <= 20_000 && large.length > 20_000);
    assertEquals("{\"results\":[]}", http.postBytes("/db/load", small).body());
    assertEquals("{\"results\":[],\"seq\":9}", http.postBytes("/db/load?seq", large).body());
    assertEquals(200, chunked("/db/load", large).statusCode());
    HttpResponse<String> booted = http.postBytes("/boot", large);
    assertEquals(200, booted.statusCode());
    assertEquals("", booted.body());
    assertEquals(
        List.of(
            "DATABASE " + small.length,
            "DATABASE " + large.length,
            "DATABASE " + large.length,
            "DATABASE " + large.length),
        http.node.loaded);
    assertNothingIsLeftBehind();
  }

  @Test
  void aDumpThatIsLargerThanARequestIsCutApartOnce() throws Exception {
    String dump =
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
            + insert(15_000)
            + "CREATE TABLE t (a);\n"
            + insert(15_000)
            + "COMMIT;\n";
    assertEquals("{\"results\":[]}", http.postText("/db/load", dump).body());
    int statements = 2 * (insert(15_000).length() - 2) + "CREATE TABLE t (a)".length();
    assertEquals(List.of("SCRIPT " + (statements + 3 * 4)), http.node.loaded);
    assertEquals(0, http.node.written.size());
    assertEquals(200, http.postText("/db/load", "CREATE TABLE u (a);").statusCode());
    assertEquals(1, http.node.written.size());
    assertEquals(
        200,
        chunked("/db/load", "CREATE TABLE v (a);".getBytes(StandardCharsets.UTF_8)).statusCode());
    assertEquals(2, http.node.written.size());
    assertNothingIsLeftBehind();
  }

  @Test
  void whatMayNotBeRunIsRefusedBeforeAnythingIsOrdered() throws Exception {
    String refused = insert(15_000) + insert(15_000) + "ATTACH 'x' AS y;";
    HttpResponse<String> attach = http.postText("/db/load", refused);
    assertEquals(400, attach.statusCode());
    assertTrue(attach.body().contains("statement 3: "), attach.body());
    HttpResponse<String> open = http.postText("/db/load", "BEGIN;" + insert(30_000));
    assertEquals(400, open.statusCode());
    assertTrue(open.body().contains("does not end it"), open.body());
    byte[] broken = insert(30_000).getBytes(StandardCharsets.UTF_8);
    broken[25_000] = (byte) 0xff;
    HttpResponse<String> text = http.postBytes("/db/load", broken);
    assertEquals(400, text.statusCode());
    assertTrue(text.body().contains("UTF-8"), text.body());
    byte[] cut = database("CREATE TABLE t (a)", insert(30_000));
    HttpResponse<String> half = http.postBytes("/db/load", java.util.Arrays.copyOf(cut, 24_000));
    assertEquals(400, half.statusCode());
    assertTrue(half.body().contains("database"), half.body());
    HttpResponse<String> boot = http.postText("/boot", "CREATE TABLE t (a);");
    assertEquals(400, boot.statusCode());
    assertTrue(boot.body().contains("invalid SQLite data"), boot.body());
    assertEquals(List.of(), http.node.loaded);
    assertEquals(0, http.node.written.size());
    assertNothingIsLeftBehind();
  }

  @Test
  void saysWhatBecameOfIt() throws Exception {
    byte[] database = database("CREATE TABLE t (a)");
    Position position = new Position(3, 0);
    http.node.loadAnswer =
        () ->
            CompletableFuture.completedFuture(
                new WriteAnswer.Applied(
                    position,
                    new WriteOutcome.Executed(List.of(), Optional.of("a piece is missing"))));
    assertEquals(
        "{\"results\":[],\"error\":\"a piece is missing\"}",
        http.postBytes("/db/load", database).body());
    assertTrue(http.postBytes("/boot", database).body().contains("a piece is missing"));
    http.node.loadAnswer =
        () ->
            CompletableFuture.completedFuture(
                new WriteAnswer.Applied(
                    position,
                    new WriteOutcome.Executed(
                        List.of(new StatementResult.Failed("statement 7: no", 1, 0)),
                        Optional.empty())));
    assertEquals(
        "{\"results\":[{\"error\":\"statement 7: no\"}]}",
        http.postText("/db/load", insert(30_000)).body());
    http.node.loadAnswer = () -> CompletableFuture.completedFuture(new WriteAnswer.Unknown("sent"));
    assertEquals(504, http.postBytes("/db/load", database).statusCode());
  }

  @Test
  void oneAtATimeAndSmallScriptsBesideIt() throws Exception {
    byte[] database = database("CREATE TABLE t (a)");
    CompletableFuture<WriteAnswer> held = new CompletableFuture<>();
    CompletableFuture<Void> begun = new CompletableFuture<>();
    http.node.loadAnswer =
        () -> {
          begun.complete(null);
          return held;
        };
    CompletableFuture<HttpResponse<String>> first =
        http.client()
            .sendAsync(
                http.request("/db/load")
                    .POST(HttpRequest.BodyPublishers.ofByteArray(database))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    begun.get(20, TimeUnit.SECONDS);
    HttpResponse<String> second = http.postBytes("/db/load", database);
    assertEquals(503, second.statusCode());
    assertTrue(second.body().contains("load in progress"), second.body());
    assertEquals(200, http.postText("/db/load", "CREATE TABLE u (a);").statusCode());
    assertFalse(first.isDone());
    held.complete(
        new WriteAnswer.Applied(
            new Position(4, 0), new WriteOutcome.Executed(List.of(), Optional.empty())));
    assertEquals(200, first.get(20, TimeUnit.SECONDS).statusCode());
    assertEquals(200, http.postBytes("/db/load", database).statusCode());
  }
}
