package actors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.DatabaseDamagedException;
import storage.Durability;
import storage.Journal;
import storage.JournalException;
import storage.PastStates;
import storage.ReadPool;
import storage.ReplicaFiles;
import storage.SnapshotDamagedException;
import storage.SnapshotDirectory;
import storage.SnapshotFile;
import storage.SnapshotHeader;
import storage.SnapshotStore;
import storage.SqliteErrors;

/**
 * This node's snapshots: takes one when it is told to, gives pieces of them to other nodes, and
 * makes the replica a database from the best one there is.
 *
 * <p>It decides nothing: when one is due, and which may go, the {@link SnapshotCoordinator} says,
 * which sees all nodes. Lives as long as the process. All that blocks runs on the executor: at most
 * one snapshot is taken and one restored at a time.
 */
final class SnapshotKeeper extends AbstractBehavior<SnapshotKeeper.Command> {

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotKeeper.class);

  /** What the keeper accepts. */
  sealed interface Command {}

  /** The node of that name is to take a snapshot now, unless it is taking one. */
  record Take(String node) implements Command, NodeMessage {}

  /** The node of that name is to put one of its snapshots into the store. */
  record Upload(String node, String id) implements Command, NodeMessage {}

  /**
   * How are your snapshots?
   *
   * @param sync whether to make durable what is applied, and say how far that is
   */
  record AskReport(boolean sync, ActorRef<Report> replyTo) implements Command, NodeMessage {}

  /** A snapshot that a node keeps. */
  record Kept(String id, long seq, long bytes) {}

  /**
   * What a node says of itself.
   *
   * @param journalId the journal that its replica and all of these snapshots belong to
   * @param applied the last event that its replica has applied
   * @param durable the last one that outlives a power failure there, as far as it is known
   * @param busy whether a snapshot is being taken, restored or put into the store
   * @param outOfService whether its replica waits for an operator
   * @param bytesSince bytes of events that were applied since the newest snapshot
   * @param ageMillis since that was taken; since the process began if there is none
   * @param reliedFrom its newest snapshot that is agreed on, as far as it was told; 0 for none
   * @param databaseBytes of its database
   * @param snapshots the newest first
   */
  record Report(
      String nodeId,
      String journalId,
      long applied,
      long durable,
      boolean busy,
      boolean outOfService,
      long bytesSince,
      long ageMillis,
      long reliedFrom,
      long databaseBytes,
      List<Kept> snapshots)
      implements Wire {}

  /** Send bytes of a snapshot's file. */
  record AskPiece(String id, long offset, int length, ActorRef<Piece> replyTo)
      implements Command, NodeMessage {}

  /**
   * Bytes of a snapshot's file.
   *
   * @param problem why there are none; empty if there are
   */
  record Piece(byte[] bytes, String problem) implements Wire {}

  /**
   * Of the node of that name all snapshots from this event on are relied on; older ones may go, but
   * for some.
   */
  record RelyFrom(String node, long seq) implements Command, NodeMessage {}

  /**
   * Somebody on this node wants a snapshot taken now.
   *
   * @param answer completes with the last event in it, or 0 if there was nothing new; fails if it
   *     cannot be taken
   */
  record TakeNow(CompletableFuture<Long> answer) implements Command {}

  /** The replica needs a database; it is told {@link Replica.Restored} or what is wrong. */
  record Restore(SnapshotRestore.Wanted wanted, ActorRef<Replica.Command> replyTo)
      implements Command {}

  /**
   * This node's replica was not what it should have been.
   *
   * @param from what has this event or later ones is not to be used
   */
  record Distrust(long from) implements Command {}

  private record Taken(
      Optional<SnapshotDirectory.Stored> snapshot,
      long bytesThen,
      int database,
      @Nullable String problem)
      implements Command {}

  /**
   * The replica has another database than before: nothing that it applied to the last one counts.
   */
  record BegunAnew() implements Command {}

  private record JournalBytes(long bytes) implements Command {}

  private record Restored(SnapshotRestore.Result result, ActorRef<Replica.Command> replica)
      implements Command {}

  private record Uploaded(String problem) implements Command {}

  private record Synced(long durable, int database, ActorRef<Report> replyTo) implements Command {}

  private static final int PIECE_BYTES_MAX = 1 << 20;
  private static final long AGAIN_NANOS = Duration.ofMinutes(1).toNanos();
  private static final Duration UNFINISHED_MAX = Duration.ofHours(1);
  private static final Duration JOIN_MAX = Duration.ofSeconds(30);
  private static final long JOIN_LOOK_MILLIS = 100;

  private final String nodeId;
  private final SnapshotSettings settings;
  private final Path databaseFile;
  private final SnapshotDirectory snapshots;
  private final SnapshotRestore restores;
  private final Optional<SnapshotStore> store;
  private final SnapshotSources sources;
  private final ActorRef<Replica.Command> replica;
  private final ReadPool reads;
  private final ReplicaGauge gauge;
  private final NodeMetrics metrics;
  private final Journal journal;
  private final PastStates past;
  private final Executor executor;
  private final long startedNanos = System.nanoTime();
  private final List<TakeNow> takeAsked = new ArrayList<>();
  private final List<TakeNow> askedMeanwhile = new ArrayList<>();
  private volatile boolean stopped;
  private boolean taking;
  private boolean restoring;
  private boolean uploading;
  private long bytesAtNewest;
  private boolean bytesKnown;
  private long reliedFrom;

  /** How many databases the replica has had. */
  private int databases;

  /** What was said last of what does not work, so that it is not said again and again. */
  private String saidLast = "";

  private long newestNanos = startedNanos;
  private long failedNanos = startedNanos - AGAIN_NANOS;
  private long durable;

  static Behavior<Command> create(
      String nodeId,
      SnapshotSettings settings,
      Path databaseFile,
      SnapshotDirectory snapshots,
      Optional<SnapshotStore> store,
      SnapshotSources sources,
      ActorRef<Replica.Command> replica,
      ReadPool reads,
      ReplicaGauge gauge,
      NodeMetrics metrics,
      Journal journal,
      PastStates past,
      Executor executor) {
    return Behaviors.setup(
        context ->
            new SnapshotKeeper(
                context,
                nodeId,
                settings,
                databaseFile,
                snapshots,
                store,
                sources,
                replica,
                reads,
                gauge,
                metrics,
                journal,
                past,
                executor));
  }

  private SnapshotKeeper(
      ActorContext<Command> context,
      String nodeId,
      SnapshotSettings settings,
      Path databaseFile,
      SnapshotDirectory snapshots,
      Optional<SnapshotStore> store,
      SnapshotSources sources,
      ActorRef<Replica.Command> replica,
      ReadPool reads,
      ReplicaGauge gauge,
      NodeMetrics metrics,
      Journal journal,
      PastStates past,
      Executor executor) {
    super(context);
    context.setLoggerName(SnapshotKeeper.class);
    this.nodeId = nodeId;
    this.settings = settings;
    this.databaseFile = databaseFile;
    this.snapshots = snapshots;
    this.store = store;
    this.sources = sources;
    this.replica = replica;
    this.reads = reads;
    this.gauge = gauge;
    this.metrics = metrics;
    this.journal = journal;
    this.past = past;
    this.executor = executor;
    this.bytesKnown = !snapshots.list().isEmpty();
    snapshots
        .newest(any -> true)
        .ifPresent(stored -> newestNanos -= ageNanos(snapshots.file(stored.id())));
    this.restores =
        new SnapshotRestore(
            nodeId,
            snapshots,
            ReplicaFiles.restored(databaseFile),
            settings.transferBytesPerSecond());
  }

  private static long ageNanos(Path file) {
    long age = System.currentTimeMillis() - file.toFile().lastModified();
    return Duration.ofMillis(Math.max(0, age)).toNanos();
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(AskReport.class, this::onAskReport)
        .onMessage(Synced.class, this::onSynced)
        .onMessage(AskPiece.class, this::onAskPiece)
        .onMessage(Take.class, take -> take.node().equals(nodeId) ? onTake() : this)
        .onMessage(Upload.class, this::onUpload)
        .onMessage(Uploaded.class, this::onUploaded)
        .onMessage(TakeNow.class, this::onTakeNow)
        .onMessage(Taken.class, this::onTaken)
        .onMessage(RelyFrom.class, this::onRelyFrom)
        .onMessage(Distrust.class, this::onDistrust)
        .onMessage(Restore.class, this::onRestore)
        .onMessage(Restored.class, this::onRestored)
        .onMessage(BegunAnew.class, begun -> onBegunAnew())
        .onMessage(JournalBytes.class, this::onJournalBytes)
        .onSignal(PostStop.class, stop -> onStopped())
        .build();
  }

  private Behavior<Command> onStopped() {
    stopped = true;
    return this;
  }

  private Behavior<Command> onBegunAnew() {
    databases++;
    durable = 0;
    past.distrust(0); // it may have been made of what the last database held wrongly
    return this;
  }

  /** A node without a snapshot counts what the journal held when it came to know it. */
  private void countJournal() {
    boolean reached = gauge.read().journalKnown() && !gauge.read().journalUnreachable();
    if (bytesKnown || !reached) {
      return;
    }
    bytesKnown = true;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(this::journalBytes, executor),
            (bytes, failure) -> new JournalBytes(bytes == null ? -1 : bytes));
  }

  private long journalBytes() {
    try {
      return journal.bytes();
    } catch (JournalException e) {
      return -1;
    }
  }

  private Behavior<Command> onJournalBytes(JournalBytes counted) {
    if (counted.bytes() < 0) {
      bytesKnown = false;
    } else if (snapshots.list().isEmpty()) {
      bytesAtNewest = -counted.bytes();
    }
    return this;
  }

  private Behavior<Command> onAskReport(AskReport ask) {
    countJournal();
    if (!ask.sync()) {
      ask.replyTo().tell(report());
      return this;
    }
    long applied = gauge.read().applied();
    long known = durable;
    int database = databases;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(
                () -> applied > known && sync() ? applied : known, executor),
            (now, failure) -> new Synced(now == null ? known : now, database, ask.replyTo()));
    return this;
  }

  /**
   * What was committed before this is durable after it: it stands in the write-ahead log, or in the
   * file since a checkpoint, which syncs it before the log begins anew (sqlite.org, "Write-Ahead
   * Logging", 2.1 and 3).
   */
  private boolean sync() {
    try {
      Durability.sync(databaseFile.resolveSibling(databaseFile.getFileName() + "-wal"));
      return true;
    } catch (NoSuchFileException e) {
      return false; // the database is being replaced
    } catch (IOException e) {
      LOG.debug("the write-ahead log could not be synced", e);
      return false;
    }
  }

  private Behavior<Command> onSynced(Synced synced) {
    if (synced.database() == databases) {
      durable = synced.durable();
    }
    synced.replyTo().tell(report());
    return this;
  }

  private Report report() {
    showNewest();
    ReplicaGauge.Reading now = gauge.read();
    List<Kept> kept =
        snapshots.list().stream()
            .filter(stored -> stored.header().journalId().equals(now.journalId()))
            .map(stored -> new Kept(stored.id(), stored.header().seq(), stored.bytes()))
            .toList();
    return new Report(
        nodeId,
        now.journalId(),
        now.applied(),
        Math.min(durable, now.applied()),
        taking || restoring || uploading,
        now.state() == ReplicaGauge.State.OUT_OF_SERVICE,
        now.appliedBytes() - bytesAtNewest,
        Duration.ofNanos(System.nanoTime() - newestNanos).toMillis(),
        reliedFrom,
        databaseFile.toFile().length(),
        kept);
  }

  private void showNewest() {
    metrics.snapshot(new NodeMetrics.SnapshotReading(newestNanos, bytesAtNewest));
  }

  private Behavior<Command> onAskPiece(AskPiece ask) {
    executor.execute(() -> ask.replyTo().tell(piece(ask)));
    return this;
  }

  private Piece piece(AskPiece ask) {
    if (!SnapshotDirectory.isId(ask.id())
        || ask.offset() < 0
        || ask.length() < 1
        || ask.length() > PIECE_BYTES_MAX) {
      return new Piece(new byte[0], "no such piece");
    }
    try (FileChannel file = FileChannel.open(snapshots.file(ask.id()), StandardOpenOption.READ)) {
      ByteBuffer bytes = ByteBuffer.allocate(ask.length());
      while (bytes.hasRemaining() && file.read(bytes, ask.offset() + bytes.position()) >= 0) {
        // A read may give less than there is.
      }
      return new Piece(Arrays.copyOf(bytes.array(), bytes.position()), "");
    } catch (IOException e) {
      return new Piece(new byte[0], "it cannot be read there: " + e);
    }
  }

  private Behavior<Command> onTakeNow(TakeNow ask) {
    if (restoring) {
      ask.answer()
          .completeExceptionally(new IOException("the database is being made from a snapshot"));
      return this;
    }
    if (taking) {
      askedMeanwhile.add(ask); // the one that is being taken lacks what was applied since
      return this;
    }
    ReplicaGauge.Reading now = gauge.read();
    Optional<SnapshotDirectory.Stored> newest = snapshots.newest(any -> true);
    boolean nothingNew =
        newest.isPresent()
            && newest.get().header().seq() == now.applied()
            && newest.get().header().journalId().equals(now.journalId());
    if (nothingNew) {
      ask.answer().complete(0L);
      return this;
    }
    takeAsked.add(ask);
    return startTaking();
  }

  /** What has failed fails again, as a rule, until somebody has done something. */
  private Behavior<Command> onTake() {
    return System.nanoTime() - failedNanos < AGAIN_NANOS ? this : startTaking();
  }

  private Behavior<Command> startTaking() {
    if (taking || restoring) {
      return this;
    }
    taking = true;
    int database = databases;
    long bytesThen = gauge.read().appliedBytes();
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> take(bytesThen, database), executor),
            (taken, failure) ->
                taken != null
                    ? taken
                    : new Taken(Optional.empty(), bytesThen, database, String.valueOf(failure)));
    return this;
  }

  private Taken take(long bytesThen, int database) {
    try (ReadPool.Copying copying = reads.copying();
        Connection connection = reads.connect()) {
      return new Taken(
          snapshots.take(connection, nodeId, settings.compression(), () -> !stopped),
          bytesThen,
          database,
          null);
    } catch (SQLException e) {
      return new Taken(Optional.empty(), bytesThen, database, SqliteErrors.message(e));
    } catch (DatabaseDamagedException e) {
      replica.tell(new Replica.FoundDamaged(String.valueOf(e.getMessage()), database));
      return new Taken(Optional.empty(), bytesThen, database, e.getMessage());
    } catch (IOException e) {
      return new Taken(Optional.empty(), bytesThen, database, String.valueOf(e.getMessage()));
    }
  }

  private Behavior<Command> onTaken(Taken taken) {
    taking = false;
    String problem = taken.problem();
    if (problem == null && taken.database() != databases) {
      problem = "the database was replaced meanwhile";
      taken.snapshot().ifPresent(stored -> delete(stored.id()));
    }
    long seq = taken.snapshot().map(stored -> stored.header().seq()).orElse(0L);
    if (problem != null) {
      failedNanos = System.nanoTime();
      metrics.snapshotFailed();
      say("no snapshot was taken: " + problem);
    } else if (taken.snapshot().isPresent()) {
      saidLast = "";
      bytesAtNewest = taken.bytesThen();
      bytesKnown = true;
      newestNanos = System.nanoTime();
      showNewest();
      getContext()
          .getLog()
          .info(
              "took a snapshot up to event {}: {} MiB, of a database of {} MiB",
              seq,
              taken.snapshot().get().bytes() >> 20,
              taken.snapshot().get().header().databaseBytes() >> 20);
    }
    for (TakeNow ask : takeAsked) {
      if (problem == null) {
        ask.answer().complete(seq);
      } else {
        ask.answer().completeExceptionally(new IOException(problem));
      }
    }
    takeAsked.clear();
    List<TakeNow> again = List.copyOf(askedMeanwhile);
    askedMeanwhile.clear();
    again.forEach(this::onTakeNow);
    return this;
  }

  private void delete(String id) {
    try {
      snapshots.delete(stored -> stored.id().equals(id));
    } catch (IOException e) {
      getContext().getLog().warn("a snapshot could not be deleted: {}", e.toString());
    }
  }

  private Behavior<Command> onUpload(Upload upload) {
    Optional<SnapshotDirectory.Stored> wanted =
        snapshots.newest(stored -> stored.id().equals(upload.id()));
    if (!upload.node().equals(nodeId) || uploading || store.isEmpty() || wanted.isEmpty()) {
      return this;
    }
    uploading = true;
    SnapshotDirectory.Stored stored = wanted.get();
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> upload(store.get(), stored), executor),
            (done, failure) -> done != null ? done : new Uploaded(String.valueOf(failure)));
    return this;
  }

  private Uploaded upload(SnapshotStore to, SnapshotDirectory.Stored stored) {
    try {
      // What is relied on later is looked at once more before.
      SnapshotFile.verify(snapshots.file(stored.id()));
      SnapshotHeader header = stored.header();
      to.put(
          stored.id(),
          header.journalId(),
          header.seq(),
          snapshots.file(stored.id()),
          () -> !stopped);
      List<SnapshotStore.Kept> kept =
          to.list().stream().filter(other -> other.journalId().equals(header.journalId())).toList();
      for (SnapshotStore.Kept old :
          kept.subList(Math.min(settings.keep(), kept.size()), kept.size())) {
        to.delete(old.id());
      }
      to.deleteUnfinished(UNFINISHED_MAX);
      return new Uploaded("");
    } catch (SnapshotDamagedException e) {
      snapshots.setAside(stored.id());
      return new Uploaded(String.valueOf(e.getMessage()));
    } catch (IOException | JournalException e) {
      return new Uploaded(String.valueOf(e.getMessage()));
    }
  }

  private Behavior<Command> onUploaded(Uploaded uploaded) {
    uploading = false;
    if (!uploaded.problem().isEmpty()) {
      metrics.snapshotFailed();
      say("a snapshot was not stored: " + uploaded.problem());
    } else {
      saidLast = "";
    }
    return this;
  }

  private void say(String problem) {
    if (!problem.equals(saidLast)) {
      getContext().getLog().warn("{}", problem);
      saidLast = problem;
    }
  }

  private Behavior<Command> onRelyFrom(RelyFrom rely) {
    if (!rely.node().equals(nodeId)) {
      return this;
    }
    reliedFrom = rely.seq();
    try {
      snapshots.prune(settings.keep(), rely.seq());
    } catch (IOException e) {
      getContext().getLog().warn("an old snapshot could not be deleted: {}", e.toString());
    }
    return this;
  }

  /** A snapshot holds the beginning of the event behind its last. */
  private Behavior<Command> onDistrust(Distrust distrust) {
    reliedFrom = 0;
    past.distrust(distrust.from());
    try {
      snapshots.delete(stored -> stored.header().seq() + 1 >= distrust.from());
    } catch (IOException e) {
      getContext().getLog().warn("a snapshot could not be deleted: {}", e.toString());
    }
    return this;
  }

  private Behavior<Command> onRestore(Restore ask) {
    if (restoring) {
      return this;
    }
    restoring = true;
    ActorRef<Replica.Command> replica = ask.replyTo();
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> restore(ask), executor),
            (result, failure) ->
                new Restored(result != null ? result : failed(String.valueOf(failure)), replica));
    return this;
  }

  private SnapshotRestore.Result restore(Restore ask) {
    try {
      Consumer<String> progress = text -> ask.replyTo().tell(new Replica.RestoreProgress(text));
      return restores.restore(ask.wanted(), () -> others(progress), progress);
    } catch (IOException e) {
      return failed(String.valueOf(e.getMessage()));
    }
  }

  /**
   * A node that has just started has not joined its cluster yet, and who asks nobody is told of no
   * snapshot. Waited for at most {@link #JOIN_MAX}: then there may be nobody to join.
   */
  private List<SnapshotSource> others(Consumer<String> progress) throws IOException {
    long began = System.nanoTime();
    while (!sources.areAllKnown() && !stopped && System.nanoTime() - began < JOIN_MAX.toNanos()) {
      progress.accept("waiting to join the cluster, whose nodes may have a snapshot");
      try {
        Thread.sleep(JOIN_LOOK_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
    return sources.now();
  }

  private static SnapshotRestore.Result failed(String reason) {
    return SnapshotRestore.Result.none(reason, false);
  }

  private Behavior<Command> onRestored(Restored restored) {
    restoring = false;
    if (restored.result().database().isPresent()) {
      bytesAtNewest = gauge.read().appliedBytes();
      bytesKnown = true;
    }
    restored.replica().tell(new Replica.Restored(restored.result()));
    return this;
  }
}
