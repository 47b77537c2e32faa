package actors;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import sql.Position;
import storage.ApplyResult;
import storage.ApplySettings;
import storage.Entry;
import storage.EventApplier;
import storage.EventCodec;
import storage.EventHash;
import storage.FormatException;
import storage.Journal;
import storage.JournalException;
import storage.JournalGapException;
import storage.ReadPool;
import storage.ReplicaException;
import storage.ReplicaPosition;
import storage.StoredEvent;

/**
 * Applies the journal to this node's database, in order and without a gap, and tells everybody on
 * this node how far it is.
 *
 * <p>Pushed events are hints: one is applied only if it is the next; whatever is missing is read
 * from the journal. A failure of the node stops the apply, is shown, and is tried again until its
 * cause is gone. Runs on a thread of its own, because it blocks in SQLite.
 */
public final class Replica extends AbstractBehavior<Replica.Command> {

  /**
   * When the replica tries again, and how much it takes at once.
   *
   * @param holdAfter how long one request may fail for want of the node before it is held
   * @param retryMin the first wait after a failure; it doubles
   * @param retryMax the longest wait
   * @param batchEventsMax events that share a transaction
   */
  public record Settings(
      Duration holdAfter, Duration retryMin, Duration retryMax, int batchEventsMax) {}

  /** What the replica accepts. */
  public sealed interface Command {}

  /** Event {@code seq} is durable in the journal, and these are its bytes. */
  public record Push(long seq, byte[] bytes) implements Command, Wire {}

  /** The journal holds {@code seq}; the sequencer says so. */
  public record Head(long seq, long epoch, String nodeId) implements Command, Wire {}

  /** How far is this replica, and of which journal? */
  public record AskWhere(ActorRef<WhereAnswer> replyTo) implements Command, Wire {}

  /** What this replica has applied: the journal's id, the number, and the hash of that event. */
  public record WhereAnswer(String journalId, long seq, byte[] hash) implements Wire {}

  /** Begin: here is everybody whom the replica talks to. */
  record Start(
      ActorRef<Sequencer.Command> sequencer,
      ActorRef<WriteSession.Command> session,
      ActorRef<ReadGate.Command> readGate)
      implements Command {}

  /** Go out of service: what this node holds does not fit the journal. */
  record Condemn(String reason) implements Command {}

  /**
   * This node's sequencer has ended because it could not go on; the next one will tell its head.
   */
  record SequencerLost(String reason) implements Command {}

  private enum Self implements Command {
    STEP,
    SUBSCRIBE,
    RETRY
  }

  private static final Duration SUBSCRIBE_INTERVAL = Duration.ofMillis(500);
  private static final long PAGE_BYTES = 4L << 20;
  private static final int PUSHED_MAX = 1024;
  private static final int STASHED_MAX = 100;
  private static final long CHECKPOINT_WAIT_MILLIS = 200;

  private final Settings settings;
  private final ApplySettings applySettings;
  private final Path databaseFile;
  private final Journal journal;
  private final ReadPool reads;
  private final ReplicaGauge gauge;
  private final AttemptNote note;
  private final ApplierHandle handle;
  private final TimerScheduler<Command> timers;
  private final ActorRef<WriteSession.Command> session;
  private final ActorRef<ReadGate.Command> readGate;
  private final ActorRef<Sequencer.Command> sequencer;

  private final TreeMap<Long, byte[]> pushed = new TreeMap<>();
  private final Map<Position, Entry.Verdict> verdicts = new HashMap<>();
  private @Nullable EventApplier applier;
  private boolean opened;
  private @Nullable AskWhere whereAsked;
  private ReplicaGauge.State state = ReplicaGauge.State.CATCHING_UP;
  private Optional<String> problem = Optional.empty();
  private ReplicaPosition position = new ReplicaPosition(0, EventHash.none(), "", Optional.empty());
  private long head;
  private long startHead = -1;
  private long epoch;
  private String sequencerNodeId = "";
  private Optional<String> sequencerProblem = Optional.empty();
  private boolean journalUnreachable;
  private long heardNanos;
  private long atHeadNanos = Long.MIN_VALUE;
  private long walBytes;
  private boolean stepping;
  private boolean nextArePushed;
  private boolean distrustPushes;
  private boolean oneByOne;
  private boolean firstAttempt = true;
  private int deaths;
  private @Nullable Position failingAt;
  private long failingSinceNanos;
  private Duration wait;
  private @Nullable Position heldAt;
  private String heldReason = "";
  private long verdictsReadUpTo;

  /** Creates the replica; it begins once it is told {@link Start}. */
  static Behavior<Command> create(
      Settings settings,
      ApplySettings applySettings,
      Path databaseFile,
      Path attemptFile,
      Journal journal,
      ReadPool reads,
      ReplicaGauge gauge,
      ApplierHandle handle) {
    return Behaviors.withStash(
        STASHED_MAX,
        stash ->
            Behaviors.receive(Command.class)
                .onMessage(
                    Start.class,
                    start ->
                        stash.unstashAll(
                            Behaviors.setup(
                                context ->
                                    Behaviors.withTimers(
                                        timers ->
                                            new Replica(
                                                context,
                                                timers,
                                                settings,
                                                applySettings,
                                                databaseFile,
                                                new AttemptNote(attemptFile),
                                                journal,
                                                reads,
                                                gauge,
                                                handle,
                                                start)))))
                .onMessage(
                    Command.class,
                    command -> {
                      stash.stash(command);
                      return Behaviors.same();
                    })
                .build());
  }

  private Replica(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Settings settings,
      ApplySettings applySettings,
      Path databaseFile,
      AttemptNote note,
      Journal journal,
      ReadPool reads,
      ReplicaGauge gauge,
      ApplierHandle handle,
      Start start) {
    super(context);
    context.setLoggerName(Replica.class);
    this.timers = timers;
    this.settings = settings;
    this.applySettings = applySettings;
    this.databaseFile = databaseFile;
    this.note = note;
    this.journal = journal;
    this.reads = reads;
    this.gauge = gauge;
    this.handle = handle;
    this.session = start.session();
    this.readGate = start.readGate();
    this.sequencer = start.sequencer();
    this.wait = settings.retryMin();
    timers.startTimerWithFixedDelay(Self.SUBSCRIBE, Duration.ZERO, SUBSCRIBE_INTERVAL);
    step();
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Push.class, this::onPush)
        .onMessageEquals(Self.STEP, this::onStep)
        .onMessage(Head.class, this::onHead)
        .onMessageEquals(Self.SUBSCRIBE, this::onSubscribe)
        .onMessageEquals(Self.RETRY, this::onRetry)
        .onMessage(AskWhere.class, this::onAskWhere)
        .onMessage(Condemn.class, this::onCondemn)
        .onMessage(SequencerLost.class, this::onSequencerLost)
        .onSignal(PostStop.class, stop -> onStopped())
        .build();
  }

  private Behavior<Command> onSubscribe() {
    sequencer.tell(new Sequencer.Subscribe(getContext().getSelf()));
    Position held = heldAt;
    if (held != null) {
      sequencer.tell(new Sequencer.ReportHeld(held, heldReason));
    }
    return this;
  }

  private Behavior<Command> onPush(Push push) {
    if (push.seq() > position.seq() && pushed.size() < PUSHED_MAX) {
      pushed.put(push.seq(), push.bytes());
    }
    head = Math.max(head, push.seq());
    step();
    return this;
  }

  private Behavior<Command> onHead(Head told) {
    epoch = told.epoch();
    heardNanos = System.nanoTime();
    sequencerNodeId = told.nodeId();
    sequencerProblem = Optional.empty();
    head = Math.max(head, told.seq());
    if (position.seq() >= told.seq()) {
      atHeadNanos = System.nanoTime();
    }
    publish();
    step();
    return this;
  }

  private Behavior<Command> onAskWhere(AskWhere ask) {
    if (opened) {
      ask.replyTo().tell(new WhereAnswer(position.journalId(), position.seq(), position.hash()));
    } else {
      // What the file holds is not known yet, and "nothing" would be taken for an answer.
      whereAsked = ask;
    }
    return this;
  }

  private Behavior<Command> onCondemn(Condemn condemn) {
    condemned(condemn.reason());
    return this;
  }

  private Behavior<Command> onSequencerLost(SequencerLost lost) {
    sequencerNodeId = "";
    sequencerProblem = Optional.of(lost.reason());
    publish();
    return this;
  }

  private Behavior<Command> onRetry() {
    step();
    return this;
  }

  private void step() {
    if (!stepping) {
      stepping = true;
      getContext().getSelf().tell(Self.STEP);
    }
  }

  /** One step of work; more is asked for by another message, so that others get a turn. */
  private Behavior<Command> onStep() {
    stepping = false;
    if (state == ReplicaGauge.State.OUT_OF_SERVICE || timers.isTimerActive(Self.RETRY)) {
      return this;
    }
    EventApplier open = applier != null ? applier : open();
    if (open == null || !knowsStartHead()) {
      return this;
    }
    if (heldAt != null) {
      if (!readVerdict(heldAt)) {
        return this;
      }
      // Clients hear of what is applied now before this step ends: they may write again at once.
      heldAt = null;
      recovered();
    }
    List<StoredEvent> next = next();
    if (!next.isEmpty()) {
      apply(open, next);
    } else if (state == ReplicaGauge.State.FAILED
        && position.seq() >= head
        && !timers.isTimerActive(Self.RETRY)) {
      recovered();
    }
    if (state != ReplicaGauge.State.OUT_OF_SERVICE
        && heldAt == null
        && !timers.isTimerActive(Self.RETRY)
        && position.seq() < head) {
      step();
    }
    return this;
  }

  private @Nullable EventApplier open() {
    try {
      EventApplier opening = EventApplier.open(databaseFile, applySettings);
      applier = opening;
      handle.set(opening);
      if (opening.position().seq() < position.seq()) {
        startHead = -1; // another file stands there: everything begins anew, verdicts included
      }
      position = opening.position();
      reads.reopen();
      opened = true;
      AskWhere asked = whereAsked;
      if (asked != null) {
        whereAsked = null;
        onAskWhere(asked);
      }
      return opening;
    } catch (ReplicaException e) {
      failed(String.valueOf(e.getMessage()));
      return null;
    }
  }

  /**
   * After a start nothing is served below the head known then, because the file is not synced with
   * each commit and might be from before what was acknowledged.
   */
  private boolean knowsStartHead() {
    if (startHead >= 0) {
      return true;
    }
    try {
      startHead = journal.head();
      journalUnreachable = false;
    } catch (JournalException e) {
      journalUnreachable = true;
      failed(String.valueOf(e.getMessage()));
      return false;
    }
    if (startHead < position.seq()) {
      condemned(
          "the journal ends at event "
              + startHead
              + " and this node has applied event "
              + position.seq()
              + ": the journal was replaced or has lost its end");
      return false;
    }
    head = Math.max(head, startHead);
    if (!readVerdicts(position.seq(), startHead)) {
      startHead = -1; // to be done again
      return false;
    }
    noteStart();
    recovered();
    return true;
  }

  /** Finds out whether earlier processes died in the event that comes next. */
  private void noteStart() {
    long next = position.seq() + 1;
    AttemptNote.Note earlier = note.read().filter(found -> found.seq() == next).orElse(null);
    if (startHead < next) {
      note.clear();
      return;
    }
    deaths = earlier == null ? 0 : earlier.deaths() + 1;
    oneByOne = deaths >= AttemptNote.DEATHS_UNTIL_CAREFUL;
    if (earlier != null && earlier.index() >= 0) {
      Position killer = new Position(next, earlier.index());
      getContext().getLog().error("earlier processes died applying request {}", killer);
      hold(killer, "the process died each time while applying it");
    }
  }

  /** The events to apply now: what was pushed if it is next, else from the journal. */
  private List<StoredEvent> next() {
    pushed.headMap(position.seq(), true).clear();
    nextArePushed = false;
    if (distrustPushes && position.seq() < head) {
      distrustPushes = false;
      return readJournal(position.seq() + 1);
    }
    List<StoredEvent> events = new ArrayList<>();
    long seq = position.seq() + 1;
    byte[] bytes = pushed.remove(seq);
    while (bytes != null && events.size() < settings.batchEventsMax()) {
      events.add(new StoredEvent(seq, bytes));
      bytes = pushed.remove(++seq);
    }
    if (bytes != null) {
      pushed.put(seq, bytes);
    }
    nextArePushed = !events.isEmpty();
    if (nextArePushed || position.seq() >= head) {
      return events;
    }
    return readJournal(position.seq() + 1);
  }

  private List<StoredEvent> readJournal(long from) {
    try {
      List<StoredEvent> events = journal.read(from, settings.batchEventsMax(), PAGE_BYTES);
      if (events.isEmpty()) {
        // The head was told before a failover, and nothing stands there after all.
        head = Math.max(position.seq(), journal.head());
      }
      return events;
    } catch (JournalGapException e) {
      condemned(String.valueOf(e.getMessage()));
      return List.of();
    } catch (JournalException e) {
      failed(String.valueOf(e.getMessage()));
      return List.of();
    }
  }

  private void apply(EventApplier open, List<StoredEvent> events) {
    if (firstAttempt) {
      note.write(new Position(events.get(0).seq(), 0), false, deaths);
    }
    boolean arePushed = nextArePushed;
    int deathsSoFar = deaths;
    boolean careful = firstAttempt && deathsSoFar >= AttemptNote.DEATHS_UNTIL_CAREFUL;
    ApplyResult result =
        open.apply(
            events,
            verdicts,
            oneByOne,
            careful ? entry -> note.write(entry, true, deathsSoFar) : entry -> {},
            applied -> session.tell(new WriteSession.Applied(applied)));
    position = open.position();
    note.clear(); // whatever came of it, the process is alive
    if (result instanceof ApplyResult.Applied) {
      firstAttempt = false;
      deaths = 0;
      verdicts.keySet().removeIf(given -> given.seq() <= position.seq());
      oneByOne = false;
      if (position.seq() >= head) {
        atHeadNanos = System.nanoTime();
      }
      keepLogShort(open);
      recovered();
    } else if (result instanceof ApplyResult.Held held) {
      hold(held.position(), held.reason());
    } else if (result instanceof ApplyResult.Failed failed) {
      applyFailed(failed);
    } else if (result instanceof ApplyResult.Broken broken) {
      if (arePushed) {
        // A push convicts nobody: only what the journal itself holds does.
        pushed.clear();
        distrustPushes = true;
        step();
      } else {
        condemned(broken.reason());
      }
    }
  }

  /**
   * The node could not apply. If only this one request is too much for it, although there is room
   * for others, the request is held; else the node waits for its cause to go away. Damage is never
   * a request's fault: to give up what meets it would give up one request after the other.
   */
  private void applyFailed(ApplyResult.Failed failure) {
    closeApplier();
    oneByOne = true;
    long now = System.nanoTime();
    if (!failure.position().equals(failingAt)) {
      failingAt = failure.position();
      failingSinceNanos = now;
    }
    failed(failure.reason());
    if (!failure.damaged() && now - failingSinceNanos >= settings.holdAfter().toNanos()) {
      EventApplier again = open();
      if (again != null && again.hasSpace()) {
        hold(failure.position(), failure.reason());
      }
    }
  }

  private void hold(Position at, String reason) {
    heldAt = at;
    heldReason = reason;
    verdictsReadUpTo = at.seq();
    timers.cancel(Self.RETRY);
    failingAt = null;
    show(ReplicaGauge.State.HELD, Optional.of("request " + at + " is held: " + reason));
    getContext().getLog().warn("request {} is held: {}", at, reason);
    sequencer.tell(new Sequencer.ReportHeld(at, reason));
    step();
  }

  /** Reads ahead for the verdict on a request that is held. */
  private boolean readVerdict(Position held) {
    if (!verdicts.containsKey(held) && verdictsReadUpTo < head) {
      readVerdicts(verdictsReadUpTo, head);
    }
    return verdicts.containsKey(held);
  }

  /**
   * Learns the verdicts that stand behind {@code from}, up to {@code to}. At a start this is done
   * before anything is applied: what was given up must not be applied now only because this time
   * the node could.
   */
  private boolean readVerdicts(long from, long to) {
    verdictsReadUpTo = from;
    while (verdictsReadUpTo < to) {
      List<StoredEvent> events = readJournal(verdictsReadUpTo + 1);
      if (events.isEmpty()) {
        return verdictsReadUpTo >= head;
      }
      try {
        for (StoredEvent event : events) {
          for (Entry entry : EventCodec.decode(event).entries()) {
            if (entry instanceof Entry.Verdict verdict) {
              verdicts.putIfAbsent(verdict.position(), verdict);
            }
          }
          verdictsReadUpTo = event.seq();
        }
      } catch (FormatException e) {
        condemned(String.valueOf(e.getMessage()));
        return false;
      }
    }
    return true;
  }

  /** Keeps the write-ahead log in bounds, readers or not. */
  private void keepLogShort(EventApplier open) {
    walBytes = open.walBytes();
    if (walBytes <= applySettings.walBytesMax()) {
      return;
    }
    if (!open.checkpoint() && walBytes > 2 * applySettings.walBytesMax()) {
      reads.quiesce(CHECKPOINT_WAIT_MILLIS, open::checkpoint);
    }
    walBytes = open.walBytes();
  }

  private void recovered() {
    wait = settings.retryMin();
    failingAt = null;
    boolean caughtUp = position.seq() >= startHead;
    if (heldAt == null) {
      if (state == ReplicaGauge.State.FAILED || state == ReplicaGauge.State.HELD) {
        getContext().getLog().info("the replica applies again, at event {}", position.seq());
      }
      show(
          caughtUp ? ReplicaGauge.State.APPLYING : ReplicaGauge.State.CATCHING_UP,
          Optional.empty());
    }
  }

  private void failed(String reason) {
    if (!problem.equals(Optional.of(reason))) {
      getContext().getLog().error("the replica cannot go on, and tries again: {}", reason);
    }
    show(ReplicaGauge.State.FAILED, Optional.of(reason));
    timers.startSingleTimer(Self.RETRY, wait);
    Duration doubled = wait.multipliedBy(2);
    wait = doubled.compareTo(settings.retryMax()) < 0 ? doubled : settings.retryMax();
  }

  private void condemned(String reason) {
    if (state != ReplicaGauge.State.OUT_OF_SERVICE) {
      getContext().getLog().error("out of service until an operator decides: {}", reason);
    }
    timers.cancel(Self.RETRY);
    closeApplier();
    show(ReplicaGauge.State.OUT_OF_SERVICE, Optional.of(reason));
  }

  private void show(ReplicaGauge.State next, Optional<String> why) {
    state = next;
    problem = why;
    publish();
  }

  private void publish() {
    boolean caughtUp = startHead >= 0 && position.seq() >= startHead;
    boolean condemned = state == ReplicaGauge.State.OUT_OF_SERVICE;
    gauge.write(
        new ReplicaGauge.Reading(
            state,
            problem.or(() -> sequencerProblem),
            position.journalId(),
            position.seq(),
            head,
            epoch,
            sequencerNodeId,
            caughtUp && !condemned,
            (caughtUp || journalUnreachable) && !condemned,
            heardNanos,
            atHeadNanos,
            walBytes));
    readGate.tell(ReadGate.Moved.HERE);
  }

  private void closeApplier() {
    EventApplier open = applier;
    applier = null;
    handle.set(null);
    if (open != null) {
      open.close();
    }
  }

  private Behavior<Command> onStopped() {
    closeApplier();
    return this;
  }
}
