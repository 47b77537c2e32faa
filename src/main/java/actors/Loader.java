package actors;

import com.github.luben.zstd.Zstd;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.IdempotencyKey;
import storage.EventHash;
import storage.LoadCodec;
import storage.LoadStep;

/**
 * Has a large file ordered: piece by piece, a few at a time, through this node's session, then the
 * step that makes something of them.
 *
 * <p>A piece may be ordered twice without harm, so whatever is not known of one is tried again
 * until the deadline. Only the last step decides, and it is ordered once. One load at a time, on a
 * thread of its own; thread-safe.
 */
final class Loader {

  private static final Logger LOG = LoggerFactory.getLogger(Loader.class);

  /** Pieces that are on their way at once. */
  private static final int ON_THE_WAY_MAX = 8;

  private static final int LEVEL = 1;
  private static final Duration AGAIN = Duration.ofMillis(200);
  private static final Duration DROP_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

  /** How far a load is: so many bytes of so many are ordered. */
  record Progress(long bytes, long of) {}

  private record Sent(byte[] request, CompletableFuture<WriteAnswer> answer) {}

  private final ActorRef<WriteSession.Command> session;
  private final AtomicReference<@Nullable Progress> running = new AtomicReference<>();
  private final ThreadPoolExecutor thread =
      new ThreadPoolExecutor(
          0, 1, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Loader::thread);

  Loader(ActorRef<WriteSession.Command> session) {
    this.session = session;
  }

  private static Thread thread(Runnable work) {
    Thread thread = new Thread(work, "peqlite-load");
    thread.setDaemon(true);
    return thread;
  }

  /** How far the load is that runs here now. */
  Optional<Progress> progress() {
    return Optional.ofNullable(running.get());
  }

  CompletionStage<WriteAnswer> load(
      Path file,
      LoadStep.Content content,
      Optional<IdempotencyKey> key,
      Duration timeout,
      WriteCaller caller) {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    if (!running.compareAndSet(null, new Progress(0, 0))) {
      return CompletableFuture.completedFuture(notApplied("load in progress at this node"));
    }
    return CompletableFuture.supplyAsync(
            () -> new Load(content, key, deadlineNanos, caller).run(file), thread)
        .whenComplete((answer, failure) -> running.set(null));
  }

  private static WriteAnswer.NotApplied notApplied(String reason) {
    return new WriteAnswer.NotApplied(reason, RETRY_AFTER);
  }

  /** One load. */
  private final class Load {

    private final String name = UUID.randomUUID().toString();
    private final LoadStep.Content content;
    private final Optional<IdempotencyKey> key;
    private final long deadlineNanos;
    private final WriteCaller caller;
    private final LinkedBlockingQueue<Sent> ended = new LinkedBlockingQueue<>();
    private int onTheWay;
    private String lastRefusal = "";

    Load(
        LoadStep.Content content,
        Optional<IdempotencyKey> key,
        long deadlineNanos,
        WriteCaller caller) {
      this.content = content;
      this.key = key;
      this.deadlineNanos = deadlineNanos;
      this.caller = caller;
    }

    WriteAnswer run(Path file) {
      try {
        LoadStep.Finish finish = sendPieces(file);
        if (finish == null) {
          drop();
          return notApplied(
              "not all of it could be ordered before the deadline, which may be as late as"
                  + " peqlite.http.timeout-max"
                  + (lastRefusal.isEmpty() ? "" : ": " + lastRefusal));
        }
        // It is ordered once, whatever happens on the way, as every write.
        return submit(LoadCodec.encode(finish), left(), caller).join();
      } catch (IOException e) {
        drop();
        LOG.warn("a load has ended: {} cannot be read", file, e);
        return notApplied("what is to be loaded cannot be read: " + e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return notApplied("this node is stopping");
      }
    }

    /** Null if the deadline came first. */
    private LoadStep.@Nullable Finish sendPieces(Path file)
        throws IOException, InterruptedException {
      MessageDigest sum = EventHash.newDigest();
      long size = Files.size(file);
      long bytes = 0;
      int pieces = 0;
      try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
        byte[] plain = in.readNBytes(LoadStep.PIECE_BYTES_MAX);
        while (plain.length > 0) {
          sum.update(plain);
          bytes += plain.length;
          send(LoadCodec.encode(new LoadStep.Piece(name, pieces, Zstd.compress(plain, LEVEL))));
          pieces++;
          if (!awaitUntil(ON_THE_WAY_MAX - 1)) {
            return null;
          }
          running.set(new Progress(bytes, size));
          plain = in.readNBytes(LoadStep.PIECE_BYTES_MAX);
        }
      }
      return awaitUntil(0)
          ? new LoadStep.Finish(name, content, pieces, bytes, sum.digest(), key)
          : null;
    }

    private void send(byte[] request) {
      CompletableFuture<WriteAnswer> answer = submit(request, left(), WriteCaller.NOBODY);
      onTheWay++;
      answer.whenComplete((known, failure) -> ended.add(new Sent(request, answer)));
    }

    /** Waits until at most so many are on their way; false if the deadline comes first. */
    private boolean awaitUntil(int most) throws InterruptedException {
      while (onTheWay > most) {
        Sent sent = ended.poll(left().toNanos(), TimeUnit.NANOSECONDS);
        if (sent == null) {
          return false;
        }
        onTheWay--;
        WriteAnswer answer = sent.answer().join();
        boolean ordered =
            answer instanceof WriteAnswer.Applied || answer instanceof WriteAnswer.Committed;
        if (!ordered) {
          lastRefusal = answer instanceof WriteAnswer.NotApplied no ? no.reason() : "";
          if (left().compareTo(AGAIN) <= 0) {
            return false;
          }
          Thread.sleep(AGAIN.toMillis());
          send(sent.request());
        }
      }
      return true;
    }

    private Duration left() {
      return Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
    }

    /** If this is lost, the pieces are forgotten with the next load here, or with the session. */
    private void drop() {
      CompletableFuture<WriteAnswer> unused =
          submit(LoadCodec.encode(new LoadStep.Drop(name)), DROP_TIMEOUT, WriteCaller.NOBODY);
    }

    private CompletableFuture<WriteAnswer> submit(
        byte[] request, Duration timeout, WriteCaller by) {
      CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
      session.tell(
          new WriteSession.Submit(
              request,
              System.nanoTime() + timeout.toNanos(),
              timeout.toNanos(),
              false,
              by,
              answer));
      return answer;
    }
  }
}
