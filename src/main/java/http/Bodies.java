package http;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.http.javadsl.model.HttpEntity;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.RequestEntity;
import org.apache.pekko.http.scaladsl.model.EntityStreamException;
import org.apache.pekko.http.scaladsl.model.EntityStreamSizeException;
import org.apache.pekko.stream.IOResult;
import org.apache.pekko.stream.javadsl.StreamConverters;
import org.apache.pekko.util.ByteString;

/**
 * Lets requests in and reads their bodies, within bounds: so many requests at once, so many bytes
 * in one body, so many bytes in all of them. What exceeds them is refused before it is read, or as
 * soon as it turns out. Thread-safe.
 */
final class Bodies {

  private final ClassicActorSystemProvider system;
  private final HttpSettings settings;
  private final AtomicInteger requests = new AtomicInteger();
  private final AtomicLong bytes = new AtomicLong();

  Bodies(ClassicActorSystemProvider system, HttpSettings settings) {
    this.system = system;
    this.settings = settings;
  }

  /** How many requests are being served. */
  int requests() {
    return requests.get();
  }

  /** How many bytes of bodies are held for them. */
  long bytes() {
    return bytes.get();
  }

  /**
   * Serves a request with its body; the bounds count it until the returned stage completes, which
   * fails with a {@link RequestException} if the body or the handler's reading of it is refused.
   *
   * @throws RequestException if the request is refused before any of its body was read
   * @param timeout how long the body may take to arrive
   */
  CompletionStage<HttpResponse> serve(
      HttpRequest request,
      Duration timeout,
      Function<byte[], CompletionStage<HttpResponse>> handler) {
    if (requests.incrementAndGet() > settings.requestsMax()) {
      requests.decrementAndGet();
      throw busy("too many requests are being served");
    }
    Held held = new Held();
    CompletionStage<byte[]> body;
    try {
      body = read(request, timeout, held);
    } catch (RequestException refused) {
      held.release();
      throw refused;
    }
    return body.thenCompose(handler).whenComplete((done, failure) -> held.release());
  }

  /**
   * Serves a request whose body the handler reads itself, with {@link #save}: only their number is
   * bounded.
   *
   * @throws RequestException if the request is refused before any of its body was read
   */
  CompletionStage<HttpResponse> serveStreamed(
      HttpRequest request, Supplier<CompletionStage<HttpResponse>> handler) {
    if (requests.incrementAndGet() > settings.requestsMax()) {
      requests.decrementAndGet();
      throw busy("too many requests are being served");
    }
    try {
      refuseEncoding(request);
      return handler.get().whenComplete((done, failure) -> requests.decrementAndGet());
    } catch (RuntimeException refused) {
      requests.decrementAndGet();
      throw refused;
    }
  }

  /**
   * Writes a body of any length to a stream, which is closed then.
   *
   * @param pauseMax how long its sender may pause
   * @return fails with a {@link RequestException} if it does not arrive whole, or with an {@link
   *     java.io.IOException} if it cannot be written
   */
  CompletionStage<IOResult> save(HttpRequest request, OutputStream out, Duration pauseMax) {
    return request
        .entity()
        .withoutSizeLimit()
        .getDataBytes()
        .idleTimeout(pauseMax)
        .runWith(StreamConverters.fromOutputStream(() -> out), system)
        .exceptionallyCompose(failure -> CompletableFuture.failedFuture(notSaved(failure)));
  }

  private Throwable notSaved(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof IOException) {
        return cause;
      }
      if (cause instanceof TimeoutException) {
        return new RequestException(RequestException.Kind.SLOW, "the body did not go on arriving");
      }
      if (cause instanceof EntityStreamException) {
        return translated(cause);
      }
    }
    return translated(failure);
  }

  private CompletionStage<byte[]> read(HttpRequest request, Duration timeout, Held held) {
    refuseEncoding(request);
    RequestEntity entity = request.entity();
    if (entity instanceof HttpEntity.Strict strict) {
      ByteString data = strict.getData();
      checkLength(data.size());
      held.add(data.size());
      return CompletableFuture.completedFuture(data.toArrayUnsafe());
    }
    OptionalLong length = entity.getContentLengthOption();
    length.ifPresent(this::checkLength);
    // Reserved at once where the length is known, so that nothing is read in vain.
    length.ifPresent(held::add);
    return entity
        .withSizeLimit(settings.bodyBytesMax())
        .getDataBytes()
        .completionTimeout(timeout.isZero() ? Duration.ofMillis(1) : timeout)
        .runFold(
            new ByteArrayOutputStream((int) Math.min(length.orElse(1_024), 1 << 20)),
            (all, chunk) -> {
              if (length.isEmpty()) {
                held.add(chunk.size());
              }
              all.writeBytes(chunk.toArrayUnsafe());
              return all;
            },
            system)
        .thenApply(ByteArrayOutputStream::toByteArray)
        .exceptionallyCompose(failure -> CompletableFuture.failedFuture(translated(failure)));
  }

  private Throwable translated(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (cause instanceof EntityStreamSizeException) {
      return tooLarge();
    }
    if (cause instanceof TimeoutException) {
      return new RequestException(
          RequestException.Kind.SLOW, "the body did not arrive before the request's deadline");
    }
    if (cause instanceof RequestException) {
      return cause;
    }
    // Whatever else ends the stream of a body comes from its sender: broken chunks, a lost
    // connection.
    String reason =
        cause instanceof EntityStreamException broken
            ? broken.info().summary()
            : "the connection was lost";
    return RequestException.bad("the body cannot be read: " + reason);
  }

  private void checkLength(long length) {
    if (length > settings.bodyBytesMax()) {
      throw tooLarge();
    }
  }

  private RequestException tooLarge() {
    return new RequestException(
        RequestException.Kind.TOO_LARGE,
        "body too large: at most " + settings.bodyBytesMax() + " bytes are taken");
  }

  private static void refuseEncoding(HttpRequest request) {
    String encoding =
        request.getHeader("Content-Encoding").map(HttpHeader::value).orElse("identity");
    if (!encoding.equalsIgnoreCase("identity")) {
      throw new RequestException(
          RequestException.Kind.ENCODING, "Content-Encoding " + encoding + " is not supported");
    }
  }

  private static RequestException busy(String message) {
    return new RequestException(RequestException.Kind.BUSY, message);
  }

  /** What one request holds of the bounds. Used by one thread at a time. */
  private final class Held {

    private long heldBytes;

    void add(long more) {
      if (bytes.addAndGet(more) > settings.bodiesBytesMax()) {
        bytes.addAndGet(-more);
        throw busy("the requests being served take too much memory");
      }
      heldBytes += more;
    }

    void release() {
      bytes.addAndGet(-heldBytes);
      requests.decrementAndGet();
    }
  }
}
