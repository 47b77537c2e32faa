package http;

import actors.Node;
import actors.WriteAnswer;
import actors.WriteCaller;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import sql.IdempotencyKey;
import sql.Position;
import sql.StatementResult;
import sql.WriteOutcome;
import sql.WriteRequest;

/**
 * Has writes ordered, and says what became of them. What is known to fail before it is ordered
 * keeps its place among the results, and is never sent. Thread-safe.
 */
final class WriteRoutes {

  private static final WriteOutcome NOTHING_TOLD =
      new WriteOutcome.Executed(List.of(), Optional.empty());

  private final Node node;
  private final Answers answers;

  WriteRoutes(Node node, Answers answers) {
    this.node = node;
    this.answers = answers;
  }

  /**
   * Runs a plan in the one order and answers with its results.
   *
   * @param hideQueries whether rows are shown only where {@link Plan.Group#rowsShown} says so
   */
  CompletionStage<HttpResponse> write(
      Plan plan, RequestContext context, Optional<IdempotencyKey> key, boolean hideQueries) {
    Plan effective = context.transaction() ? plan.inTransaction() : plan;
    if (effective.statements().isEmpty()) {
      return CompletableFuture.completedFuture(unordered(effective, context));
    }
    WriteRequest request =
        new WriteRequest(effective.statements(), context.transaction(), false, key);
    return ordered(effective, request, context, hideQueries);
  }

  /** Runs the statements of a dump as one transaction; see {@link LoadScript}. */
  CompletionStage<HttpResponse> load(
      Plan plan, RequestContext context, Optional<IdempotencyKey> key) {
    Plan effective = plan.inTransaction();
    if (effective.statements().isEmpty()) {
      return CompletableFuture.completedFuture(unordered(effective, context));
    }
    WriteRequest request = new WriteRequest(effective.statements(), true, true, key);
    return ordered(effective, request, context, true);
  }

  /** The answer to a load that was ordered in pieces. */
  HttpResponse loaded(WriteAnswer answer, RequestContext context) {
    return answered(
        answer,
        applied ->
            applied instanceof WriteAnswer.Queued queued
                ? sequenceNumber(queued.position(), context)
                : loaded((WriteAnswer.Applied) applied, context));
  }

  private HttpResponse loaded(WriteAnswer.Applied applied, RequestContext context) {
    WriteOutcome outcome = applied.outcome();
    Optional<HttpResponse> refused = refusedOutcome(outcome);
    if (refused.isPresent()) {
      return refused.get();
    }
    long seq = applied.position().seq();
    if (outcome instanceof WriteOutcome.Duplicate duplicate) {
      WriteOutcome original = duplicate.outcome().orElse(NOTHING_TOLD);
      return Answers.duplicate(results(original, seq, context));
    }
    return results(outcome, seq, context);
  }

  private HttpResponse results(WriteOutcome outcome, long seq, RequestContext context) {
    List<StatementResult> results =
        outcome instanceof WriteOutcome.Executed executed && executed.error().isEmpty()
            ? executed.results()
            : List.of();
    boolean failed =
        !(outcome instanceof WriteOutcome.Executed executed && executed.error().isEmpty());
    return body(
        context,
        seq,
        writer -> results.forEach(writer::result),
        writer -> {
          if (failed) {
            writer.error(OutcomeText.error(outcome));
          }
          writer.time(context.elapsedNanos());
        });
  }

  /** Whether a load has changed nothing, although it was applied. */
  static boolean hasFailed(WriteAnswer answer) {
    return answer instanceof WriteAnswer.Applied applied
        && !(applied.outcome() instanceof WriteOutcome.Duplicate)
        && !(applied.outcome() instanceof WriteOutcome.Executed executed
            && executed.error().isEmpty()
            && executed.results().stream().noneMatch(StatementResult.Failed.class::isInstance));
  }

  /**
   * Puts a plan into the order and answers with its position, as soon as the journal holds it.
   *
   * @throws RequestException if any of it is wrong: nothing is taken and then dropped
   */
  CompletionStage<HttpResponse> queue(
      Plan plan, RequestContext context, Optional<IdempotencyKey> key) {
    plan.firstFailure()
        .ifPresent(
            failure -> {
              throw RequestException.bad(failure.message());
            });
    if (plan.disallowedPragma()) {
      throw RequestException.bad("disallowed pragma");
    }
    if (plan.statements().isEmpty()) {
      return CompletableFuture.completedFuture(unordered(plan, context));
    }
    boolean wait = context.parameters().flag("wait");
    WriteRequest request = new WriteRequest(plan.statements(), context.transaction(), false, key);
    return ask(request, context, !wait)
        .thenApply(answer -> answered(answer, applied -> queued(applied, context)));
  }

  private CompletionStage<HttpResponse> ordered(
      Plan plan, WriteRequest request, RequestContext context, boolean hideQueries) {
    return ask(request, context, false)
        .thenApply(
            answer -> answered(answer, applied -> applied(plan, applied, context, hideQueries)));
  }

  private CompletionStage<WriteAnswer> ask(
      WriteRequest request, RequestContext context, boolean queued) {
    WriteCaller caller = context.caller();
    CompletionStage<WriteAnswer> answer = node.write(request, context.remaining(), queued, caller);
    return caller instanceof Tracing.Write traced
        ? answer.whenComplete((known, failure) -> traced.end(known))
        : answer;
  }

  /** The one place that knows every kind of answer to a write. */
  private HttpResponse answered(WriteAnswer answer, Function<WriteAnswer, HttpResponse> whenTaken) {
    if (answer instanceof WriteAnswer.NotApplied notApplied) {
      return answers.notApplied(notApplied.reason(), notApplied.retryAfter());
    }
    if (answer instanceof WriteAnswer.TooLarge tooLarge) {
      return answers.tooLarge(tooLarge.reason());
    }
    if (answer instanceof WriteAnswer.Committed committed) {
      return answers.committed(committed.position().seq(), committed.position().index());
    }
    if (answer instanceof WriteAnswer.Unknown unknown) {
      return answers.unknown(unknown.reason());
    }
    return whenTaken.apply(answer);
  }

  private HttpResponse queued(WriteAnswer answer, RequestContext context) {
    if (answer instanceof WriteAnswer.Applied applied) {
      Optional<HttpResponse> refused = refusedOutcome(applied.outcome());
      if (refused.isPresent()) {
        return refused.get();
      }
      HttpResponse response = sequenceNumber(applied.position(), context);
      return applied.outcome() instanceof WriteOutcome.Duplicate
          ? Answers.duplicate(response)
          : response;
    }
    return sequenceNumber(((WriteAnswer.Queued) answer).position(), context);
  }

  /** The answer to a barrier: what was queued before is applied here. */
  HttpResponse flushed(RequestContext context) {
    return sequenceNumber(new Position(node.status().appliedSeq(), 0), context);
  }

  private HttpResponse sequenceNumber(Position position, RequestContext context) {
    return body(
        context,
        position.seq(),
        writer -> {},
        writer -> {
          writer.time(context.elapsedNanos());
          writer.number("sequence_number", position.seq());
        });
  }

  private HttpResponse applied(
      Plan plan, WriteAnswer answer, RequestContext context, boolean hideQueries) {
    if (answer instanceof WriteAnswer.Queued queued) {
      return sequenceNumber(queued.position(), context);
    }
    WriteAnswer.Applied applied = (WriteAnswer.Applied) answer;
    Optional<HttpResponse> refused = refusedOutcome(applied.outcome());
    if (refused.isPresent()) {
      return refused.get();
    }
    long seq = applied.position().seq();
    if (applied.outcome() instanceof WriteOutcome.Duplicate duplicate) {
      HttpResponse original =
          duplicate
              .outcome()
              .map(outcome -> outcome(plan, outcome, seq, context, hideQueries))
              .orElseGet(() -> forgotten(duplicate.original(), seq, context));
      return Answers.duplicate(original);
    }
    return outcome(plan, applied.outcome(), seq, context, hideQueries);
  }

  private Optional<HttpResponse> refusedOutcome(WriteOutcome outcome) {
    if (outcome instanceof WriteOutcome.KeyConflict conflict) {
      return Optional.of(answers.keyConflict(conflict.original().toString()));
    }
    if (outcome instanceof WriteOutcome.KeyStoreFull) {
      return Optional.of(
          answers.notApplied("the store of idempotency keys is full", Duration.ofSeconds(60)));
    }
    return Optional.empty();
  }

  private HttpResponse outcome(
      Plan plan, WriteOutcome outcome, long seq, RequestContext context, boolean hideQueries) {
    if (outcome instanceof WriteOutcome.Executed executed && executed.error().isEmpty()) {
      return body(
          context,
          seq,
          writer -> merge(plan, executed.results(), context, hideQueries, writer),
          writer -> writer.time(context.elapsedNanos()));
    }
    String error = OutcomeText.error(outcome);
    return body(
        context,
        seq,
        writer -> {},
        writer -> {
          writer.error(error);
          writer.time(context.elapsedNanos());
        });
  }

  /** The original was applied, but its results were too large to be kept. */
  private HttpResponse forgotten(Position original, long seq, RequestContext context) {
    return body(
        context,
        seq,
        writer -> {},
        writer -> {
          writer.time(context.elapsedNanos());
          writer.text("outcome", "applied at " + original + "; its results were not kept");
        });
  }

  /** What is known without asking anybody. */
  private HttpResponse unordered(Plan plan, RequestContext context) {
    return body(
        context,
        node.status().appliedSeq(),
        writer -> merge(plan, List.of(), context, true, writer),
        writer -> {
          if (plan.disallowedPragma()) {
            writer.error("disallowed pragma");
          }
          writer.time(context.elapsedNanos());
        });
  }

  /** Puts the results of what was ordered between those that were known before. */
  private static void merge(
      Plan plan,
      List<StatementResult> results,
      RequestContext context,
      boolean hideQueries,
      ResultWriter writer) {
    Iterator<StatementResult> ordered = results.iterator();
    for (Plan.Slot slot : plan.slots()) {
      if (slot instanceof Plan.Known known) {
        writer.result(known.result());
      } else if (slot instanceof Plan.Group group) {
        if (!ordered.hasNext()) {
          return;
        }
        StatementResult result = ordered.next();
        if (result instanceof StatementResult.Rows && hideQueries && !group.rowsShown()) {
          writer.nothing(result.nanos());
        } else {
          writer.result(result);
        }
        if (result instanceof StatementResult.Failed && context.transaction()) {
          return;
        }
      }
    }
  }

  private HttpResponse body(
      RequestContext context,
      long seq,
      Consumer<ResultWriter> results,
      Consumer<ResultWriter> fields) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    ResultWriter writer = new ResultWriter(out, context.options());
    writer.begin();
    results.accept(writer);
    writer.endResults();
    fields.accept(writer);
    context.writePosition(writer, seq);
    writer.close();
    return answers.results(200, out.toByteArray(), seq);
  }
}
