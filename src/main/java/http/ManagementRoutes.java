package http;

import actors.Node;
import actors.NodeStatus;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.cluster.Cluster;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.HttpCharsets;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpEntity;
import org.apache.pekko.http.javadsl.model.HttpMethod;
import org.apache.pekko.http.javadsl.model.HttpMethods;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.MediaTypes;
import org.apache.pekko.http.javadsl.model.headers.Allow;
import org.apache.pekko.http.javadsl.model.headers.Connection;
import org.apache.pekko.http.javadsl.server.Directives;
import org.apache.pekko.http.javadsl.server.Route;
import org.apache.pekko.japi.function.Function;
import org.apache.pekko.management.javadsl.PekkoManagement;
import org.apache.pekko.stream.javadsl.Sink;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What {@link ManagementServer} answers. Only GET and HEAD are taken. Thread-safe; its answer never
 * fails.
 */
final class ManagementRoutes {

  private static final Logger LOG = LoggerFactory.getLogger(ManagementRoutes.class);

  private static final ContentType TEXT =
      MediaTypes.TEXT_PLAIN.toContentType(HttpCharsets.custom("utf-8"));

  /** Pekko Management answers from memory; only an actor system that ends keeps it from it. */
  private static final Duration ANSWER_MAX = Duration.ofSeconds(5);

  private final ClassicActorSystemProvider system;
  private final Node node;
  private final Supplier<? extends Optional<? extends ClassicActorSystemProvider>> cluster;
  private volatile @Nullable Shown shown;
  private volatile boolean stopping;

  /** An actor system and Pekko Management's routes in it, which are made once. */
  private record Shown(
      ClassicActorSystemProvider cluster,
      Function<HttpRequest, CompletionStage<HttpResponse>> routes) {}

  /** See {@link ManagementServer#start}. */
  ManagementRoutes(
      ClassicActorSystemProvider system,
      Node node,
      Supplier<? extends Optional<? extends ClassicActorSystemProvider>> cluster) {
    this.system = system;
    this.node = node;
    this.cluster = cluster;
  }

  void stopping() {
    stopping = true;
  }

  /** Answers one request. */
  CompletionStage<HttpResponse> handle(HttpRequest request) {
    if (request.entity() instanceof HttpEntity.Strict) {
      return route(request);
    }
    // Nothing here reads a body, so the connection ends where a long one begins.
    request.entity().getDataBytes().runWith(Sink.cancelled(), system);
    return route(request.withEntity(HttpEntities.EMPTY))
        .thenApply(response -> response.addHeader(Connection.create("close")));
  }

  private CompletionStage<HttpResponse> route(HttpRequest request) {
    HttpMethod method = request.method();
    if (!method.equals(HttpMethods.GET) && !method.equals(HttpMethods.HEAD)) {
      HttpResponse refused = text(405, "nothing can be changed here; use GET");
      return done(refused.addHeader(Allow.create(HttpMethods.GET, HttpMethods.HEAD)));
    }
    String path = request.getUri().path();
    if (path.equals("/alive")) {
      return done(text(200, "OK"));
    }
    if (path.equals("/ready")) {
      return done(ready());
    }
    if (path.startsWith("/cluster/shard")) {
      // There are none, and only to say so Pekko would start all that is needed to have some.
      return done(text(404, "there are no shards in this cluster"));
    }
    Optional<? extends ClassicActorSystemProvider> current = cluster.get();
    return current.isPresent() && takesPart(current.get())
        ? shown(current.get(), request)
        : done(noCluster());
  }

  private HttpResponse ready() {
    if (stopping) {
      return text(503, "not ready: this node is stopping");
    }
    NodeStatus status = node.status();
    return status.ready() ? text(200, "OK") : text(503, "not ready: " + Unready.reason(status));
  }

  /** One that has ended would go on answering, with a cluster that has no members. */
  private static boolean takesPart(ClassicActorSystemProvider current) {
    return !Cluster.get(current).isTerminated();
  }

  private CompletionStage<HttpResponse> shown(
      ClassicActorSystemProvider current, HttpRequest request) {
    try {
      return routes(current)
          .apply(request)
          .toCompletableFuture()
          .copy()
          .orTimeout(ANSWER_MAX.toMillis(), TimeUnit.MILLISECONDS)
          .exceptionally(failure -> failed(current, request, failure));
    } catch (Exception failure) {
      return done(failed(current, request, failure));
    }
  }

  private Function<HttpRequest, CompletionStage<HttpResponse>> routes(
      ClassicActorSystemProvider current) {
    Shown known = shown;
    if (known == null || known.cluster() != current) {
      Route management = PekkoManagement.get(current).getRoutes();
      Route all =
          ClusterDiscovery.routes(current.classicSystem())
              .map(discovery -> Directives.concat(discovery, management))
              .orElse(management);
      known = new Shown(current, all.handler(current));
      shown = known;
    }
    return known.routes();
  }

  private HttpResponse failed(
      ClassicActorSystemProvider asked, HttpRequest request, Throwable failure) {
    if (takesPart(asked)) {
      LOG.warn("GET {} failed", request.getUri().path(), failure);
    }
    return noCluster();
  }

  private HttpResponse noCluster() {
    String reason = node.status().problem().map(problem -> ": " + problem).orElse("");
    return text(503, "this node takes no part in a cluster now" + reason);
  }

  private static CompletionStage<HttpResponse> done(HttpResponse response) {
    return CompletableFuture.completedFuture(response);
  }

  private static HttpResponse text(int status, String text) {
    byte[] bytes = (text + "\n").getBytes(StandardCharsets.UTF_8);
    return HttpResponse.create().withStatus(status).withEntity(HttpEntities.create(TEXT, bytes));
  }
}
