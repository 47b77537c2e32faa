package http;

import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.ActorSystem;

/** A bound server on a free port with a {@link DatabaseNode} behind it, and a client for it. */
final class ServerFixture implements AutoCloseable {

  final DatabaseNode node;
  final HttpServer server;
  final String url;

  private final ActorSystem system;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  ServerFixture(Path directory) throws Exception {
    this(directory, HttpSettings.of("127.0.0.1", 0, "0.1.0"), false);
  }

  ServerFixture(Path directory, HttpSettings settings, boolean foreignKeys) throws Exception {
    this.node = new DatabaseNode(directory, foreignKeys);
    // Not application.conf: that is the configuration of a whole node.
    this.system =
        ActorSystem.create(
            "http-test",
            ConfigFactory.parseString("pekko.actor.provider = local, pekko.loglevel = WARNING")
                .withFallback(ConfigFactory.defaultReference())
                .resolve());
    this.server =
        HttpServer.start(system, node, settings.withSpoolDirectory(directory.resolve("spool")))
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS);
    this.url = "http://127.0.0.1:" + server.address().getPort();
  }

  HttpResponse<String> get(String pathAndQuery) throws Exception {
    return send(request(pathAndQuery).GET());
  }

  HttpResponse<String> post(String pathAndQuery, String body) throws Exception {
    return send(request(pathAndQuery).POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  HttpResponse<String> postText(String pathAndQuery, String body) throws Exception {
    return send(
        request(pathAndQuery)
            .header("Content-Type", "text/plain")
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  HttpResponse<String> postBytes(String pathAndQuery, byte[] body) throws Exception {
    return send(request(pathAndQuery).POST(HttpRequest.BodyPublishers.ofByteArray(body)));
  }

  HttpResponse<String> delete(String pathAndQuery, String body) throws Exception {
    return send(request(pathAndQuery).method("DELETE", HttpRequest.BodyPublishers.ofString(body)));
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  HttpClient client() {
    return client;
  }

  HttpRequest.Builder request(String pathAndQuery) {
    return HttpRequest.newBuilder(URI.create(url + pathAndQuery)).timeout(Duration.ofSeconds(30));
  }

  /** One statement through {@code /db/execute}; the body of the answer. */
  String execute(String sql) throws Exception {
    return postText("/db/execute", sql).body();
  }

  /** One query by GET; the body of the answer. */
  String query(String sql) throws Exception {
    return get("/db/query?q=" + encoded(sql)).body();
  }

  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  Socket connect() throws IOException {
    Socket socket = new Socket("127.0.0.1", server.address().getPort());
    socket.setSoTimeout(20_000);
    return socket;
  }

  @Override
  public void close() throws SQLException {
    server.stop(Duration.ofSeconds(5)).toCompletableFuture().join();
    node.close();
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
  }
}
