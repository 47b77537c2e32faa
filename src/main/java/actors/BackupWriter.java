package actors;

import backup.BackupJob;
import backup.BackupStores;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.PreRestart;
import org.apache.pekko.actor.typed.SupervisorStrategy;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import storage.Journal;
import storage.JournalException;
import storage.SnapshotDirectory;

/**
 * Has the journal backed up while the sequencer is on this node, and tells the {@link
 * SnapshotCoordinator} how much of it backups no longer need. Two of them at once, of which one is
 * about to end, do no harm.
 *
 * <p>It decides when a {@link BackupJob} runs; that decides what is done, and runs on the executor,
 * one at a time. What fails is tried again after a growing wait, and keeps nobody from writing.
 */
final class BackupWriter extends AbstractBehavior<BackupWriter.Command> {

  /** What the writer accepts. */
  sealed interface Command {}

  /** This node's snapshots up to this event may be relied on. */
  record Agreed(long seq) implements Command {}

  /**
   * What it works with.
   *
   * @param snapshots this node's
   * @param directory for files that are needed for a while
   * @param executor for what blocks
   */
  record Setup(
      BackupSettings settings,
      SnapshotDirectory snapshots,
      Path directory,
      LocalParts parts,
      Journal journal,
      Executor executor) {}

  private record Ran(BackupJob.Result result, String place) implements Command {}

  private record Failed(String reason, String place) implements Command {}

  private record Taken(long seq, @Nullable String problem) implements Command {}

  private enum Self implements Command {
    LOOK
  }

  private static final Duration LOOK_INTERVAL = Duration.ofMillis(500);
  private static final Duration WAIT_MIN = Duration.ofSeconds(1);
  private static final Duration WAIT_MAX = Duration.ofMinutes(5);
  private static final Duration RESTART_MIN = Duration.ofSeconds(1);

  /** How long a snapshot that was asked for may take until the majority agrees on it. */
  private static final Duration AGREED_MAX = Duration.ofMinutes(5);

  private final Setup setup;
  private final ActorRef<SnapshotCoordinator.Command> coordinator;
  private final Work work;
  private BackupJob.Result last = BackupJob.Result.NONE;
  private Optional<Instant> lastSuccess = Optional.empty();
  private String place = "";
  private String problem = "";
  private Duration wait = WAIT_MIN;
  private long successNanos = System.nanoTime();
  private long beganNanos;
  private long bytesThen;
  private long agreed;
  private long takenFrom;
  private long takenNanos;
  private boolean ranOnce;
  private boolean running;
  private boolean taking;
  private boolean failing;
  private boolean notTaken;

  /**
   * @param journalId the journal to back up
   * @param coordinator is told {@link SnapshotCoordinator.BackedUp}
   */
  static Behavior<Command> create(
      Setup setup, String journalId, ActorRef<SnapshotCoordinator.Command> coordinator) {
    return Behaviors.supervise(
            Behaviors.<Command>setup(
                context ->
                    Behaviors.withTimers(
                        timers ->
                            new BackupWriter(context, timers, setup, journalId, coordinator))))
        .onFailure(SupervisorStrategy.restartWithBackoff(RESTART_MIN, WAIT_MAX, 0.2));
  }

  private BackupWriter(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Setup setup,
      String journalId,
      ActorRef<SnapshotCoordinator.Command> coordinator) {
    super(context);
    context.setLoggerName(BackupWriter.class);
    this.setup = setup;
    this.coordinator = coordinator;
    this.work = new Work(setup, journalId);
    timers.startTimerWithFixedDelay(Self.LOOK, LOOK_INTERVAL);
    show();
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Agreed.class, this::onAgreed)
        .onMessageEquals(Self.LOOK, this::onLook)
        .onMessage(Ran.class, this::onRan)
        .onMessage(Failed.class, this::onFailed)
        .onMessage(Taken.class, this::onTaken)
        .onSignal(PostStop.class, stop -> onStopped())
        .onSignal(PreRestart.class, restart -> onStopped())
        .build();
  }

  private Behavior<Command> onStopped() {
    work.stop();
    setup.parts().metrics().backups(NodeStatus.Backups.ELSEWHERE);
    return this;
  }

  private Behavior<Command> onAgreed(Agreed told) {
    agreed = told.seq();
    return this;
  }

  private Behavior<Command> onLook() {
    if (!running && isDue()) {
      run();
    }
    coordinator.tell(
        new SnapshotCoordinator.BackedUp(
            last.cutMax(
                Duration.ofNanos(System.nanoTime() - successNanos),
                setup.settings().holdJournal())));
    return this;
  }

  private boolean isDue() {
    long since = System.nanoTime() - beganNanos;
    if (!ranOnce) {
      return true;
    }
    if (failing) {
      return since >= wait.toNanos();
    }
    boolean awaited = takenFrom > 0 && agreed >= takenFrom;
    boolean full = appliedBytes() - bytesThen >= setup.settings().job().segmentBytes();
    return awaited || full || since >= setup.settings().segmentInterval().toNanos();
  }

  private long appliedBytes() {
    return setup.parts().gauge().read().appliedBytes();
  }

  private void run() {
    ranOnce = true;
    running = true;
    beganNanos = System.nanoTime();
    bytesThen = appliedBytes();
    if (takenFrom > 0 && beganNanos - takenNanos > AGREED_MAX.toNanos()) {
      takenFrom = 0;
    }
    long agreedNow = agreed;
    long takenNow = takenFrom;
    String placeThen = place;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> work.run(agreedNow, takenNow), setup.executor()),
            (outcome, failure) ->
                outcome != null ? outcome : new Failed(String.valueOf(failure), placeThen));
  }

  private Behavior<Command> onRan(Ran ran) {
    running = false;
    boolean gapBefore = last.gap();
    last = ran.result();
    place = ran.place();
    failing = false;
    if (!last.doubt().isEmpty()) {
      say(last.doubt());
    } else if (!notTaken || !last.takeSnapshot()) {
      mended();
    }
    // Until a full backup is there, nothing that was stored can be restored.
    if (!last.segments() || last.coveredSeq() > 0 && !last.gap()) {
      successNanos = System.nanoTime();
      lastSuccess = Optional.of(Instant.now());
    }
    if (last.gap() && !gapBefore) {
      setup.parts().metrics().backupGap();
      getContext()
          .getLog()
          .error(
              "the backups in {} have a gap: the journal was cut before all of it was backed up;"
                  + " nothing between can be restored, and a full backup ends the gap",
              place);
    }
    if (takenFrom > 0 && last.fullSeq() >= takenFrom) {
      takenFrom = 0;
    }
    if (last.takeSnapshot() && !taking && takenFrom == 0) {
      take();
    }
    show();
    return this;
  }

  private void mended() {
    if (!problem.isEmpty()) {
      getContext().getLog().info("backups are made again");
    }
    problem = "";
    notTaken = false;
  }

  private void take() {
    taking = true;
    CompletableFuture<Long> answer = new CompletableFuture<>();
    setup.parts().snapshots().tell(new SnapshotKeeper.TakeNow(answer));
    getContext()
        .pipeToSelf(
            answer,
            (seq, failure) ->
                seq != null
                    ? new Taken(seq, null)
                    : new Taken(0, failure == null ? "" : failure.getMessage()));
  }

  /** Nothing new since the last one means that the last one is as new. */
  private Behavior<Command> onTaken(Taken taken) {
    taking = false;
    notTaken = taken.problem() != null;
    if (notTaken) {
      say("no full backup is made, because no snapshot can be taken: " + taken.problem());
    } else {
      takenFrom =
          taken.seq() > 0
              ? taken.seq()
              : setup.snapshots().newest(any -> true).map(one -> one.header().seq()).orElse(0L);
      takenNanos = System.nanoTime();
    }
    show();
    return this;
  }

  private Behavior<Command> onFailed(Failed failed) {
    running = false;
    if (!failed.place().isEmpty()) {
      place = failed.place();
    }
    wait = failing ? min(wait.multipliedBy(2), WAIT_MAX) : WAIT_MIN;
    failing = true;
    notTaken = false;
    say("backing up failed and is tried again: " + failed.reason());
    show();
    return this;
  }

  private static Duration min(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  /** Once for each cause. */
  private void say(String found) {
    setup.parts().metrics().backupFailed();
    if (!found.equals(problem)) {
      getContext().getLog().error("{}", found);
      problem = found;
    }
  }

  private void show() {
    setup
        .parts()
        .metrics()
        .backups(
            new NodeStatus.Backups(
                true, place, lastSuccess, last.fullSeq(), last.coveredSeq(), problem));
  }

  /** What blocks, off the actor. A run and the end exclude each other. */
  private static final class Work {

    private final Setup setup;
    private final String journalId;
    private volatile boolean stopped;

    /** Guarded by this. */
    private @Nullable BackupJob job;

    Work(Setup setup, String journalId) {
      this.setup = setup;
      this.journalId = journalId;
    }

    synchronized Command run(long agreed, long takenFrom) {
      String place = "";
      try {
        BackupJob open = job;
        if (stopped) {
          return new Failed("the sequencer is elsewhere now", place);
        }
        if (open == null) {
          open = open();
          job = open;
        }
        place = open.place();
        return new Ran(open.run(agreed, takenFrom, () -> !stopped), place);
      } catch (IOException | JournalException | RuntimeException e) {
        String text = e.getMessage();
        return new Failed(text == null ? e.toString() : text, place);
      }
    }

    private BackupJob open() throws IOException {
      BackupSettings settings = setup.settings();
      return BackupJob.open(
          BackupStores.open(settings.place(), settings.store()),
          setup.journal(),
          journalId,
          setup.snapshots(),
          setup.directory(),
          settings.job());
    }

    void stop() {
      stopped = true;
      setup.executor().execute(this::close);
    }

    private synchronized void close() {
      BackupJob open = job;
      job = null;
      if (open != null) {
        open.close();
      }
    }
  }
}
