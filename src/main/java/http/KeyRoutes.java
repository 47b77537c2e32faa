package http;

import actors.KeyRecord;
import actors.Node;
import java.io.ByteArrayOutputStream;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import sql.IdempotencyKey;
import sql.StatementResult;
import sql.WriteOutcome;

/**
 * Idempotency keys: reads them from requests, and tells what became of the request that one names.
 * Thread-safe.
 */
final class KeyRoutes {

  /** All clients are one user as long as they are not told apart. */
  private static final String USER = "";

  private final Node node;
  private final Answers answers;

  KeyRoutes(Node node, Answers answers) {
    this.node = node;
    this.answers = answers;
  }

  /**
   * The key that a request carries.
   *
   * @throws RequestException if it is not 1 to 255 visible ASCII characters
   */
  static Optional<IdempotencyKey> keyOf(HttpRequest request) {
    return request.getHeader("Idempotency-Key").map(HttpHeader::value).map(KeyRoutes::key);
  }

  /** GET {@code /db/requests/KEY}. */
  CompletionStage<HttpResponse> requests(String keyText, RequestContext context) {
    IdempotencyKey key = key(keyText);
    return node.keyed(key, context.remaining())
        .thenApply(
            found ->
                found
                    .map(record -> known(key, record, context.options()))
                    .orElseGet(() -> unknown(key)))
        .exceptionallyCompose(
            failure ->
                answers
                    .notRead(failure)
                    .map(CompletableFuture::completedFuture)
                    .orElseGet(() -> CompletableFuture.failedFuture(failure)));
  }

  private static IdempotencyKey key(String text) {
    boolean visible = text.chars().allMatch(c -> c > ' ' && c < 0x7f);
    if (text.isEmpty() || text.length() > IdempotencyKey.LENGTH_MAX || !visible) {
      throw RequestException.bad(
          "Idempotency-Key must be 1 to " + IdempotencyKey.LENGTH_MAX + " visible characters");
    }
    return new IdempotencyKey(USER, text);
  }

  private HttpResponse known(IdempotencyKey key, KeyRecord record, ResultOptions options) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    ResultWriter writer = new ResultWriter(out, options);
    writer.beginObject();
    writer.text("key", key.key());
    writer.text("state", "applied");
    writer.number("seq", record.position().seq());
    writer.number("index", record.position().index());
    record.outcome().ifPresent(outcome -> write(outcome, writer));
    writer.close();
    return answers.results(200, out.toByteArray(), record.position().seq());
  }

  private static void write(WriteOutcome outcome, ResultWriter writer) {
    String error = OutcomeText.error(outcome);
    writer.beginResults();
    if (error.isEmpty() && outcome instanceof WriteOutcome.Executed executed) {
      for (StatementResult result : executed.results()) {
        writer.result(result);
      }
    }
    writer.endResults();
    if (!error.isEmpty()) {
      writer.error(error);
    }
  }

  private HttpResponse unknown(IdempotencyKey key) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(128);
    ResultWriter writer =
        new ResultWriter(out, new ResultOptions(false, false, false, false, false, false));
    writer.beginObject();
    writer.text("key", key.key());
    writer.text("state", "unknown");
    writer.error("no request with this key is known");
    writer.close();
    return answers.json(404, out.toByteArray());
  }
}
