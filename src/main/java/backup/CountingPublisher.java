package backup;

import java.nio.ByteBuffer;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicLong;

/** Counts the bytes of a body as the HTTP client takes them, to see whether an upload moves. */
final class CountingPublisher implements Flow.Publisher<ByteBuffer> {

  private final Flow.Publisher<ByteBuffer> body;
  private final AtomicLong bytes = new AtomicLong();

  CountingPublisher(Flow.Publisher<ByteBuffer> body) {
    this.body = body;
  }

  /** Taken so far. From any thread. */
  long bytes() {
    return bytes.get();
  }

  @Override
  public void subscribe(Flow.Subscriber<? super ByteBuffer> subscriber) {
    body.subscribe(
        new Flow.Subscriber<>() {
          @Override
          public void onSubscribe(Flow.Subscription subscription) {
            subscriber.onSubscribe(subscription);
          }

          @Override
          public void onNext(ByteBuffer buffer) {
            bytes.addAndGet(buffer.remaining());
            subscriber.onNext(buffer);
          }

          @Override
          public void onError(Throwable failure) {
            subscriber.onError(failure);
          }

          @Override
          public void onComplete() {
            subscriber.onComplete();
          }
        });
  }
}
