package actors;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import storage.Journal;
import storage.JournalException;

/**
 * The cluster singleton: lives on and starts a fresh sequencer whenever one has ended, because
 * Pekko does not restart a singleton that stops.
 *
 * <p>Each start waits a little, at random, and until it is sure that this node still belongs to the
 * cluster, so that two hosts do not end each other's sequencers in turn. When this node cannot
 * reach the journal and another member can, or when it cannot apply what others have, it leaves its
 * place to them.
 */
final class SequencerHost extends AbstractBehavior<Sequencer.Command> {

  private static final Duration WAIT_MIN = Duration.ofMillis(50);
  private static final Duration WAIT_MAX = Duration.ofSeconds(1);
  private static final Duration STEADY = Duration.ofSeconds(10);

  /** How long the journal may take to answer this node before others' answers count more. */
  private static final Duration SILENCE_MAX = Duration.ofSeconds(1);

  /** How long its answer may lag behind the others'. */
  private static final Duration SILENCE_MORE = Duration.ofMillis(500);

  private static final Duration ASK_AGAIN = Duration.ofMillis(200);
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(1);

  /** How long the replica of the sequencer's node may fail before it leaves its place. */
  private static final Duration FAILING_MAX = Duration.ofSeconds(15);

  /** What the host needs of its node. */
  interface Owner {

    /** Whether this node still belongs to the cluster; may take a moment, and may fail. */
    CompletionStage<Boolean> stillIn();

    /** This node is the wrong place for the sequencer: it is to leave the cluster and come back. */
    void unfit(String reason);
  }

  private enum Self implements Sequencer.ForHost {
    LOOK
  }

  private record StillIn(boolean in) implements Sequencer.ForHost {}

  private record OwnSilent(int round) implements Sequencer.ForHost {}

  private record StillSilent(int round) implements Sequencer.ForHost {}

  private record Reach(int round, boolean own) implements Sequencer.ForHost {}

  private record OthersReach(String nodeId) implements Sequencer.ForHost {}

  private final Function<ActorRef<Sequencer.Command>, Behavior<Sequencer.Command>> behavior;
  private final Owner owner;
  private final Sequencer.Members members;
  private final ReplicaGauge gauge;
  private final Journal journal;
  private final Executor journalExecutor;
  private final TimerScheduler<Sequencer.Command> timers;
  private @Nullable ActorRef<Sequencer.Command> sequencer;
  private Duration wait = WAIT_MIN;
  private long startedNanos;
  private boolean finishing;
  private boolean othersReach;
  private boolean ownFails;
  private boolean ownSilent;
  private boolean comparing;
  private int rounds;
  private long failingSinceNanos = -1;

  static Behavior<Sequencer.Command> create(
      Function<ActorRef<Sequencer.Command>, Behavior<Sequencer.Command>> behavior,
      Owner owner,
      Sequencer.Members members,
      ReplicaGauge gauge,
      Journal journal,
      Executor journalExecutor) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new SequencerHost(
                        context,
                        timers,
                        behavior,
                        owner,
                        members,
                        gauge,
                        journal,
                        journalExecutor)));
  }

  private SequencerHost(
      ActorContext<Sequencer.Command> context,
      TimerScheduler<Sequencer.Command> timers,
      Function<ActorRef<Sequencer.Command>, Behavior<Sequencer.Command>> behavior,
      Owner owner,
      Sequencer.Members members,
      ReplicaGauge gauge,
      Journal journal,
      Executor journalExecutor) {
    super(context);
    context.setLoggerName(SequencerHost.class);
    this.timers = timers;
    this.behavior = behavior;
    this.owner = owner;
    this.members = members;
    this.gauge = gauge;
    this.journal = journal;
    this.journalExecutor = journalExecutor;
    timers.startTimerWithFixedDelay(Self.LOOK, LOOK_INTERVAL);
    start();
  }

  @Override
  public Receive<Sequencer.Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Sequencer.Restart.class, this::onRestart)
        .onMessage(Sequencer.Finish.class, finish -> onFinish())
        .onMessage(StillIn.class, this::onStillIn)
        .onMessage(OthersReach.class, this::onOthersReach)
        .onMessage(OwnSilent.class, this::onOwnSilent)
        .onMessage(StillSilent.class, this::onStillSilent)
        .onMessage(Sequencer.Slow.class, slow -> compareReach())
        .onMessage(Reach.class, this::onReach)
        .onMessageEquals(Self.LOOK, this::onLook)
        .onMessage(Sequencer.Command.class, this::forward)
        .onSignal(Terminated.class, terminated -> onEnded())
        .build();
  }

  private void start() {
    startedNanos = System.nanoTime();
    ActorRef<Sequencer.Command> started =
        getContext().spawnAnonymous(behavior.apply(getContext().getSelf()));
    getContext().watch(started);
    sequencer = started;
  }

  private Behavior<Sequencer.Command> onRestart(Sequencer.Restart restart) {
    getContext().pipeToSelf(owner.stillIn(), (in, failure) -> new StillIn(Boolean.TRUE.equals(in)));
    return this;
  }

  private Behavior<Sequencer.Command> onStillIn(StillIn still) {
    if (still.in()) {
      start();
    } else {
      timers.startSingleTimer(Sequencer.Restart.NOW, ASK_AGAIN);
    }
    return this;
  }

  private Behavior<Sequencer.Command> forward(Sequencer.Command command) {
    ActorRef<Sequencer.Command> current = sequencer;
    if (current != null) {
      current.tell(command);
    }
    return this;
  }

  /** The singleton is to go: what is being appended is finished first. */
  private Behavior<Sequencer.Command> onFinish() {
    finishing = true;
    ActorRef<Sequencer.Command> current = sequencer;
    if (current == null) {
      return Behaviors.stopped();
    }
    current.tell(Sequencer.Finish.NOW);
    return this;
  }

  private Behavior<Sequencer.Command> onEnded() {
    sequencer = null;
    if (finishing) {
      return Behaviors.stopped();
    }
    boolean steady = System.nanoTime() - startedNanos > STEADY.toNanos();
    wait = steady ? WAIT_MIN : min(wait.multipliedBy(2), WAIT_MAX);
    long jitter = ThreadLocalRandom.current().nextLong(wait.toMillis());
    timers.startSingleTimer(Sequencer.Restart.NOW, wait.plusMillis(jitter));
    if (!steady) {
      compareReach();
    }
    return this;
  }

  /**
   * Asks the others whether they reach the journal, and looks whether this node does. A node that
   * is cut off gets no answer for seconds, so that silence counts after a while.
   */
  private Behavior<Sequencer.Command> compareReach() {
    List<ActorRef<NodeMessage>> reachable = members.reachable();
    if (reachable.size() < 2 || comparing) {
      return this;
    }
    comparing = true;
    othersReach = false;
    ownFails = false;
    ownSilent = false;
    int round = ++rounds;
    ActorRef<NodeGateway.JournalReached> answers =
        getContext()
            .messageAdapter(
                NodeGateway.JournalReached.class, reached -> new OthersReach(reached.nodeId()));
    for (ActorRef<NodeMessage> node : reachable) {
      if (!node.equals(members.self())) {
        node.tell(new NodeGateway.AskJournal(answers));
      }
    }
    timers.startSingleTimer(new OwnSilent(round), SILENCE_MAX);
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(this::reaches, journalExecutor),
            (own, failure) -> new Reach(round, Boolean.TRUE.equals(own)));
    return this;
  }

  private boolean reaches() {
    try {
      return journal.head() >= 0;
    } catch (JournalException e) {
      return false;
    }
  }

  private Behavior<Sequencer.Command> onOthersReach(OthersReach other) {
    othersReach = true;
    return leaveIfOnlyOthersReach();
  }

  private Behavior<Sequencer.Command> onReach(Reach reach) {
    if (reach.round() == rounds) {
      comparing = false;
      ownFails = !reach.own();
    }
    return leaveIfOnlyOthersReach();
  }

  private Behavior<Sequencer.Command> onOwnSilent(OwnSilent silent) {
    if (silent.round() == rounds && comparing) {
      ownSilent = true;
    }
    return leaveIfOnlyOthersReach();
  }

  /** When the journal was silent to everybody and speaks again, the answers come in any order. */
  private Behavior<Sequencer.Command> leaveIfOnlyOthersReach() {
    if (othersReach && ownFails) {
      leave();
    } else if (othersReach && ownSilent && comparing) {
      timers.startSingleTimer(new StillSilent(rounds), SILENCE_MORE);
    }
    return this;
  }

  private Behavior<Sequencer.Command> onStillSilent(StillSilent silent) {
    if (silent.round() == rounds && comparing) {
      leave();
    }
    return this;
  }

  private void leave() {
    ownFails = false;
    ownSilent = false;
    owner.unfit("this node cannot reach the journal, and another one can");
  }

  /** A sequencer whose own node cannot apply would keep writes from all others' nodes too. */
  private Behavior<Sequencer.Command> onLook() {
    ReplicaGauge.State state = gauge.read().state();
    boolean failing =
        (state == ReplicaGauge.State.FAILED && !gauge.read().journalUnreachable())
            || (state == ReplicaGauge.State.OUT_OF_SERVICE && !gauge.read().suspectsJournal());
    long now = System.nanoTime();
    if (!failing || members.reachable().size() < 2) {
      failingSinceNanos = -1;
    } else if (failingSinceNanos < 0) {
      failingSinceNanos = now;
    } else if (now - failingSinceNanos > FAILING_MAX.toNanos()) {
      failingSinceNanos = now;
      owner.unfit("the replica of the sequencer's node cannot apply");
    }
    return this;
  }

  private static Duration min(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }
}
