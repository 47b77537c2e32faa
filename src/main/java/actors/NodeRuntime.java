package actors;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.Done;
import org.apache.pekko.actor.BootstrapSetup;
import org.apache.pekko.actor.setup.ActorSystemSetup;
import org.apache.pekko.actor.setup.Setup;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import quorum.QuorumArbiter;
import quorum.QuorumJournal;
import quorum.QuorumPart;
import quorum.QuorumSettings;
import quorum.QuorumSetup;
import storage.Arbiter;
import storage.Journal;
import storage.JournalException;
import storage.PastStates;
import storage.PostgresArbiter;
import storage.PostgresJournal;
import storage.PostgresSnapshots;
import storage.ReadPool;
import storage.SnapshotDirectory;
import storage.SnapshotStore;
import storage.SoloArbiter;
import storage.SqliteJournal;

/**
 * A running node: its actors, its journal and its read connections. Thread-safe.
 *
 * <p>It runs as soon as it is started, but may not be ready: see {@link #ready}. Its cluster side
 * is an actor system of its own, which may end and begin anew: see {@link #clusterSystem}.
 */
public final class NodeRuntime {

  private static final Duration READY_POLL = Duration.ofMillis(10);
  private static final Duration START_MAX = Duration.ofSeconds(30);

  /** The name of the cluster's actor systems; only those of one name join each other. */
  private static final String CLUSTER = "peqlite";

  /** Where the cluster's id stands in the configuration that joining nodes compare. */
  private static final String IDENTITY = "peqlite.cluster.identity";

  /**
   * What the node keeps its events by.
   *
   * @param snapshots keeps snapshots beside the journal
   * @param setups what the cluster's actor system has to know of it
   * @param closing ends what none of the others does
   */
  private record Store(
      Journal journal,
      Arbiter arbiter,
      ClusterKeeper.Preparation preparation,
      List<Setup> setups,
      Optional<QuorumPart> quorum,
      Optional<SnapshotStore> snapshots,
      Runnable closing) {

    static Store of(
        Journal journal,
        Arbiter arbiter,
        ClusterKeeper.Preparation preparation,
        Optional<SnapshotStore> snapshots) {
      return new Store(
          journal, arbiter, preparation, List.of(), Optional.empty(), snapshots, () -> {});
    }
  }

  private final ActorSystem<Guardian.Command> system;
  private final LocalNode node;
  private final Store store;
  private final ReadPool reads;
  private final PastStates past;
  private final ApplierHandle handle;
  private final ClusterView view;
  private final Guardian.Parts parts;
  private final CompletableFuture<String> refused;
  private final CompletableFuture<Done> ready = new CompletableFuture<>();

  private NodeRuntime(
      ActorSystem<Guardian.Command> system,
      LocalNode node,
      Store store,
      ReadPool reads,
      PastStates past,
      ApplierHandle handle,
      ClusterView view,
      Guardian.Parts parts,
      CompletableFuture<String> refused) {
    this.system = system;
    this.node = node;
    this.store = store;
    this.reads = reads;
    this.past = past;
    this.handle = handle;
    this.view = view;
    this.parts = parts;
    this.refused = refused;
  }

  /**
   * Starts a node.
   *
   * <p>Blocks while the journal of a single node is opened; one that nodes share is reached later,
   * and tried for as long as it takes. The stage fails if the former cannot be opened; then nothing
   * is left running.
   */
  public static CompletionStage<NodeRuntime> start(NodeSettings settings) {
    Store store;
    SnapshotDirectory snapshots;
    try {
      snapshots = SnapshotDirectory.open(NodeSettings.snapshotDirectory(settings.dataDirectory()));
      store = store(settings);
    } catch (JournalException | IOException e) {
      return CompletableFuture.failedFuture(e);
    }
    NodeMetrics metrics = new NodeMetrics();
    PastStates past;
    try {
      past = past(settings, store, snapshots, metrics);
    } catch (IOException e) {
      close(store);
      return CompletableFuture.failedFuture(e);
    }
    ReadPool reads =
        ReadPool.open(
            NodeSettings.databaseFile(settings.dataDirectory()), settings.read(), metrics);
    ReplicaGauge gauge = new ReplicaGauge();
    WriteGauge writes = new WriteGauge();
    ApplierHandle handle = new ApplierHandle();
    SequencerLink link = new SequencerLink();
    ClusterView view = new ClusterView();
    String processId = UUID.randomUUID().toString();
    CompletableFuture<String> refused = new CompletableFuture<>();
    CompletableFuture<LocalNode> self = new CompletableFuture<>();
    Guardian.Materials materials =
        new Guardian.Materials(
            settings,
            processId,
            store.journal(),
            store.arbiter(),
            store.preparation(),
            store.setups(),
            store.quorum(),
            snapshots,
            store.snapshots(),
            reads,
            past,
            gauge,
            writes,
            metrics,
            handle,
            link,
            view,
            refused);
    ActorSystem<Guardian.Command> system;
    try {
      system =
          ActorSystem.create(
              Guardian.create(
                  materials,
                  (parts, keeper) ->
                      (clusterId, listener) ->
                          startCluster(materials, parts, keeper, self, clusterId, listener)),
              "peqlite-node",
              nodeConfig(settings.pekko()));
    } catch (RuntimeException e) {
      reads.close();
      past.close();
      close(store);
      return CompletableFuture.failedFuture(e);
    }
    return AskPattern.ask(system, Guardian.AskParts::new, START_MAX, system.scheduler())
        .thenApply(
            parts -> {
              LocalNode node =
                  new LocalNode(
                      settings,
                      parts.local(),
                      snapshots,
                      reads,
                      past,
                      system
                          .dispatchers()
                          .lookup(DispatcherSelector.fromConfig(Guardian.JOURNAL_DISPATCHER)),
                      gauge,
                      writes,
                      link,
                      view,
                      new LocalQuorum(materials.quorum()));
              metrics.show(settings.version(), node, gauge, writes, reads, view);
              materials.quorum().ifPresent(part -> QuorumMetrics.show(part, metrics.registry()));
              self.complete(node);
              NodeRuntime runtime =
                  new NodeRuntime(system, node, store, reads, past, handle, view, parts, refused);
              runtime.awaitReady();
              return runtime;
            });
  }

  private static PastStates past(
      NodeSettings settings, Store store, SnapshotDirectory snapshots, NodeMetrics metrics)
      throws IOException {
    Path data = settings.dataDirectory();
    return PastStates.open(
        NodeSettings.pastDirectory(data),
        settings.past(),
        store.journal(),
        snapshots,
        store.snapshots(),
        () -> NodeSettings.databaseFile(data).toFile().length(),
        metrics);
  }

  private static Store store(NodeSettings settings) throws JournalException {
    if (settings.journal() instanceof JournalChoice.Postgres postgres) {
      PostgresJournal journal = new PostgresJournal(postgres.settings());
      return Store.of(
          journal,
          new PostgresArbiter(postgres.settings()),
          journal::prepare,
          Optional.of(new PostgresSnapshots(postgres.settings())));
    }
    if (settings.journal() instanceof JournalChoice.Quorum quorum) {
      QuorumPart part = new QuorumPart();
      QuorumPreparation preparation =
          new QuorumPreparation(
              part,
              quorumSettings(settings, quorum),
              settings.clusterAddress(),
              settings.cluster().contacts(),
              CLUSTER,
              settings.pekko());
      return new Store(
          new QuorumJournal(part),
          new QuorumArbiter(part),
          preparation,
          List.of(new QuorumSetup(part)),
          Optional.of(part),
          Optional.empty(),
          preparation::close);
    }
    SqliteJournal journal = SqliteJournal.open(NodeSettings.journalFile(settings.dataDirectory()));
    return Store.of(journal, new SoloArbiter(), () -> {}, Optional.empty());
  }

  private static QuorumSettings quorumSettings(NodeSettings settings, JournalChoice.Quorum quorum) {
    String cluster = settings.clusterAddress();
    return new QuorumSettings(
        NodeSettings.quorumDirectory(settings.dataDirectory()),
        settings.nodeId(),
        quorum.host().isEmpty() ? cluster.substring(0, cluster.lastIndexOf(':')) : quorum.host(),
        quorum.port(),
        quorum.bindHost(),
        quorum.electionTimeoutMin(),
        quorum.electionTimeoutMax());
  }

  /** The node's own actors talk to nobody outside the process, and append nothing themselves. */
  private static Config nodeConfig(Config config) {
    return ConfigFactory.parseMap(
            Map.of(
                "pekko.actor.provider",
                "local",
                "pekko.persistence.journal.plugin",
                "",
                "pekko.extensions",
                List.of()))
        .withFallback(config);
  }

  private static ActorSystem<?> startCluster(
      Guardian.Materials materials,
      LocalParts parts,
      ActorRef<ClusterKeeper.Command> keeper,
      CompletableFuture<LocalNode> self,
      String clusterId,
      Membership.Listener listener) {
    NodeGateway.Owner gatewayOwner =
        new NodeGateway.Owner() {
          @Override
          public NodeGateway.StatusAnswer status() {
            return self.join().statusForOthers();
          }

          @Override
          public void moveSequencer() {
            keeper.tell(new ClusterKeeper.Leave("the sequencer is to run elsewhere"));
          }

          @Override
          public void dropped() {
            materials.view().messageDropped();
          }
        };
    materials.metrics().clusterStarted();
    Config config =
        ConfigFactory.parseMap(Map.of(IDENTITY, clusterId))
            .withFallback(materials.settings().pekko());
    List<Setup> setups = new ArrayList<>(materials.setups());
    setups.add(BootstrapSetup.create(config));
    return ActorSystem.create(
        ClusterGuardian.create(
            new ClusterGuardian.Node(
                materials.settings(),
                materials.processId(),
                parts,
                materials.link(),
                materials.journal(),
                materials.arbiter(),
                materials.quorum(),
                materials.snapshots(),
                materials.store(),
                gatewayOwner,
                reason -> keeper.tell(new ClusterKeeper.Leave(reason)),
                listener)),
        CLUSTER,
        ActorSystemSetup.create(setups.toArray(Setup[]::new)));
  }

  private void awaitReady() {
    if (node.isReady()) {
      ready.complete(Done.getInstance());
    } else {
      system.scheduler().scheduleOnce(READY_POLL, this::awaitReady, system.executionContext());
    }
  }

  /** What the outside talks to. */
  public Node node() {
    return node;
  }

  /** For what else is to run as long as the node does, such as HTTP. */
  public ActorSystem<?> system() {
    return system;
  }

  /** The cluster's actor system as it is now; there is none while it is started anew. */
  public Optional<ActorSystem<?>> clusterSystem() {
    return view.system();
  }

  /** Completes when the node serves every level of read and takes writes for the first time. */
  public CompletionStage<Done> ready() {
    return ready;
  }

  /**
   * Completes with the reason if the node cannot take part until an operator has acted, and never
   * took part since it started.
   */
  public CompletionStage<String> refused() {
    return refused;
  }

  /** Tells where this node's HTTP interface is, for {@link MemberStatus#httpUrl}. */
  public void servesHttpAt(String url) {
    node.httpUrl(url);
  }

  /** Completes when the node has ended, for whatever reason. */
  public CompletionStage<Done> terminated() {
    return system.getWhenTerminated();
  }

  /**
   * Takes no more writes, waits until those that were taken are answered or past their deadline,
   * leaves the cluster, and ends the node.
   */
  public CompletionStage<Done> stop() {
    CompletableFuture<Integer> drained = new CompletableFuture<>();
    parts.local().session().tell(new WriteSession.Drain(drained));
    return drained
        .completeOnTimeout(0, NodeSettings.drainMax().toMillis(), TimeUnit.MILLISECONDS)
        .thenCompose(
            none -> {
              CompletableFuture<Done> left = new CompletableFuture<>();
              parts.keeper().tell(new ClusterKeeper.Stop(left));
              return left.completeOnTimeout(
                  Done.getInstance(), NodeSettings.leaveMax().toMillis(), TimeUnit.MILLISECONDS);
            })
        .thenCompose(
            left -> {
              handle.stop();
              system.terminate();
              return system.getWhenTerminated();
            })
        .whenComplete(
            (done, failure) -> {
              reads.close();
              past.close();
              close(store);
            });
  }

  private static void close(Store store) {
    store.snapshots().ifPresent(SnapshotStore::close);
    store.arbiter().close();
    store.journal().close();
    store.closing().run();
  }
}
