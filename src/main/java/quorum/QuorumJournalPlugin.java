package quorum;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.pekko.persistence.AtomicWrite;
import org.apache.pekko.persistence.PersistentRepr;
import org.apache.pekko.persistence.journal.japi.AsyncWriteJournal;
import org.apache.pekko.serialization.Serialization;
import org.apache.pekko.serialization.SerializationExtension;
import org.apache.pekko.serialization.Serializer;
import org.apache.pekko.serialization.Serializers;
import org.jspecify.annotations.Nullable;
import scala.concurrent.Future;
import scala.jdk.javaapi.FutureConverters;
import storage.EventHash;
import storage.Journal;
import storage.JournalException;

/**
 * Appends to the quorum what Pekko Persistence writes. There is one stream of events, {@link
 * Journal#PERSISTENCE_ID}; any other is empty and cannot be written to.
 *
 * <p>An append is fenced by the number and the hash of the event before it. One that was not
 * answered in time has failed for its writer, and may still be there: whoever asks for the highest
 * number next finds out.
 *
 * <p>Made by Pekko in the cluster's actor system, which has a {@link QuorumSetup}.
 */
public final class QuorumJournalPlugin extends AsyncWriteJournal {

  /** Ends before the circuit breaker that Pekko puts around it, so that nothing outlives it. */
  private static final Duration APPEND_MAX = Duration.ofSeconds(8);

  private static final Duration ASK_MAX = Duration.ofSeconds(8);
  private static final int PAGE_EVENTS = 64;
  private static final long PAGE_BYTES = 4L << 20;

  /** What a call without an answer gives: Pekko's interface wants a {@code Void}. */
  @SuppressWarnings("NullAway")
  private static final Void NOTHING = null;

  private final QuorumPart part;
  private final Serialization serialization;
  private final Executor executor;

  /** What this plugin knows the journal to end with; for the next append. */
  private volatile Answer.@Nullable End end;

  public QuorumJournalPlugin() {
    var system = context().system();
    part =
        system
            .settings()
            .setup()
            .get(QuorumSetup.class)
            .orElseThrow(() -> new IllegalStateException("the actor system has no QuorumSetup"))
            .part();
    serialization = SerializationExtension.get(system);
    executor = system.dispatchers().lookup("peqlite.journal-dispatcher");
  }

  @Override
  public Future<Iterable<Optional<Exception>>> doAsyncWriteMessages(
      Iterable<AtomicWrite> messages) {
    return async(
        () -> {
          List<Optional<Exception>> done = new ArrayList<>();
          for (AtomicWrite message : messages) {
            for (Object event : scala.jdk.javaapi.CollectionConverters.asJava(message.payload())) {
              append((PersistentRepr) event);
            }
            done.add(Optional.empty());
          }
          return done;
        });
  }

  private void append(PersistentRepr event) throws JournalException {
    requireOurs(event.persistenceId());
    Object payload = event.payload();
    Serializer serializer = serialization.findSerializerFor(payload);
    byte[] bytes = serializer.toBinary(payload);
    Answer.End before = end;
    if (before == null || before.highest() != event.sequenceNr() - 1) {
      before = end();
    }
    if (before.highest() != event.sequenceNr() - 1) {
      throw new JournalException(
          "event " + event.sequenceNr() + " is refused: the journal ends with " + before.highest());
    }
    // Until the answer is there, nothing is known.
    end = null;
    Answer answer =
        part.server()
            .calls()
            .order(
                new Command.Append(
                    event.sequenceNr(),
                    before.hash(),
                    serializer.identifier(),
                    Serializers.manifestFor(serializer, payload),
                    bytes),
                APPEND_MAX);
    if (!(answer instanceof Answer.Appended)) {
      throw new JournalException(
          "event " + event.sequenceNr() + " is refused: another writer has appended");
    }
    end = new Answer.End(event.sequenceNr(), EventHash.of(bytes));
  }

  private Answer.End end() throws JournalException {
    if (part.server().calls().ask(new Question.AskEnd(), ASK_MAX) instanceof Answer.End found) {
      return found;
    }
    throw new JournalException("the quorum gave another answer than where the journal ends");
  }

  private static void requireOurs(String persistenceId) throws JournalException {
    if (!Journal.PERSISTENCE_ID.equals(persistenceId)) {
      throw new JournalException("this journal holds no events of '" + persistenceId + "'");
    }
  }

  @Override
  public Future<Void> doAsyncDeleteMessagesTo(String persistenceId, long toSequenceNr) {
    return async(
        () -> {
          requireOurs(persistenceId);
          new QuorumJournal(part).trim(toSequenceNr);
          return NOTHING;
        });
  }

  @Override
  public Future<Long> doAsyncReadHighestSequenceNr(String persistenceId, long fromSequenceNr) {
    return async(
        () -> {
          Answer.End found = end();
          if (!Journal.PERSISTENCE_ID.equals(persistenceId)) {
            return 0L;
          }
          end = found;
          return found.highest();
        });
  }

  /** From this node's own copy, which holds everything that the highest number was asked with. */
  @Override
  public Future<Void> doAsyncReplayMessages(
      String persistenceId,
      long fromSequenceNr,
      long toSequenceNr,
      long max,
      Consumer<PersistentRepr> replayed) {
    return async(
        () -> {
          if (Journal.PERSISTENCE_ID.equals(persistenceId)) {
            replay(fromSequenceNr, toSequenceNr, max, replayed);
          }
          return NOTHING;
        });
  }

  private void replay(long from, long to, long max, Consumer<PersistentRepr> replayed)
      throws JournalException, SQLException {
    Answer.End known = end;
    QuorumTable copy =
        part.server().copyWith(known == null ? 0 : Math.min(to, known.highest()), ASK_MAX);
    long next = from;
    long left = max;
    while (next <= to && left > 0) {
      List<Answer.Row> rows = copy.rows(next, (int) Math.min(PAGE_EVENTS, left), PAGE_BYTES);
      if (rows.isEmpty()) {
        return;
      }
      for (Answer.Row row : rows) {
        if (row.seq() > to) {
          return;
        }
        Object payload =
            serialization
                .deserialize(row.payload(), row.serializerId(), row.manifest())
                .getOrElse(
                    () -> {
                      throw new IllegalStateException("event " + row.seq() + " cannot be read");
                    });
        replayed.accept(
            PersistentRepr.apply(
                payload,
                row.seq(),
                Journal.PERSISTENCE_ID,
                row.manifest(),
                false,
                context().system().deadLetters(),
                ""));
        next = row.seq() + 1;
        left--;
      }
    }
  }

  private interface Call<T> {
    T call() throws JournalException, SQLException;
  }

  private <T> Future<T> async(Call<T> call) {
    return FutureConverters.asScala(
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return call.call();
              } catch (JournalException | SQLException e) {
                throw new CompletionException(e);
              }
            },
            executor));
  }
}
