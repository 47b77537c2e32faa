package http;

import actors.Node;
import actors.WriteAnswer;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.pekko.http.javadsl.model.HttpEntity;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.IdempotencyKey;
import sql.StatementReader;
import sql.StatementRules;
import storage.FreeSpace;
import storage.LoadFile;
import storage.LoadStep;

/**
 * {@code POST /db/load} and {@code POST /boot}: a SQLite file that becomes the database, or the SQL
 * text of a dump that is run whole or not at all. Thread-safe.
 *
 * <p>What fits into a request goes the way of every write. What does not is kept in a file first,
 * looked through, and then ordered piece by piece; of those one at a time.
 */
final class LoadRoutes {

  private static final Logger LOG = LoggerFactory.getLogger(LoadRoutes.class);

  private static final long BYTES_BETWEEN_LOOKS = 16L << 20;
  private static final int BEGINNING_BYTES = 16;

  /** How long the sender of a large body may pause. */
  private static final Duration PAUSE_MAX = Duration.ofSeconds(60);

  private static final Duration LATER = Duration.ofSeconds(10);

  private final Node node;
  private final HttpSettings settings;
  private final Bodies bodies;
  private final Answers answers;
  private final WriteRoutes writes;
  private final StatementRules rules;
  private final Path directory;
  private final AtomicBoolean loading = new AtomicBoolean();
  private final SpoolFiles files;

  /** Removes what an earlier process may have left unfinished. */
  LoadRoutes(Node node, HttpSettings settings, Bodies bodies, Answers answers, WriteRoutes writes) {
    this.node = node;
    this.settings = settings;
    this.bodies = bodies;
    this.answers = answers;
    this.writes = writes;
    this.rules = new StatementRules(node.foreignKeys());
    this.directory = settings.spoolDirectory();
    this.files = new SpoolFiles(directory, "load");
  }

  /**
   * Answers a request whose body is the file or the text.
   *
   * @param databaseOnly whether text is refused, and the answer has no body
   */
  CompletionStage<HttpResponse> load(
      HttpRequest request, RequestContext context, boolean databaseOnly) {
    Optional<IdempotencyKey> key = KeyRoutes.keyOf(request);
    OptionalLong length =
        request.entity() instanceof HttpEntity.Strict strict
            ? OptionalLong.of(strict.getData().size())
            : request.entity().getContentLengthOption();
    if (length.isPresent() && length.getAsLong() <= settings.bodyBytesMax()) {
      return bodies.serve(
          request,
          context.timeout(),
          body -> {
            if (!LoadFile.isDatabase(body)) {
              refuseText(databaseOnly);
              return writes.load(LoadScript.plan(body, rules), context, key);
            }
            return alone(
                file -> {
                  Files.write(file, body);
                  return CompletableFuture.completedFuture(file);
                },
                context,
                key,
                databaseOnly);
          });
    }
    return bodies.serveStreamed(
        request,
        () ->
            alone(
                file -> bodies.save(request, new Guarded(file), PAUSE_MAX).thenApply(done -> file),
                context,
                key,
                databaseOnly));
  }

  private static void refuseText(boolean databaseOnly) {
    if (databaseOnly) {
      throw RequestException.bad(
          "invalid SQLite data: the body of /boot is a SQLite file; send SQL text to /db/load");
    }
  }

  /** Gets a large body into a file. */
  private interface Fetch {
    CompletionStage<Path> into(Path file) throws IOException;
  }

  private CompletionStage<HttpResponse> alone(
      Fetch fetch, RequestContext context, Optional<IdempotencyKey> key, boolean databaseOnly) {
    if (!loading.compareAndSet(false, true)) {
      throw new RequestException(
          RequestException.Kind.BUSY, "load in progress: another one is running at this node");
    }
    Path file;
    Path script;
    CompletionStage<Path> fetched;
    try {
      file = files.next();
      script = files.next();
      fetched = fetch.into(file);
    } catch (IOException e) {
      loading.set(false);
      return CompletableFuture.completedFuture(nothingLoaded(e));
    }
    return fetched
        .thenApplyAsync(there -> begin(there, script, context, key, databaseOnly), files.worker())
        .thenCompose(answered -> answered)
        .handle(
            (response, failure) -> {
              delete(file);
              delete(script);
              loading.set(false);
              if (failure == null) {
                return CompletableFuture.completedFuture(response);
              }
              Throwable cause = failure.getCause() == null ? failure : failure.getCause();
              return cause instanceof IOException
                  ? CompletableFuture.completedFuture(nothingLoaded(cause))
                  : CompletableFuture.<HttpResponse>failedFuture(cause);
            })
        .thenCompose(answered -> answered);
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      LOG.warn("{} cannot be deleted: {}", file, e.toString());
    }
  }

  /** Looks the file through and has it loaded. Blocks as long as the first takes. */
  private CompletionStage<HttpResponse> begin(
      Path file,
      Path script,
      RequestContext context,
      Optional<IdempotencyKey> key,
      boolean databaseOnly) {
    long began = System.nanoTime();
    Duration timeout = context.parameters().timeout(settings.timeoutMax(), settings.timeoutMax());
    try {
      if (isDatabase(file)) {
        LoadFile.prepare(file, node.foreignKeys());
        return order(file, LoadStep.Content.DATABASE, began, timeout, context, key, databaseOnly);
      }
      refuseText(databaseOnly);
      if (Files.size(file) <= settings.bodyBytesMax()) {
        return writes.load(LoadScript.plan(Files.readAllBytes(file), rules), context, key);
      }
      FreeSpace.require(directory, "the script", Files.size(file));
      LoadScript.write(file, script, rules);
      return order(script, LoadStep.Content.SCRIPT, began, timeout, context, key, false);
    } catch (LoadFile.UnloadableException e) {
      throw RequestException.bad(
          databaseOnly ? "invalid SQLite data: " + e.getMessage() : String.valueOf(e.getMessage()));
    } catch (CharacterCodingException e) {
      throw RequestException.bad("the body is neither a SQLite file nor text in UTF-8");
    } catch (StatementReader.TooLongException e) {
      throw new RequestException(RequestException.Kind.TOO_LARGE, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      return CompletableFuture.completedFuture(nothingLoaded(e));
    }
  }

  private HttpResponse nothingLoaded(Throwable cause) {
    return answers.notApplied("nothing is loaded: " + cause.getMessage(), LATER);
  }

  private static boolean isDatabase(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return LoadFile.isDatabase(in.readNBytes(BEGINNING_BYTES));
    }
  }

  private CompletionStage<HttpResponse> order(
      Path file,
      LoadStep.Content content,
      long began,
      Duration timeout,
      RequestContext context,
      Optional<IdempotencyKey> key,
      boolean withoutBody) {
    Duration left = timeout.minusNanos(System.nanoTime() - began);
    CompletionStage<WriteAnswer> answer =
        node.load(file, content, key, left.isNegative() ? Duration.ZERO : left, context.caller());
    return answer.thenApply(
        known -> {
          HttpResponse response = writes.loaded(known, context);
          return withoutBody && response.status().isSuccess() && !WriteRoutes.hasFailed(known)
              ? answers.empty(200)
              : response;
        });
  }

  /** Stops before it has filled the disk. */
  private final class Guarded extends FilterOutputStream {

    private long untilLook;

    Guarded(Path file) throws IOException {
      super(Files.newOutputStream(file));
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      if (untilLook <= 0) {
        // As much again is needed in the database, and once more when it takes its place.
        FreeSpace.require(directory, "what is loaded", 2 * BYTES_BETWEEN_LOOKS);
        untilLook = BYTES_BETWEEN_LOOKS;
      }
      out.write(bytes, offset, length);
      untilLook -= length;
    }
  }
}
