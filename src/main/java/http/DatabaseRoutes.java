package http;

import actors.Node;
import actors.ReadAdmission;
import actors.ReadLevel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.http.javadsl.model.HttpMethods;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.jspecify.annotations.Nullable;
import sql.Classification;
import sql.IdempotencyKey;
import sql.SqlText;
import sql.StatementRules;

/**
 * The endpoints under {@code /db/}: reads the request, plans it, and hands the plan to what reads
 * or writes. Thread-safe.
 *
 * <p>A request runs in the one order if any statement in it writes, and is answered from a snapshot
 * of the local database if all of them read. {@code /db/execute} is always ordered, and a query by
 * GET never is.
 */
final class DatabaseRoutes {

  private final Node node;
  private final HttpSettings settings;
  private final Bodies bodies;
  private final Answers answers;
  private final StatementRules rules;
  private final ReadRoutes reads;
  private final WriteRoutes writes;
  private final KeyRoutes keys;
  private final LoadRoutes loads;
  private final BackupRoutes backups;

  DatabaseRoutes(
      Node node,
      HttpSettings settings,
      Bodies bodies,
      Answers answers,
      AnswerStream.Server streams) {
    this.node = node;
    this.settings = settings;
    this.bodies = bodies;
    this.answers = answers;
    this.rules = new StatementRules(node.foreignKeys());
    this.reads = new ReadRoutes(node, settings, answers, streams);
    this.writes = new WriteRoutes(node, answers);
    this.keys = new KeyRoutes(node, answers);
    this.loads = new LoadRoutes(node, settings, bodies, answers, writes);
    this.backups = new BackupRoutes(node, answers, settings.spoolDirectory());
  }

  /** Answers a request whose method the route takes. */
  CompletionStage<HttpResponse> answer(
      Route route,
      String path,
      HttpRequest request,
      QueryParameters parameters,
      String requestId,
      Tracing.@Nullable Exchange exchange) {
    if (parameters.asOf().isPresent() && route != Route.QUERY && route != Route.REQUEST) {
      throw RequestException.bad(
          "as_of_seq and as_of_time are for queries: " + Route.QUERY.path() + " takes them");
    }
    RequestContext context =
        new RequestContext(
            parameters,
            ResultOptions.of(parameters, route == Route.QUERY),
            System.nanoTime(),
            parameters.timeout(settings.timeout(), settings.timeoutMax()),
            requestId,
            exchange);
    if (route == Route.LOAD || route == Route.BOOT) {
      if (contentType(request).startsWith("multipart/")) {
        throw RequestException.bad(
            "multipart bodies are not supported: send the file or the SQL text itself as the body");
      }
      return loads.load(request, context, route == Route.BOOT);
    }
    Endpoint endpoint = endpoint(route, path, request);
    return bodies.serve(
        request, context.timeout(), body -> endpoint.answer(request, body, context));
  }

  /** Answers a request whose body was read; may throw {@link RequestException}. */
  private interface Endpoint {
    CompletionStage<HttpResponse> answer(HttpRequest request, byte[] body, RequestContext context);
  }

  private Endpoint endpoint(Route route, String path, HttpRequest request) {
    return switch (route) {
      case QUERY -> request.method().equals(HttpMethods.GET) ? this::queryByUrl : this::queryByBody;
      case EXECUTE -> this::execute;
      case KEY -> {
        String key = QueryParameters.decode(path.substring(Route.KEY.path().length()), false);
        yield (any, body, context) -> keys.requests(key, context);
      }
      case REQUEST -> this::request;
      case BACKUP -> (any, body, context) -> backups.backup(context);
      case SQL -> this::sql;
      default -> throw new IllegalArgumentException(route + " is not about the database");
    };
  }

  private CompletionStage<HttpResponse> queryByUrl(
      HttpRequest request, byte[] body, RequestContext context) {
    Plan plan =
        checked(Plan.of(List.of(Element.of(queryOf(context.parameters()))), rules), context);
    return plan.statements().isEmpty()
        ? writes.write(plan, context, Optional.empty(), false)
        : reads.read(plan, context);
  }

  private CompletionStage<HttpResponse> queryByBody(
      HttpRequest request, byte[] body, RequestContext context) {
    return readOrWrite(request, elements(request, body), context);
  }

  private CompletionStage<HttpResponse> request(
      HttpRequest request, byte[] body, RequestContext context) {
    return readOrWrite(request, RequestBody.parse(body), context);
  }

  private CompletionStage<HttpResponse> readOrWrite(
      HttpRequest request, List<Element> elements, RequestContext context) {
    Optional<IdempotencyKey> key = KeyRoutes.keyOf(request);
    Plan plan = checked(Plan.of(elements, rules), context);
    // A plan without statements is answered without asking anybody.
    return plan.writes() || plan.statements().isEmpty()
        ? writes.write(plan, context, key, false)
        : reads.read(plan, context);
  }

  /** The past cannot be changed. */
  private static Plan checked(Plan plan, RequestContext context) {
    if (plan.writes() && context.parameters().asOf().isPresent()) {
      throw RequestException.bad("a statement writes, and nothing can be written as of the past");
    }
    return plan;
  }

  private CompletionStage<HttpResponse> execute(
      HttpRequest request, byte[] body, RequestContext context) {
    Optional<IdempotencyKey> key = KeyRoutes.keyOf(request);
    if (!context.parameters().flag("queue")) {
      return writes.write(Plan.of(elements(request, body), rules), context, key, true);
    }
    boolean wait = context.parameters().flag("wait");
    List<Element> elements =
        wait && !isText(request) ? RequestBody.parseAllowingNone(body) : elements(request, body);
    return elements.isEmpty()
        ? barrier(context)
        : writes.queue(Plan.of(elements, rules), context, key);
  }

  /** Answers when everything that was durable when it was asked is applied here. */
  private CompletionStage<HttpResponse> barrier(RequestContext context) {
    return node.admit(
            ReadLevel.LINEARIZABLE, Optional.empty(), OptionalLong.empty(), context.remaining())
        .thenApply(
            admission ->
                admission instanceof ReadAdmission.Refused refused
                    ? answers.unavailable(refused.reason(), Duration.ofSeconds(1))
                    : writes.flushed(context));
  }

  /** What would be run: nothing is ever rewritten, so each text is answered as it came. */
  private CompletionStage<HttpResponse> sql(
      HttpRequest request, byte[] body, RequestContext context) {
    List<Element> elements =
        request.method().equals(HttpMethods.GET)
            ? List.of(Element.of(queryOf(context.parameters())))
            : elements(request, body);
    List<Object> results = new ArrayList<>();
    for (Element element : elements) {
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("original", element.sql());
      result.put("rewritten", element.sql());
      refusal(element.sql()).ifPresent(reason -> result.put("error", reason));
      results.add(result);
    }
    byte[] answer = Json.tree(Map.of("results", results), context.options().pretty());
    return CompletableFuture.completedFuture(answers.json(200, answer));
  }

  private Optional<String> refusal(String text) {
    for (String statement : SqlText.split(text)) {
      Classification classification = rules.classify(statement);
      if (classification instanceof Classification.Refused refused) {
        return Optional.of(refused.reason());
      }
      if (classification instanceof Classification.DisallowedPragma) {
        return Optional.of("disallowed pragma");
      }
    }
    return Optional.empty();
  }

  private static String queryOf(QueryParameters parameters) {
    return parameters
        .text("q")
        .map(sql -> RequestBody.checked(sql, "the statement"))
        .orElseThrow(() -> RequestException.bad("query not specified"));
  }

  private static List<Element> elements(HttpRequest request, byte[] body) {
    return isText(request) ? List.of(Element.of(RequestBody.text(body))) : RequestBody.parse(body);
  }

  private static boolean isText(HttpRequest request) {
    return contentType(request).startsWith("text/plain");
  }

  private static String contentType(HttpRequest request) {
    return request.entity().getContentType().toString().toLowerCase(Locale.ROOT);
  }
}
