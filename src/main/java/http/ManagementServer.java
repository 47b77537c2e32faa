package http;

import actors.Node;
import actors.NodeStatus;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.settings.ServerSettings;

/**
 * Shows the cluster to operators and their tools, on an address of its own, and changes nothing.
 * Thread-safe; it listens from its start until the actor system ends that it runs in.
 *
 * <p>{@code /alive} is 200 as long as the process answers. {@code /ready} is 200 exactly while the
 * node is {@linkplain NodeStatus#ready ready}, else 503 with the reason. Everything else, such as
 * {@code /cluster/members} and, where nodes look for each other by discovery, {@code
 * /bootstrap/seed-nodes}, is what Pekko Management answers in the actor system that takes part in
 * the cluster. That one comes and goes while this server stays; in between the answer is 503.
 */
public final class ManagementServer {

  private static final int CONNECTIONS_MAX = 256;

  private final ServerBinding binding;
  private final ManagementRoutes routes;

  private ManagementServer(ServerBinding binding, ManagementRoutes routes) {
    this.binding = binding;
    this.routes = routes;
  }

  /**
   * Starts to listen.
   *
   * @param system runs the connections; the server ends with it
   * @param node says whether it is ready
   * @param cluster the actor system that takes part in the cluster now, if there is one; asked for
   *     every request, on any thread, and must not block
   * @param port 0 takes a free one
   * @return fails if the address cannot be bound
   */
  public static CompletionStage<ManagementServer> start(
      ClassicActorSystemProvider system,
      Node node,
      Supplier<? extends Optional<? extends ClassicActorSystemProvider>> cluster,
      String host,
      int port) {
    ManagementRoutes routes = new ManagementRoutes(system, node, cluster);
    Config config = system.classicSystem().settings().config();
    return Http.get(system)
        .newServerAt(host, port)
        .withSettings(ServerSettings.create(serverConfig().withFallback(config)))
        .bind(routes::handle)
        .thenApply(binding -> new ManagementServer(binding, routes));
  }

  /** Where it listens, with the real port. */
  public InetSocketAddress address() {
    return binding.localAddress();
  }

  /** From now on {@code /ready} is 503, because the node is about to end. */
  public void stopping() {
    routes.stopping();
  }

  private static Config serverConfig() {
    return ConfigFactory.parseMap(
        Map.of(
            "pekko.http.server.server-header", "",
            "pekko.http.server.preview.enable-http2", "off",
            "pekko.http.server.max-connections", CONNECTIONS_MAX,
            // Load balancers like to ask by HEAD.
            "pekko.http.server.transparent-head-requests", "on",
            "pekko.http.server.parsing.illegal-header-warnings", "off"));
  }
}
