package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The log as programs read it, and what it tells of single requests. */
@Timeout(120)
class LogIT {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Takes some milliseconds at least, wherever it runs. */
  private static final String MANY =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)";

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  @Test
  void linesAreObjectsAndSlowStatementsStandInThem() throws Exception {
    NodeProcess node =
        nodes
            .at(directory.resolve("data"))
            .option("--log-format", "json")
            .set("peqlite.log.slow-statement", "1ms")
            .start()
            .awaitReady();
    assertTrue(node.execute("CREATE TABLE t (a, b)").succeeded());
    HttpResponse<String> write =
        post(
            node,
            "/db/execute",
            "order/4711",
            "[\"" + MANY + " INSERT INTO t SELECT i, 'secret' FROM n -- hush\"]");
    assertEquals(200, write.statusCode(), write.body());
    assertEquals("order/4711", write.headers().firstValue("X-Request-Id").orElseThrow());
    HttpResponse<String> read =
        post(node, "/db/query", "what is this", "[\"" + MANY + " SELECT max(i) FROM n\"]");
    String made = read.headers().firstValue("X-Request-Id").orElseThrow();
    assertFalse(made.contains(" "), made);

    Eventually.eventually(
        "both are logged",
        Duration.ofSeconds(20),
        () -> ofRequest(node, "order/4711").size() == 1 && ofRequest(node, made).size() == 1);
    JsonNode slow = ofRequest(node, "order/4711").get(0);
    assertEquals("WARN", slow.get("level").asText());
    String message = slow.get("formattedMessage").asText();
    assertTrue(message.contains(" ms for a statement of write "), message);
    assertTrue(message.endsWith("INSERT INTO t SELECT i, ? FROM n"), message);
    assertTrue(
        ofRequest(node, made).get(0).get("formattedMessage").asText().contains("of read: WITH"));
    assertEquals(0, node.terminate());
    assertFalse(node.log().contains("secret"), node::log);
    for (String line : node.log().split("\n")) {
      assertTrue(line.startsWith("{") || line.startsWith("peqlite "), line);
    }
  }

  private static List<JsonNode> ofRequest(NodeProcess node, String id) throws Exception {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : node.log().split("\n")) {
      if (line.startsWith("{")) {
        JsonNode object = JSON.readTree(line);
        if (object.at("/mdc/request_id").asText().equals(id)) {
          lines.add(object);
        }
      }
    }
    return lines;
  }

  private static HttpResponse<String> post(
      NodeProcess node, String path, String requestId, String body) throws Exception {
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(URI.create(node.url() + path))
                .header("X-Request-Id", requestId)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }
}
