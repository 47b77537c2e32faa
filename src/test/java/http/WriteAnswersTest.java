package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.KeyRecord;
import actors.ReadAdmission;
import actors.ReadLevel;
import actors.WriteAnswer;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import sql.IdempotencyKey;
import sql.Position;
import sql.StatementResult;
import sql.WriteOutcome;
import sql.WriteRequest;

/** What each answer of the node to a write becomes over HTTP. */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WriteAnswersTest {

  private static final String INSERT = "[\"INSERT INTO foo(name) VALUES('x')\"]";
  private static final Position POSITION = new Position(7, 2);

  private ServerFixture http;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    http = new ServerFixture(directory);
    http.execute("CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)");
  }

  @AfterAll
  void stop() throws Exception {
    http.close();
  }

  @BeforeEach
  void applyAgain() throws Exception {
    http.node.writeAnswer = null;
    http.node.admission = new ReadAdmission.Admitted();
    http.node.written.clear();
    http.node.timeouts.clear();
    http.node.levels.clear();
    http.node.keys.clear();
    http.node.run("DELETE FROM foo");
  }

  private HttpResponse<String> answer(WriteAnswer answer) throws Exception {
    return answer(answer, "/db/execute");
  }

  private HttpResponse<String> answer(WriteAnswer answer, String path) throws Exception {
    http.node.writeAnswer = request -> CompletableFuture.completedFuture(answer);
    return http.post(path, INSERT);
  }

  private static WriteAnswer applied(WriteOutcome outcome) {
    return new WriteAnswer.Applied(POSITION, outcome);
  }

  private static WriteOutcome executed(StatementResult... results) {
    return new WriteOutcome.Executed(List.of(results), Optional.empty());
  }

  private static StatementResult inserted(long id) {
    return new StatementResult.Changed(1, OptionalLong.of(id), 0);
  }

  @Test
  void answersTheOutcomeWithItsPosition() throws Exception {
    HttpResponse<String> response = answer(applied(executed(inserted(3))), "/db/execute?seq");
    assertEquals(200, response.statusCode());
    assertEquals(
        "{\"results\":[{\"last_insert_id\":3,\"rows_affected\":1}],\"seq\":7}", response.body());
    assertEquals("7", response.headers().firstValue("Peqlite-Seq").get());
    assertFalse(response.headers().firstValue("Peqlite-Duplicate").isPresent());
  }

  @Test
  void saysThatAWriteWasSurelyNotApplied() throws Exception {
    HttpResponse<String> response =
        answer(new WriteAnswer.NotApplied("no sequencer", Duration.ofMillis(1_500)));
    assertEquals(503, response.statusCode());
    assertEquals(
        "{\"results\":[],\"error\":\"no sequencer\",\"outcome\":\"not applied\"}", response.body());
    assertEquals("2", response.headers().firstValue("Retry-After").get());
  }

  @Test
  void saysThatTheOutcomeIsUnknown() throws Exception {
    HttpResponse<String> response = answer(new WriteAnswer.Unknown("timed out"));
    assertEquals(504, response.statusCode());
    assertEquals(
        "{\"results\":[],\"error\":\"timed out\",\"outcome\":\"unknown\"}", response.body());
  }

  @Test
  void saysThatAWriteIsCommittedAndWhere() throws Exception {
    HttpResponse<String> response = answer(new WriteAnswer.Committed(POSITION));
    assertEquals(504, response.statusCode());
    assertTrue(
        response.body().endsWith("\"outcome\":\"committed\",\"seq\":7,\"index\":2}"),
        response.body());
  }

  @Test
  void saysThatAWriteIsTooLarge() throws Exception {
    HttpResponse<String> response = answer(new WriteAnswer.TooLarge("too large"));
    assertEquals(413, response.statusCode());
    assertEquals("{\"results\":[],\"error\":\"too large\"}", response.body());
  }

  @Test
  void answersARepeatWithTheFirstResults() throws Exception {
    HttpResponse<String> response =
        answer(
            applied(
                new WriteOutcome.Duplicate(
                    new Position(3, 0), Optional.of(executed(inserted(9))))));
    assertEquals(200, response.statusCode());
    assertEquals("{\"results\":[{\"last_insert_id\":9,\"rows_affected\":1}]}", response.body());
    assertEquals("true", response.headers().firstValue("Peqlite-Duplicate").get());
    HttpResponse<String> forgotten =
        answer(applied(new WriteOutcome.Duplicate(new Position(3, 0), Optional.empty())));
    assertEquals(
        "{\"results\":[],\"outcome\":\"applied at 3.0; its results were not kept\"}",
        forgotten.body());
    assertEquals("true", forgotten.headers().firstValue("Peqlite-Duplicate").get());
  }

  @Test
  void refusesAKeyThatNamedAnotherRequest() throws Exception {
    WriteAnswer conflict = applied(new WriteOutcome.KeyConflict(new Position(3, 0)));
    assertEquals(422, answer(conflict).statusCode());
    assertEquals(422, answer(conflict, "/db/execute?queue&wait").statusCode());
    assertEquals(503, answer(applied(new WriteOutcome.KeyStoreFull())).statusCode());
  }

  @Test
  void putsAnErrorOfTheWholeRequestAtTheTop() throws Exception {
    assertEquals(
        "{\"results\":[],\"error\":\"FOREIGN KEY constraint failed\"}",
        answer(
                applied(
                    new WriteOutcome.Executed(
                        List.of(inserted(1)), Optional.of("FOREIGN KEY constraint failed"))))
            .body());
    HttpResponse<String> aborted = answer(applied(new WriteOutcome.Aborted("too many steps")));
    assertEquals(200, aborted.statusCode());
    assertEquals("{\"results\":[],\"error\":\"aborted: too many steps\"}", aborted.body());
  }

  @Test
  void passesTheDeadlineOn() throws Exception {
    http.post("/db/execute?timeout=7s", INSERT);
    Duration left = http.node.timeouts.get(0);
    assertTrue(left.compareTo(Duration.ofSeconds(7)) <= 0, left.toString());
    assertTrue(left.compareTo(Duration.ofSeconds(1)) > 0, left.toString());
  }

  @Test
  void mergesWhatWasNotOrderedInItsPlace() throws Exception {
    HttpResponse<String> response =
        http.post(
            "/db/execute",
            "[\"INSERT INTO foo(name) VALUES('a')\", \"BEGIN\", \"\","
                + " \"PRAGMA foreign_keys=off\", [\"INSERT INTO foo(name) VALUES(?)\"],"
                + " \"INSERT INTO foo(name) VALUES('b')\"]");
    assertTrue(
        response
            .body()
            .matches(
                "\\{\"results\":\\[\\{\"last_insert_id\":1,\"rows_affected\":1},"
                    + "\\{\"error\":\"[^\"]*\"},\\{},"
                    + "\\{\"error\":\"not enough args to execute query: want 1 got 0\"},"
                    + "\\{\"last_insert_id\":2,\"rows_affected\":1}]}"),
        response.body());
    assertEquals(2, http.node.written.get(0).statements().size());
  }

  @Test
  void ordersNothingOfATransactionWithAWrongElement() throws Exception {
    HttpResponse<String> response =
        http.post(
            "/db/execute?transaction",
            "[\"INSERT INTO foo(name) VALUES('a')\", [\"INSERT INTO foo(name) VALUES(?)\"]]");
    assertEquals(
        "{\"results\":[{\"error\":\"not enough args to execute query: want 1 got 0\"}]}",
        response.body());
    assertEquals(0, http.node.written.size());
  }

  @Test
  void ordersAPostedQueryThatWrites() throws Exception {
    assertEquals(
        "{\"results\":[{\"last_insert_id\":1,\"rows_affected\":1}]}",
        http.post("/db/query", INSERT).body());
    assertEquals(1, http.node.written.size());
    http.post("/db/query", "[\"SELECT 1\"]");
    http.post("/db/request?level=strong", "[\"SELECT 1\"]");
    assertEquals(1, http.node.written.size());
    assertEquals(List.of(ReadLevel.WEAK, ReadLevel.STRONG), http.node.levels);
  }

  @Test
  void answersAQueuedWriteWithItsSequenceNumber() throws Exception {
    HttpResponse<String> queued = http.post("/db/execute?queue", INSERT);
    assertTrue(
        queued.body().matches("\\{\"results\":\\[],\"sequence_number\":\\d+}"), queued.body());
    HttpResponse<String> waited = http.post("/db/execute?queue&wait", INSERT);
    assertTrue(
        waited.body().matches("\\{\"results\":\\[],\"sequence_number\":\\d+}"), waited.body());
    HttpResponse<String> text =
        http.postText("/db/execute?queue", "INSERT INTO foo(name) VALUES('t')");
    assertTrue(text.body().contains("sequence_number"));
    assertEquals(3, http.node.number("SELECT count(*) FROM foo"));
    assertEquals(
        503,
        answer(new WriteAnswer.NotApplied("full", Duration.ZERO), "/db/execute?queue")
            .statusCode());
  }

  @Test
  void takesAnEmptyQueueAsABarrier() throws Exception {
    HttpResponse<String> response = http.post("/db/execute?queue&wait", "[]");
    assertEquals(200, response.statusCode());
    assertTrue(response.body().contains("sequence_number"));
    assertEquals(List.of(ReadLevel.LINEARIZABLE), http.node.levels);
    http.node.admission = new ReadAdmission.Refused("no journal");
    assertEquals(503, http.post("/db/execute?queue&wait", "[]").statusCode());
  }

  @Test
  void passesTheKeyOnAndTellsWhatBecameOfIt() throws Exception {
    HttpResponse<String> response =
        http.send(
            http.request("/db/execute")
                .header("Idempotency-Key", "order/1")
                .POST(HttpRequest.BodyPublishers.ofString(INSERT)));
    assertEquals(200, response.statusCode());
    IdempotencyKey key = new IdempotencyKey("", "order/1");
    assertEquals(Optional.of(key), http.node.written.get(0).key());
    HttpResponse<String> found = http.get("/db/requests/order%2F1");
    assertEquals(200, found.statusCode());
    assertTrue(
        found
            .body()
            .matches(
                "\\{\"key\":\"order/1\",\"state\":\"applied\",\"seq\":\\d+,\"index\":0,"
                    + "\"results\":\\[\\{\"last_insert_id\":1,\"rows_affected\":1}]}"),
        found.body());
    http.node.keys.put(key, new KeyRecord(POSITION, Optional.empty()));
    assertEquals(
        "{\"key\":\"order/1\",\"state\":\"applied\",\"seq\":7,\"index\":2}",
        http.get("/db/requests/order%2F1").body());
    HttpResponse<String> unknown = http.get("/db/requests/other");
    assertEquals(404, unknown.statusCode());
    assertTrue(unknown.body().startsWith("{\"key\":\"other\",\"state\":\"unknown\""));
  }

  @Test
  void loadsADumpAsOneTransaction() throws Exception {
    String dump =
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
            + "INSERT INTO foo VALUES(10,'a;b');\nINSERT INTO foo VALUES(11,'c');\nCOMMIT;\n";
    assertEquals(
        "{\"results\":[{\"last_insert_id\":11,\"rows_affected\":1}]}",
        http.post("/db/load", dump).body());
    WriteRequest request = http.node.written.get(0);
    assertTrue(request.transaction());
    assertTrue(request.foreignKeysDeferred());
    assertEquals(
        "{\"results\":[{\"error\":\"UNIQUE constraint failed: foo.id\"}]}",
        http.post("/db/load", "INSERT INTO foo VALUES(12,'x'); INSERT INTO foo VALUES(11,'y');")
            .body());
    assertEquals(2, http.node.number("SELECT count(*) FROM foo"));
  }

  @Test
  void failsWithoutDetailsWhenTheNodeFails() throws Exception {
    http.node.writeAnswer =
        request -> CompletableFuture.failedFuture(new IllegalStateException("secret"));
    HttpResponse<String> response = http.post("/db/execute", INSERT);
    assertEquals(500, response.statusCode());
    assertEquals("{\"results\":[],\"error\":\"internal error\"}", response.body());
  }
}
