package http;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.apache.pekko.NotUsed;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpCharsets;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.MediaTypes;
import org.apache.pekko.http.javadsl.model.headers.RawHeader;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.util.ByteString;
import storage.ReadFailure;

/**
 * Makes the responses: their status, their headers, and the words of errors. The one place where a
 * kind of failure gets its HTTP status. Thread-safe.
 */
final class Answers {

  /** The version of rqlite whose API is spoken; some clients look at it. */
  static final String RQLITE_VERSION = "v10.2.0";

  private static final ContentType JSON =
      MediaTypes.customWithOpenCharset("application", "json", Map.of(), false)
          .toContentType(HttpCharsets.custom("utf-8"));
  private static final ContentType TEXT =
      MediaTypes.TEXT_PLAIN.toContentType(HttpCharsets.custom("utf-8"));

  private static final ContentType SQL =
      MediaTypes.customBinary("application", "sql", true).toContentType();

  private static final ContentType PROMETHEUS =
      MediaTypes.customWithOpenCharset("text", "plain", Map.of("version", "0.0.4"), false)
          .toContentType(HttpCharsets.custom("utf-8"));

  private static final HttpHeader RQLITE = RawHeader.create("X-RQLITE-VERSION", RQLITE_VERSION);
  private static final HttpHeader DUPLICATE = RawHeader.create("Peqlite-Duplicate", "true");

  private final List<HttpHeader> headers;
  private final HttpHeader servedBy;

  Answers(HttpSettings settings, String clusterAddress) {
    List<HttpHeader> all = new ArrayList<>();
    all.add(RQLITE);
    all.add(RawHeader.create("Peqlite-Version", settings.version()));
    all.add(RawHeader.create("Access-Control-Allow-Methods", "OPTIONS, GET, POST"));
    all.add(RawHeader.create("Access-Control-Allow-Headers", "Content-Type"));
    settings
        .allowOrigin()
        .ifPresent(origin -> all.add(RawHeader.create("Access-Control-Allow-Origin", origin)));
    this.headers = List.copyOf(all);
    this.servedBy = RawHeader.create("X-RQLITE-SERVED-BY", clusterAddress);
  }

  /** A response without a body. */
  HttpResponse empty(int status) {
    return HttpResponse.create().withStatus(status).withHeaders(headers);
  }

  /** A response that is text. */
  HttpResponse text(int status, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return empty(status).withEntity(HttpEntities.create(TEXT, bytes));
  }

  /** What is measured, in the format that Prometheus reads. */
  HttpResponse metrics(byte[] text) {
    return empty(200).withEntity(HttpEntities.create(PROMETHEUS, text));
  }

  /** A response that is JSON and not about the database. */
  HttpResponse json(int status, byte[] body) {
    return empty(status).withEntity(HttpEntities.create(JSON, body));
  }

  /** The answer to a read or a write, and the position it reflects. */
  HttpResponse results(int status, byte[] body, long seq) {
    return HttpResponse.create()
        .withStatus(status)
        .withHeaders(databaseHeaders(seq))
        .withEntity(HttpEntities.create(JSON, body));
  }

  /** The same, sent while it is made. */
  HttpResponse streamed(Source<ByteString, ?> body, long seq) {
    return HttpResponse.create()
        .withHeaders(databaseHeaders(seq))
        .withEntity(HttpEntities.createChunked(JSON, body));
  }

  /**
   * A backup, and the position it reflects.
   *
   * @param length in bytes, if it is known
   * @param sql whether it is SQL text instead of a SQLite file
   */
  HttpResponse file(
      Source<ByteString, NotUsed> bytes, Optional<Long> length, boolean sql, long seq) {
    ContentType type = sql ? SQL : ContentTypes.APPLICATION_OCTET_STREAM;
    return HttpResponse.create()
        .withHeaders(databaseHeaders(seq))
        .withEntity(
            length.isPresent()
                ? HttpEntities.create(type, length.get(), bytes)
                : HttpEntities.createChunked(type, bytes));
  }

  /** The same response, marked as the repetition of an earlier one. */
  static HttpResponse duplicate(HttpResponse response) {
    return response.addHeader(DUPLICATE);
  }

  /** The same response, marked with the time of the position that it reflects. */
  static HttpResponse asOf(HttpResponse response, Instant time) {
    return response.addHeader(RawHeader.create("Peqlite-Time", time.toString()));
  }

  /** The answer to a request that cannot be served; nothing of it was done. */
  HttpResponse refused(RequestException refusal) {
    if (refusal.kind() == RequestException.Kind.METHOD) {
      return empty(refusal.kind().status());
    }
    HttpResponse response =
        json(refusal.kind().status(), error(refusal.text(), Optional.empty(), fields -> {}));
    return refusal.kind() == RequestException.Kind.BUSY
        ? retryAfter(response, Duration.ofSeconds(1))
        : response;
  }

  /** The answer to what could not even be taken for a request. */
  static HttpResponse unreadable(int status, String reason) {
    return HttpResponse.create()
        .withStatus(status)
        .addHeader(RQLITE)
        .withEntity(HttpEntities.create(JSON, error(reason, Optional.empty(), fields -> {})));
  }

  /** This node cannot answer now; nothing was done. */
  HttpResponse unavailable(String reason, Duration retryAfter) {
    return retryAfter(json(503, error(reason, Optional.empty(), fields -> {})), retryAfter);
  }

  /** The answer where the database could not be read; empty if the failure is of another kind. */
  Optional<HttpResponse> notRead(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (cause instanceof ReadFailure read) {
      return Optional.of(unavailable(read.text(), Duration.ofSeconds(1)));
    }
    return cause instanceof RejectedExecutionException rejected
        ? Optional.of(unavailable(String.valueOf(rejected.getMessage()), Duration.ofSeconds(1)))
        : Optional.empty();
  }

  /** The write is surely not applied and never will be. */
  HttpResponse notApplied(String reason, Duration retryAfter) {
    return retryAfter(json(503, error(reason, Optional.of("not applied"), f -> {})), retryAfter);
  }

  /** The write may or may not be applied. */
  HttpResponse unknown(String reason) {
    return json(504, error(reason, Optional.of("unknown"), fields -> {}));
  }

  /** The write is durable, at a position, and its result is not known here. */
  HttpResponse committed(long seq, int index) {
    String reason = "committed, but not applied at this node in time: the result is not known here";
    return json(
        504,
        error(
            reason,
            Optional.of("committed"),
            fields -> {
              fields.number("seq", seq);
              fields.number("index", index);
            }));
  }

  /** The same key named another request before. */
  HttpResponse keyConflict(String original) {
    return json(
        422,
        error(
            "Idempotency-Key was used with another request, applied at " + original,
            Optional.empty(),
            fields -> {}));
  }

  /** The write can never be ordered. */
  HttpResponse tooLarge(String reason) {
    return refused(new RequestException(RequestException.Kind.TOO_LARGE, reason));
  }

  /** We failed; what became of the request is in the log and not known to the client. */
  HttpResponse internalError() {
    return json(500, error("internal error", Optional.empty(), fields -> {}));
  }

  /** The body {@code {"results":[],"error":...}}. */
  private static byte[] error(
      String message, Optional<String> outcome, Consumer<ResultWriter> fields) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(256);
    ResultWriter writer =
        new ResultWriter(out, new ResultOptions(false, false, false, false, false, false));
    writer.begin();
    writer.endResults();
    writer.error(message);
    outcome.ifPresent(text -> writer.text("outcome", text));
    fields.accept(writer);
    writer.close();
    return out.toByteArray();
  }

  private List<HttpHeader> databaseHeaders(long seq) {
    List<HttpHeader> all = new ArrayList<>(headers.size() + 2);
    all.addAll(headers);
    all.add(servedBy);
    all.add(RawHeader.create("Peqlite-Seq", Long.toString(seq)));
    return all;
  }

  /** Retry-After is in whole seconds, and 0 would invite a storm. */
  private static HttpResponse retryAfter(HttpResponse response, Duration after) {
    long seconds = Math.max(1, (after.toMillis() + 999) / 1_000);
    return response.addHeader(RawHeader.create("Retry-After", Long.toString(seconds)));
  }
}
