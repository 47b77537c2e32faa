package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.AbortResult;
import actors.MemberStatus;
import actors.MembershipResult;
import actors.NodeStatus;
import actors.QuorumSide;
import actors.ReadAdmission;
import actors.ScrubOrder;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Position;

@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StatusRoutesTest {

  private static final String N1 =
      "{\"id\":\"n1\",\"api_addr\":\"http://127.0.0.1:4001\",\"addr\":\"127.0.0.1:7355\","
          + "\"version\":\"0.1.0\",\"voter\":true,\"reachable\":true,\"leader\":true,"
          + "\"applied_seq\":12,\"lag\":3,\"sqlite_version\":\"3.54.1\",\"time\":0.0001,\"time_s\":\"100\u00b5s\"}";

  /** A member that was killed and is not put out yet. */
  private static final MemberStatus DEAD =
      new MemberStatus(
          "n2",
          "http://127.0.0.1:4002",
          "127.0.0.1:7356",
          "0.1.0",
          true,
          false,
          false,
          OptionalLong.empty(),
          0,
          "",
          0,
          Optional.empty());

  private static final String N2 =
      "{\"id\":\"n2\",\"api_addr\":\"http://127.0.0.1:4002\",\"addr\":\"127.0.0.1:7356\","
          + "\"version\":\"0.1.0\",\"voter\":true,\"reachable\":false,\"leader\":false,"
          + "\"error\":\"timeout waiting for node to respond\"}";

  private ServerFixture http;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    http = new ServerFixture(directory);
  }

  @AfterAll
  void stop() throws Exception {
    http.close();
  }

  @BeforeEach
  void ready() {
    http.node.sequencer = Optional.of("n1");
    http.node.ready = true;
    http.node.problem = Optional.empty();
    http.node.admission = new ReadAdmission.Admitted();
    http.node.replicaState = "applying";
    http.node.lag = 0;
    http.node.others = List.of();
    http.node.moves.clear();
    http.node.aborts.clear();
    http.node.changed.clear();
    http.node.quorum = Optional.empty();
    http.node.moveProblem = Optional.empty();
  }

  @Test
  void showsTheNodesInBothForms() throws Exception {
    assertEquals("{\"n1\":" + N1 + "}", http.get("/nodes").body());
    assertEquals("{\"nodes\":[" + N1 + "]}", http.get("/nodes?ver=2&nonvoters").body());
    assertTrue(http.get("/nodes?pretty").body().startsWith("{\n    \"n1\": {\n        \"id\""));
  }

  @Test
  void showsTheLeader() throws Exception {
    assertEquals(N1, http.get("/leader").body());
    http.node.sequencer = Optional.empty();
    HttpResponse<String> none = http.get("/leader");
    assertEquals(503, none.statusCode());
    assertEquals("leader not found\n", none.body());
  }

  @Test
  void showsADeadMemberUntilItIsPutOut() throws Exception {
    http.node.others = List.of(DEAD);
    assertEquals("{\"n1\":" + N1 + ",\"n2\":" + N2 + "}", http.get("/nodes").body());
    assertEquals("{\"nodes\":[" + N1 + "," + N2 + "]}", http.get("/nodes?ver=2").body());
    assertEquals("1", http.get("/status?key=store.raft.num_peers").body());
    assertEquals(
        "[{\"id\":\"n1\",\"addr\":\"127.0.0.1:7355\",\"reachable\":true,\"sequencer\":true,"
            + "\"applied_seq\":12,\"lag\":3,\"sqlite_version\":\"3.54.1\"},"
            + "{\"id\":\"n2\",\"addr\":\"127.0.0.1:7356\",\"reachable\":false,"
            + "\"sequencer\":false}]",
        http.get("/status?key=peqlite.nodes").body());
  }

  @Test
  void waitsForTheMembersAsLongAsItIsTold() throws Exception {
    http.get("/nodes?timeout=300ms");
    assertEquals(Duration.ofMillis(300), http.node.membersTimeout);
    http.get("/nodes");
    assertEquals(Duration.ofSeconds(2), http.node.membersTimeout);
    assertEquals(400, http.get("/nodes?timeout=soon").statusCode());
  }

  @Test
  void tellsWhatThisNodeKnowsWithoutAskingTheOthers() throws Exception {
    http.node.membersTimeout = Duration.ZERO;
    assertEquals("1", http.get("/status?key=peqlite.epoch").body());
    assertEquals("7", http.get("/status?key=peqlite.dropped_messages").body());
    assertEquals(Duration.ZERO, http.node.membersTimeout);
  }

  @Test
  void namesThePortThatItListensOn() throws Exception {
    String address = http.url.substring("http://".length());
    assertEquals("\"" + address + "\"", http.get("/status?key=http.bind_addr").body());
  }

  @Test
  void movesTheSequencerToAnyOrToANamedNode() throws Exception {
    HttpResponse<String> moved = http.post("/leader", "");
    assertEquals(200, moved.statusCode());
    assertEquals("", moved.body());
    assertEquals(200, http.post("/leader?wait&timeout=5s", "{\"id\":\"n2\"}").statusCode());
    assertEquals(200, http.post("/leader", "{}").statusCode());
    assertEquals(List.of("", "n2", ""), http.node.moves);
  }

  @Test
  void tellsWhyTheSequencerStays() throws Exception {
    http.node.moveProblem = Optional.of("n3 is not a member");
    HttpResponse<String> stays = http.post("/leader", "{\"id\":\"n3\"}");
    assertEquals(500, stays.statusCode());
    assertEquals("stepdown: n3 is not a member\n", stays.body());
    http.node.sequencer = Optional.empty();
    HttpResponse<String> none = http.post("/leader", "");
    assertEquals(503, none.statusCode());
    assertEquals("leader not found\n", none.body());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "n2",
        "[]",
        "{\"id\":2}",
        "{\"id\":null}",
        "{\"node\":\"n2\"}",
        "{\"id\":",
        "{} {}"
      })
  void movesNothingWhenTheBodyIsSomethingElse(String body) throws Exception {
    refusesBody("/leader", body);
    assertEquals(List.of(), http.node.moves);
  }

  private void refusesBody(String path, String body) throws Exception {
    HttpResponse<String> refused = http.post(path, body);
    assertEquals(400, refused.statusCode());
    assertTrue(refused.body().contains("the body is not"), refused.body());
  }

  @Test
  void ordersAScrubForAnOperatorAndTellsItsEnd() throws Exception {
    HttpResponse<String> ordered = http.post("/scrub?timeout=7s", "");
    assertEquals(202, ordered.statusCode());
    assertEquals("{\"seq\":9}", ordered.body());
    assertTrue(http.node.timeouts.contains(Duration.ofSeconds(7)), () -> "" + http.node.timeouts);

    http.node.scrubOrder = new ScrubOrder.Refused("the last one has not ended");
    HttpResponse<String> refused = http.post("/scrub", "");
    assertEquals(503, refused.statusCode());
    assertTrue(refused.headers().firstValue("Retry-After").isPresent());
    assertTrue(refused.body().contains("the last one has not ended"), refused.body());
    http.node.scrubOrder = new ScrubOrder.Unknown();
    assertEquals(504, http.post("/scrub", "").statusCode());
    assertEquals(405, http.get("/scrub").statusCode());

    http.node.scrub =
        new NodeStatus.Scrub(9, true, "different", "why", 3, Optional.of(Instant.EPOCH));
    assertEquals(
        "{\"clean_seq\":3,\"clean_time\":\"1970-01-01T00:00:00Z\",\"result\":\"different\","
            + "\"running\":true,\"seq\":9,\"text\":\"why\"}",
        http.get("/status?key=peqlite.scrub").body());
  }

  @Test
  void givesUpAWriteForAnOperator() throws Exception {
    http.node.abortResult = new AbortResult.Ordered(14, List.of("INSERT INTO t VALUES (1)"));
    HttpResponse<String> given = http.post("/abort", "{\"position\":\"12.3\"}");
    assertEquals(200, given.statusCode());
    assertEquals("{\"given_up\":[\"INSERT INTO t VALUES (1)\"],\"verdict_seq\":14}", given.body());
    assertEquals(List.of(new Position(12, 3)), http.node.aborts);

    http.node.abortResult = new AbortResult.Refused("every node has got past it");
    HttpResponse<String> refused = http.post("/abort", "{\"position\":\"12.3\"}");
    assertEquals(409, refused.statusCode());
    assertEquals("not given up: every node has got past it\n", refused.body());

    http.node.abortResult = new AbortResult.Unknown();
    assertEquals(504, http.post("/abort", "{\"position\":\"12.3\"}").statusCode());
    assertEquals(405, http.get("/abort").statusCode());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{}",
        "12.0",
        "{\"position\":12.0}",
        "{\"position\":\"12\"}",
        "{\"position\":\"0.0\"}",
        "{\"position\":\"12.-1\"}",
        "{\"position\":\"12.0.0\"}",
        "{\"position\":\"99999999999999999999.0\"}",
        "{\"id\":\"12.0\"}"
      })
  void givesNothingUpWhenTheBodyIsSomethingElse(String body) throws Exception {
    refusesBody("/abort", body);
    assertEquals(List.of(), http.node.aborts);
  }

  @Test
  void changesWhoKeepsTheJournal() throws Exception {
    http.node.change = new MembershipResult.Done();
    assertEquals(200, http.delete("/remove", "{\"id\":\"n3\"}").statusCode());
    assertEquals(200, http.post("/replace", "{\"id\":\"n2\"}").statusCode());
    assertEquals(List.of("remove n3", "replace n2"), http.node.changed);

    http.node.change = new MembershipResult.Refused("nobody would be left");
    HttpResponse<String> refused = http.delete("/remove", "{\"id\":\"n3\"}");
    assertEquals(409, refused.statusCode());
    assertEquals("not changed: nobody would be left\n", refused.body());

    http.node.change = new MembershipResult.Unknown("no answer");
    HttpResponse<String> unknown = http.post("/replace", "{\"id\":\"n3\"}");
    assertEquals(504, unknown.statusCode());
    assertTrue(unknown.body().startsWith("unknown whether"), unknown.body());
    assertEquals(405, http.get("/remove").statusCode());
    assertEquals(405, http.get("/replace").statusCode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{}", "n3", "{\"id\":3}", "{\"id\":\"n3\",\"force\":\"yes\"}"})
  void changesNobodyWhenTheBodyIsSomethingElse(String body) throws Exception {
    assertEquals(400, http.delete("/remove", body).statusCode());
    assertEquals(400, http.post("/replace", body).statusCode());
    assertEquals(List.of(), http.node.changed);
  }

  @Test
  void showsWhoKeepsTheJournal() throws Exception {
    http.node.others = List.of(DatabaseNode.absent(false));
    String listed = http.get("/nodes?ver=2&nonvoters").body();
    String place =
        "\"quorum\":{\"id\":\"n3-1\",\"addr\":\"h:1\",\"leader\":false,\"match\":7,\"silent_ms\":12}";
    assertTrue(listed.contains(place), listed);
    assertFalse(http.get("/nodes?ver=2").body().contains("n3-1"), "a listener is a nonvoter");

    http.node.quorum =
        Optional.of(
            new QuorumSide("g", "n1-2", "follower", "n3-1", 4, 20, 19, Optional.of("slow")));
    assertEquals("\"follower\"", http.get("/status?key=peqlite.quorum.role").body());
    assertEquals("\"slow\"", http.get("/status?key=peqlite.quorum.problem").body());
  }

  @Test
  void showsTheStatusOrAPartOfIt() throws Exception {
    String status = http.get("/status").body();
    for (String part : new String[] {"\"raft\":{", "\"os\":{", "\"uptime\":", "\"head_seq\":"}) {
      assertTrue(status.contains(part), part);
    }
    assertEquals("\"Leader\"", http.get("/status?key=store.raft.state").body());
    assertEquals(
        "{\"addr\":\"127.0.0.1:7355\",\"node_id\":\"n1\"}",
        http.get("/status?key=store.leader").body());
    assertEquals("{}", http.get("/status?key=store.nothing.here").body());
    assertTrue(http.get("/status/?pretty").body().startsWith("{\n    \"build\": {"));
  }

  @Test
  void tellsWhetherItIsReady() throws Exception {
    assertReady(200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok", "/readyz");
    assertReady(200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]sync ok\n[+]db ok", "/readyz?sync");
    http.node.admission = new ReadAdmission.Refused("timeout");
    assertReady(503, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]sync timeout", "/readyz?sync");
    http.node.ready = false;
    assertReady(503, "[+]node ok\n[+]leader ok\n[+]store not ready", "/readyz");
    http.node.replicaState = "catching-up";
    http.node.lag = 42;
    String behind = "[+]store not ready: the replica is catching-up, 42 events behind";
    assertReady(503, "[+]node ok\n[+]leader ok\n" + behind, "/readyz");
    http.node.problem = Optional.of("disk full");
    assertReady(503, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db not ok: disk full", "/readyz");
    http.node.sequencer = Optional.empty();
    assertReady(503, "[+]node ok\n[+]leader does not exist\n[+]db not ok: disk full", "/readyz");
    http.node.problem = Optional.empty();
    assertReady(503, "[+]node ok\n[+]leader does not exist", "/readyz");
    assertReady(200, "[+]node ok", "/readyz?noleader");
  }

  private void assertReady(int status, String body, String path) throws Exception {
    HttpResponse<String> response = http.get(path);
    assertEquals(body, response.body());
    assertEquals(status, response.statusCode());
    assertEquals("text/plain; charset=utf-8", response.headers().firstValue("Content-Type").get());
  }

  @Test
  void isHealthyWheneverItAnswers() throws Exception {
    assertEquals("{\"status\":\"ok\"}", http.get("/health").body());
  }
}
