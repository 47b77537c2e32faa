package actors;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;

/**
 * The cluster singleton: lives on and starts a fresh sequencer whenever one has ended, because
 * Pekko does not restart a singleton that stops.
 *
 * <p>Each start waits a little, at random, so that two hosts do not end each other's sequencers in
 * turn. What arrives while there is none is dropped: everything that is sent here is sent again.
 */
final class SequencerHost extends AbstractBehavior<Sequencer.Command> {

  private static final Duration WAIT_MIN = Duration.ofMillis(100);
  private static final Duration WAIT_MAX = Duration.ofSeconds(3);
  private static final Duration STEADY = Duration.ofSeconds(10);

  private final Supplier<Behavior<Sequencer.Command>> behavior;
  private final TimerScheduler<Sequencer.Command> timers;
  private @Nullable ActorRef<Sequencer.Command> sequencer;
  private Duration wait = WAIT_MIN;
  private long startedNanos;

  static Behavior<Sequencer.Command> create(Supplier<Behavior<Sequencer.Command>> behavior) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new SequencerHost(context, timers, behavior)));
  }

  private SequencerHost(
      ActorContext<Sequencer.Command> context,
      TimerScheduler<Sequencer.Command> timers,
      Supplier<Behavior<Sequencer.Command>> behavior) {
    super(context);
    this.timers = timers;
    this.behavior = behavior;
    start();
  }

  @Override
  public Receive<Sequencer.Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Sequencer.Restart.class, restart -> start())
        .onMessage(Sequencer.Command.class, this::forward)
        .onSignal(Terminated.class, terminated -> onEnded())
        .build();
  }

  private Behavior<Sequencer.Command> start() {
    startedNanos = System.nanoTime();
    ActorRef<Sequencer.Command> started = getContext().spawnAnonymous(behavior.get());
    getContext().watch(started);
    sequencer = started;
    return this;
  }

  private Behavior<Sequencer.Command> forward(Sequencer.Command command) {
    ActorRef<Sequencer.Command> current = sequencer;
    if (current != null) {
      current.tell(command);
    }
    return this;
  }

  private Behavior<Sequencer.Command> onEnded() {
    sequencer = null;
    boolean steady = System.nanoTime() - startedNanos > STEADY.toNanos();
    wait = steady ? WAIT_MIN : min(wait.multipliedBy(2), WAIT_MAX);
    long jitter = ThreadLocalRandom.current().nextLong(wait.toMillis());
    timers.startSingleTimer(Sequencer.Restart.NOW, wait.plusMillis(jitter));
    return this;
  }

  private static Duration min(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }
}
