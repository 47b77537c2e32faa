package http;

import actors.Node;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import org.apache.pekko.Done;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.http.javadsl.model.HttpEntity;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpMethods;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.headers.Connection;
import org.apache.pekko.http.javadsl.model.headers.RawHeader;
import org.apache.pekko.stream.javadsl.Sink;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.RequestId;

/**
 * Takes each request to what answers it, names it and measures it. Where there is no {@link Route}
 * is 404, other methods than the route's are 405, both without a body. Thread-safe; it never
 * blocks, and its answer never fails.
 */
final class Router {

  private static final Logger LOG = LoggerFactory.getLogger(Router.class);

  private static final Duration DISCARD_TIMEOUT = Duration.ofSeconds(5);
  private static final long DISCARD_BYTES_MAX = 64L * 1024 * 1024;

  /** Tells a client of a stopping server not to use the connection again. */
  private static final HttpHeader CLOSE = Connection.create("close");

  private static final String REQUEST_ID = "X-Request-Id";

  private final ClassicActorSystemProvider system;
  private final InFlight inFlight;
  private final Answers answers;
  private final DatabaseRoutes database;
  private final StatusRoutes status;
  private final HttpMetrics measured;
  private final Metrics metrics;
  private final HttpResponse openApi;
  private final @Nullable Tracing tracing;

  Router(
      ClassicActorSystemProvider system,
      Node node,
      HttpSettings settings,
      InFlight inFlight,
      Metrics metrics,
      IntSupplier port) {
    this.system = system;
    this.inFlight = inFlight;
    this.metrics = metrics;
    this.tracing = Tracing.find(settings.version());
    this.answers = new Answers(settings, node.status().clusterAddress());
    this.openApi = answers.json(200, OpenApi.text(settings.version()));
    Bodies bodies = new Bodies(system, settings);
    Spool spool = new Spool(settings.spoolDirectory(), settings.spoolBytesMax());
    AnswerStream.Server streams =
        new AnswerStream.Server(system, spool, inFlight, node.reads(), new AtomicInteger());
    this.database = new DatabaseRoutes(node, settings, bodies, answers, streams);
    this.status = new StatusRoutes(node, settings, bodies, spool, answers, port);
    this.measured = new HttpMetrics(node.metrics(), bodies, spool);
  }

  /** Answers one request. */
  CompletionStage<HttpResponse> handle(HttpRequest request) {
    long arrivedNanos = System.nanoTime();
    String path = request.getUri().path();
    Route route = Route.of(path);
    String id = requestId(request);
    if (!inFlight.begin()) {
      HttpResponse refusal = answers.unavailable("this node is stopping", Duration.ofSeconds(1));
      measured.answered(route, refusal.status().intValue(), System.nanoTime() - arrivedNanos);
      return CompletableFuture.completedFuture(
          refusal.addHeader(CLOSE).addHeader(RawHeader.create(REQUEST_ID, id)));
    }
    Tracing.Exchange exchange = tracing == null ? null : tracing.begin(request, route, id);
    return guarded(request, route, path, id, exchange)
        .thenApply(
            response -> {
              if (exchange != null) {
                exchange.end(response.status().intValue());
              }
              measured.answered(
                  route, response.status().intValue(), System.nanoTime() - arrivedNanos);
              HttpResponse named = response.addHeader(RawHeader.create(REQUEST_ID, id));
              return inFlight.closing() ? named.addHeader(CLOSE) : named;
            })
        .whenComplete((done, failure) -> inFlight.end());
  }

  /** What the client calls its request, or what it is called here. */
  private static String requestId(HttpRequest request) {
    return request
        .getHeader(REQUEST_ID)
        .map(HttpHeader::value)
        .filter(RequestId::isSane)
        .orElseGet(RequestId::next);
  }

  private CompletionStage<HttpResponse> guarded(
      HttpRequest request,
      Route route,
      String path,
      String id,
      Tracing.@Nullable Exchange exchange) {
    try {
      return route(request, route, path, id, exchange)
          .exceptionally(failure -> failed(request, path, id, failure));
    } catch (RuntimeException failure) {
      return withoutBody(request, failed(request, path, id, failure));
    }
  }

  private HttpResponse failed(HttpRequest request, String path, String id, Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (cause instanceof RequestException refusal) {
      return answers.refused(refusal);
    }
    RequestId.inLog(id, () -> LOG.error("{} {} failed", request.method().value(), path, cause));
    return answers.internalError();
  }

  private CompletionStage<HttpResponse> route(
      HttpRequest request,
      Route route,
      String path,
      String id,
      Tracing.@Nullable Exchange exchange) {
    if (request.method().equals(HttpMethods.OPTIONS)) {
      return withoutBody(request, answers.empty(200));
    }
    QueryParameters parameters =
        QueryParameters.parse(request.getUri().rawQueryString().orElse(null));
    if (route == Route.NONE) {
      return withoutBody(request, answers.empty(404));
    }
    if (!route.methods().contains(request.method())) {
      throw new RequestException(RequestException.Kind.METHOD, "method not allowed");
    }
    boolean get = request.method().equals(HttpMethods.GET);
    return switch (route) {
      case QUERY, EXECUTE, KEY, REQUEST, LOAD, BOOT, BACKUP, SQL ->
          database.answer(route, path, request, parameters, id, exchange);
      case STATUS -> discarded(request).thenCompose(done -> status.status(parameters));
      case NODES -> discarded(request).thenCompose(done -> status.nodes(parameters));
      case READY -> discarded(request).thenCompose(done -> status.ready(parameters));
      case LEADER ->
          get
              ? discarded(request).thenCompose(done -> status.leader(parameters))
              : status.moveLeader(request, parameters);
      case SNAPSHOT -> discarded(request).thenCompose(done -> status.snapshot(parameters));
      case SCRUB -> discarded(request).thenCompose(done -> status.scrub(parameters));
      case ABORT -> status.abort(request, parameters);
      case REMOVE -> status.remove(request, parameters);
      case REPLACE -> status.replace(request, parameters);
      case HEALTH -> withoutBody(request, status.health());
      case METRICS -> withoutBody(request, answers.metrics(metrics.text()));
      case OPENAPI -> withoutBody(request, openApi);
      case NONE -> throw new IllegalStateException("nothing is there");
    };
  }

  /** Answers without looking at the body. */
  private CompletionStage<HttpResponse> withoutBody(HttpRequest request, HttpResponse response) {
    return discarded(request).thenApply(done -> response);
  }

  /**
   * Reads the body and throws it away, within bounds, because many clients do not read an answer
   * before they have sent everything. Never fails.
   */
  private CompletionStage<Done> discarded(HttpRequest request) {
    if (request.entity() instanceof HttpEntity.Strict) {
      return CompletableFuture.completedFuture(Done.getInstance());
    }
    return request
        .entity()
        .withSizeLimit(DISCARD_BYTES_MAX)
        .getDataBytes()
        .completionTimeout(DISCARD_TIMEOUT)
        .runWith(Sink.ignore(), system)
        .exceptionally(failure -> Done.getInstance());
  }
}
