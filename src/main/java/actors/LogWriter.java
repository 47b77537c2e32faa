package actors;

import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.persistence.typed.PersistenceId;
import org.apache.pekko.persistence.typed.RecoveryCompleted;
import org.apache.pekko.persistence.typed.javadsl.CommandHandler;
import org.apache.pekko.persistence.typed.javadsl.EventHandler;
import org.apache.pekko.persistence.typed.javadsl.EventSourcedBehavior;
import org.apache.pekko.persistence.typed.javadsl.Recovery;
import org.apache.pekko.persistence.typed.javadsl.SignalHandler;
import storage.Journal;

/**
 * Appends events to the journal, one at a time, each under the next sequence number. The journal
 * refuses a number that is taken, so that a writer that was overtaken fails instead of writing.
 *
 * <p>Replays nothing: recovery only finds the highest number, which costs the same however long the
 * history is. On any failure the actor stops, and its sequencer with it: what was being appended is
 * in doubt then.
 */
class LogWriter extends EventSourcedBehavior<LogWriter.Append, JournalEvent, LogWriter.Empty> {

  /** Append one event. */
  record Append(byte[] bytes) {}

  /** There is no state; an enum, because Pekko keeps the empty state over restarts. */
  enum Empty {
    STATE
  }

  private final ActorContext<Append> context;
  private final ActorRef<Sequencer.Command> sequencer;

  static Behavior<Append> create(ActorRef<Sequencer.Command> sequencer) {
    return Behaviors.setup(context -> new LogWriter(context, sequencer, Journal.PERSISTENCE_ID));
  }

  /**
   * Looks for a number that nobody writes under, and stops: the connections, the plugin and the
   * classes that an opening needs are there then, which makes the first one on a node much shorter.
   */
  static Behavior<Append> createToWarmUp() {
    return Behaviors.setup(
        context ->
            new LogWriter(
                context, context.getSystem().ignoreRef(), Journal.PERSISTENCE_ID + "-warm-up") {
              @Override
              void onRecovered(Empty state) {
                context.getSelf().tell(new Append(new byte[0]));
              }

              @Override
              public CommandHandler<Append, JournalEvent, Empty> commandHandler() {
                return newCommandHandlerBuilder()
                    .forAnyState()
                    .onCommand(Append.class, append -> Effect().stop())
                    .build();
              }
            });
  }

  private LogWriter(
      ActorContext<Append> context, ActorRef<Sequencer.Command> sequencer, String persistenceId) {
    super(PersistenceId.ofUniqueId(persistenceId));
    this.context = context;
    this.sequencer = sequencer;
  }

  @Override
  public Empty emptyState() {
    return Empty.STATE;
  }

  @Override
  public Recovery recovery() {
    return Recovery.disabled();
  }

  @Override
  public SignalHandler<Empty> signalHandler() {
    return newSignalHandlerBuilder()
        .onSignal(RecoveryCompleted.instance(), this::onRecovered)
        .build();
  }

  @Override
  public CommandHandler<Append, JournalEvent, Empty> commandHandler() {
    return newCommandHandlerBuilder()
        .forAnyState()
        .onCommand(
            Append.class,
            append ->
                // The answer comes from the callback after the write: the event handler runs
                // before.
                Effect().persist(new JournalEvent(append.bytes())).thenRun(this::onPersisted))
        .build();
  }

  @Override
  public EventHandler<Empty, JournalEvent> eventHandler() {
    return (state, event) -> state;
  }

  void onRecovered(Empty state) {
    sequencer.tell(new Sequencer.WriterReady(lastSequenceNumber(context)));
  }

  private void onPersisted(Empty state) {
    sequencer.tell(new Sequencer.Persisted(lastSequenceNumber(context)));
  }
}
