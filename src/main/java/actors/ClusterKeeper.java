package actors;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.apache.pekko.Done;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Down;
import org.jspecify.annotations.Nullable;
import storage.Arbiter;
import storage.JournalException;
import storage.JournalRefusedException;

/**
 * Keeps the cluster side of this node running: starts its actor system once the journal is reached
 * and fits, and again, after a pause, whenever it has ended. Everything else of the node goes on
 * meanwhile, pending writes and reads at level none among it.
 */
final class ClusterKeeper extends AbstractBehavior<ClusterKeeper.Command> {

  /** How the journal is made ready for use. Blocks. */
  interface Preparation {

    /**
     * Does it, as often as it is called.
     *
     * @throws JournalRefusedException if an operator has to act first
     */
    void run() throws JournalException;
  }

  /** Makes the cluster's actor system. */
  interface Factory {

    /**
     * Starts one; blocks for some hundred milliseconds.
     *
     * @param clusterId which cluster the node belongs to
     */
    ActorSystem<?> start(String clusterId, Membership.Listener listener);
  }

  /** What the keeper accepts. */
  sealed interface Command {}

  /** The sequencer is to run elsewhere: leave the cluster and come back as its youngest member. */
  record Leave(String reason) implements Command {}

  /** Leave the cluster for good, and complete the future. */
  record Stop(CompletableFuture<Done> stopped) implements Command {}

  private record Prepared(String clusterId) implements Command {}

  private record NotPrepared(String reason, boolean refused) implements Command {}

  private record Started(ActorSystem<?> system) implements Command {}

  private record NotStarted(String reason) implements Command {}

  private record Ended(ActorSystem<?> system) implements Command {}

  private record Up() implements Command {}

  private record Out(String reason) implements Command {}

  private record Refused(String reason) implements Command {}

  private enum Self implements Command {
    PREPARE,
    JOIN,
    REFUSED_TOO_LONG,
    LOOK,
    END
  }

  private static final Duration PREPARE_AGAIN = Duration.ofMillis(500);
  private static final Duration FITS_AGAIN = Duration.ofMillis(20);
  private static final Duration LOOK_INTERVAL = Duration.ofMillis(500);
  private static final Duration PAUSE_MIN = Duration.ofMillis(100);
  private static final Duration PAUSE_MAX = Duration.ofSeconds(5);
  private static final Duration STEADY = Duration.ofSeconds(20);

  /** A node's earlier process may still be taken for living for some seconds. */
  private static final Duration REFUSED_MAX = Duration.ofSeconds(12);

  /** How long a system that is out may take to say so to the others. */
  private static final Duration END_PATIENCE = Duration.ofSeconds(3);

  private final TimerScheduler<Command> timers;
  private final Preparation preparation;
  private final Arbiter arbiter;
  private final Factory factory;
  private final ReplicaGauge gauge;
  private final ClusterView view;
  private final Executor executor;
  private final CompletableFuture<String> refused;
  private String clusterId = "";
  private @Nullable ActorSystem<?> system;
  private boolean starting;
  private boolean everUp;
  private @Nullable Out outAtOnce;
  private long startedNanos;
  private Duration pause = PAUSE_MIN;
  private @Nullable CompletableFuture<Done> stopped;

  /**
   * Creates the keeper, which begins at once.
   *
   * @param executor for what blocks
   * @param refused is completed with the reason if the node cannot take part from the start
   */
  static Behavior<Command> create(
      Preparation preparation,
      Arbiter arbiter,
      Factory factory,
      ReplicaGauge gauge,
      ClusterView view,
      Executor executor,
      CompletableFuture<String> refused) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new ClusterKeeper(
                        context,
                        timers,
                        preparation,
                        arbiter,
                        factory,
                        gauge,
                        view,
                        executor,
                        refused)));
  }

  private ClusterKeeper(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Preparation preparation,
      Arbiter arbiter,
      Factory factory,
      ReplicaGauge gauge,
      ClusterView view,
      Executor executor,
      CompletableFuture<String> refused) {
    super(context);
    this.timers = timers;
    this.preparation = preparation;
    this.arbiter = arbiter;
    this.factory = factory;
    this.gauge = gauge;
    this.view = view;
    this.executor = executor;
    this.refused = refused;
    timers.startTimerWithFixedDelay(Self.LOOK, LOOK_INTERVAL);
    onPrepare();
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessageEquals(Self.PREPARE, this::onPrepare)
        .onMessage(Prepared.class, this::onPrepared)
        .onMessage(NotPrepared.class, this::onNotPrepared)
        .onMessageEquals(Self.JOIN, this::onJoin)
        .onMessage(Started.class, this::onStarted)
        .onMessage(NotStarted.class, this::onNotStarted)
        .onMessage(Up.class, up -> onUp())
        .onMessage(Out.class, this::onOut)
        .onMessage(Refused.class, this::onRefused)
        .onMessageEquals(Self.REFUSED_TOO_LONG, this::onRefusedTooLong)
        .onMessageEquals(Self.LOOK, this::onLook)
        .onMessage(Leave.class, this::onLeave)
        .onMessageEquals(Self.END, this::onEnd)
        .onMessage(Ended.class, this::onEnded)
        .onMessage(Stop.class, this::onStop)
        .build();
  }

  private Behavior<Command> onPrepare() {
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(this::prepare, executor),
            (result, failure) ->
                result != null ? result : new NotPrepared(String.valueOf(failure), false));
    return this;
  }

  private Command prepare() {
    try {
      preparation.run();
      return new Prepared(arbiter.clusterId());
    } catch (JournalRefusedException e) {
      return new NotPrepared(String.valueOf(e.getMessage()), true);
    } catch (JournalException e) {
      return new NotPrepared(String.valueOf(e.getMessage()), false);
    }
  }

  private Behavior<Command> onPrepared(Prepared prepared) {
    clusterId = prepared.clusterId();
    view.problem("");
    return onJoin();
  }

  private Behavior<Command> onNotPrepared(NotPrepared failed) {
    if (failed.refused() && !everUp) {
      refused.complete(failed.reason());
      return this;
    }
    problem(failed.reason());
    if (stopped == null) {
      timers.startSingleTimer(Self.PREPARE, PREPARE_AGAIN);
    }
    return this;
  }

  /** A node that does not fit the journal stays away. */
  private Behavior<Command> onJoin() {
    if (stopped != null || system != null || starting) {
      return this;
    }
    if (!gauge.read().mayJoin()) {
      timers.startSingleTimer(Self.JOIN, FITS_AGAIN);
      return this;
    }
    starting = true;
    startedNanos = System.nanoTime();
    var self = getContext().getSelf();
    Membership.Listener listener =
        new Membership.Listener() {
          @Override
          public void up() {
            self.tell(new Up());
          }

          @Override
          public void out(String reason) {
            self.tell(new Out(reason));
          }

          @Override
          public void refused(String reason) {
            self.tell(new Refused(reason));
          }
        };
    String id = clusterId;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> factory.start(id, listener), executor),
            (started, failure) ->
                started != null ? new Started(started) : new NotStarted(rootMessage(failure)));
    return this;
  }

  private Behavior<Command> onStarted(Started started) {
    starting = false;
    system = started.system();
    view.system(started.system());
    getContext()
        .pipeToSelf(
            started.system().getWhenTerminated(), (done, failure) -> new Ended(started.system()));
    Out early = outAtOnce;
    outAtOnce = null;
    if (stopped != null) {
      leave(started.system());
    } else if (early != null) {
      onOut(early);
    }
    return this;
  }

  private Behavior<Command> onNotStarted(NotStarted failed) {
    starting = false;
    CompletableFuture<Done> wanted = stopped;
    if (wanted != null) {
      wanted.complete(Done.getInstance());
      return this;
    }
    problem("cannot start the cluster side: " + failed.reason());
    again();
    return this;
  }

  private Behavior<Command> onUp() {
    everUp = true;
    timers.cancel(Self.REFUSED_TOO_LONG);
    timers.cancel(Self.END);
    view.problem("");
    return this;
  }

  private Behavior<Command> onRefused(Refused refusal) {
    problem(refusal.reason());
    if (everUp) {
      timers.startSingleTimer(Self.END, REFUSED_MAX); // and then it is tried again
    } else {
      timers.startSingleTimer(Self.REFUSED_TOO_LONG, REFUSED_MAX);
    }
    return this;
  }

  private Behavior<Command> onRefusedTooLong() {
    refused.complete(view.problem().orElse("this node is not let in"));
    return this;
  }

  /** Out is out: the others go on without this process, and so it says goodbye at once. */
  private Behavior<Command> onOut(Out out) {
    ActorSystem<?> current = system;
    if (current == null && starting) {
      outAtOnce = out;
    } else if (current != null) {
      problem(out.reason());
      Cluster cluster = Cluster.get(current);
      if (cluster.selfMember().status() == MemberStatus.removed()) {
        return onEnd(); // it never was in, so there is nobody to say goodbye to
      }
      cluster.manager().tell(new Down(cluster.selfMember().address()));
      timers.startSingleTimer(Self.END, END_PATIENCE);
    }
    return this;
  }

  private Behavior<Command> onEnd() {
    ActorSystem<?> current = system;
    if (current != null) {
      current.terminate();
    }
    return this;
  }

  private Behavior<Command> onLeave(Leave asked) {
    ActorSystem<?> current = system;
    if (current != null) {
      getContext().getLog().info("leaving the cluster for a moment: {}", asked.reason());
      leave(current);
    }
    return this;
  }

  /** A node that must not be a member leaves, so that the sequencer never runs there. */
  private Behavior<Command> onLook() {
    ActorSystem<?> current = system;
    if (current != null && !gauge.read().mayJoin() && gauge.read().journalKnown()) {
      leave(current);
    }
    return this;
  }

  private static CompletionStage<Done> leave(ActorSystem<?> current) {
    return CoordinatedShutdown.get(current).runAll(CoordinatedShutdown.clusterLeavingReason());
  }

  private Behavior<Command> onEnded(Ended ended) {
    system = null;
    view.system(null);
    timers.cancel(Self.END);
    CompletableFuture<Done> wanted = stopped;
    if (wanted != null) {
      wanted.complete(Done.getInstance());
    } else {
      getContext().getLog().info("the cluster side has ended and begins anew");
      again();
    }
    return this;
  }

  private void again() {
    boolean steady = System.nanoTime() - startedNanos > STEADY.toNanos();
    Duration doubled = pause.multipliedBy(2);
    pause = steady ? PAUSE_MIN : doubled.compareTo(PAUSE_MAX) < 0 ? doubled : PAUSE_MAX;
    timers.startSingleTimer(Self.PREPARE, pause);
  }

  private Behavior<Command> onStop(Stop stop) {
    stopped = stop.stopped();
    timers.cancelAll();
    ActorSystem<?> current = system;
    if (current != null) {
      leave(current);
    } else if (!starting) {
      stop.stopped().complete(Done.getInstance());
    }
    return this;
  }

  private void problem(String reason) {
    if (!view.problem().map(reason::equals).orElse(false)) {
      getContext().getLog().warn("{}", reason);
    }
    view.problem(reason);
  }

  private static String rootMessage(@Nullable Throwable failure) {
    Throwable root = failure;
    while (root != null && root.getCause() != null) {
      root = root.getCause();
    }
    return root == null ? "" : root.toString();
  }
}
