package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;

import http.OpenApiDocument;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Every operation of the description, at a whole node. */
@Timeout(120)
final class OpenApiOnARealNodeTest {

  private static final String PEOPLE =
      "[\"CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, born DATE, photo BLOB)\","
          + " [\"INSERT INTO people(name, born, photo) VALUES(?, ?, ?)\", \"fiona\","
          + " \"2004-02-14\", [0, 255]], [\"INSERT INTO people(name) VALUES(:n)\","
          + " {\"n\": \"declan\"}], \"INSERT INTO nowhere VALUES(1)\"]";

  private static final String MIXED =
      "[\"INSERT INTO people(name) VALUES('aoife') RETURNING id, name\", \"SELECT * FROM people\"]";

  @Test
  void aNodeAnswersAsItIsDescribed(@TempDir Path directory) throws Exception {
    try (RealNodeFixture node = RealNodeFixture.start(directory)) {
      OpenApiDocument document = new OpenApiDocument(node.get("/openapi.json").body());
      assertEquals(Version.text(), document.tree().at("/info/version").asText());

      for (String shape : new String[] {"", "?timings&seq", "?associative", "?blob_array&pretty"}) {
        document.check("POST", "/db/execute", node.post("/db/execute" + shape, PEOPLE));
        document.check("POST", "/db/request", node.post("/db/request" + shape, MIXED));
        document.check("POST", "/db/query", node.post("/db/query" + shape, MIXED));
      }
      for (String level : new String[] {"none", "weak", "linearizable", "strong"}) {
        document.check(
            "GET",
            "/db/query",
            node.get("/db/query?level=" + level + "&q=SELECT+*+FROM+people&min_seq=1"));
      }
      document.check("GET", "/db/query", node.get("/db/query?q=SELECT+*+FROM+nowhere"));
      for (String when : new String[] {"as_of_seq=2", "as_of_seq=0", "as_of_time=4000000000"}) {
        document.check("GET", "/db/query", node.get("/db/query?seq&q=SELECT+1&" + when));
      }
      document.check("POST", "/db/execute", node.post("/db/execute?queue", PEOPLE));
      document.check("POST", "/db/execute", node.post("/db/execute?queue&wait", "[]"));
      document.check(
          "POST", "/db/load", node.postText("/db/load", "BEGIN; CREATE TABLE c (a); COMMIT;"));
      document.check("GET", "/db/backup", node.get("/db/backup?fmt=sql"));
      document.check("POST", "/boot", node.postText("/boot", "CREATE TABLE d (a);"));
      document.check("GET", "/db/sql", node.get("/db/sql?q=SELECT+1"));
      document.check("POST", "/db/sql", node.post("/db/sql", "[\"ATTACH 'x' AS y\"]"));
      for (int attempt = 0; attempt < 2; attempt++) {
        document.check("POST", "/db/execute", node.postWithKey("/db/execute", "k", MIXED));
      }
      document.check("POST", "/db/execute", node.postWithKey("/db/execute", "k", PEOPLE));
      document.check("GET", "/db/requests/{key}", node.get("/db/requests/k"));
      document.check("GET", "/db/requests/{key}", node.get("/db/requests/other"));
      document.check("GET", "/status", node.get("/status"));
      document.check("GET", "/nodes", node.get("/nodes"));
      document.check("GET", "/leader", node.get("/leader"));
      document.check("POST", "/leader", node.post("/leader?timeout=1s", ""));
      document.check("POST", "/snapshot", node.post("/snapshot", ""));
      document.check("POST", "/snapshot", node.post("/snapshot", ""));
      document.check("POST", "/scrub", node.post("/scrub", ""));
      document.check("POST", "/abort", node.post("/abort", "{\"position\":\"1.0\"}"));
      document.check("DELETE", "/remove", node.delete("/remove", "{\"id\":\"n2\"}"));
      document.check("POST", "/replace", node.post("/replace", "{\"id\":\"n2\"}"));
      document.check("GET", "/readyz", node.get("/readyz?sync"));
      document.check("GET", "/health", node.get("/health"));
      document.check("GET", "/metrics", node.get("/metrics"));
      document.check("GET", "/openapi.json", node.get("/openapi.json"));

      assertEquals(operations(document.documented()), operations(document.seen()));
    }
  }

  private static Set<String> operations(Set<String> withStatus) {
    return withStatus.stream()
        .map(one -> one.substring(0, one.lastIndexOf(' ')))
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
