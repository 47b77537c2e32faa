package actors;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.SupervisorStrategy;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.typed.ClusterSingleton;
import org.apache.pekko.cluster.typed.SingletonActor;
import quorum.QuorumPart;
import quorum.QuorumServer;
import storage.Arbiter;
import storage.Journal;
import storage.SnapshotDirectory;
import storage.SnapshotStore;

/**
 * The root of the cluster's actor system: this node's gateway, its membership, and the sequencer
 * where it is this node's turn. All of it can end and begin anew while the node goes on.
 */
final class ClusterGuardian {

  /** What the root accepts: nothing. */
  interface Command {}

  /** What the node gives to its cluster side. */
  record Node(
      NodeSettings settings,
      String processId,
      LocalParts parts,
      SequencerLink link,
      Journal journal,
      Arbiter arbiter,
      Optional<QuorumPart> quorum,
      SnapshotDirectory snapshots,
      Optional<SnapshotStore> store,
      NodeGateway.Owner gatewayOwner,
      Consumer<String> unfit,
      Membership.Listener listener) {}

  /** How long the arbiter may take to say whether this node is still in. */
  private static final Duration STANDING_MAX = Duration.ofSeconds(6);

  private static final Duration COORDINATOR_MIN = Duration.ofSeconds(1);
  private static final Duration COORDINATOR_MAX = Duration.ofMinutes(1);

  private ClusterGuardian() {}

  static Behavior<Command> create(Node node) {
    return Behaviors.setup(
        context -> {
          start(context, node);
          return Behaviors.empty();
        });
  }

  private static void start(ActorContext<Command> context, Node node) {
    NodeSettings settings = node.settings();
    Executor journalExecutor =
        context
            .getSystem()
            .dispatchers()
            .lookup(DispatcherSelector.fromConfig(Guardian.JOURNAL_DISPATCHER));
    ActorRef<NodeMessage> gateway =
        context.spawn(
            NodeGateway.create(
                settings.nodeId(),
                node.processId(),
                node.link(),
                node.parts(),
                node.journal(),
                journalExecutor,
                node.gatewayOwner()),
            NodeGateway.NAME);
    ActorRef<Membership.Command> membership =
        context.spawn(
            Membership.create(
                Membership.Settings.of(settings.nodeId(), settings.cluster()),
                node.arbiter(),
                journalExecutor,
                node.listener()),
            Membership.NAME);
    context.spawn(LogWriter.createToWarmUp(), "warm-up");
    ClusterSingleton.get(context.getSystem())
        .init(
            SingletonActor.of(
                    Behaviors.<Sequencer.Command>setup(
                        singleton -> host(node, gateway, membership, singleton, journalExecutor)),
                    "sequencer")
                .withStopMessage(Sequencer.Finish.NOW));
    node.quorum()
        .flatMap(QuorumPart::ifStarted)
        .ifPresent(
            server ->
                context.spawn(
                    QuorumAnnouncer.answering(() -> server.status(settings.clusterAddress())),
                    QuorumAnnouncer.NAME));
    // Without one of them the cluster side is no use: their end ends it, and it is started anew.
    context.watch(gateway);
    context.watch(membership);
  }

  private static Behavior<Sequencer.Command> host(
      Node node,
      ActorRef<NodeMessage> gateway,
      ActorRef<Membership.Command> membership,
      ActorContext<Sequencer.Command> context,
      Executor journalExecutor) {
    ActorSystem<?> system = context.getSystem();
    boolean soleNode = node.settings().journal() instanceof JournalChoice.Sqlite;
    SequencerHost.Owner owner =
        new SequencerHost.Owner() {
          @Override
          public CompletionStage<Boolean> stillIn() {
            return AskPattern.<Membership.Command, Membership.StillIn>ask(
                    membership, Membership.AskStanding::new, STANDING_MAX, system.scheduler())
                .thenApply(Membership.StillIn::in);
          }

          @Override
          public void unfit(String reason) {
            node.unfit().accept(reason);
          }
        };
    ClusterMembers members = new ClusterMembers(system, gateway, soleNode);
    Executor backupExecutor =
        system.dispatchers().lookup(DispatcherSelector.fromConfig(Guardian.SNAPSHOT_DISPATCHER));
    return SequencerHost.create(
        self ->
            Sequencer.create(
                node.settings().sequencer(),
                node.settings().nodeId(),
                node.settings().replicated(),
                node.parts(),
                new ClusterMembers(system, gateway, soleNode),
                self,
                node.journal(),
                journalExecutor,
                journalId ->
                    coordinator(
                        node,
                        journalId,
                        new ClusterMembers(system, gateway, soleNode),
                        journalExecutor,
                        backupExecutor)),
        owner,
        members,
        node.parts().gauge(),
        node.journal(),
        journalExecutor);
  }

  private static Behavior<SnapshotCoordinator.Command> coordinator(
      Node node,
      String journalId,
      Sequencer.Members members,
      Executor journalExecutor,
      Executor backupExecutor) {
    SnapshotPlan.Place place =
        node.quorum().isPresent()
            ? SnapshotPlan.Place.MAJORITY
            : node.store().isPresent() ? SnapshotPlan.Place.STORE : SnapshotPlan.Place.OWN_DISK;
    SnapshotCoordinator.Setup setup =
        new SnapshotCoordinator.Setup(
            place,
            node.settings().snapshot(),
            () ->
                node.quorum()
                    .flatMap(QuorumPart::ifStarted)
                    .map(QuorumServer::voterNodes)
                    .orElse(List.of()),
            node.store(),
            node.parts().metrics(),
            node.settings()
                .backup()
                .map(
                    backup ->
                        new BackupWriter.Setup(
                            backup,
                            node.snapshots(),
                            NodeSettings.backupDirectory(node.settings().dataDirectory()),
                            node.parts(),
                            node.journal(),
                            backupExecutor)));
    return Behaviors.supervise(
            SnapshotCoordinator.create(
                setup,
                node.settings().nodeId(),
                journalId,
                members,
                node.journal(),
                journalExecutor))
        .onFailure(SupervisorStrategy.restartWithBackoff(COORDINATOR_MIN, COORDINATOR_MAX, 0.2));
  }
}
