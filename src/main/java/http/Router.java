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
import org.apache.pekko.http.javadsl.model.HttpMethod;
import org.apache.pekko.http.javadsl.model.HttpMethods;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.headers.Connection;
import org.apache.pekko.stream.javadsl.Sink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes each request to what answers it. Paths are matched by prefix, as rqlite does it, so that
 * {@code /db/query/} works; other paths are 404, other methods 405, both without a body.
 * Thread-safe; it never blocks, and its answer never fails.
 */
final class Router {

  private static final Logger LOG = LoggerFactory.getLogger(Router.class);

  private static final Duration DISCARD_TIMEOUT = Duration.ofSeconds(5);
  private static final long DISCARD_BYTES_MAX = 64L * 1024 * 1024;

  /** Tells a client of a stopping server not to use the connection again. */
  private static final HttpHeader CLOSE = Connection.create("close");

  private final ClassicActorSystemProvider system;
  private final InFlight inFlight;
  private final Answers answers;
  private final DatabaseRoutes database;
  private final StatusRoutes status;

  Router(
      ClassicActorSystemProvider system,
      Node node,
      HttpSettings settings,
      InFlight inFlight,
      IntSupplier port) {
    this.system = system;
    this.inFlight = inFlight;
    this.answers = new Answers(settings, node.status().clusterAddress());
    Bodies bodies = new Bodies(system, settings);
    Spool spool = new Spool(settings.spoolDirectory(), settings.spoolBytesMax());
    AnswerStream.Server streams =
        new AnswerStream.Server(system, spool, inFlight, node.reads(), new AtomicInteger());
    this.database = new DatabaseRoutes(node, settings, bodies, answers, streams);
    this.status = new StatusRoutes(node, settings, bodies, spool, answers, port);
  }

  /** Answers one request. */
  CompletionStage<HttpResponse> handle(HttpRequest request) {
    if (!inFlight.begin()) {
      HttpResponse refusal = answers.unavailable("this node is stopping", Duration.ofSeconds(1));
      return CompletableFuture.completedFuture(refusal.addHeader(CLOSE));
    }
    return guarded(request)
        .thenApply(response -> inFlight.closing() ? response.addHeader(CLOSE) : response)
        .whenComplete((done, failure) -> inFlight.end());
  }

  private CompletionStage<HttpResponse> guarded(HttpRequest request) {
    try {
      return route(request).exceptionally(failure -> failed(request, failure));
    } catch (RuntimeException failure) {
      return withoutBody(request, failed(request, failure));
    }
  }

  private HttpResponse failed(HttpRequest request, Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (cause instanceof RequestException refusal) {
      return answers.refused(refusal);
    }
    LOG.error("{} {} failed", request.method().value(), request.getUri().path(), cause);
    return answers.internalError();
  }

  private CompletionStage<HttpResponse> route(HttpRequest request) {
    if (request.method().equals(HttpMethods.OPTIONS)) {
      return withoutBody(request, answers.empty(200));
    }
    String path = request.getUri().path();
    QueryParameters parameters =
        QueryParameters.parse(request.getUri().rawQueryString().orElse(null));
    if (path.startsWith("/db/")) {
      return database
          .route(path, request, parameters)
          .orElseGet(() -> withoutBody(request, answers.empty(404)));
    }
    if (path.startsWith("/status")) {
      allow(request, HttpMethods.GET);
      return discarded(request).thenCompose(done -> status.status(parameters));
    }
    if (path.startsWith("/nodes")) {
      allow(request, HttpMethods.GET);
      return discarded(request).thenCompose(done -> status.nodes(parameters));
    }
    if (path.startsWith("/readyz")) {
      allow(request, HttpMethods.GET);
      return discarded(request).thenCompose(done -> status.ready(parameters));
    }
    if (path.equals("/leader")) {
      allow(request, HttpMethods.GET, HttpMethods.POST);
      return request.method().equals(HttpMethods.GET)
          ? discarded(request).thenCompose(done -> status.leader(parameters))
          : status.moveLeader(request, parameters);
    }
    if (path.equals("/abort")) {
      allow(request, HttpMethods.POST);
      return status.abort(request, parameters);
    }
    if (path.equals("/health")) {
      allow(request, HttpMethods.GET);
      return withoutBody(request, status.health());
    }
    return withoutBody(request, answers.empty(404));
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

  static void allow(HttpRequest request, HttpMethod... methods) {
    for (HttpMethod method : methods) {
      if (request.method().equals(method)) {
        return;
      }
    }
    throw new RequestException(RequestException.Kind.METHOD, "method not allowed");
  }
}
