package actors;

import java.io.IOException;
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
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.Journal;
import storage.JournalException;
import storage.SnapshotFile;
import storage.SnapshotStore;

/**
 * Has the nodes take snapshots and cuts the journal behind them. Lives with an open sequencer, and
 * remembers nothing beyond it: every few seconds it asks the nodes how they are, and does what
 * {@link SnapshotPlan} says. Two of them at once, of which one is about to end, do no harm.
 */
final class SnapshotCoordinator extends AbstractBehavior<SnapshotCoordinator.Command> {

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotCoordinator.class);

  /** What the coordinator accepts. */
  sealed interface Command {}

  /** These nodes had the same outcomes up to an event, and are the majority. */
  record Agreed(long seq, Set<String> nodeIds) implements Command {}

  /** The outcomes of these nodes are not to be trusted, or it is not known whose are. */
  record Doubted(Set<String> nodeIds) implements Command {}

  /** Whether the journal may be cut: not while nobody knows whose contents are right. */
  record Cuts(boolean allowed) implements Command {}

  /**
   * The contents of these nodes are wrong, and so may be what they have put into the store.
   *
   * @param right the nodes whose contents are those of the majority
   */
  record Differed(Set<String> wrong, Set<String> right) implements Command {}

  /** Backups need nothing of the journal up to this event any more. */
  record BackedUp(long seq) implements Command {}

  /**
   * What the coordinator works with.
   *
   * @param place where snapshots must be before the journal is cut
   * @param voters who keep the journal
   * @param store for {@link SnapshotPlan.Place#STORE}
   * @param metrics are told how long the journal is
   * @param backups how the journal is backed up, if it is
   */
  record Setup(
      SnapshotPlan.Place place,
      SnapshotSettings settings,
      Supplier<List<String>> voters,
      Optional<SnapshotStore> store,
      NodeMetrics metrics,
      Optional<BackupWriter.Setup> backups) {}

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
  private final Optional<ActorRef<BackupWriter.Command>> backups;
  private long backedUp;
  private boolean sync;
  private boolean cutting;
  private boolean cutsAllowed = true;

  /** Nodes whose snapshots have to leave the store, when another one's is there. */
  private Set<String> wrong = Set.of();

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
    this.backups =
        setup
            .backups()
            .map(
                backup ->
                    context.spawn(
                        BackupWriter.create(backup, journalId, context.getSelf()), "backups"));
    this.backedUp = backups.isPresent() ? 0 : Long.MAX_VALUE;
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
        .onMessage(Cuts.class, this::onCuts)
        .onMessage(Differed.class, this::onDiffered)
        .onMessage(BackedUp.class, this::onBackedUp)
        .onMessageEquals(Self.ASK, this::onAsk)
        .onMessage(Heard.class, this::onHeard)
        .onMessageEquals(Self.DECIDE, this::onDecide)
        .onMessage(JournalSeen.class, this::onJournalSeen)
        .onMessage(Cut.class, this::onCut)
        .onMessage(Failed.class, this::onFailed)
        .onSignal(PostStop.class, stop -> onStopped())
        .build();
  }

  private Behavior<Command> onStopped() {
    setup.metrics().journalKept(0);
    return this;
  }

  private Behavior<Command> onAgreed(Agreed told) {
    told.nodeIds().forEach(id -> agreed.merge(id, told.seq(), Math::max));
    tellBackups();
    return this;
  }

  private Behavior<Command> onDoubted(Doubted told) {
    told.nodeIds().forEach(agreed::remove);
    tellBackups();
    return this;
  }

  /** Backups are made of this node's snapshots, if they may be relied on. */
  private void tellBackups() {
    BackupWriter.Agreed own = new BackupWriter.Agreed(agreed.getOrDefault(nodeId, 0L));
    backups.ifPresent(writer -> writer.tell(own));
  }

  private Behavior<Command> onBackedUp(BackedUp told) {
    backedUp = told.seq();
    return this;
  }

  private Behavior<Command> onCuts(Cuts told) {
    cutsAllowed = told.allowed();
    return this;
  }

  /** Somebody whose contents are right takes one, so that the wrong ones have where to begin. */
  private Behavior<Command> onDiffered(Differed told) {
    told.wrong().forEach(agreed::remove);
    wrong = told.wrong();
    told.right().stream()
        .sorted()
        .findFirst()
        .map(SnapshotKeeper.Take::new)
        .ifPresent(this::tellAll);
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
      Set<String> distrusted = wrong;
      getContext()
          .pipeToSelf(
              CompletableFuture.supplyAsync(() -> see(distrusted), executor),
              (seen, failure) -> seen == null ? new Failed(String.valueOf(failure)) : seen);
    }
    return this;
  }

  private Command see(Set<String> distrusted) {
    try {
      long head = journal.head();
      List<SnapshotStore.Kept> stored =
          setup.store().isPresent() ? setup.store().get().list() : List.of();
      if (setup.store().isPresent() && !distrusted.isEmpty()) {
        stored = withoutThoseOf(distrusted, setup.store().get(), stored);
      }
      return new JournalSeen(journal.first(), head, stored);
    } catch (JournalException | IOException e) {
      return new Failed(String.valueOf(e.getMessage()));
    }
  }

  /** Deletes what these nodes have stored; not before there is something else. */
  private List<SnapshotStore.Kept> withoutThoseOf(
      Set<String> distrusted, SnapshotStore store, List<SnapshotStore.Kept> stored)
      throws JournalException, IOException {
    List<SnapshotStore.Kept> good = new ArrayList<>();
    List<SnapshotStore.Kept> bad = new ArrayList<>();
    for (SnapshotStore.Kept kept : stored) {
      String taker = SnapshotFile.header(kept.id(), store.piece(kept.id(), 0)).nodeId();
      boolean isOurs = kept.journalId().equals(journalId);
      (isOurs && distrusted.contains(taker) ? bad : good).add(kept);
    }
    if (good.stream().noneMatch(kept -> kept.journalId().equals(journalId))) {
      return List.of(); // nothing is cut behind these, and the next one is stored at once
    }
    for (SnapshotStore.Kept kept : bad) {
      LOG.info("the snapshot {} leaves the store: its node's contents were wrong", kept.id());
      store.delete(kept.id());
    }
    return good;
  }

  private Behavior<Command> onFailed(Failed failed) {
    cutting = false;
    getContext().getLog().debug("snapshots are looked after later: {}", failed.reason());
    return this;
  }

  private Behavior<Command> onJournalSeen(JournalSeen seen) {
    setup.metrics().journalKept(Math.max(0, seen.head() - seen.first() + 1));
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
                seen.stored(),
                backedUp),
            setup.settings());
    sync = decision.sync();
    decision.take().ifPresent(node -> tellAll(new SnapshotKeeper.Take(node)));
    decision
        .upload()
        .ifPresent(upload -> tellAll(new SnapshotKeeper.Upload(upload.nodeId(), upload.id())));
    decision.relyFrom().forEach((node, seq) -> tellAll(new SnapshotKeeper.RelyFrom(node, seq)));
    if (decision.cutTo() > 0 && cutsAllowed) {
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
