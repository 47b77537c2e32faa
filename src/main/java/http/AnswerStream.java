package http;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
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
import storage.ReadPool;

/**
 * Takes the bytes of an answer from the reading thread. A small answer is kept and sent whole; once
 * it exceeds {@value #CHUNK_BYTES} bytes it is sent in chunks while it is made.
 *
 * <p>Few chunks wait in memory for the client. What is made faster than it takes them goes through
 * the {@link Spool}, so that the reading thread is free again as soon as the answer is made. When
 * the spool is full, writing blocks until the client takes more, and fails with an {@link
 * IOException} when the client is gone, when the deadline has passed, or when others wait to read.
 * The connection is then cut, so that the client cannot take what it has for the whole. For one
 * thread.
 */
final class AnswerStream extends OutputStream {

  /** The largest answer that is sent whole, and the size of a chunk. */
  static final int CHUNK_BYTES = 64 * 1024;

  private static final int CHUNKS_WAITING = 4;

  /** How long the client has after the deadline to take what was made before it. */
  private static final Duration GRACE = Duration.ofSeconds(5);

  /** How long one chunk may take at least: what is made at the deadline must still be sent. */
  private static final long CHUNK_NANOS_MIN = 1_000_000_000L;

  /** How long a client may take for a chunk and not count as slow. */
  private static final Duration FAST = Duration.ofMillis(20);

  /** How long a client may block a reading thread while others wait for one. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  /** How often the reasons to give up on a client are looked at. */
  private static final Duration STEP = Duration.ofMillis(100);

  /**
   * What all answers of a server share.
   *
   * @param system runs their streams
   * @param spool keeps what slow clients have not taken
   * @param inFlight counts each until its client has all of it
   * @param reads the connections that they are read from
   * @param blocked how many of those wait for a client, now
   */
  record Server(
      ClassicActorSystemProvider system,
      Spool spool,
      InFlight inFlight,
      ReadPool reads,
      AtomicInteger blocked) {

    /** Whether reads wait that not one of the connections can get to. */
    boolean isStuck() {
      return reads.queued() > 0 && blocked.get() >= reads.active();
    }
  }

  private final Server server;
  private final long deadlineNanos;
  private final Consumer<Source<ByteString, ?>> onStreaming;

  /** Written and not read to their end yet. Guarded by itself. */
  private final List<Spool.Segment> segments = new ArrayList<>();

  /** Whether the stream has ended, with the last byte or with the client. Guarded by segments. */
  private boolean ended;

  private byte[] buffer = new byte[1_024];
  private int count;
  private @Nullable SourceQueueWithComplete<Source<ByteString, NotUsed>> queue;
  private CompletableFuture<QueueOfferResult> offered =
      CompletableFuture.completedFuture(QueueOfferResult.enqueued());

  /** What follows the last offer, while the client has not taken that. */
  private Spool.@Nullable Segment segment;

  /**
   * Starts an empty answer.
   *
   * @param deadlineNanos by {@link System#nanoTime()}; the client must have all of it a few seconds
   *     after it
   * @param onStreaming called at most once, when the answer turns out to be large
   */
  AnswerStream(Server server, long deadlineNanos, Consumer<Source<ByteString, ?>> onStreaming) {
    this.server = server;
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
        SourceQueueWithComplete<Source<ByteString, NotUsed>> open = queue;
        sendChunk(open == null ? startStreaming() : open);
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

  /** Sends the rest, if the answer is being sent in chunks. Seldom waits for the client. */
  @Override
  public void close() throws IOException {
    SourceQueueWithComplete<Source<ByteString, NotUsed>> open = queue;
    if (open == null) {
      return;
    }
    sendChunk(open);
    Spool.Segment rest = segment;
    segment = null;
    if (rest != null) {
      offered =
          offered.thenCompose(
              result ->
                  isEnqueued(result)
                      ? open.offer(rest.source()).toCompletableFuture()
                      : CompletableFuture.completedFuture(result));
    }
    var unused = offered.whenComplete((result, failure) -> open.complete());
  }

  /** Cuts the connection, if the answer is being sent in chunks. */
  void abort(Throwable cause) {
    SourceQueueWithComplete<Source<ByteString, NotUsed>> open = queue;
    if (open != null) {
      open.fail(cause);
    }
  }

  private void sendChunk(SourceQueueWithComplete<Source<ByteString, NotUsed>> open)
      throws IOException {
    Spool.Segment filled = segment;
    if (filled == null && !isTaken(FAST)) {
      filled = beginSegment();
      segment = filled;
    }
    if (filled == null || !filled.append(buffer, count)) {
      // The client is fast enough, or there is no room: it gets the chunk from memory.
      awaitClient();
      if (filled != null) {
        offerSegment(open, filled);
        awaitClient();
      }
      offer(open, Source.single(ByteString.fromArray(buffer, 0, count)));
    } else if (isTaken(Duration.ZERO)) {
      offerSegment(open, filled);
    }
    count = 0;
  }

  private void offerSegment(
      SourceQueueWithComplete<Source<ByteString, NotUsed>> open, Spool.Segment filled) {
    segment = null;
    offer(open, filled.source());
  }

  private void offer(
      SourceQueueWithComplete<Source<ByteString, NotUsed>> open,
      Source<ByteString, NotUsed> piece) {
    offered = open.offer(piece).toCompletableFuture();
  }

  private Spool.@Nullable Segment beginSegment() throws NotTaken {
    Spool.Segment begun = server.spool().begin();
    if (begun == null) {
      return null;
    }
    synchronized (segments) {
      if (ended) {
        begun.close();
        throw new NotTaken("the client is gone");
      }
      segments.removeIf(Spool.Segment::isClosed);
      segments.add(begun);
      return begun;
    }
  }

  private SourceQueueWithComplete<Source<ByteString, NotUsed>> startStreaming() {
    // The answer is finished when its stream is, not when its reading is.
    server.inFlight().beginMore();
    Pair<
            SourceQueueWithComplete<Source<ByteString, NotUsed>>,
            Source<Source<ByteString, NotUsed>, NotUsed>>
        open =
            Source.<Source<ByteString, NotUsed>>queue(
                    CHUNKS_WAITING, OverflowStrategy.backpressure())
                .preMaterialize(server.system());
    SourceQueueWithComplete<Source<ByteString, NotUsed>> pieces = open.first();
    queue = pieces;
    AtomicBoolean begun = new AtomicBoolean();
    Duration remaining = Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
    onStreaming.accept(
        open.second()
            .flatMapConcat(piece -> piece)
            .completionTimeout(remaining.plus(GRACE))
            .watchTermination(
                (none, termination) -> {
                  begun.set(true);
                  return termination.whenComplete((done, failure) -> end());
                }));
    // A client that left before its answer began leaves a stream that never runs.
    var unused =
        pieces
            .watchCompletion()
            .whenComplete(
                (done, failure) -> {
                  if (!begun.get()) {
                    end();
                  }
                });
    return pieces;
  }

  /** The stream has ended: whatever of it is kept is not needed any more. */
  private void end() {
    synchronized (segments) {
      if (ended) {
        return;
      }
      ended = true;
      segments.forEach(Spool.Segment::close);
    }
    server.inFlight().end();
  }

  /** Blocks until the client has taken the last offer. */
  private void awaitClient() throws NotTaken {
    if (isTaken(Duration.ZERO)) {
      return;
    }
    long startNanos = System.nanoTime();
    server.blocked().incrementAndGet();
    try {
      while (!isTaken(STEP)) {
        giveUp(System.nanoTime() - startNanos);
      }
    } finally {
      server.blocked().decrementAndGet();
    }
  }

  /** Throws if there is a reason to. */
  private void giveUp(long waitedNanos) throws NotTaken {
    if (System.nanoTime() - deadlineNanos > 0 && waitedNanos > CHUNK_NANOS_MIN) {
      throw new NotTaken("the client did not take the answer in time");
    }
    boolean patient = waitedNanos < PATIENCE.toNanos();
    if (server.isStuck() || (!patient && server.reads().queued() > 0)) {
      throw new NotTaken("the client is slow, the spool is full, and others wait");
    }
  }

  /** Whether the client takes the last offer within some time. */
  private boolean isTaken(Duration patience) throws NotTaken {
    try {
      if (!isEnqueued(offered.get(patience.toNanos(), TimeUnit.NANOSECONDS))) {
        throw new NotTaken("the client is gone");
      }
      return true;
    } catch (TimeoutException late) {
      return false;
    } catch (ExecutionException failed) {
      throw new NotTaken("the client is gone");
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new NotTaken("this node is stopping");
    }
  }

  private static boolean isEnqueued(QueueOfferResult result) {
    return QueueOfferResult.enqueued().equals(result);
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
