package actors;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.setup.Setup;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import quorum.QuorumPart;
import storage.Arbiter;
import storage.Journal;
import storage.PastStates;
import storage.ReadPool;
import storage.SnapshotDirectory;
import storage.SnapshotStore;

/**
 * The root of the node's own actors, which live as long as the process: makes them and tells each
 * whom it talks to.
 */
final class Guardian {

  static final String APPLY_DISPATCHER = "peqlite.apply-dispatcher";
  static final String JOURNAL_DISPATCHER = "peqlite.journal-dispatcher";
  static final String SNAPSHOT_DISPATCHER = "peqlite.snapshot-dispatcher";

  /** What the root accepts. */
  interface Command {}

  /** Where are the parts? */
  record AskParts(ActorRef<Parts> replyTo) implements Command {}

  /** The parts of the node, and the keeper of its cluster side. */
  record Parts(LocalParts local, ActorRef<ClusterKeeper.Command> keeper) {}

  /** What everything is made of. */
  record Materials(
      NodeSettings settings,
      String processId,
      Journal journal,
      Arbiter arbiter,
      ClusterKeeper.Preparation preparation,
      List<Setup> setups,
      Optional<QuorumPart> quorum,
      SnapshotDirectory snapshots,
      Optional<SnapshotStore> store,
      ReadPool reads,
      PastStates past,
      ReplicaGauge gauge,
      WriteGauge writes,
      NodeMetrics metrics,
      ApplierHandle handle,
      SequencerLink link,
      ClusterView view,
      CompletableFuture<String> refused) {}

  /** Makes the cluster's actor system, which needs to know the node's parts. */
  interface FactoryMaker {
    /** The factory for the node with these parts. */
    ClusterKeeper.Factory make(LocalParts parts, ActorRef<ClusterKeeper.Command> keeper);
  }

  private Guardian() {}

  static Behavior<Command> create(Materials materials, FactoryMaker maker) {
    return Behaviors.setup(
        context -> {
          Parts parts = start(context, materials, maker);
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
      ActorContext<Command> context, Materials materials, FactoryMaker maker) {
    NodeSettings settings = materials.settings();
    Journal journal = materials.journal();
    ReplicaGauge gauge = materials.gauge();
    SequencerLink link = materials.link();
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
                journalExecutor,
                materials.reads(),
                gauge,
                materials.metrics(),
                materials.handle(),
                link,
                materials.processId()),
            "replica",
            DispatcherSelector.fromConfig(APPLY_DISPATCHER));
    ActorRef<ReadGate.Command> readGate =
        context.spawn(ReadGate.create(gauge, link, journal, journalExecutor), "read-gate");
    ActorRef<WriteSession.Command> session =
        context.spawn(
            WriteSession.create(
                settings.write(),
                settings.nodeId(),
                materials.processId(),
                gauge,
                materials.writes(),
                materials.metrics(),
                link),
            "write-session");
    boolean alone = settings.journal() instanceof JournalChoice.Sqlite;
    ActorRef<SnapshotKeeper.Command> snapshots =
        context.spawn(
            SnapshotKeeper.create(
                settings.nodeId(),
                settings.snapshot(),
                NodeSettings.databaseFile(settings.dataDirectory()),
                materials.snapshots(),
                materials.store(),
                sources(materials, alone),
                replica,
                materials.reads(),
                gauge,
                materials.metrics(),
                journal,
                materials.past(),
                context
                    .getSystem()
                    .dispatchers()
                    .lookup(DispatcherSelector.fromConfig(SNAPSHOT_DISPATCHER))),
            "snapshots");
    LocalParts local =
        new LocalParts(replica, session, readGate, snapshots, gauge, materials.metrics());
    CompletableFuture<ActorRef<ClusterKeeper.Command>> self = new CompletableFuture<>();
    ActorRef<ClusterKeeper.Command> keeper =
        context.spawn(
            ClusterKeeper.create(
                materials.preparation(),
                materials.arbiter(),
                (clusterId, listener) -> maker.make(local, self.join()).start(clusterId, listener),
                gauge,
                materials.view(),
                journalExecutor,
                materials.refused()),
            "cluster-keeper");
    self.complete(keeper);
    // Without one of them the node is no use: their end is not handled and so ends the guardian.
    context.watch(replica);
    context.watch(readGate);
    context.watch(session);
    context.watch(snapshots);
    context.watch(keeper);
    replica.tell(new Replica.Start(session, readGate, snapshots, alone));
    return new Parts(local, keeper);
  }

  private static SnapshotSources sources(Materials materials, boolean alone) {
    return new SnapshotSources() {
      @Override
      public boolean areAllKnown() {
        return alone || materials.view().system().map(PeerSnapshots::areKnown).orElse(false);
      }

      @Override
      public List<SnapshotSource> now() {
        List<SnapshotSource> sources = new ArrayList<>();
        materials.view().system().ifPresent(system -> sources.addAll(PeerSnapshots.all(system)));
        materials.store().ifPresent(store -> sources.add(new StoredSnapshots(store)));
        return sources;
      }
    };
  }
}
