package http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.testing.junit5.OpenTelemetryExtension;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.net.http.HttpRequest;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What a process with an OpenTelemetry sees of requests. */
@Timeout(60)
final class TracingTest {

  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

  @RegisterExtension
  static final OpenTelemetryExtension TELEMETRY = OpenTelemetryExtension.create();

  @TempDir private Path directory;

  @Test
  void aWriteAndAReadBelongToTheTraceOfTheirClient() throws Exception {
    try (ServerFixture http = new ServerFixture(directory)) {
      http.send(
          http.request("/db/execute")
              .header("traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01")
              .header("X-Request-Id", "order-1")
              .POST(HttpRequest.BodyPublishers.ofString("[\"CREATE TABLE t (a)\"]")));
      SpanData write = span("peqlite write");
      SpanData request = span("POST /db/execute");
      assertEquals(TRACE, request.getTraceId());
      assertEquals("00f067aa0ba902b7", request.getParentSpanId());
      assertEquals(SpanKind.SERVER, request.getKind());
      assertEquals(200, attribute(request, AttributeKey.longKey("http.response.status_code")));
      assertEquals("order-1", attribute(request, AttributeKey.stringKey("peqlite.request_id")));
      assertEquals(request.getSpanId(), write.getParentSpanId());
      assertEquals(List.of("applied"), events(write));

      http.get("/db/query?q=SELECT+*+FROM+t");
      SpanData read = span("peqlite read");
      assertEquals(span("GET /db/query").getSpanId(), read.getParentSpanId());
      assertEquals(List.of("admitted", "running"), events(read));

      http.node.writeAnswer =
          any -> {
            throw new IllegalStateException("a defect, for a test");
          };
      http.post("/db/request", "[\"DELETE FROM t\"]");
      assertEquals(StatusCode.ERROR, span("POST /db/request").getStatus().getStatusCode());
    }
  }

  private static <T> T attribute(SpanData span, AttributeKey<T> key) {
    return span.getAttributes().get(key);
  }

  private static List<String> events(SpanData span) {
    return span.getEvents().stream().map(EventData::getName).toList();
  }

  /** A span ends when its answer begins, which its client may see first. */
  private static SpanData span(String name) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (System.nanoTime() - deadline < 0) {
      for (SpanData span : TELEMETRY.getSpans()) {
        if (span.getName().equals(name)) {
          return span;
        }
      }
      LockSupport.parkNanos(1_000_000);
    }
    throw new AssertionError("there is no span " + name + " among " + TELEMETRY.getSpans());
  }
}
