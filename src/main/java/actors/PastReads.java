package actors;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import storage.JournalException;
import storage.PastDatabaseException;
import storage.PastStates;
import storage.PastTarget;

/**
 * Opens states of the past for reads: finds out which event is meant, waits for the read's level
 * where a later event might be meant, and waits for the state to be made.
 *
 * <p>What this node has applied does not change any more: a position up to there, and a time before
 * its last event, needs no word of anybody. Thread-safe; nothing here blocks.
 */
final class PastReads {

  /** Waits until this node has applied what the read asks for. */
  interface Admission {
    CompletionStage<ReadAdmission> admit(Duration timeout);
  }

  private final PastStates states;
  private final ReplicaGauge gauge;
  private final Executor journalExecutor;

  PastReads(PastStates states, ReplicaGauge gauge, Executor journalExecutor) {
    this.states = states;
    this.gauge = gauge;
    this.journalExecutor = journalExecutor;
  }

  /**
   * Opens a state.
   *
   * @param minSeq the position that this node must have applied
   * @param admission is asked at most once
   */
  CompletionStage<PastAdmission> open(
      PastTarget target, OptionalLong minSeq, Duration timeout, Admission admission) {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    ReplicaGauge.Reading now = gauge.read();
    long least =
        Math.max(minSeq.orElse(0), target instanceof PastTarget.AfterEvent event ? event.seq() : 1);
    if (!now.servesNone() || now.applied() < least) {
      return admitted(target, deadlineNanos, admission);
    }
    return resolved(target, now)
        .thenCompose(
            found ->
                target instanceof PastTarget.AtTime && found.isLast()
                    ? admitted(target, deadlineNanos, admission)
                    : made(found.seq(), now.journalId(), deadlineNanos))
        .exceptionally(PastReads::refusal);
  }

  private CompletionStage<PastAdmission> admitted(
      PastTarget target, long deadlineNanos, Admission admission) {
    return admission
        .admit(left(deadlineNanos))
        .thenCompose(
            admitted -> {
              if (admitted instanceof ReadAdmission.Stale) {
                return done(new PastAdmission.Stale());
              }
              if (admitted instanceof ReadAdmission.Refused refused) {
                return done(new PastAdmission.Refused(refused.reason()));
              }
              ReplicaGauge.Reading now = gauge.read();
              if (target instanceof PastTarget.AfterEvent event
                  && event.seq() > now.applied()
                  && event.seq() <= now.head()) {
                return done(
                    new PastAdmission.Refused(
                        "this node has applied event "
                            + now.applied()
                            + " and not yet event "
                            + event.seq()));
              }
              return resolved(target, now)
                  .thenCompose(
                      found ->
                          target instanceof PastTarget.AtTime time
                                  && found.isLast()
                                  && isToCome(time)
                              ? done(beyond(time, now))
                              : made(found.seq(), now.journalId(), deadlineNanos));
            })
        .exceptionally(PastReads::refusal);
  }

  /** What is behind the last event's time and this machine's has not happened yet. */
  private static boolean isToCome(PastTarget.AtTime time) {
    return time.micros() > ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }

  private static PastAdmission beyond(PastTarget.AtTime time, ReplicaGauge.Reading now) {
    return new PastAdmission.Beyond(
        time + " is still to come; the last event is event " + now.applied());
  }

  private static CompletionStage<PastAdmission> done(PastAdmission admission) {
    return CompletableFuture.completedFuture(admission);
  }

  private CompletionStage<PastStates.Resolved> resolved(
      PastTarget target, ReplicaGauge.Reading now) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return states.resolve(target, now.applied(), now.journalId());
          } catch (PastDatabaseException | JournalException e) {
            throw new CompletionException(e);
          }
        },
        journalExecutor);
  }

  private CompletionStage<PastAdmission> made(long seq, String journalId, long deadlineNanos) {
    CompletableFuture<PastStates.Lease> opened = states.open(seq, journalId).toCompletableFuture();
    return opened
        .copy() // it is made to its end, whoever waits
        .orTimeout(left(deadlineNanos).toNanos(), TimeUnit.NANOSECONDS)
        .<PastAdmission>thenApply(PastAdmission.Opened::new)
        .exceptionally(
            failure -> {
              if (cause(failure) instanceof TimeoutException) {
                opened.thenAccept(PastStates.Lease::close);
                return new PastAdmission.Refused(
                    "the state after event " + seq + " is still being made; ask again");
              }
              return refusal(failure);
            });
  }

  private static Duration left(long deadlineNanos) {
    return Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
  }

  private static Throwable cause(Throwable failure) {
    @Nullable Throwable cause = failure.getCause();
    return failure instanceof CompletionException && cause != null ? cause : failure;
  }

  private static PastAdmission refusal(Throwable failure) {
    Throwable cause = cause(failure);
    String reason = Optional.ofNullable(cause.getMessage()).orElse(cause.toString());
    if (cause instanceof PastDatabaseException past) {
      return switch (past.kind()) {
        case BEYOND_HEAD -> new PastAdmission.Beyond(reason);
        case NOT_RETAINED -> new PastAdmission.NotRetained(reason);
        default -> new PastAdmission.Refused(reason);
      };
    }
    return new PastAdmission.Refused(reason);
  }
}
