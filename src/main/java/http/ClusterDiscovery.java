package http;

import java.util.Optional;
import org.apache.pekko.Done;
import org.apache.pekko.actor.AbstractExtensionId;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.Extension;
import org.apache.pekko.actor.ExtensionIdProvider;
import org.apache.pekko.cluster.Cluster;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.server.Route;
import org.apache.pekko.http.scaladsl.model.Uri;
import org.apache.pekko.management.cluster.bootstrap.ClusterBootstrap;
import org.apache.pekko.management.cluster.bootstrap.contactpoint.HttpClusterBootstrapRoutes;
import org.apache.pekko.management.scaladsl.ManagementRouteProviderSettings$;

/**
 * Looks for the other nodes from a cluster's actor system, by Pekko Management's bootstrap, as soon
 * as that system begins. An actor system whose {@code pekko.extensions} name this class does so;
 * bootstrap's own settings say how.
 */
public final class ClusterDiscovery extends AbstractExtensionId<ClusterDiscovery.Running>
    implements ExtensionIdProvider {

  private static final ClusterDiscovery INSTANCE = new ClusterDiscovery();

  /** The search of one actor system. */
  public static final class Running implements Extension {

    private final Route routes;

    private Running(Route routes) {
      this.routes = routes;
    }
  }

  /** Called by Pekko, by the name of this class. */
  public ClusterDiscovery() {}

  @Override
  public ClusterDiscovery lookup() {
    return INSTANCE;
  }

  @Override
  public Running createExtension(ExtendedActorSystem system) {
    ClusterBootstrap bootstrap = ClusterBootstrap.get((ActorSystem) system);
    // Bootstrap waits until it is told where its own routes are served, and reads the scheme there.
    String self = "http://" + Cluster.get(system).selfAddress().hostPort().replaceFirst(".*@", "");
    bootstrap.routes(ManagementRouteProviderSettings$.MODULE$.apply(Uri.apply(self), true));
    bootstrap.start();
    // Connections that were used a moment ago would otherwise be cut off, with a complaint.
    CoordinatedShutdown.get(system)
        .addTask(
            CoordinatedShutdown.PhaseBeforeActorSystemTerminate(),
            "discovery-connections",
            () ->
                Http.get(system).shutdownAllConnectionPools().thenApply(end -> Done.getInstance()));
    return new Running(new HttpClusterBootstrapRoutes(bootstrap.settings()).getRoutes());
  }

  /** What other nodes ask for; nothing if this actor system does not look for them. */
  static Optional<Route> routes(ActorSystem system) {
    return system.hasExtension(INSTANCE)
        ? Optional.of(INSTANCE.get(system).routes)
        : Optional.empty();
  }
}
