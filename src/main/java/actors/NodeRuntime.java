package actors;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.Done;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Join;
import storage.Journal;
import storage.JournalException;
import storage.ReadPool;
import storage.SqliteJournal;

/**
 * A running node: its actor system, its journal and its read connections. Thread-safe.
 *
 * <p>It runs as soon as it is started, but may not be ready: see {@link #ready}.
 */
public final class NodeRuntime {

  private static final Duration READY_POLL = Duration.ofMillis(10);
  private static final Duration START_MAX = Duration.ofSeconds(30);

  private final ActorSystem<Guardian.Command> system;
  private final LocalNode node;
  private final Journal journal;
  private final ReadPool reads;
  private final ApplierHandle handle;
  private final Guardian.Parts parts;
  private final CompletableFuture<Done> ready = new CompletableFuture<>();

  private NodeRuntime(
      ActorSystem<Guardian.Command> system,
      LocalNode node,
      Journal journal,
      ReadPool reads,
      ApplierHandle handle,
      Guardian.Parts parts) {
    this.system = system;
    this.node = node;
    this.journal = journal;
    this.reads = reads;
    this.handle = handle;
    this.parts = parts;
  }

  /**
   * Starts a node that is a cluster of its own.
   *
   * <p>Blocks while the journal is opened. The stage fails if the journal cannot be opened or the
   * cluster address cannot be bound; then nothing is left running.
   */
  public static CompletionStage<NodeRuntime> start(NodeSettings settings) {
    SqliteJournal journal;
    try {
      journal = SqliteJournal.open(NodeSettings.journalFile(settings.dataDirectory()));
    } catch (JournalException e) {
      return CompletableFuture.failedFuture(e);
    }
    ReadPool reads =
        ReadPool.open(NodeSettings.databaseFile(settings.dataDirectory()), settings.read());
    ReplicaGauge gauge = new ReplicaGauge();
    WriteGauge writes = new WriteGauge();
    ApplierHandle handle = new ApplierHandle();
    ActorSystem<Guardian.Command> system;
    try {
      system =
          ActorSystem.create(
              Guardian.create(settings, journal, reads, gauge, writes, handle),
              "peqlite",
              settings.pekko());
    } catch (RuntimeException e) {
      reads.close();
      journal.close();
      return CompletableFuture.failedFuture(e);
    }
    Cluster cluster = Cluster.get(system);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
    return AskPattern.ask(system, Guardian.AskParts::new, START_MAX, system.scheduler())
        .thenApply(
            parts -> {
              LocalNode node = new LocalNode(settings, parts, reads, gauge, writes);
              NodeRuntime runtime = new NodeRuntime(system, node, journal, reads, handle, parts);
              runtime.awaitReady();
              return runtime;
            });
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

  /** For what else is to run in the node's actor system, such as HTTP. */
  public ActorSystem<?> system() {
    return system;
  }

  /** Completes when the node serves every level of read and takes writes for the first time. */
  public CompletionStage<Done> ready() {
    return ready;
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
   * and ends the node.
   */
  public CompletionStage<Done> stop() {
    CompletableFuture<Integer> drained = new CompletableFuture<>();
    parts.session().tell(new WriteSession.Drain(drained));
    return drained
        .completeOnTimeout(0, NodeSettings.drainMax().toMillis(), TimeUnit.MILLISECONDS)
        .thenCompose(
            none -> {
              handle.stop();
              return CoordinatedShutdown.get(system)
                  .runAll(CoordinatedShutdown.actorSystemTerminateReason());
            })
        .whenComplete(
            (done, failure) -> {
              reads.close();
              journal.close();
            });
  }
}
