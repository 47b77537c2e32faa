package backup;

import java.io.IOException;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Hands one answer with an object to a download, on the HTTP client's threads. After {@link #stop}
 * it does not touch the download any more, whatever still arrives.
 */
final class BodyReceiver implements HttpResponse.BodySubscriber<@Nullable Void> {

  private static final int WHOLE = 200;
  private static final int PART = 206;

  private final Download download;
  private final AtomicLong bytes = new AtomicLong();
  private final CompletableFuture<@Nullable Void> body = new CompletableFuture<>();

  // Under this object's lock, as is every use of the download.
  private boolean stopped;
  private Flow.@Nullable Subscription subscription;
  private @Nullable IOException failure;

  BodyReceiver(Download download) {
    this.download = download;
  }

  /** Whether an answer of this status has bytes of the object. */
  static boolean isTaken(int status) {
    return status == WHOLE || status == PART;
  }

  /** How long an answer says that it is, in bytes; -1 if it does not. */
  static long contentLength(HttpHeaders headers) {
    return headers
        .firstValue("Content-Length")
        .filter(text -> text.matches("\\d{1,18}"))
        .map(Long::parseLong)
        .orElse(-1L);
  }

  /** Received so far. From any thread. */
  long bytes() {
    return bytes.get();
  }

  /** Takes an answer whose head has come. */
  synchronized HttpResponse.BodySubscriber<@Nullable Void> receive(HttpResponse.ResponseInfo info) {
    if (stopped || !isTaken(info.statusCode())) {
      return new BodyDiscarder();
    }
    try {
      begin(info);
    } catch (IOException e) {
      fail(e);
    }
    return this;
  }

  private void begin(HttpResponse.ResponseInfo info) throws IOException {
    HttpHeaders headers = info.headers();
    Download.Extent extent =
        info.statusCode() == PART
            ? Download.Extent.ofContentRange(headers.firstValue("Content-Range").orElse("none"))
            : new Download.Extent(0, contentLength(headers));
    if (extent.bytes() < 0 && headers.firstValue("Transfer-Encoding").isEmpty()) {
      throw new IOException(
          "the endpoint says neither how long the backup is nor where it ends, so a cut connection"
              + " would look like its end; have it send Content-Length");
    }
    boolean ranges = !headers.firstValue("Accept-Ranges").orElse("bytes").equalsIgnoreCase("none");
    download.begin(
        extent,
        headers.firstValue("ETag").filter(tag -> ranges && tag.startsWith("\"")),
        Optional.empty());
  }

  /** Ends this, and throws what the download did not take. */
  synchronized void stop() throws IOException {
    stopped = true;
    if (subscription != null) {
      subscription.cancel();
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void fail(IOException reason) {
    failure = reason;
    stopped = true;
    if (subscription != null) {
      subscription.cancel();
    }
    body.completeExceptionally(reason);
  }

  @Override
  public CompletionStage<@Nullable Void> getBody() {
    return body;
  }

  @Override
  public synchronized void onSubscribe(Flow.Subscription given) {
    subscription = given;
    if (stopped) {
      given.cancel();
    } else {
      given.request(1);
    }
  }

  @Override
  public synchronized void onNext(List<ByteBuffer> buffers) {
    if (stopped || subscription == null) {
      return;
    }
    try {
      for (ByteBuffer buffer : buffers) {
        bytes.addAndGet(buffer.remaining());
        download.write(buffer);
      }
      subscription.request(1);
    } catch (IOException e) {
      fail(e);
    }
  }

  @Override
  public void onError(Throwable reason) {
    body.completeExceptionally(reason);
  }

  @Override
  public void onComplete() {
    body.complete(null);
  }
}
