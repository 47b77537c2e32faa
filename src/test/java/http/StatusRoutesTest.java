package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.ReadAdmission;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StatusRoutesTest {

  private static final String N1 =
      "{\"id\":\"n1\",\"api_addr\":\"http://127.0.0.1:4001\",\"addr\":\"127.0.0.1:7355\","
          + "\"version\":\"0.1.0\",\"voter\":true,\"reachable\":true,\"leader\":true,"
          + "\"time\":0.0001,\"time_s\":\"100\u00b5s\"}";

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
    assertEquals(200, http.post("/leader", "").statusCode());
    http.node.sequencer = Optional.empty();
    HttpResponse<String> none = http.get("/leader");
    assertEquals(503, none.statusCode());
    assertEquals("leader not found\n", none.body());
    assertEquals(503, http.post("/leader", "").statusCode());
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
