package http;

import actors.Node;
import actors.PastAdmission;
import actors.ReadAdmission;
import actors.ReadLevel;
import java.io.ByteArrayOutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.jspecify.annotations.Nullable;
import sql.Column;
import sql.Statement;
import sql.Value;
import storage.PastStates;
import storage.PastTarget;
import storage.ReadFailure;
import storage.ReadLimits;
import storage.ReadPool;
import storage.ReadSnapshot;
import storage.RowSink;

/**
 * Answers what only reads, from the local database: waits until the level allows it, then runs all
 * statements on one snapshot and writes their rows as they are read. Thread-safe.
 */
final class ReadRoutes {

  private static final String WRITE_BY_QUERY = "attempt to change database via query operation";

  private static final RowSink DISCARD =
      new RowSink() {
        @Override
        public void columns(List<Column> columns) {}

        @Override
        public void row(Value[] row) {}
      };

  private final Node node;
  private final HttpSettings settings;
  private final Answers answers;
  private final AnswerStream.Server streams;

  ReadRoutes(Node node, HttpSettings settings, Answers answers, AnswerStream.Server streams) {
    this.node = node;
    this.settings = settings;
    this.answers = answers;
    this.streams = streams;
  }

  /** Runs a plan; whatever of it writes is refused, each statement for itself. */
  CompletionStage<HttpResponse> read(Plan plan, RequestContext context) {
    ReadLevel level = context.parameters().level();
    Optional<Duration> freshness =
        level == ReadLevel.NONE ? context.parameters().duration("freshness") : Optional.empty();
    Tracing.Exchange exchange = context.exchange();
    Tracing.Read traced = exchange == null ? null : exchange.read();
    CompletionStage<HttpResponse> response = admitted(plan, context, level, freshness, traced);
    return traced == null ? response : response.whenComplete((done, failure) -> traced.end());
  }

  private CompletionStage<HttpResponse> admitted(
      Plan plan,
      RequestContext context,
      ReadLevel level,
      Optional<Duration> freshness,
      Tracing.@Nullable Read traced) {
    Optional<PastTarget> target = context.parameters().asOf();
    if (target.isPresent()) {
      return node.past(
              target.get(),
              level,
              freshness,
              context.parameters().minSeq(),
              admissionTimeout(context))
          .thenCompose(admission -> asOf(admission, plan, context, traced));
    }
    return node.admit(level, freshness, context.parameters().minSeq(), admissionTimeout(context))
        .thenCompose(
            admission -> {
              if (admission instanceof ReadAdmission.Stale) {
                return CompletableFuture.completedFuture(stale(context));
              }
              if (admission instanceof ReadAdmission.Refused refused) {
                return CompletableFuture.completedFuture(
                    answers.unavailable(refused.reason(), Duration.ofSeconds(1)));
              }
              if (traced != null) {
                traced.admitted();
              }
              return submit(plan, context, traced, node.reads(), Optional.empty());
            });
  }

  /** The same, from a state of the past. */
  private CompletionStage<HttpResponse> asOf(
      PastAdmission admission, Plan plan, RequestContext context, Tracing.@Nullable Read traced) {
    if (admission instanceof PastAdmission.Opened opened) {
      if (traced != null) {
        traced.admitted();
      }
      PastStates.Lease state = opened.state();
      return submit(plan, context, traced, state.reads(), Optional.of(state));
    }
    HttpResponse response;
    if (admission instanceof PastAdmission.Beyond beyond) {
      response = answers.refused(RequestException.bad(beyond.reason()));
    } else if (admission instanceof PastAdmission.NotRetained gone) {
      response = answers.refused(new RequestException(RequestException.Kind.GONE, gone.reason()));
    } else if (admission instanceof PastAdmission.Refused refused) {
      response = answers.unavailable(refused.reason(), Duration.ofSeconds(1));
    } else {
      response = stale(context);
    }
    return CompletableFuture.completedFuture(response);
  }

  private Duration admissionTimeout(RequestContext context) {
    Duration remaining = context.remaining();
    return context
        .parameters()
        .duration("linearizable_timeout")
        .filter(own -> context.parameters().level() == ReadLevel.LINEARIZABLE)
        .filter(own -> own.compareTo(remaining) < 0)
        .orElse(remaining);
  }

  private HttpResponse stale(RequestContext context) {
    long seq = node.status().appliedSeq();
    ByteArrayOutputStream out = new ByteArrayOutputStream(64);
    ResultWriter writer = new ResultWriter(out, context.options());
    writer.begin();
    writer.endResults();
    writer.error("stale read");
    writer.time(context.elapsedNanos());
    context.writePosition(writer, seq);
    writer.close();
    return answers.results(200, out.toByteArray(), seq);
  }

  private CompletionStage<HttpResponse> submit(
      Plan plan,
      RequestContext context,
      Tracing.@Nullable Read traced,
      ReadPool reads,
      Optional<PastStates.Lease> past) {
    CompletableFuture<HttpResponse> response = new CompletableFuture<>();
    // The reading of a large answer goes on after its response began.
    InFlight inFlight = streams.inFlight();
    inFlight.beginMore();
    try {
      reads
          .submit(
              snapshot -> {
                if (traced != null) {
                  traced.running();
                }
                new Reading(snapshot, plan, context, past, response).run();
                return response;
              })
          .whenComplete(
              (done, failure) -> {
                inFlight.end();
                past.ifPresent(PastStates.Lease::close);
                if (failure != null) {
                  fail(response, failure);
                }
              });
    } catch (RejectedExecutionException full) {
      inFlight.end();
      past.ifPresent(PastStates.Lease::close);
      response.complete(answers.unavailable("too many reads are waiting", Duration.ofSeconds(1)));
    }
    return response;
  }

  /** Has no effect when the answer is on its way already. */
  private void fail(CompletableFuture<HttpResponse> response, Throwable failure) {
    Optional<HttpResponse> answer = answers.notRead(failure);
    if (answer.isPresent()) {
      response.complete(answer.get());
    } else {
      response.completeExceptionally(failure);
    }
  }

  /** One read, on the reading thread. */
  private final class Reading {

    private final ReadSnapshot snapshot;
    private final Plan plan;
    private final RequestContext context;
    private final Optional<Instant> asOf;
    private final CompletableFuture<HttpResponse> response;
    private final ReadLimits limits;
    private final AnswerStream out;
    private final ResultWriter writer;

    Reading(
        ReadSnapshot snapshot,
        Plan plan,
        RequestContext context,
        Optional<PastStates.Lease> past,
        CompletableFuture<HttpResponse> response) {
      this.snapshot = snapshot;
      this.plan = plan;
      this.context = context;
      this.asOf = past.flatMap(PastStates.Lease::time);
      this.response = response;
      this.limits = limits(context);
      long seq = snapshot.seq();
      this.out =
          new AnswerStream(
              streams, limits.deadlineNanos(), body -> complete(answers.streamed(body, seq)));
      this.writer = new ResultWriter(out, context.options());
    }

    private ReadLimits limits(RequestContext of) {
      Duration time = of.timeout();
      Duration own = of.parameters().duration("db_timeout").orElse(Duration.ZERO);
      time = !own.isZero() && own.compareTo(time) < 0 ? own : time;
      time = settings.readTimeMax().compareTo(time) < 0 ? settings.readTimeMax() : time;
      return new ReadLimits(
          of.startNanos() + time.toNanos(),
          settings.readRowsMax(),
          settings.readBytesMax(),
          of.requestId());
    }

    private void complete(HttpResponse read) {
      response.complete(asOf.map(time -> Answers.asOf(read, time)).orElse(read));
    }

    void run() throws ReadFailure {
      try {
        writeAll();
        writer.close();
        if (!out.streaming()) {
          complete(answers.results(200, out.whole(), snapshot.seq()));
        }
      } catch (UncheckedIOException gone) {
        // The client left or was too slow: there is nobody to tell, and the read ends here.
        Throwable cause = gone.getCause();
        out.abort(cause == null ? gone : cause);
      } catch (ReadFailure | RuntimeException failed) {
        out.abort(failed);
        throw failed;
      }
    }

    private void writeAll() throws ReadFailure {
      writer.begin();
      for (Plan.Slot slot : plan.slots()) {
        boolean succeeded = true;
        if (slot instanceof Plan.Known known) {
          writer.result(known.result());
        } else if (slot instanceof Plan.Group group) {
          succeeded = write(group);
        }
        if (!succeeded && context.transaction()) {
          break;
        }
      }
      writer.endResults();
      writer.time(context.elapsedNanos());
      context.writePosition(writer, snapshot.seq());
      if (asOf.isPresent() && context.parameters().flag("seq")) {
        writer.text("as_of_time", asOf.get().toString());
      }
    }

    /** Writes one result; false if it is an error. */
    private boolean write(Plan.Group group) throws ReadFailure {
      long start = System.nanoTime();
      if (group.writes()) {
        writer.failed(WRITE_BY_QUERY, 0);
        return false;
      }
      RowsWriter rows = writer.rows();
      ReadFailure failure = query(group.statements(), rows);
      long nanos = System.nanoTime() - start;
      if (failure == null) {
        rows.end(nanos);
        return true;
      }
      if (failure.kind() == ReadFailure.Kind.ENVIRONMENT && !out.streaming()) {
        // Not the statement's fault: the whole request is better asked again, or elsewhere.
        throw failure;
      }
      if (!rows.endWith(failure.text(), nanos)) {
        writer.failed(failure.text(), nanos);
      }
      return false;
    }

    private @Nullable ReadFailure query(List<Statement> statements, RowsWriter rows) {
      try {
        for (int i = 0; i < statements.size(); i++) {
          boolean last = i == statements.size() - 1;
          snapshot.query(statements.get(i), limits, last ? rows : DISCARD);
        }
        return null;
      } catch (ReadFailure failure) {
        return failure;
      }
    }
  }
}
