package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The management address of a node that is wired as {@code serve} wires it. */
@Timeout(120)
final class ManagementOnARealNodeTest {

  @Test
  void showsTheNodeAndItsCluster(@TempDir Path directory) throws Exception {
    try (RealNodeFixture fixture = RealNodeFixture.start(directory)) {
      NetworkAddress address = fixture.node().managementAddress().orElseThrow();
      assertTrue(address.port() > 0, "the real port");
      assertEquals(200, get(address, "/alive").statusCode());
      assertEquals(200, get(address, "/ready").statusCode());

      HttpResponse<String> members = get(address, "/cluster/members");
      assertEquals(200, members.statusCode());
      String self = "@" + fixture.node().clusterAddress();
      assertTrue(members.body().contains(self + "\",\"nodeUid\""), members.body());
      assertTrue(members.body().contains("\"status\":\"Up\""), members.body());
    }
  }

  private static HttpResponse<String> get(NetworkAddress address, String path) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + address + path)).build();
    return HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
  }
}
