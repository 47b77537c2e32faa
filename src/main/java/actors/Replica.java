package actors;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;
import sql.Position;
import storage.AppliedChange;
import storage.AppliedEntry;
import storage.ApplyResult;
import storage.ApplySettings;
import storage.CommitListener;
import storage.Entry;
import storage.Event;
import storage.EventApplier;
import storage.EventCodec;
import storage.EventHash;
import storage.FormatException;
import storage.Formats;
import storage.Journal;
import storage.JournalDamagedException;
import storage.JournalException;
import storage.JournalGapException;
import storage.ReadPool;
import storage.ReplicaException;
import storage.ReplicaFiles;
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
   * @param restoreBehindEvents how many events it may be behind the journal when it starts without
   *     looking for a snapshot
   * @param catchUpBytesPerSecond how fast missing events are read from the journal at most
   * @param changesBytesMax memory for changes that somebody follows
   */
  public record Settings(
      Duration holdAfter,
      Duration retryMin,
      Duration retryMax,
      int batchEventsMax,
      long restoreBehindEvents,
      long catchUpBytesPerSecond,
      long changesBytesMax) {}

  /** What the replica accepts. */
  public sealed interface Command {}

  /** Event {@code seq} is durable in the journal, and these are its bytes. */
  public record Push(long seq, byte[] bytes) implements Command, NodeMessage {}

  /**
   * The journal holds {@code seq}; the sequencer says so.
   *
   * @param asked when this node asked, by its own clock; 0 if it did not
   * @param compare the event up to which outcomes are to be compared, 0 for none
   */
  public record Head(
      long seq,
      long epoch,
      String nodeId,
      ActorRef<Sequencer.Command> sequencer,
      long asked,
      long compare)
      implements Command, NodeMessage {}

  /**
   * This replica's outcomes are not those of the majority.
   *
   * @param digest what it had said of them up to {@code seq}
   */
  record Diverged(long seq, long digest) implements Command, NodeMessage {}

  /**
   * How a scrub has ended.
   *
   * @param result see {@link ScrubVerdict.Kind#text}
   * @param digest what is right; empty if that is not known
   * @param wrong the nodes that hold something else
   * @param text the same in words
   */
  record Scrubbed(long seq, String result, byte[] digest, List<String> wrong, String text)
      implements Command, NodeMessage {}

  /**
   * The database was looked through, or could not be.
   *
   * @param digest of its contents; empty if they could not be read
   * @param problem why not; empty if they could
   * @param damage whether the database is damaged
   * @param database how many databases there had been before the one that was read
   */
  record ScrubEnded(
      long seq, byte[] digest, String problem, boolean damage, int database, long nanos)
      implements Command {}

  /** How far is this replica, and of which journal? */
  record AskWhere(ActorRef<WhereAnswer> replyTo) implements Command {}

  /**
   * What a replica has applied: the journal's id, the number, and the hash of that event.
   *
   * @param rules the newest determinism rules that it can apply
   */
  public record WhereAnswer(String nodeId, String journalId, long seq, byte[] hash, int rules)
      implements Wire {}

  /** Stay before this request until there is a verdict, and say whether it is applied here. */
  record AskHold(Position position, ActorRef<Sequencer.Command> replyTo) implements Command {}

  /** Which sessions are open? */
  record AskSessions(ActorRef<OpenSessions> replyTo) implements Command {}

  /**
   * The sessions that are open where this replica stands.
   *
   * @param databaseBytes of the database's pages
   * @param freeBytes of those among them that hold nothing
   */
  record OpenSessions(List<OpenSession> open, long databaseBytes, long freeBytes) {}

  /** A session and the process that opened it. */
  record OpenSession(Position id, String processId) {}

  /**
   * Somebody wants to follow what is applied.
   *
   * @param afterSeq the last event he knows, if he was here before
   * @param answer a place from which nothing is missed
   */
  record Follow(OptionalLong afterSeq, CompletableFuture<ChangeLog.Cursor> answer)
      implements Command {}

  /**
   * Begin: here is everybody whom the replica talks to.
   *
   * @param alone whether there can never be another node
   */
  record Start(
      ActorRef<WriteSession.Command> session,
      ActorRef<ReadGate.Command> readGate,
      ActorRef<SnapshotKeeper.Command> snapshots,
      boolean alone)
      implements Command {}

  /** What came of the wish for a database made from a snapshot. */
  record Restored(SnapshotRestore.Result result) implements Command {}

  /**
   * Whoever read the whole database has found it damaged.
   *
   * @param database how many databases this replica has had before that one
   */
  record FoundDamaged(String reason, int database) implements Command {}

  /** How far that is, in words. */
  record RestoreProgress(String text) implements Command {}

  /** Go out of service: what this node holds does not fit the journal. */
  record Condemn(String reason) implements Command {}

  /**
   * The sequencer has ended or cannot be reached; the next one will tell its head.
   *
   * @param expected whether that is no news, because this node has left by itself
   */
  record SequencerLost(String reason, boolean expected) implements Command {}

  private enum Self implements Command {
    STEP,
    LOOK,
    RETRY,
    UNTHROTTLED
  }

  /** What a look at the journal itself has found. */
  private record Looked(long to, JournalFit.Look look, int times) implements Command {}

  private record LookFailed(String reason) implements Command {}

  private static final Duration LOOK_INTERVAL = Duration.ofMillis(500);

  /** How often the journal is asked whether it still holds what is applied here. */
  private static final long VERIFY_NANOS = Duration.ofSeconds(2).toNanos();

  /** How long a sequencer may be silent before the journal is asked for its head. */
  private static final long SILENCE_NANOS = Duration.ofSeconds(1).toNanos();

  /** Events that one look counts at most. */
  private static final long VERIFIED_MAX = 100_000;

  private static final long PAGE_BYTES = 4L << 20;
  private static final int PUSHED_MAX = 1024;
  private static final int STASHED_MAX = 100;

  /** How often a process makes its database anew because it is damaged. */
  private static final int MADE_ANEW_MAX = 3;

  private static final long CHECKPOINT_WAIT_MILLIS = 200;

  /**
   * How long the log is left to grow after a checkpoint that a reader prevented. One that reads the
   * whole database, for a snapshot or a backup, takes its time, and writes must not wait again and
   * again for what it will not allow.
   */
  private static final long CHECKPOINT_NANOS = Duration.ofMillis(500).toNanos();

  private static final long QUIESCE_NANOS = Duration.ofSeconds(1).toNanos();

  private final Settings settings;
  private final ApplySettings applySettings;
  private final Path databaseFile;
  private final Journal journal;
  private final ReadPool reads;
  private final ReplicaGauge gauge;
  private final NodeMetrics metrics;
  private final AttemptNote note;
  private final ApplierHandle handle;
  private final TimerScheduler<Command> timers;
  private final ActorRef<WriteSession.Command> session;
  private final ActorRef<ReadGate.Command> readGate;
  private final ActorRef<SnapshotKeeper.Command> snapshots;
  private final boolean alone;
  private final Scrubber scrubs;
  private final SequencerLink link;
  private final Executor journalExecutor;
  private final String nodeId;
  private final String processId;

  private final TreeMap<Long, byte[]> pushed = new TreeMap<>();
  private final Map<Position, Entry.Verdict> verdicts = new HashMap<>();
  private final Set<Position> holds = new HashSet<>();
  private @Nullable EventApplier applier;
  private boolean opened;
  private final List<AskWhere> whereAsked = new ArrayList<>();
  private final List<Follow> followsAsked = new ArrayList<>();
  private final ChangeLog changes;
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
  private long checkpointFailedNanos = System.nanoTime() - CHECKPOINT_NANOS;
  private long quiesceFailedNanos = System.nanoTime() - QUIESCE_NANOS;
  private boolean stepping;
  private boolean nextArePushed;
  private boolean distrustPushes;
  private boolean oneByOne;
  private boolean firstAttempt = true;
  private int deaths;

  /** The request at which earlier processes died, if one is known. */
  private @Nullable Position deadly;

  private @Nullable Position failingAt;
  private long failingSinceNanos;
  private Duration wait;
  private @Nullable Position heldAt;
  private String heldReason = "";
  private long verdictsReadUpTo;
  private boolean suspectsJournal;
  private boolean looking;

  /** Whether a snapshot was asked for, and nothing can go on without one. */
  private boolean restoring;

  private boolean restoreNeeded;
  private String restoreReason = "";

  /** Whether nobody had a better start than this database, since it was opened. */
  private boolean restoreTried;

  /** Nothing of this event may be in a snapshot. */
  private long restoreBelow = Long.MAX_VALUE;

  private boolean trustsOwnSnapshots = true;
  private long appliedBytes;
  private boolean forgotAside;
  private int damages;
  private int madeAnewForDamage;

  /** How many databases there were before this one, as the keeper of the snapshots counts them. */
  private int begunAnew;

  private long lookedNanos;
  private long verifiedSeq;

  /** How often a database was opened that may be another one than before. */
  private int timesOpened;

  private long comparedSeq;
  private long comparedDigest;

  /** Where the database differed before it was made anew; -1 when that is settled. */
  private long madeAnewUpTo;

  /** Creates the replica; it begins once it is told {@link Start}. */
  static Behavior<Command> create(
      Settings settings,
      ApplySettings applySettings,
      Path databaseFile,
      Path attemptFile,
      Journal journal,
      Executor journalExecutor,
      ReadPool reads,
      ReplicaGauge gauge,
      NodeMetrics metrics,
      ApplierHandle handle,
      SequencerLink link,
      String processId) {
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
                                                journalExecutor,
                                                reads,
                                                gauge,
                                                metrics,
                                                handle,
                                                link,
                                                processId,
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
      Executor journalExecutor,
      ReadPool reads,
      ReplicaGauge gauge,
      NodeMetrics metrics,
      ApplierHandle handle,
      SequencerLink link,
      String processId,
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
    this.metrics = metrics;
    this.handle = handle;
    this.session = start.session();
    this.readGate = start.readGate();
    this.snapshots = start.snapshots();
    this.alone = start.alone();
    this.link = link;
    this.journalExecutor = journalExecutor;
    this.nodeId = applySettings.nodeId();
    this.processId = processId;
    this.wait = settings.retryMin();
    this.changes = new ChangeLog(settings.changesBytesMax());
    ActorRef<Command> self = context.getSelf();
    this.scrubs =
        new Scrubber(
            nodeId,
            reads,
            new ScrubNote(databaseFile.resolveSibling("scrub")),
            link,
            gauge,
            alone,
            applySettings.walBytesMax(),
            self::tell);
    timers.startTimerWithFixedDelay(Self.LOOK, LOOK_INTERVAL);
    step();
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Push.class, this::onPush)
        .onMessageEquals(Self.STEP, this::onStep)
        .onMessage(Head.class, this::onHead)
        .onMessageEquals(Self.LOOK, this::onLook)
        .onMessage(Looked.class, this::onLooked)
        .onMessage(LookFailed.class, this::onLookFailed)
        .onMessageEquals(Self.RETRY, this::onRetry)
        .onMessageEquals(Self.UNTHROTTLED, this::onRetry)
        .onMessage(Diverged.class, this::onDiverged)
        .onMessage(ScrubEnded.class, this::onScrubEnded)
        .onMessage(Scrubbed.class, this::onScrubbed)
        .onMessage(AskWhere.class, this::onAskWhere)
        .onMessage(Follow.class, this::onFollow)
        .onMessage(AskHold.class, this::onAskHold)
        .onMessage(AskSessions.class, this::onAskSessions)
        .onMessage(Condemn.class, this::onCondemn)
        .onMessage(SequencerLost.class, this::onSequencerLost)
        .onMessage(Restored.class, this::onRestored)
        .onMessage(RestoreProgress.class, this::onRestoreProgress)
        .onMessage(FoundDamaged.class, this::onFoundDamaged)
        .onSignal(PostStop.class, stop -> onStopped())
        .build();
  }

  /**
   * Looks at the journal itself now and then: whether it still holds what is applied here, which no
   * message would tell, and how far it is when no sequencer says so.
   */
  private Behavior<Command> onLook() {
    Position at = heldAt;
    if (at != null) {
      reportHeld(at);
    }
    scrubs.watch(walBytes);
    scrubs.tellSequencer(epoch);
    long now = System.nanoTime();
    boolean silent = now - heardNanos > SILENCE_NANOS;
    if (looking
        || startHead < 0
        || state == ReplicaGauge.State.OUT_OF_SERVICE
        || (now - lookedNanos < VERIFY_NANOS && !(silent && now - lookedNanos > SILENCE_NANOS))) {
      return this;
    }
    looking = true;
    lookedNanos = now;
    ReplicaPosition here = position;
    long from = Math.max(Math.max(1, verifiedSeq), here.seq() - VERIFIED_MAX);
    int times = timesOpened;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> look(here, from, times), journalExecutor),
            (looked, failure) -> looked == null ? new LookFailed(String.valueOf(failure)) : looked);
    return this;
  }

  private Command look(ReplicaPosition at, long from, int times) {
    try {
      return new Looked(at.seq(), JournalFit.lookForHoles(journal, at, from), times);
    } catch (JournalException e) {
      return new LookFailed(String.valueOf(e.getMessage()));
    }
  }

  private void found(JournalFit.Misfit misfit) {
    if (misfit == JournalFit.Misfit.ANOTHER) {
      condemned(
          "the data directory belongs to journal "
              + position.journalId()
              + ", which is not the one that is there now: the journal was replaced");
    } else {
      // The others must hear of it before one of them goes on without what is missing.
      suspectsJournal = true;
      condemned(
          "the journal does not hold what this node has applied up to event "
              + position.seq()
              + ": the journal was replaced or has lost its end");
    }
  }

  private Behavior<Command> onLooked(Looked looked) {
    looking = false;
    journalUnreachable = false;
    if (looked.times() != timesOpened) {
      return this; // another database was meant
    }
    if (looked.look().misfit() != JournalFit.Misfit.NONE) {
      found(looked.look().misfit());
      return this;
    }
    verifiedSeq = looked.to();
    head = Math.max(head, looked.look().head());
    step();
    return this;
  }

  private Behavior<Command> onLookFailed(LookFailed failed) {
    looking = false;
    metrics.journalFailed();
    journalUnreachable = true;
    getContext().getLog().debug("the journal could not be looked at: {}", failed.reason());
    publish();
    return this;
  }

  private void reportHeld(Position at) {
    EventApplier open = applier;
    if (open != null && open.position().seq() + 1 == at.seq() && !open.isPast(at)) {
      List<String> processes =
          open.openSessions().values().stream().map(WriteSession::processOf).distinct().toList();
      link.reportHeld(at, open.statementsApplied(at), processes, heldReason);
    }
  }

  /** A promise: from now on this replica does not pass the request without a verdict. */
  private Behavior<Command> onAskHold(AskHold ask) {
    if (state == ReplicaGauge.State.OUT_OF_SERVICE) {
      return this;
    }
    EventApplier open = applier != null ? applier : open();
    if (open != null) {
      boolean past = open.isPast(ask.position());
      if (!past) {
        holds.add(ask.position());
      }
      int statement = past ? 0 : open.statementsApplied(ask.position());
      ask.replyTo().tell(new Sequencer.HoldAnswer(ask.position(), processId, past, statement));
    }
    return this;
  }

  private Behavior<Command> onAskSessions(AskSessions ask) {
    EventApplier open = applier;
    List<OpenSession> sessions = new ArrayList<>();
    if (open != null) {
      open.openSessions()
          .forEach((id, nonce) -> sessions.add(new OpenSession(id, WriteSession.processOf(nonce))));
    }
    EventApplier.Pages pages = open == null ? new EventApplier.Pages(0, 0) : open.pages();
    ask.replyTo().tell(new OpenSessions(sessions, pages.bytes(), pages.freeBytes()));
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
    if (position.seq() >= told.seq() && told.asked() != 0) {
      // What was true at some moment between question and answer is counted from the question.
      atHeadNanos = Math.max(atHeadNanos, told.asked());
    }
    compare(told.compare());
    publish();
    step();
    return this;
  }

  /** Looks up what the sequencer wants to compare between the nodes; the gateway tells it. */
  private void compare(long seq) {
    EventApplier open = applier;
    if (open != null && seq > 0 && seq != comparedSeq && seq <= position.seq()) {
      open.digest(seq)
          .ifPresent(
              digest -> {
                if (comparedSeq > madeAnewUpTo && madeAnewUpTo >= 0) {
                  note.agreesAgain(); // the word before was compared, and nobody objected
                  madeAnewUpTo = -1;
                }
                comparedSeq = seq;
                comparedDigest = digest;
              });
    }
  }

  /**
   * Once it is made anew; if it differs again, something is wrong that this would not mend. What
   * the database before had said is no word of this one.
   */
  private Behavior<Command> onDiverged(Diverged diverged) {
    EventApplier open = applier;
    if (state == ReplicaGauge.State.OUT_OF_SERVICE
        || open == null
        || !open.digest(diverged.seq()).equals(OptionalLong.of(diverged.digest()))) {
      return this; // it is told again as long as it is so
    }
    String what =
        "its outcomes up to event " + diverged.seq() + " differ from those of most other nodes";
    if (note.isMadeAnew()) {
      condemned(what + ", although the database was made anew because of that before");
    } else {
      note.madeAnew();
      trustsOwnSnapshots = false;
      snapshots.tell(new SnapshotKeeper.Distrust(0));
      makeAnew(what);
      madeAnewUpTo = diverged.seq();
    }
    return this;
  }

  private Behavior<Command> onScrubEnded(ScrubEnded ended) {
    scrubs.ended(ended, begunAnew);
    scrubs.tellSequencer(epoch);
    return ended.damage()
        ? onFoundDamaged(new FoundDamaged(ended.problem(), ended.database()))
        : this;
  }

  /** As with outcomes: once it is made anew, and not from what this node has kept itself. */
  private Behavior<Command> onScrubbed(Scrubbed told) {
    if (!scrubs.isFoundWrong(told)
        || restoring
        || applier == null
        || state == ReplicaGauge.State.OUT_OF_SERVICE) {
      return this; // it is told again as long as it is so
    }
    String what = "its contents as of event " + told.seq() + " are not those of most other nodes";
    if (scrubs.isMadeAnew()) {
      condemned(
          what
              + ", although the database was made anew because of that before: look at its disk"
              + " and memory");
    } else {
      scrubs.madeAnew();
      trustsOwnSnapshots = false;
      snapshots.tell(new SnapshotKeeper.Distrust(0));
      makeAnew(what);
    }
    return this;
  }

  private Behavior<Command> onAskWhere(AskWhere ask) {
    if (opened) {
      ask.replyTo().tell(whereAnswer(position));
    } else if (whereAsked.size() < STASHED_MAX) {
      // What the file holds is not known yet, and "nothing" would be taken for an answer.
      whereAsked.add(ask);
    }
    return this;
  }

  private Behavior<Command> onFollow(Follow follow) {
    if (!opened) {
      followsAsked.add(follow);
      return this;
    }
    try {
      follow.answer().complete(changes.follow(position.seq(), follow.afterSeq()));
    } catch (ChangeLog.ChangesLostException lost) {
      follow.answer().completeExceptionally(lost);
    }
    return this;
  }

  private WhereAnswer whereAnswer(ReplicaPosition at) {
    return new WhereAnswer(nodeId, at.journalId(), at.seq(), at.hash(), Formats.newestRules());
  }

  private Behavior<Command> onCondemn(Condemn condemn) {
    condemned(condemn.reason());
    return this;
  }

  private Behavior<Command> onSequencerLost(SequencerLost lost) {
    if (!sequencerProblem.equals(Optional.of(lost.reason()))) {
      Level level = lost.expected() ? Level.INFO : Level.WARN;
      getContext().getLog().atLevel(level).log("{}", lost.reason());
    }
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
    if (state == ReplicaGauge.State.OUT_OF_SERVICE
        || restoring
        || timers.isTimerActive(Self.RETRY)
        || timers.isTimerActive(Self.UNTHROTTLED)) {
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
      boolean givenUp = isGivenUp(heldAt);
      heldAt = null;
      if (givenUp) {
        recovered();
      }
      // Else it is to be run, and may well fail again: that is over when it is applied.
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
        beginAnew(); // another file stands there
      }
      position = opening.position();
      scrubs.opened(position.seq(), position.journalId());
      reads.reopen();
      reads.holdOpen();
      opened = true;
      whereAsked.forEach(this::onAskWhere);
      whereAsked.clear();
      followsAsked.forEach(this::onFollow);
      followsAsked.clear();
      return opening;
    } catch (ReplicaException e) {
      if (e.isDamage()) {
        damaged(String.valueOf(e.getMessage()));
      } else {
        failed(String.valueOf(e.getMessage()));
      }
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
    JournalFit.Look look;
    long first;
    try {
      look = JournalFit.look(journal, position);
      first = journal.first();
      startHead = look.head();
      journalUnreachable = false;
    } catch (JournalDamagedException e) {
      restoreBehind(e);
      return false;
    } catch (JournalException e) {
      metrics.journalFailed();
      startHead = -1;
      journalUnreachable = true;
      failed(String.valueOf(e.getMessage()));
      return false;
    }
    if (look.misfit() != JournalFit.Misfit.NONE) {
      found(look.misfit());
      return false;
    }
    head = Math.max(head, startHead);
    if (isBetterRestored(first)) {
      restore(first);
      return false;
    }
    if (!readVerdicts(position.seq(), startHead)) {
      startHead = -1; // to be done again
      return false;
    }
    noteStart();
    recovered();
    return true;
  }

  /** Whether the events that come next are gone, or are so many that a snapshot is sooner there. */
  private boolean isBetterRestored(long first) {
    restoreNeeded = position.seq() + 1 < first;
    restoreReason = "the events that this node lacks are cut off the journal";
    boolean far =
        position.seq() == 0
            ? startHead > 0
            : startHead - position.seq() > settings.restoreBehindEvents();
    return restoreNeeded || (far && !restoreTried);
  }

  /** What an event held that the journal gives damaged is known to who has applied it before. */
  private void restoreBehind(JournalDamagedException damage) {
    restoreNeeded = true;
    restoreReason = String.valueOf(damage.getMessage());
    if (state != ReplicaGauge.State.FAILED) {
      getContext().getLog().warn("a snapshot is looked for, because {}", restoreReason);
    }
    restore(Math.max(damage.seq(), position.seq() + 1) + 1);
  }

  private void restore(long first) {
    startHead = -1; // it is asked again when this is over
    long worthwhile =
        position.seq() == 0 ? 1 : position.seq() + settings.restoreBehindEvents() / 2 + 1;
    long atLeast = restoreNeeded ? first - 1 : Math.max(first - 1, worthwhile);
    try {
      head = Math.max(head, journal.head());
      SnapshotRestore.Wanted wanted =
          new SnapshotRestore.Wanted(journalId(), atLeast, head, restoreBelow, trustsOwnSnapshots);
      restoring = true;
      snapshots.tell(new SnapshotKeeper.Restore(wanted, getContext().getSelf()));
      show(ReplicaGauge.State.RESTORING, Optional.of("a snapshot is looked for"));
    } catch (JournalException e) {
      metrics.journalFailed();
      journalUnreachable = true;
      failed(String.valueOf(e.getMessage()));
    }
  }

  private String journalId() throws JournalException {
    return position.journalId().isEmpty() ? JournalFit.journalId(journal) : position.journalId();
  }

  private Behavior<Command> onFoundDamaged(FoundDamaged found) {
    if (found.database() == begunAnew && !restoring && state != ReplicaGauge.State.OUT_OF_SERVICE) {
      replaceDamaged(found.reason());
    }
    return this;
  }

  private Behavior<Command> onRestoreProgress(RestoreProgress progress) {
    if (restoring && state == ReplicaGauge.State.RESTORING) {
      show(ReplicaGauge.State.RESTORING, Optional.of(progress.text()));
    }
    return this;
  }

  private Behavior<Command> onRestored(Restored restored) {
    restoring = false;
    restoreTried = true;
    if (state == ReplicaGauge.State.OUT_OF_SERVICE) {
      return this;
    }
    SnapshotRestore.Result result = restored.result();
    if (result.database().isPresent()) {
      install(result, result.database().get());
    } else if (!restoreNeeded) {
      getContext().getLog().debug("the journal is replayed: {}", result.told());
      restoreBelow = Long.MAX_VALUE; // the journal says what is given up
      step();
    } else {
      String reason = restoreReason + ", and no snapshot can be had: " + result.told();
      if (alone && result.isFinal()) {
        condemned(reason + "; restore a backup");
      } else {
        // Another node may come that has one, or space.
        failed(reason + "; a node that is ready takes one when it is told to (POST /snapshot)");
      }
    }
    return this;
  }

  private void install(SnapshotRestore.Result result, Path database) {
    closeApplier();
    try {
      reads.quiesce(
          CHECKPOINT_WAIT_MILLIS,
          () -> {
            reads.reopen();
            try {
              ReplicaFiles.install(databaseFile, database);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      failed("the snapshot cannot be put in the database's place: " + e.getCause());
      return;
    }
    metrics.restored();
    getContext()
        .getLog()
        .info(
            "the database is made from a snapshot up to event {}, from {}",
            result.seq(),
            result.told());
    restoreBelow = Long.MAX_VALUE;
    trustsOwnSnapshots = true;
    position = new ReplicaPosition(0, EventHash.none(), "", Optional.empty());
    beginAnew();
    restoreTried = true;
    EventApplier opening = open();
    if (opening != null) {
      session.tell(new WriteSession.Jumped(result.seq(), opening.openSessions()));
      step();
    }
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
      holds.add(killer);
      deadly = killer;
    }
  }

  /** The events to apply now: what was pushed if it is next, else from the journal. */
  private List<StoredEvent> next() {
    pushed.headMap(position.seq(), true).clear();
    nextArePushed = false;
    if (distrustPushes && position.seq() < head) {
      distrustPushes = false;
      return readMissing(position.seq() + 1);
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
    return readMissing(position.seq() + 1);
  }

  /** What is missing is read at a bounded rate, because the sequencer needs the journal too. */
  private List<StoredEvent> readMissing(long from) {
    List<StoredEvent> events = readJournal(from);
    long bytes = 0;
    for (StoredEvent event : events) {
      bytes += event.bytes().length;
    }
    long millis = bytes * 1000 / settings.catchUpBytesPerSecond();
    if (millis > 0) {
      timers.startSingleTimer(Self.UNTHROTTLED, Duration.ofMillis(millis));
    }
    return events;
  }

  private List<StoredEvent> readJournal(long from) {
    try {
      List<StoredEvent> events = journal.read(from, settings.batchEventsMax(), PAGE_BYTES);
      journalUnreachable = false;
      if (events.isEmpty()) {
        // The head was told before a failover, and nothing stands there after all.
        head = Math.max(position.seq(), journal.head());
      }
      return events;
    } catch (JournalGapException e) {
      if (e.isCutAway()) {
        startHead = -1; // the start is made again, with a snapshot
        step();
      } else {
        condemned(String.valueOf(e.getMessage()));
      }
      return List.of();
    } catch (JournalDamagedException e) {
      restoreBehind(e);
      return List.of();
    } catch (JournalException e) {
      metrics.journalFailed();
      journalUnreachable = true;
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
    long began = System.nanoTime();
    ApplyResult result =
        open.apply(
            events,
            verdicts,
            holds,
            oneByOne,
            new EventApplier.EntryWatch() {
              @Override
              public void before(Position entry) {
                if (careful) {
                  note.write(entry, true, deathsSoFar);
                }
              }

              @Override
              public boolean isGivenUp(Position running) {
                return runsLong(open, running);
              }

              @Override
              public void slow(EventApplier.SlowApply slow) {
                tookLong(slow);
              }

              @Override
              public void scrub(long seq, long timestampMicros, String journalId) {
                scrubs.reached(seq, timestampMicros, journalId, head, begunAnew);
              }
            },
            new CommitListener() {
              @Override
              public void entries(List<AppliedEntry> entries) {
                if (state == ReplicaGauge.State.HELD || state == ReplicaGauge.State.FAILED) {
                  recovered(); // before clients hear of it, who may write again at once
                }
                session.tell(new WriteSession.Applied(entries));
              }

              @Override
              public boolean wantsChanges() {
                return changes.isFollowed();
              }

              @Override
              public void changes(List<AppliedChange> applied) {
                changes.add(applied);
              }
            });
    metrics.applied(System.nanoTime() - began, open.sessionCount());
    for (StoredEvent event : events) {
      appliedBytes += event.seq() <= open.position().seq() ? event.bytes().length : 0;
    }
    position = open.position();
    gauge.runningLong(null);
    note.clear(); // whatever came of it, the process is alive
    if (result instanceof ApplyResult.Applied) {
      firstAttempt = false;
      deaths = 0;
      verdicts.keySet().removeIf(given -> given.seq() <= position.seq());
      holds.removeIf(held -> held.seq() <= position.seq());
      oneByOne = false;
      keepLogShort(open);
      recovered();
    } else if (result instanceof ApplyResult.Replaced replaced) {
      replace(replaced);
    } else if (result instanceof ApplyResult.Held held && isGivenUp(held.position())) {
      step();
    } else if (result instanceof ApplyResult.Held held) {
      hold(
          held.position(),
          held.position().equals(deadly)
              ? "the process died each time while applying it"
              : held.reason());
    } else if (result instanceof ApplyResult.Discarded discarded) {
      restoreBelow = discarded.position().seq();
      snapshots.tell(new SnapshotKeeper.Distrust(restoreBelow));
      makeAnew("request " + discarded.position() + " was applied here and is given up");
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
   * The database is another one from here on, by the journal's order. Reads that have begun go on
   * in the old one.
   */
  private void replace(ApplyResult.Replaced replaced) {
    closeApplier();
    EventApplier[] next = {null};
    try {
      // Reads that come meanwhile wait until the new file is open.
      reads.quiesce(
          CHECKPOINT_WAIT_MILLIS,
          () -> {
            reads.reopen();
            try {
              ReplicaFiles.replaceByLoaded(databaseFile);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
            next[0] = open();
          });
    } catch (UncheckedIOException e) {
      failed("the loaded database cannot be put in place: " + e.getCause());
      return;
    }
    firstAttempt = false;
    deaths = 0;
    // All of it was written: a snapshot from before is no good start any more.
    appliedBytes += databaseFile.toFile().length();
    getContext().getLog().info("the database was replaced as entry {} orders", replaced.position());
    if (!replaced.applied().isEmpty()) {
      session.tell(new WriteSession.Applied(replaced.applied()));
    }
    changes.beginAnew();
    if (next[0] != null) {
      recovered();
      step();
    }
  }

  /**
   * The node could not apply. If only this one request is too much for it, although there is room
   * for others, the request is held; else the node waits for its cause to go away. Damage is never
   * a request's fault: to give up what meets it would give up one request after the other.
   */
  private void applyFailed(ApplyResult.Failed failure) {
    EventApplier failing = applier;
    if (failing != null && !failure.damaged()) {
      failing.checkpoint(); // gives back the log's space, which may be what is missing
    }
    closeApplier();
    oneByOne = true;
    if (failure.damaged()) {
      damaged(failure.reason());
      return;
    }
    long now = System.nanoTime();
    if (!failure.position().equals(failingAt)) {
      failingAt = failure.position();
      failingSinceNanos = now;
    }
    failed(failure.reason());
    if (now - failingSinceNanos >= settings.holdAfter().toNanos()) {
      EventApplier again = open();
      if (again != null && again.standsBefore(failure.position()) && again.hasSpace()) {
        hold(failure.position(), failure.reason());
      }
    }
  }

  /**
   * A request runs without a limit, so that this actor does nothing else: no message is handled.
   * What has to go on meanwhile is done here, in the middle of a statement: the others hear where
   * this node stands, and an operator may give the request up.
   */
  private boolean runsLong(EventApplier open, Position running) {
    if (gauge.runningLong() == null) {
      getContext().getLog().warn("request {} is being applied without a limit", running);
      gauge.runningLong(whereAnswer(open.position()));
      show(
          ReplicaGauge.State.HELD,
          Optional.of("request " + running + " is being applied without a limit, for long now"));
    }
    try {
      verdictsReadUpTo = Math.max(verdictsReadUpTo, running.seq());
      List<StoredEvent> events;
      do {
        events = journal.read(verdictsReadUpTo + 1, settings.batchEventsMax(), PAGE_BYTES);
        learnVerdicts(events);
      } while (!events.isEmpty());
    } catch (JournalException | FormatException e) {
      getContext().getLog().debug("the journal could not be read for a verdict", e);
    }
    return isGivenUp(running);
  }

  /** What this node took is told to its session, which knows its client's name for it. */
  private void tookLong(EventApplier.SlowApply slow) {
    if (slow.ours()) {
      session.tell(new WriteSession.Slow(slow.session(), slow.number(), slow.statement()));
    } else {
      slow.statement().log("");
    }
  }

  private boolean isGivenUp(Position request) {
    Entry.Verdict verdict = verdicts.get(request);
    return verdict != null && verdict.abort();
  }

  private void hold(Position at, String reason) {
    heldAt = at;
    heldReason = reason;
    verdictsReadUpTo = Math.max(verdictsReadUpTo, at.seq());
    timers.cancel(Self.RETRY);
    failingAt = null;
    showHeld(at);
    metrics.held();
    getContext().getLog().warn("request {} is held: {}", at, reason);
    session.tell(new WriteSession.Held(at, reason));
    reportHeld(at);
    step();
  }

  private void showHeld(Position at) {
    show(ReplicaGauge.State.HELD, Optional.of("request " + at + " is held: " + heldReason));
  }

  /** Reads ahead for the verdict on a request that is held; one to run it may not be the last. */
  private boolean readVerdict(Position held) {
    if (!isGivenUp(held) && verdictsReadUpTo < head) {
      boolean read = readVerdicts(verdictsReadUpTo, head);
      if (read && state == ReplicaGauge.State.FAILED && !verdicts.containsKey(held)) {
        showHeld(held); // the journal had failed meanwhile
      }
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
        boolean nothingSaid =
            state != ReplicaGauge.State.OUT_OF_SERVICE
                && !restoring
                && !timers.isTimerActive(Self.RETRY);
        if (nothingSaid && verdictsReadUpTo < head) {
          failed("the journal gives no event after " + verdictsReadUpTo + " now, of " + head);
        }
        return verdictsReadUpTo >= head;
      }
      try {
        learnVerdicts(events);
      } catch (FormatException e) {
        condemned(String.valueOf(e.getMessage()));
        return false;
      }
    }
    return true;
  }

  private void learnVerdicts(List<StoredEvent> events) throws FormatException {
    for (StoredEvent stored : events) {
      Event event = EventCodec.decode(stored);
      for (Entry entry : event.entries()) {
        if (entry instanceof Entry.Verdict verdict) {
          learn(event.rules() < 2 ? verdict.fromWhereverEachStands() : verdict);
        }
      }
      verdictsReadUpTo = stored.seq();
    }
  }

  /** Whatever was said before: what is given up is given up. */
  private void learn(Entry.Verdict verdict) {
    verdicts.merge(
        verdict.position(),
        verdict,
        (first, next) -> !first.abort() && next.abort() ? next : first);
  }

  /** Keeps the write-ahead log in bounds, readers or not. */
  private void keepLogShort(EventApplier open) {
    walBytes = open.walBytes();
    scrubs.watch(walBytes);
    long now = System.nanoTime();
    // Who reads can be made to wait; who copies everything is waited for.
    boolean readersMayWait =
        walBytes > 2 * applySettings.walBytesMax()
            && now - quiesceFailedNanos >= QUIESCE_NANOS
            && !reads.isBeingCopied();
    if (walBytes <= applySettings.walBytesMax()
        || (!readersMayWait && now - checkpointFailedNanos < CHECKPOINT_NANOS)) {
      return;
    }
    boolean done = open.checkpoint();
    if (!done && readersMayWait) {
      boolean[] quiet = {false};
      reads.quiesce(CHECKPOINT_WAIT_MILLIS, () -> quiet[0] = open.checkpoint());
      done = quiet[0];
      quiesceFailedNanos = done ? quiesceFailedNanos : System.nanoTime();
    }
    checkpointFailedNanos = done ? checkpointFailedNanos : System.nanoTime();
    walBytes = open.walBytes();
  }

  private void recovered() {
    wait = settings.retryMin();
    failingAt = null;
    damages = 0;
    boolean caughtUp = position.seq() >= startHead;
    if (caughtUp && !forgotAside) {
      forgotAside = true;
      forgetAside();
    }
    if (heldAt == null) {
      if (state == ReplicaGauge.State.FAILED || state == ReplicaGauge.State.HELD) {
        getContext().getLog().info("the replica applies again, at event {}", position.seq());
      }
      show(
          caughtUp ? ReplicaGauge.State.APPLYING : ReplicaGauge.State.CATCHING_UP,
          Optional.empty());
    }
  }

  /** What was kept of an earlier database is of no use any more. */
  private void forgetAside() {
    try {
      ReplicaFiles.forgetAside(databaseFile);
    } catch (IOException e) {
      getContext().getLog().warn("a replaced database could not be deleted: {}", e.toString());
    }
  }

  private void failed(String reason) {
    metrics.replicaFailed();
    if (!problem.equals(Optional.of(reason))) {
      String said = "the replica cannot go on, and tries again: {}";
      if (journalUnreachable) {
        getContext().getLog().warn(said, reason);
      } else {
        getContext().getLog().error(said, reason);
      }
    }
    show(ReplicaGauge.State.FAILED, Optional.of(reason));
    timers.startSingleTimer(Self.RETRY, wait);
    Duration doubled = wait.multipliedBy(2);
    wait = doubled.compareTo(settings.retryMax()) < 0 ? doubled : settings.retryMax();
  }

  /**
   * The database is damaged. It is looked at once more by another connection; then it is made anew,
   * but not again and again: a disk that damages what it is given is for an operator.
   */
  private void damaged(String reason) {
    damages++;
    if (damages == 1) {
      failed(reason);
    } else {
      replaceDamaged(reason);
    }
  }

  private void replaceDamaged(String reason) {
    if (madeAnewForDamage >= MADE_ANEW_MAX) {
      condemned(
          "the database was made anew "
              + madeAnewForDamage
              + " times and is damaged again: look at the disk ("
              + reason
              + ")");
    } else {
      damages = 0;
      madeAnewForDamage++;
      // What was taken before from a database that is damaged again may be damaged itself.
      trustsOwnSnapshots = madeAnewForDamage == 1 || alone;
      makeAnew("it is damaged: " + reason);
    }
  }

  /**
   * The database is made anew, from a snapshot or the journal, because it holds what it must not
   * hold.
   */
  private void makeAnew(String reason) {
    metrics.rebuilt();
    getContext().getLog().warn("the database is made anew: {}", reason);
    closeApplier();
    try {
      ReplicaFiles.setAside(databaseFile);
      position = new ReplicaPosition(0, EventHash.none(), "", Optional.empty());
      beginAnew();
      show(ReplicaGauge.State.CATCHING_UP, Optional.of(reason));
      step();
    } catch (IOException e) {
      failed("the database cannot be made anew: " + e);
    }
  }

  /** Nothing that was known of another database counts any more, verdicts included. */
  private void beginAnew() {
    timesOpened++;
    begunAnew++;
    snapshots.tell(new SnapshotKeeper.BegunAnew());
    scrubs.begunAnew();
    startHead = -1;
    restoreTried = false;
    forgotAside = false;
    verifiedSeq = 0;
    comparedSeq = 0;
    comparedDigest = 0;
    heldAt = null;
    failingAt = null;
    verdicts.clear();
    pushed.clear();
    changes.beginAnew();
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
            appliedBytes,
            head,
            epoch,
            sequencerNodeId,
            caughtUp && !condemned,
            (caughtUp || journalUnreachable) && !condemned,
            heardNanos,
            atHeadNanos,
            walBytes,
            // The others are who has the snapshot that a node waits for.
            startHead >= 0 || condemned || restoring || restoreNeeded,
            journalUnreachable,
            suspectsJournal,
            comparedSeq,
            comparedDigest,
            position.settings()));
    readGate.tell(ReadGate.Moved.HERE);
  }

  private void closeApplier() {
    EventApplier open = applier;
    applier = null;
    handle.set(null);
    scrubs.cancel("the database is closed");
    if (open != null) {
      open.close();
    }
  }

  private Behavior<Command> onStopped() {
    EventApplier open = applier;
    if (open != null) {
      open.checkpoint(); // whoever copies the file of a stopped node has all of it
    }
    reads.reopen(); // whoever still reads keeps the log; the last to close removes it
    closeApplier();
    return this;
  }
}
