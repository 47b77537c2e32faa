package actors;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import storage.Journal;
import storage.JournalException;
import storage.SnapshotStore;

/**
 * Has the nodes take snapshots and cuts the journal behind them. Lives with an open sequencer, and
 * remembers nothing beyond it: every few seconds it asks the nodes how they are, and does what
 * {@link SnapshotPlan} says. Two of them at once, of which one is about to end, do no harm.
 */
final class SnapshotCoordinator extends AbstractBehavior<SnapshotCoordinator.Command> {

  /** What the coordinator accepts. */
  sealed interface Command {}

  /** These nodes had the same outcomes up to an event, and are the majority. */
  record Agreed(long seq, Set<String> nodeIds) implements Command {}

  /** The outcomes of these nodes are not to be trusted, or it is not known whose are. */
  record Doubted(Set<String> nodeIds) implements Command {}

  /**
   * What the coordinator works with.
   *
   * @param place where snapshots must be before the journal is cut
   * @param voters who keep the journal
   * @param store for {@link SnapshotPlan.Place#STORE}
   */
  record Setup(
      SnapshotPlan.Place place,
      SnapshotSettings settings,
      Supplier<List<String>> voters,
      Optional<SnapshotStore> store) {}

  private record Heard(SnapshotKeeper.Report report) implements Command {}

  private record JournalSeen(long first, long head, List<SnapshotStore.Kept> stored)
      implements Command {}

  private record Failed(String reason) implements Command {}

  private record Cut(long to) implements Command {}

  private enum Self implements Command {
    ASK,
    DECIDE
  }

  /** How long a node that is not heard of keeps the journal from being cut. */
  private static final long ABSENT_NANOS_MAX = Duration.ofMinutes(10).toNanos();

  private static final long PRESENT_NANOS_MAX = Duration.ofSeconds(8).toNanos();

  private record Known(SnapshotKeeper.Report report, long atNanos) {}

  private final Setup setup;
  private final String nodeId;
  private final String journalId;
  private final Sequencer.Members members;
  private final Journal journal;
  private final Executor executor;
  private final Map<String, Known> known = new HashMap<>();
  private final Map<String, Long> agreed = new HashMap<>();
  private final ActorRef<SnapshotKeeper.Report> answers;
  private boolean sync;
  private boolean cutting;

  static Behavior<Command> create(
      Setup setup,
      String nodeId,
      String journalId,
      Sequencer.Members members,
      Journal journal,
      Executor executor) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new SnapshotCoordinator(
                        context, timers, setup, nodeId, journalId, members, journal, executor)));
  }

  private SnapshotCoordinator(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Setup setup,
      String nodeId,
      String journalId,
      Sequencer.Members members,
      Journal journal,
      Executor executor) {
    super(context);
    context.setLoggerName(SnapshotCoordinator.class);
    this.setup = setup;
    this.nodeId = nodeId;
    this.journalId = journalId;
    this.members = members;
    this.journal = journal;
    this.executor = executor;
    this.answers = context.messageAdapter(SnapshotKeeper.Report.class, Heard::new);
    Duration interval = setup.settings().lookInterval();
    timers.startTimerWithFixedDelay(Self.ASK, interval);
    // What the nodes answer is there by then, as a rule.
    timers.startTimerWithFixedDelay(Self.DECIDE, interval.plus(interval.dividedBy(2)), interval);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Agreed.class, this::onAgreed)
        .onMessage(Doubted.class, this::onDoubted)
        .onMessageEquals(Self.ASK, this::onAsk)
        .onMessage(Heard.class, this::onHeard)
        .onMessageEquals(Self.DECIDE, this::onDecide)
        .onMessage(JournalSeen.class, this::onJournalSeen)
        .onMessage(Cut.class, this::onCut)
        .onMessage(Failed.class, this::onFailed)
        .build();
  }

  private Behavior<Command> onAgreed(Agreed told) {
    told.nodeIds().forEach(id -> agreed.merge(id, told.seq(), Math::max));
    return this;
  }

  private Behavior<Command> onDoubted(Doubted told) {
    told.nodeIds().forEach(agreed::remove);
    return this;
  }

  private Behavior<Command> onAsk() {
    for (ActorRef<NodeMessage> node : members.reachable()) {
      node.tell(new SnapshotKeeper.AskReport(sync, answers));
    }
    return this;
  }

  private Behavior<Command> onHeard(Heard heard) {
    known.put(heard.report().nodeId(), new Known(heard.report(), System.nanoTime()));
    return this;
  }

  private Behavior<Command> onDecide() {
    if (!cutting) {
      getContext()
          .pipeToSelf(
              CompletableFuture.supplyAsync(this::see, executor),
              (seen, failure) -> seen == null ? new Failed(String.valueOf(failure)) : seen);
    }
    return this;
  }

  private Command see() {
    try {
      long head = journal.head();
      List<SnapshotStore.Kept> stored =
          setup.store().isPresent() ? setup.store().get().list() : List.of();
      return new JournalSeen(journal.first(), head, stored);
    } catch (JournalException e) {
      return new Failed(String.valueOf(e.getMessage()));
    }
  }

  private Behavior<Command> onFailed(Failed failed) {
    cutting = false;
    getContext().getLog().debug("snapshots are looked after later: {}", failed.reason());
    return this;
  }

  private Behavior<Command> onJournalSeen(JournalSeen seen) {
    long now = System.nanoTime();
    known.values().removeIf(one -> now - one.atNanos() > ABSENT_NANOS_MAX);
    List<SnapshotKeeper.Report> present = new ArrayList<>();
    List<SnapshotKeeper.Report> recent = new ArrayList<>();
    for (Known one : known.values()) {
      (now - one.atNanos() > PRESENT_NANOS_MAX ? recent : present).add(one.report());
    }
    SnapshotPlan.Decision decision =
        SnapshotPlan.decide(
            new SnapshotPlan.View(
                setup.place(),
                journalId,
                seen.first(),
                seen.head(),
                nodeId,
                setup.voters().get(),
                present,
                recent,
                agreed,
                seen.stored()),
            setup.settings());
    sync = decision.sync();
    decision.take().ifPresent(node -> tellAll(new SnapshotKeeper.Take(node)));
    decision
        .upload()
        .ifPresent(upload -> tellAll(new SnapshotKeeper.Upload(upload.nodeId(), upload.id())));
    decision.relyFrom().forEach((node, seq) -> tellAll(new SnapshotKeeper.RelyFrom(node, seq)));
    if (decision.cutTo() > 0) {
      cut(decision.cutTo());
    }
    return this;
  }

  /** The message says for whom it is. */
  private void tellAll(NodeMessage message) {
    members.reachable().forEach(node -> node.tell(message));
  }

  private void cut(long to) {
    cutting = true;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> trim(to), executor),
            (cut, failure) -> cut == null ? new Failed(String.valueOf(failure)) : cut);
  }

  private Command trim(long to) {
    try {
      journal.trim(to);
      return new Cut(to);
    } catch (JournalException e) {
      return new Failed(String.valueOf(e.getMessage()));
    }
  }

  private Behavior<Command> onCut(Cut cut) {
    cutting = false;
    getContext().getLog().info("the journal is cut off up to event {}", cut.to());
    return this;
  }
}
