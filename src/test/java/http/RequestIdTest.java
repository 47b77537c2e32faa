package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import sql.RequestId;

@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RequestIdTest {

  private ServerFixture http;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    http = new ServerFixture(directory);
  }

  @AfterAll
  void stop() throws Exception {
    http.close();
  }

  @Test
  void aClientsOwnIsAnsweredAndHandedOn() throws Exception {
    HttpResponse<String> answer = write("01HF-a_b.c:d/e+f=g@h~i");
    assertEquals("01HF-a_b.c:d/e+f=g@h~i", id(answer));
    assertEquals("01HF-a_b.c:d/e+f=g@h~i", http.node.requestIds.get(last()));
  }

  @Test
  void whatCannotStandInALogIsReplaced() throws Exception {
    for (String bad : List.of("", "two words", "a\"b", "\u00e9", "{x}", "x".repeat(129))) {
      HttpResponse<String> answer = write(bad);
      assertNotEquals(bad, id(answer));
      assertTrue(RequestId.isSane(id(answer)), id(answer));
      assertEquals(id(answer), http.node.requestIds.get(last()));
    }
  }

  @Test
  void everyAnswerHasOneAndNoTwoTheSame() throws Exception {
    String first = id(http.get("/health"));
    String second = id(http.get("/nothing/here"));
    assertTrue(RequestId.isSane(first), first);
    assertTrue(RequestId.isSane(second), second);
    assertNotEquals(first, second);
  }

  private int last() {
    return http.node.requestIds.size() - 1;
  }

  private HttpResponse<String> write(String requestId) throws Exception {
    return http.send(
        http.request("/db/execute")
            .header("X-Request-Id", requestId)
            .POST(HttpRequest.BodyPublishers.ofString("[\"CREATE TABLE IF NOT EXISTS t (a)\"]")));
  }

  private static String id(HttpResponse<String> answer) {
    List<String> ids = answer.headers().allValues("X-Request-Id");
    assertEquals(1, ids.size(), ids.toString());
    return ids.get(0);
  }
}
