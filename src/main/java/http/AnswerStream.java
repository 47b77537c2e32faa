package http;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.pekko.NotUsed;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.japi.Pair;
import org.apache.pekko.stream.OverflowStrategy;
import org.apache.pekko.stream.QueueOfferResult;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.stream.javadsl.SourceQueueWithComplete;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * Takes the bytes of an answer from the reading thread. A small answer is kept and sent whole; once
 * it exceeds {@value #CHUNK_BYTES} bytes it is sent in chunks while it is made.
 *
 * <p>At most a few chunks wait for the client: writing blocks until it takes them, and fails with
 * an {@link IOException} when the client is gone or the deadline has passed. The connection is then
 * cut, so that the client cannot take what it has for the whole. For one thread.
 */
final class AnswerStream extends OutputStream {

  /** The largest answer that is sent whole, and the size of a chunk. */
  static final int CHUNK_BYTES = 64 * 1024;

  private static final int CHUNKS_WAITING = 4;

  /** How long the client has after the deadline to take what was made before it. */
  private static final Duration GRACE = Duration.ofSeconds(5);

  /** How long one chunk may take at least: what is made at the deadline must still be sent. */
  private static final long CHUNK_NANOS_MIN = 1_000_000_000L;

  private final ClassicActorSystemProvider system;
  private final long deadlineNanos;
  private final Consumer<Source<ByteString, ?>> onStreaming;

  private byte[] buffer = new byte[1_024];
  private int count;
  private @Nullable SourceQueueWithComplete<ByteString> queue;
  private @Nullable CompletionStage<QueueOfferResult> offered;

  /**
   * Starts an empty answer.
   *
   * @param deadlineNanos by {@link System#nanoTime()}; the client must have all of it a few seconds
   *     after it
   * @param onStreaming called at most once, when the answer turns out to be large
   */
  AnswerStream(
      ClassicActorSystemProvider system,
      long deadlineNanos,
      Consumer<Source<ByteString, ?>> onStreaming) {
    this.system = system;
    this.deadlineNanos = deadlineNanos;
    this.onStreaming = onStreaming;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    int at = offset;
    int end = offset + length;
    while (at < end) {
      if (count == CHUNK_BYTES) {
        sendChunk();
      }
      int taken = Math.min(end - at, CHUNK_BYTES - count);
      if (count + taken > buffer.length) {
        buffer = Arrays.copyOf(buffer, Math.min(CHUNK_BYTES, (count + taken) * 2));
      }
      System.arraycopy(bytes, at, buffer, count, taken);
      count += taken;
      at += taken;
    }
  }

  /** Whether the answer is being sent already, so that its status cannot change any more. */
  boolean streaming() {
    return queue != null;
  }

  /** The whole answer; only if it is not {@link #streaming()}. */
  byte[] whole() {
    return Arrays.copyOf(buffer, count);
  }

  /** Sends the rest, if the answer is being sent in chunks. */
  @Override
  public void close() throws IOException {
    SourceQueueWithComplete<ByteString> open = queue;
    if (open != null) {
      sendChunk();
      awaitOffer();
      open.complete();
    }
  }

  /** Cuts the connection, if the answer is being sent in chunks. */
  void abort(Throwable cause) {
    SourceQueueWithComplete<ByteString> open = queue;
    if (open != null) {
      open.fail(cause);
    }
  }

  private void sendChunk() throws IOException {
    SourceQueueWithComplete<ByteString> open = queue;
    if (open == null) {
      open = startStreaming();
    }
    awaitOffer();
    offered = open.offer(ByteString.fromArray(buffer, 0, count));
    count = 0;
  }

  private SourceQueueWithComplete<ByteString> startStreaming() {
    Pair<SourceQueueWithComplete<ByteString>, Source<ByteString, NotUsed>> open =
        Source.<ByteString>queue(CHUNKS_WAITING, OverflowStrategy.backpressure())
            .preMaterialize(system);
    queue = open.first();
    Duration remaining = Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
    onStreaming.accept(open.second().completionTimeout(remaining.plus(GRACE)));
    return open.first();
  }

  /** Waits until the chunk before is taken; one is on its way while the next is made. */
  private void awaitOffer() throws IOException {
    CompletionStage<QueueOfferResult> pending = offered;
    if (pending == null) {
      return;
    }
    offered = null;
    long patience = Math.max(CHUNK_NANOS_MIN, deadlineNanos - System.nanoTime());
    try {
      QueueOfferResult result = pending.toCompletableFuture().get(patience, TimeUnit.NANOSECONDS);
      if (!QueueOfferResult.enqueued().equals(result)) {
        throw new NotTaken("the client is gone");
      }
    } catch (TimeoutException late) {
      throw new NotTaken("the client did not take the answer in time");
    } catch (ExecutionException failed) {
      throw new NotTaken("the client is gone");
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new NotTaken("this node is stopping");
    }
  }

  /** The client did not take the answer. Without a stack trace, since clients can cause many. */
  private static final class NotTaken extends IOException {

    private static final long serialVersionUID = 1L;

    NotTaken(String message) {
      super(message);
    }

    @Override
    public synchronized Throwable fillInStackTrace() {
      return this;
    }
  }
}
