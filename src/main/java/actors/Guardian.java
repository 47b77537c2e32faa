package actors;

import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.typed.ClusterSingleton;
import org.apache.pekko.cluster.typed.SingletonActor;
import storage.Journal;
import storage.ReadPool;

/** The root of a node's actors: makes them and tells each whom it talks to. */
final class Guardian {

  private static final String APPLY_DISPATCHER = "peqlite.apply-dispatcher";
  private static final String JOURNAL_DISPATCHER = "peqlite.journal-dispatcher";

  /** Whom the node's face talks to. */
  record Parts(ActorRef<WriteSession.Command> session, ActorRef<ReadGate.Command> readGate) {}

  /** What the root accepts. */
  interface Command {}

  /** Where are the parts? */
  record AskParts(ActorRef<Parts> replyTo) implements Command {}

  private Guardian() {}

  static Behavior<Command> create(
      NodeSettings settings,
      Journal journal,
      ReadPool reads,
      ReplicaGauge gauge,
      WriteGauge writes,
      ApplierHandle handle) {
    return Behaviors.setup(
        context -> {
          Parts parts = start(context, settings, journal, reads, gauge, writes, handle);
          return Behaviors.receive(Command.class)
              .onMessage(
                  AskParts.class,
                  ask -> {
                    ask.replyTo().tell(parts);
                    return Behaviors.same();
                  })
              .build();
        });
  }

  private static Parts start(
      ActorContext<Command> context,
      NodeSettings settings,
      Journal journal,
      ReadPool reads,
      ReplicaGauge gauge,
      WriteGauge writes,
      ApplierHandle handle) {
    Executor journalExecutor =
        context.getSystem().dispatchers().lookup(DispatcherSelector.fromConfig(JOURNAL_DISPATCHER));
    ActorRef<Replica.Command> replica =
        context.spawn(
            Replica.create(
                settings.replica(),
                settings.apply(),
                NodeSettings.databaseFile(settings.dataDirectory()),
                NodeSettings.attemptFile(settings.dataDirectory()),
                journal,
                reads,
                gauge,
                handle),
            "replica",
            DispatcherSelector.fromConfig(APPLY_DISPATCHER));
    ActorRef<Sequencer.Command> sequencer =
        ClusterSingleton.get(context.getSystem())
            .init(
                SingletonActor.of(
                    SequencerHost.create(
                        () ->
                            Sequencer.create(
                                settings.sequencer(),
                                settings.nodeId(),
                                settings.replicated(),
                                replica,
                                journal,
                                journalExecutor)),
                    "sequencer"));
    ActorRef<ReadGate.Command> readGate =
        context.spawn(ReadGate.create(gauge, sequencer, journal, journalExecutor), "read-gate");
    ActorRef<WriteSession.Command> session =
        context.spawn(
            WriteSession.create(settings.write(), settings.nodeId(), gauge, writes, sequencer),
            "write-session");
    // Without one of them the node is no use: their end is not handled and so ends the guardian.
    context.watch(replica);
    context.watch(readGate);
    context.watch(session);
    replica.tell(new Replica.Start(sequencer, session, readGate));
    return new Parts(session, readGate);
  }
}
