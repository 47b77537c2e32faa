package http;

import actors.Node;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.HttpTerminated;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.settings.ServerSettings;

/** The HTTP interface of one node, from when it listens until it is stopped. Thread-safe. */
public final class HttpServer {

  private final ServerBinding binding;

  private HttpServer(ServerBinding binding) {
    this.binding = binding;
  }

  /**
   * Starts to listen.
   *
   * @param system runs the connections; it must outlive the server
   * @param node answers the requests
   * @return fails if the address cannot be bound
   */
  public static CompletionStage<HttpServer> start(
      ClassicActorSystemProvider system, Node node, HttpSettings settings) {
    Router router = new Router(system, node, settings);
    Config config = system.classicSystem().settings().config();
    return Http.get(system)
        .newServerAt(settings.host(), settings.port())
        .withSettings(ServerSettings.create(serverConfig(settings).withFallback(config)))
        .bind(router::handle)
        .thenApply(HttpServer::new);
  }

  /** Where it listens, with the real port. */
  public InetSocketAddress address() {
    return binding.localAddress();
  }

  /**
   * Stops: no new connections and requests are taken, those that were taken are finished, then
   * connections are closed.
   *
   * @param hardDeadline when connections are closed even if their requests are not finished
   */
  public CompletionStage<HttpTerminated> stop(Duration hardDeadline) {
    return binding.terminate(hardDeadline);
  }

  private static Config serverConfig(HttpSettings settings) {
    // Deadlines are kept by the routes, which know what became of a request; the connection itself
    // only has to outlive the longest of them.
    Duration idle = settings.timeoutMax().plusSeconds(60);
    return ConfigFactory.parseMap(
        Map.ofEntries(
            Map.entry("pekko.http.server.server-header", ""),
            Map.entry("pekko.http.server.preview.enable-http2", "off"),
            Map.entry("pekko.http.server.request-timeout", "infinite"),
            Map.entry("pekko.http.server.idle-timeout", idle.toMillis() + "ms"),
            Map.entry("pekko.http.server.max-connections", settings.connectionsMax()),
            Map.entry("pekko.http.server.backlog", 1_024),
            Map.entry("pekko.http.server.socket-options.tcp-no-delay", true),
            Map.entry("pekko.http.server.parsing.max-content-length", settings.bodyBytesMax()),
            // Queries by GET are part of the URL.
            Map.entry("pekko.http.server.parsing.max-uri-length", "256k"),
            Map.entry("pekko.http.server.parsing.uri-parsing-mode", "relaxed"),
            Map.entry("pekko.http.server.parsing.illegal-header-warnings", "off")));
  }
}
