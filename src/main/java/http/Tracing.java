package http;

import actors.WriteAnswer;
import actors.WriteCaller;
import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * Spans of requests, for an OpenTelemetry that the process brings: its Java agent, or an SDK that
 * an application has made the global one before the server is started. Without one there is no
 * object of this class, and requests cost nothing more. Thread-safe.
 */
final class Tracing {

  private static final AttributeKey<String> METHOD = AttributeKey.stringKey("http.request.method");
  private static final AttributeKey<String> ROUTE = AttributeKey.stringKey("http.route");
  private static final AttributeKey<Long> STATUS =
      AttributeKey.longKey("http.response.status_code");
  private static final AttributeKey<String> REQUEST = AttributeKey.stringKey("peqlite.request_id");
  private static final AttributeKey<String> POSITION = AttributeKey.stringKey("peqlite.position");
  private static final AttributeKey<String> ANSWER = AttributeKey.stringKey("peqlite.answer");

  private static final TextMapGetter<HttpRequest> HEADERS =
      new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(HttpRequest request) {
          List<String> names = new ArrayList<>();
          request.getHeaders().forEach(header -> names.add(header.lowercaseName()));
          return names;
        }

        @Override
        public @Nullable String get(@Nullable HttpRequest request, String name) {
          return request == null
              ? null
              : request.getHeader(name).map(HttpHeader::value).orElse(null);
        }
      };

  private final OpenTelemetry telemetry;
  private final Tracer tracer;

  private Tracing(OpenTelemetry telemetry, String version) {
    this.telemetry = telemetry;
    this.tracer = telemetry.getTracer("io.peqlite", version);
  }

  /** With the process's OpenTelemetry; null if it has none. */
  static @Nullable Tracing find(String version) {
    return GlobalOpenTelemetry.isSet() ? new Tracing(GlobalOpenTelemetry.get(), version) : null;
  }

  /** A request has arrived. */
  Exchange begin(HttpRequest request, Route route, String requestId) {
    Context around = Context.current();
    // The agent has made a span of the request already, and everybody else left it to us.
    boolean made = Span.fromContext(around).getSpanContext().isValid();
    Context parent =
        made
            ? around
            : telemetry
                .getPropagators()
                .getTextMapPropagator()
                .extract(Context.root(), request, HEADERS);
    Span span =
        tracer
            .spanBuilder(request.method().value() + " " + route.label())
            .setParent(parent)
            .setSpanKind(made ? SpanKind.INTERNAL : SpanKind.SERVER)
            .setAttribute(METHOD, request.method().value())
            .setAttribute(ROUTE, route.label())
            .setAttribute(REQUEST, requestId)
            .startSpan();
    return new Exchange(span, Context.root().with(span));
  }

  /** One request, until its answer begins. */
  final class Exchange {

    private final Span span;
    private final Context context;

    private Exchange(Span span, Context context) {
      this.span = span;
      this.context = context;
    }

    /** Its answer begins. */
    void end(int status) {
      span.setAttribute(STATUS, (long) status);
      if (status >= 500) {
        span.setStatus(StatusCode.ERROR);
      }
      span.end();
    }

    /** It writes. */
    Write write(String requestId) {
      return new Write(requestId, child("peqlite write"));
    }

    /** It reads. */
    Read read() {
      return new Read(child("peqlite read"));
    }

    private Span child(String name) {
      return tracer.spanBuilder(name).setParent(context).startSpan();
    }
  }

  /** A write on its way: sent, ordered, and applied where the span ends. */
  static final class Write implements WriteCaller {

    private final String requestId;
    private final Span span;

    private Write(String requestId, Span span) {
      this.requestId = requestId;
      this.span = span;
    }

    @Override
    public String requestId() {
      return requestId;
    }

    @Override
    public void sent() {
      span.addEvent("sent");
    }

    @Override
    public void ordered(Position position) {
      span.addEvent("ordered", Attributes.of(POSITION, position.toString()));
    }

    /** It is answered. */
    void end(@Nullable WriteAnswer answer) {
      if (answer instanceof WriteAnswer.Applied applied) {
        span.addEvent("applied", Attributes.of(POSITION, applied.position().toString()));
      } else {
        span.setAttribute(ANSWER, answer == null ? "failed" : answer.getClass().getSimpleName());
      }
      span.end();
    }
  }

  /** A read: let in, running, and done where the span ends. */
  static final class Read {

    private final Span span;

    private Read(Span span) {
      this.span = span;
    }

    /** This node has applied what its level asks for. */
    void admitted() {
      span.addEvent("admitted");
    }

    /** It has a connection. */
    void running() {
      span.addEvent("running");
    }

    /** It is over. */
    void end() {
      span.end();
    }
  }
}
