package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.cluster.Cluster;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** One server over cluster systems that come and go. */
@Timeout(120)
final class ManagementServerTest {

  private static final Config LOCAL =
      ConfigFactory.parseString("pekko.actor.provider = local, pekko.loglevel = WARNING")
          .withFallback(ConfigFactory.defaultReference())
          .resolve();

  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private ActorSystem system;
  private DatabaseNode node;
  private ManagementServer server;
  private volatile Optional<ActorSystem> cluster = Optional.empty();

  @BeforeEach
  void start(@TempDir Path directory) throws Exception {
    system = ActorSystem.create("management-test", LOCAL);
    node = new DatabaseNode(directory, false);
    server =
        ManagementServer.start(system, node, () -> cluster, "127.0.0.1", 0)
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS);
  }

  @AfterEach
  void stop() throws Exception {
    cluster.ifPresent(ManagementServerTest::end);
    end(system);
    node.close();
  }

  @Test
  void isAliveAndReadyWithoutAClusterSystem() throws Exception {
    assertAnswers(200, "OK", "/alive");
    assertAnswers(200, "OK", "/ready");
  }

  @Test
  void isReadyExactlyWhileTheNodeIs() throws Exception {
    cluster = Optional.of(joined());
    node.ready = false;
    assertAnswers(503, "not ready: writes are not taken yet", "/ready");
    node.replicaState = "catching-up";
    node.lag = 42;
    assertAnswers(503, "not ready: the replica is catching-up, 42 events behind", "/ready");
    node.sequencer = Optional.empty();
    assertAnswers(503, "not ready: no sequencer is known", "/ready");
    node.problem = Optional.of("disk full");
    assertAnswers(503, "not ready: disk full", "/ready");
    assertAnswers(200, "OK", "/alive");
    node.ready = true;
    assertAnswers(200, "OK", "/ready");
    server.stopping();
    assertAnswers(503, "not ready: this node is stopping", "/ready");
    assertAnswers(200, "OK", "/alive");
  }

  @Test
  void showsTheMembersOfTheClusterThatTheNodeIsInNow() throws Exception {
    assertAnswers(503, "this node takes no part in a cluster now", "/cluster/members");

    ActorSystem first = joined();
    cluster = Optional.of(first);
    assertShows(first);

    node.problem = Optional.of("put out by n2");
    end(first);
    assertAnswers(
        503, "this node takes no part in a cluster now: put out by n2", "/cluster/members");
    cluster = Optional.empty();
    assertAnswers(
        503, "this node takes no part in a cluster now: put out by n2", "/cluster/members");
    assertAnswers(200, "OK", "/alive");

    ActorSystem second = joined();
    cluster = Optional.of(second);
    assertShows(second);
  }

  @Test
  void answersWhileTheClusterSystemEnds() throws Exception {
    ActorSystem first = joined();
    cluster = Optional.of(first);
    assertShows(first);
    first.terminate();
    for (int i = 0; i < 50; i++) {
      int status = get("/cluster/members").statusCode();
      assertTrue(status == 200 || status == 503, "status " + status);
    }
    first.getWhenTerminated().toCompletableFuture().get(20, TimeUnit.SECONDS);
    assertEquals(503, get("/cluster/members").statusCode());
  }

  @Test
  void changesNothing() throws Exception {
    ActorSystem joined = joined();
    cluster = Optional.of(joined);
    String self = Cluster.get(joined).selfAddress().hostPort();
    for (String method : List.of("POST", "PUT", "DELETE", "PATCH", "OPTIONS")) {
      for (String path :
          List.of("/cluster/members", "/cluster/members/" + self, "/cluster", "/ready")) {
        HttpResponse<String> refused =
            send(request(path).method(method, BodyPublishers.ofString("operation=Down")));
        assertEquals(405, refused.statusCode(), method + " " + path);
        assertEquals("nothing can be changed here; use GET\n", refused.body());
        assertEquals("GET, HEAD", refused.headers().firstValue("Allow").orElse(""));
      }
    }
    assertShows(joined);
  }

  @Test
  void answersHead() throws Exception {
    HttpResponse<String> head = send(request("/ready").method("HEAD", BodyPublishers.noBody()));
    assertEquals(200, head.statusCode());
    assertEquals("", head.body());
  }

  @Test
  void startsNoShardingOnlyToSayThatThereIsNone() throws Exception {
    cluster = Optional.of(joined());
    assertAnswers(404, "there are no shards in this cluster", "/cluster/shards/any");
    assertAnswers(404, "there are no shards in this cluster", "/cluster/shard-entity-type-keys");
  }

  @Test
  void tellsOtherNodesWhoIsInWhereTheyLookForEachOther() throws Exception {
    ActorSystem plain = joined();
    cluster = Optional.of(plain);
    assertEquals(404, get("/bootstrap/seed-nodes").statusCode());
    end(plain);
    ActorSystem discovering =
        joined("pekko.extensions = [http.ClusterDiscovery], pekko.discovery.method = config");
    cluster = Optional.of(discovering);
    HttpResponse<String> seeds = get("/bootstrap/seed-nodes");
    assertEquals(200, seeds.statusCode(), seeds.body());
    String self = Cluster.get(discovering).selfMember().address().toString();
    assertTrue(seeds.body().contains("\"selfNode\":\"" + self + "\""), seeds.body());
    assertShows(discovering);
  }

  @Test
  void answersWhatItDoesNotKnowWithNotFound() throws Exception {
    cluster = Optional.of(joined());
    assertEquals(404, get("/nothing").statusCode());
    assertEquals(404, get("/").statusCode());
  }

  /** A body that never ends would otherwise be read for ever. */
  @Test
  void takesNoBody() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      socket.setSoTimeout(20_000);
      String head = "POST /ready HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nbegin";
      socket.getOutputStream().write(head.getBytes(StandardCharsets.UTF_8));
      InputStream in = socket.getInputStream();
      String answer = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(answer.startsWith("HTTP/1.1 405 "), answer);
      assertTrue(answer.contains("Connection: close"), answer);
    }
  }

  private void assertShows(ActorSystem joined) throws Exception {
    String self = Cluster.get(joined).selfMember().address().toString();
    HttpResponse<String> members = get("/cluster/members");
    assertEquals(200, members.statusCode(), members.body());
    assertTrue(members.body().contains("\"selfNode\":\"" + self + "\""), members.body());
    assertTrue(members.body().contains("\"status\":\"Up\""), members.body());
    assertFalse(members.body().contains("Down"), members.body());
  }

  private void assertAnswers(int status, String line, String path) throws Exception {
    HttpResponse<String> response = get(path);
    assertEquals(line + "\n", response.body());
    assertEquals(status, response.statusCode());
    assertEquals("text/plain; charset=utf-8", response.headers().firstValue("Content-Type").get());
  }

  /** A cluster system that is a cluster of its own, and Up. */
  private static ActorSystem joined() throws Exception {
    return joined("");
  }

  private static ActorSystem joined(String moreConfig) throws Exception {
    ActorSystem joined =
        ActorSystem.create(
            "peqlite",
            ConfigFactory.parseString(
                    moreConfig
                        + "\npekko.actor.provider = cluster, pekko.loglevel = ERROR,"
                        + "pekko.remote.artery.canonical { hostname = 127.0.0.1, port = 0 },"
                        + "pekko.cluster.periodic-tasks-initial-delay = 100ms,"
                        + "pekko.coordinated-shutdown.exit-jvm = off,"
                        + "pekko.management.http { hostname = 127.0.0.1,"
                        + " routes.cluster-bootstrap = \"\" }")
                .withFallback(ConfigFactory.defaultReference())
                .resolve());
    Cluster own = Cluster.get(joined);
    CompletableFuture<Boolean> up = new CompletableFuture<>();
    own.registerOnMemberUp(() -> up.complete(true));
    own.join(own.selfAddress());
    up.get(30, TimeUnit.SECONDS);
    return joined;
  }

  private static void end(ActorSystem ended) {
    ended.terminate();
    ended.getWhenTerminated().toCompletableFuture().join();
  }

  private HttpResponse<String> get(String path) throws Exception {
    return send(request(path).GET());
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(
            URI.create("http://127.0.0.1:" + server.address().getPort() + path))
        .timeout(Duration.ofSeconds(30));
  }

  private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return client.send(request.build(), BodyHandlers.ofString());
  }
}
