package actors;

import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import sql.Position;
import storage.DatabaseConnections;
import storage.Entry;
import storage.EntryCodec;
import storage.Event;
import storage.EventCodec;
import storage.EventHash;
import storage.FormatException;
import storage.Formats;
import storage.Journal;
import storage.JournalException;
import storage.JournalGapException;
import storage.ReplicatedSettings;
import storage.StoredEvent;

/**
 * Gives every write its place in the one order: collects what arrives while an append is in flight
 * and appends it as one event.
 *
 * <p>One instance runs in the cluster, but nothing rests on that: the journal's unique sequence
 * number decides, and a sequencer that was overtaken fails at its next append. Before it takes
 * anything it appends {@code Opened}, which proves that nothing lies between what it read and that
 * number. It stops on every failure; what it was appending is in doubt, its queue is dropped and
 * sent again by the sessions. {@link SequencerHost} starts the next one.
 */
public final class Sequencer extends AbstractBehavior<Sequencer.Command> {

  /**
   * Limits of the sequencer.
   *
   * @param queueMax items that wait at most
   * @param queueBytesMax their bytes
   * @param batchRequestsMax entries of one event
   * @param eventBytesMax bytes of one event; a larger request is appended in parts
   * @param weakAgeMax how long after a journal round trip began its result still counts as
   *     committed for a weak read
   * @param reportWait how long to wait for every process's word on a request that one cannot apply
   * @param scrubInterval from one scrub to the next; zero for none but by hand
   * @param vacuumFreeBytes how much of a database has to be free before it is written anew without
   *     that, if it is more than half of it; 0 for never
   */
  public record Settings(
      int queueMax,
      long queueBytesMax,
      int batchRequestsMax,
      int eventBytesMax,
      Duration weakAgeMax,
      Duration reportWait,
      Duration scrubInterval,
      long vacuumFreeBytes) {}

  /** What the sequencer accepts. */
  public sealed interface Command {}

  /** Order these; whoever does not hear of their position or their apply sends them again. */
  public record Submit(List<Item> items, ActorRef<NodeMessage> node) implements Command, Wire {}

  /**
   * A piece of a submitted item that is too large for one message.
   *
   * @param index from 0
   * @param count how many pieces there are
   * @param length bytes of the whole item
   */
  public record Fragment(
      Position session,
      long number,
      int index,
      int count,
      int length,
      byte[] bytes,
      ActorRef<NodeMessage> node)
      implements Command, Wire {}

  /**
   * Something to be ordered.
   *
   * @param session the session it is numbered in; {@code 0.0} for the opening of one
   * @param number its number, 0 for what has none
   * @param cancel whether it gives the number up
   * @param entry encoded by {@link EntryCodec}
   */
  public record Item(Position session, long number, boolean cancel, byte[] entry) {}

  /**
   * A node says how far it is, and asks for the head; while it does so, events are pushed to it.
   *
   * @param node where it is
   * @param processId names the run of the node's process
   * @param applied the last event it has applied
   * @param rules the newest determinism rules it can apply
   * @param asked when it asked, by its own clock; comes back with the answer
   * @param sqliteVersion of the SQLite it runs
   * @param comparedSeq the event up to which its outcomes are digested, 0 for none
   * @param comparedDigest that digest
   */
  public record Progress(
      ActorRef<NodeMessage> node,
      String nodeId,
      String processId,
      long applied,
      int rules,
      long asked,
      String sqliteVersion,
      long comparedSeq,
      long comparedDigest)
      implements Command, Wire {}

  /** What position is committed? */
  public record AskCommitted(long question, ActorRef<NodeMessage> node) implements Command, Wire {}

  /**
   * A replica cannot apply this request and holds before it.
   *
   * @param statement how many of its statements it has committed
   * @param processes whose sessions are open there
   */
  public record ReportHeld(
      Position position,
      int statement,
      List<String> processes,
      String reason,
      ActorRef<NodeMessage> node)
      implements Command, Wire {}

  /**
   * A process says whether it has applied a request; if not, it stays before it until the verdict.
   */
  public record HoldAnswer(Position position, String processId, boolean applied, int statement)
      implements Command, Wire {}

  /**
   * An operator gives up a request that some replica has not got past, also after a verdict to
   * apply it. Replicas that have applied it make their database anew without it.
   */
  record AskAbort(Position position, ActorRef<AbortAnswer> replyTo) implements Command, Wire {}

  /**
   * What became of it.
   *
   * @param problem why it is not given up; empty if it is
   * @param verdictSeq the event that says so, durable
   * @param statements the SQL that is given up
   */
  record AbortAnswer(String problem, long verdictSeq, List<String> statements) implements Wire {}

  /**
   * What the last scrub that a node has come to has found there; told now and then, also to a
   * sequencer that did not order it.
   *
   * @param seq the event that ordered it
   * @param timestampMicros that event's time
   * @param running whether the node is about to look
   * @param undecided whether it has heard that contents differ and nobody can tell who is right,
   *     and of no decision since
   * @param digest of its contents as of that event; empty if it has not looked, or its database is
   *     another one now
   * @param sqliteVersion that read them
   */
  record ScrubWord(
      String nodeId,
      long seq,
      long timestampMicros,
      boolean running,
      boolean undecided,
      byte[] digest,
      String sqliteVersion,
      ActorRef<NodeMessage> node)
      implements Command, Wire {}

  /** An operator wants every replica's contents compared now. */
  record AskScrub(ActorRef<ScrubAnswer> replyTo) implements Command, Wire {}

  /**
   * What became of it.
   *
   * @param problem why none is ordered; empty if one is
   * @param seq the event that orders it, durable
   */
  record ScrubAnswer(String problem, long seq) implements Wire {}

  /** For the host: start the next sequencer, if this node may. */
  enum Restart implements ForHost {
    NOW
  }

  /** For the host: the journal keeps this sequencer waiting. */
  enum Slow implements ForHost {
    NOW
  }

  /** What only the host understands, and keeps from the sequencer. */
  non-sealed interface ForHost extends Command {}

  /** The writer knows the highest sequence number. */
  record WriterReady(long lastSeq) implements Command {}

  /** The event with this number is durable. */
  record Persisted(long seq) implements Command {}

  /** For a sequencer that is to end: append what is in flight, and no more. */
  enum Finish implements Command {
    NOW
  }

  /**
   * What the journal holds.
   *
   * @param settings of the last epoch
   * @param lacksOpening whether its opening event was cut away
   * @param first where the journal begins, asked after all events were read
   */
  private record Read(
      @Nullable StoredEvent last,
      @Nullable Event event,
      Optional<ReplicatedSettings> settings,
      boolean lacksOpening,
      Map<Long, StoredEvent> atMembers,
      long first,
      Time time)
      implements Command {}

  private record Time(long micros, long atNanos, long wallMicros) implements Command {}

  private record Sessions(Replica.OpenSessions answer) implements Command {}

  private record Where(Replica.WhereAnswer answer) implements Command {}

  private record AbortRead(AskAbort ask, OperatorAbort.Request request) implements Command {}

  private record HeadRead(long began, long committedThen, long head) implements Command {}

  private record JournalFailed(String reason) implements Command {}

  private record Question(@Nullable AskCommitted ask, long asked, long arrivedNanos) {}

  private enum Tick implements Command {
    SET_CLOCK,
    CLOSE_SESSIONS,
    LOOK
  }

  /** Who the members of the cluster are. */
  interface Members {
    /** Those that can be reached now, this node included. */
    List<ActorRef<NodeMessage>> reachable();

    /** Whether there can never be another node: then it decides alone what it gives up. */
    boolean isSoleNode();

    /** How many there are, also those that cannot be reached now. */
    int count();

    /** Whether there is no member that cannot be reached. */
    boolean areAllReachable();

    /** This node. */
    ActorRef<NodeMessage> self();
  }

  private static final Duration CLOCK_INTERVAL = Duration.ofMinutes(1);
  private static final Duration CLOCK_ALARM = Duration.ofSeconds(10);
  private static final Duration SLOW = Duration.ofSeconds(1);
  private static final Duration LOOK_INTERVAL = Duration.ofMillis(100);
  private static final Duration HEARD_MAX = Duration.ofSeconds(1);
  private static final Duration SILENCE_MAX = Duration.ofSeconds(5);
  private static final Duration ANSWERS_MAX = Duration.ofSeconds(1);
  private static final Duration OWN_ANSWER_MAX = Duration.ofSeconds(30);
  private static final Duration COMPARE_INTERVAL = Duration.ofSeconds(2);
  private static final Duration SESSIONS_INTERVAL = Duration.ofSeconds(10);

  /** From one vacuum to the next; nothing is applied meanwhile. */
  private static final Duration VACUUM_INTERVAL = Duration.ofMinutes(10);

  /** How long a process may be gone before its session is closed. */
  private static final Duration SESSION_PATIENCE = Duration.ofMinutes(1);

  private static final int PUSHED_BYTES_MAX = 128 * 1024;
  private static final int SCRUBS_ASKED_MAX = 100;
  private static final String OLD_MEMBER =
      "a member runs a release that knows no scrubs, or has not been heard of yet";
  private static final Position NO_SESSION = new Position(0, 0);

  private final Settings settings;
  private final String nodeId;
  private final ReplicatedSettings replicated;
  private final LocalParts parts;
  private final Members members;
  private final ActorRef<Command> host;
  private final Journal journal;
  private final Executor journalExecutor;
  private final Function<String, Behavior<SnapshotCoordinator.Command>> snapshots;
  private final TimerScheduler<Command> timers;
  private final SecureRandom random = new SecureRandom();
  private final SequencerClock clock = new SequencerClock(System::nanoTime);
  private final SequencerQueue queue;
  private final Fragments fragments;
  private final HeldRequests held;
  private final Peers peers = new Peers();
  private final Scrubs scrubs;
  private final List<AskScrub> scrubsAsked = new ArrayList<>();
  private final ArrayDeque<byte[]> partsLeft = new ArrayDeque<>();
  private final List<Question> questions = new ArrayList<>();
  private final Map<ActorRef<NodeMessage>, Question> headQuestions = new HashMap<>();
  private final Map<String, Replica.WhereAnswer> where = new HashMap<>();
  private final Set<Position> closed = new HashSet<>();

  /** What operators have given up, by the verdict that is not durable yet. */
  private final Map<Item, AbortRead> aborts = new IdentityHashMap<>();

  private final Map<Position, Long> orphanedSinceNanos = new HashMap<>();

  private @Nullable ActorRef<LogWriter.Append> writer;
  private @Nullable ActorRef<SnapshotCoordinator.Command> coordinator;
  private String journalId = "";
  private long lastSeq;
  private byte[] lastHash = EventHash.none();
  private long epoch;
  private boolean open;
  private boolean opening;
  private boolean finishing;
  private byte @Nullable [] inFlight;
  private List<SequencerQueue.Waiting> inFlightItems = List.of();
  private long appendBegan;
  private long roundTripBegan = Long.MIN_VALUE;
  private int rules = Formats.newestRules();
  private boolean askingHead;
  private long askingHeadNanos;
  private long toldSlowNanos;
  private boolean alarmed;
  private int asked;
  private long askedNanos;
  private long answeredNanos;
  private long compareSeq;
  private long compareNanos;
  private long openedMicros;
  private boolean scrubWanted;

  /** Whether the event in flight orders a scrub. */
  private boolean scrubInFlight;

  /** The time of the event in flight. */
  private long inFlightMicros;

  private boolean cutsForbidden;
  private long vacuumNanos = System.nanoTime() - VACUUM_INTERVAL.toNanos();

  /**
   * @param snapshots makes what looks after the snapshots while this sequencer is open, for the
   *     journal of this id
   */
  static Behavior<Command> create(
      Settings settings,
      String nodeId,
      ReplicatedSettings replicated,
      LocalParts parts,
      Members members,
      ActorRef<Command> host,
      Journal journal,
      Executor journalExecutor,
      Function<String, Behavior<SnapshotCoordinator.Command>> snapshots) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new Sequencer(
                        context,
                        timers,
                        settings,
                        nodeId,
                        replicated,
                        parts,
                        members,
                        host,
                        journal,
                        journalExecutor,
                        snapshots)));
  }

  private Sequencer(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Settings settings,
      String nodeId,
      ReplicatedSettings replicated,
      LocalParts parts,
      Members members,
      ActorRef<Command> host,
      Journal journal,
      Executor journalExecutor,
      Function<String, Behavior<SnapshotCoordinator.Command>> snapshots) {
    super(context);
    context.setLoggerName(Sequencer.class);
    this.timers = timers;
    this.settings = settings;
    this.nodeId = nodeId;
    this.replicated = replicated;
    this.parts = parts;
    this.members = members;
    this.host = host;
    this.journal = journal;
    this.journalExecutor = journalExecutor;
    this.snapshots = snapshots;
    this.queue = new SequencerQueue(settings.queueMax(), settings.queueBytesMax());
    this.fragments = new Fragments(settings.queueBytesMax());
    this.held = new HeldRequests(settings.reportWait());
    this.scrubs = new Scrubs(settings.scrubInterval());
    timers.startTimerWithFixedDelay(Tick.LOOK, LOOK_INTERVAL);
    askMembers();
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Submit.class, this::onSubmit)
        .onMessage(Persisted.class, this::onPersisted)
        .onMessage(Progress.class, this::onProgress)
        .onMessage(AskCommitted.class, this::onAskCommitted)
        .onMessage(HeadRead.class, this::onHeadRead)
        .onMessage(Fragment.class, this::onFragment)
        .onMessage(ReportHeld.class, this::onReportHeld)
        .onMessage(HoldAnswer.class, this::onHoldAnswer)
        .onMessage(AskAbort.class, this::onAskAbort)
        .onMessage(AbortRead.class, this::onAbortRead)
        .onMessage(ScrubWord.class, this::onScrubWord)
        .onMessage(AskScrub.class, this::onAskScrub)
        .onMessage(Where.class, this::onWhere)
        .onMessage(WriterReady.class, this::onWriterReady)
        .onMessage(Read.class, this::onRead)
        .onMessage(Time.class, this::onTime)
        .onMessage(Sessions.class, this::onSessions)
        .onMessage(JournalFailed.class, this::onJournalFailed)
        .onMessageEquals(Tick.LOOK, this::onLook)
        .onMessageEquals(Tick.SET_CLOCK, this::onSetClock)
        .onMessageEquals(Tick.CLOSE_SESSIONS, this::onCloseSessions)
        .onMessageEquals(Finish.NOW, this::onFinish)
        .onSignal(ChildFailed.class, this::onWriterFailed)
        .onSignal(Terminated.class, this::onWriterStopped)
        .onSignal(PostStop.class, stop -> onStopped())
        .build();
  }

  private Behavior<Command> onSubmit(Submit submit) {
    List<WriteSession.OrderedItem> known = new ArrayList<>();
    for (Item item : submit.items()) {
      take(item, submit.node(), known);
    }
    if (!known.isEmpty()) {
      tell(submit.node(), new WriteSession.Ordered(epoch, known));
    }
    flush();
    return this;
  }

  private void take(Item item, ActorRef<NodeMessage> node, List<WriteSession.OrderedItem> known) {
    Position position = queue.orderedAt(item);
    if (position != null) {
      known.add(new WriteSession.OrderedItem(item.session(), item.number(), position));
    } else if (!closed.contains(item.session())) {
      queue.add(new SequencerQueue.Waiting(item, node));
    }
  }

  private Behavior<Command> onFragment(Fragment fragment) {
    Item whole = fragments.add(fragment, System.nanoTime());
    if (whole != null) {
      onSubmit(new Submit(List.of(whole), fragment.node()));
    }
    return this;
  }

  /** What is for this node itself stays in the process and is never serialized. */
  private void tell(ActorRef<NodeMessage> node, NodeMessage message) {
    if (node.equals(members.self())) {
      parts.deliver(message);
    } else {
      node.tell(message);
    }
  }

  /** Appends the next event, unless one is in flight. */
  private void flush() {
    if (!open || inFlight != null) {
      return;
    }
    if (!partsLeft.isEmpty()) {
      append(List.of(partsLeft.remove()));
      return;
    }
    if (scrubWanted && !finishing) {
      scrubWanted = false;
      if (rules >= Formats.scrubRules()) {
        // Alone in its event, so that what every replica looks at is what stands before it.
        scrubInFlight = true;
        inFlightItems = List.of();
        append(List.of(EntryCodec.encode(new Entry.Scrub())));
        return;
      }
      answerScrub(new ScrubAnswer(OLD_MEMBER, 0));
    }
    if (queue.isEmpty() || finishing) {
      return;
    }
    int entryMax = settings.eventBytesMax() - EventCodec.HEADER_BYTES_MAX;
    inFlightItems = queue.take(settings.batchRequestsMax(), entryMax, entryMax);
    Item first = inFlightItems.get(0).item();
    if (first.entry().length > entryMax) {
      split(first, entryMax);
      append(List.of(partsLeft.remove()));
    } else {
      append(inFlightItems.stream().map(waiting -> waiting.item().entry()).toList());
    }
  }

  /** Cuts a large request into parts; they are appended with nothing between. */
  private void split(Item item, int entryMax) {
    Entry.Submitted submitted;
    try {
      submitted = (Entry.Submitted) EntryCodec.decode(item.entry());
    } catch (FormatException e) {
      throw new IllegalStateException("a session sent what cannot be read", e);
    }
    int partMax = entryMax - 64;
    byte[] request = submitted.request();
    int count = (request.length + partMax - 1) / partMax;
    for (int i = 0; i < count; i++) {
      int from = i * partMax;
      byte[] bytes = Arrays.copyOfRange(request, from, Math.min(request.length, from + partMax));
      partsLeft.add(
          EntryCodec.encode(
              new Entry.Part(submitted.session(), submitted.number(), i, count, bytes)));
    }
  }

  private void append(List<byte[]> entries) {
    ActorRef<LogWriter.Append> to = writer;
    if (to == null) {
      throw new IllegalStateException("there is nothing to append with");
    }
    inFlightMicros = clock.next();
    Event header =
        new Event(rules, journalId, lastHash, epoch, inFlightMicros, random.nextLong(), List.of());
    byte[] bytes = EventCodec.encode(header, entries);
    inFlight = bytes;
    appendBegan = System.nanoTime();
    to.tell(new LogWriter.Append(bytes));
    lastHash = EventHash.of(bytes); // while the journal writes; it counts once that is done
  }

  private Behavior<Command> onPersisted(Persisted persisted) {
    byte[] bytes = inFlight;
    if (bytes == null || persisted.seq() != lastSeq + 1) {
      throw new IllegalStateException(
          "event " + persisted.seq() + " was persisted instead of " + (lastSeq + 1));
    }
    lastSeq = persisted.seq();
    roundTripBegan = appendBegan;
    parts
        .metrics()
        .appended(
            partsLeft.isEmpty() ? inFlightItems.size() : 0,
            bytes.length,
            System.nanoTime() - appendBegan);
    inFlight = null;
    push(bytes);
    if (!open) {
      opened();
    } else if (scrubInFlight) {
      scrubInFlight = false;
      scrubWanted = false; // whoever asked meanwhile is answered with this one
      scrubs.ordered(lastSeq, inFlightMicros, System.nanoTime());
      getContext().getLog().info("all replicas are looked through as of event {}", lastSeq);
      answerScrub(new ScrubAnswer("", lastSeq));
    } else if (partsLeft.isEmpty()) {
      acknowledge();
    }
    if (finishing && partsLeft.isEmpty()) {
      return Behaviors.stopped();
    }
    flush();
    return this;
  }

  /** What was appended is answered; what waits is sent again, to the next sequencer. */
  private Behavior<Command> onFinish() {
    finishing = true;
    return inFlight == null || isSlow(System.nanoTime()) ? Behaviors.stopped() : this;
  }

  /** Whether the journal has kept this sequencer waiting for longer than it should. */
  private boolean isSlow(long now) {
    boolean append = inFlight != null && now - appendBegan > SLOW.toNanos();
    return append || (askingHead && now - askingHeadNanos > SLOW.toNanos());
  }

  private void push(byte[] bytes) {
    NodeMessage message =
        bytes.length <= PUSHED_BYTES_MAX ? new Replica.Push(lastSeq, bytes) : head(0);
    peers.applied(members.self(), parts.gauge().read().applied());
    peers.push(lastSeq, bytes.length, node -> tell(node, message));
  }

  private Replica.Head head(long asked) {
    return new Replica.Head(lastSeq, epoch, nodeId, getContext().getSelf(), asked, compareSeq);
  }

  /** Tells the sessions where their items stand. */
  private void acknowledge() {
    Map<ActorRef<NodeMessage>, List<WriteSession.OrderedItem>> byNode = new HashMap<>();
    int index = 0;
    for (SequencerQueue.Waiting waiting : inFlightItems) {
      Position position = new Position(lastSeq, index++);
      Item item = waiting.item();
      queue.remember(item, position);
      if (!aborts.isEmpty()) {
        answerAbort(item);
      }
      byNode
          .computeIfAbsent(waiting.node(), node -> new ArrayList<>())
          .add(new WriteSession.OrderedItem(item.session(), item.number(), position));
    }
    inFlightItems = List.of();
    byNode.forEach((node, items) -> tell(node, new WriteSession.Ordered(epoch, items)));
  }

  /** The head is told only when the journal has confirmed it lately. */
  private Behavior<Command> onProgress(Progress progress) {
    long now = System.nanoTime();
    if (peers.heard(progress.node(), progress, now)
        && !progress.sqliteVersion().equals(DatabaseConnections.sqliteVersion())) {
      getContext()
          .getLog()
          .warn(
              "node {} runs SQLite {} and this one {}: their outcomes are watched, and nothing but"
                  + " an upgrade should last in this state",
              progress.nodeId(),
              progress.sqliteVersion(),
              DatabaseConnections.sqliteVersion());
    }
    if (!open) {
      return this;
    }
    if (isYoung(now)) {
      progress.node().tell(head(progress.asked()));
    } else {
      headQuestions.put(progress.node(), new Question(null, progress.asked(), now));
      askHead(now);
    }
    return this;
  }

  private boolean isYoung(long now) {
    return roundTripBegan != Long.MIN_VALUE
        && now - roundTripBegan < settings.weakAgeMax().toNanos();
  }

  /** Looks after what has to happen in time although no message brings it about. */
  private Behavior<Command> onLook() {
    long now = System.nanoTime();
    boolean slow = isSlow(now);
    if (slow && finishing) {
      return Behaviors.stopped(); // it is in doubt, which the next opening settles
    }
    if (slow && now - toldSlowNanos > SLOW.toNanos()) {
      toldSlowNanos = now;
      host.tell(Slow.NOW);
    }
    if (!open) {
      return writer == null ? lookForAnswers(now) : this;
    }
    peers.forgetSilent(now, SILENCE_MAX.toNanos());
    parts
        .metrics()
        .sequencer(
            new NodeMetrics.SequencerReading(
                true, queue.size(), queue.bytes(), peers.lags(lastSeq)));
    boolean allKnown = true;
    for (ActorRef<NodeMessage> node : members.reachable()) {
      if (!peers.isKnown(node, now, HEARD_MAX.toNanos())) {
        allKnown = false;
        node.tell(head(0)); // it joined later, or has lost sight of this sequencer
      }
    }
    // Newer rules begin only when every member, also one that is silent now, has said it knows
    // them.
    rules = allKnown && members.areAllReachable() ? peers.rules() : Math.min(rules, peers.rules());
    compareDigests(now);
    lookAtScrub(now);
    for (Entry.Verdict verdict :
        held.verdicts(now, process -> peers.isHeard(process, now, HEARD_MAX.toNanos()))) {
      int statement = rules < 2 ? 0 : verdict.statement();
      byte[] entry =
          EntryCodec.encode(
              new Entry.Verdict(verdict.position(), statement, verdict.abort(), verdict.reason()));
      if (order(entry)) {
        held.settled(verdict.position());
        parts.metrics().verdict(verdict.abort());
        getContext()
            .getLog()
            .warn(
                "request {} is {}: {}",
                verdict.position(),
                verdict.abort() ? "given up" : "to be applied without a limit",
                verdict.reason());
      }
    }
    flush();
    return this;
  }

  /** Has all nodes digest their outcomes up to one event, and looks whether they agree. */
  private void compareDigests(long now) {
    if (now - compareNanos < COMPARE_INTERVAL.toNanos()) {
      return;
    }
    compareNanos = now;
    List<DigestComparison.Word> words = peers.words(compareSeq);
    DigestComparison.Result result = DigestComparison.compare(compareSeq, words);
    tellCoordinator(words, result);
    for (DigestComparison.Word diverged : result.diverged()) {
      String node = diverged.nodeId();
      getContext()
          .getLog()
          .error("node {} differs from the others up to event {}", node, compareSeq);
      peers.tellNode(node, new Replica.Diverged(compareSeq, diverged.digest()));
    }
    if (result.alarm().isPresent() && !alarmed) {
      alarmed = true;
      getContext().getLog().error("{}", result.alarm().get());
    }
    compareSeq = peers.appliedByMost(lastSeq);
  }

  /**
   * Which snapshots may be relied on follows from whose outcomes, and contents, are those of the
   * majority.
   */
  private void tellCoordinator(List<DigestComparison.Word> words, DigestComparison.Result result) {
    ActorRef<SnapshotCoordinator.Command> to = coordinator;
    if (to == null) {
      return;
    }
    Set<String> nodes = new HashSet<>();
    words.forEach(word -> nodes.add(word.nodeId()));
    Set<String> doubted = new HashSet<>();
    result.diverged().forEach(word -> doubted.add(word.nodeId()));
    scrubs.verdict().ifPresent(verdict -> doubted.addAll(verdict.wrong()));
    boolean undecided = scrubs.isUndecided();
    if (undecided || cutsForbidden) {
      cutsForbidden = undecided;
      to.tell(new SnapshotCoordinator.Cuts(!undecided));
    }
    if (undecided) {
      doubted.addAll(scrubs.compared());
    }
    if (result.alarm().isPresent() || undecided) {
      doubted.addAll(nodes);
    }
    if (!doubted.isEmpty()) {
      to.tell(new SnapshotCoordinator.Doubted(doubted));
    }
    nodes.removeAll(doubted);
    if (2 * nodes.size() > members.count()) {
      to.tell(new SnapshotCoordinator.Agreed(compareSeq, nodes));
    }
  }

  /** Decides what the last scrub has shown, and orders the next one when it is due. */
  private void lookAtScrub(long now) {
    scrubs.decide(peers.nodeIds(), members.count(), now).ifPresent(this::scrubbed);
    if (!scrubWanted
        && !scrubInFlight
        && rules >= Formats.scrubRules()
        && scrubs.isDue(clock.now(), openedMicros)) {
      scrubWanted = true;
    }
  }

  private void scrubbed(ScrubVerdict verdict) {
    switch (verdict.kind()) {
      case CLEAN, ALONE -> getContext().getLog().info("scrub: {}", verdict.text());
      case INCOMPLETE -> getContext().getLog().warn("scrub: {}", verdict.text());
      case DIFFERENT -> {
        getContext().getLog().error("scrub: {}; they make it anew", verdict.text());
        parts.metrics().scrubDiffered();
        ActorRef<SnapshotCoordinator.Command> to = coordinator;
        if (to != null) {
          Set<String> right = new HashSet<>(scrubs.compared());
          verdict.wrong().forEach(right::remove);
          to.tell(new SnapshotCoordinator.Differed(Set.copyOf(verdict.wrong()), right));
        }
      }
      case UNDECIDED -> {
        getContext().getLog().error("scrub: {}; the journal is not cut any more", verdict.text());
        parts.metrics().scrubDiffered();
      }
    }
    Replica.Scrubbed told = told(verdict);
    peers.tellAll(node -> node.tell(told));
  }

  private static Replica.Scrubbed told(ScrubVerdict verdict) {
    return new Replica.Scrubbed(
        verdict.seq(), verdict.kind().text(), verdict.digest(), verdict.wrong(), verdict.text());
  }

  /** Who tells is told how it has ended, as often as he tells: any of these may be lost. */
  private Behavior<Command> onScrubWord(ScrubWord word) {
    if (!open || word.seq() > lastSeq || word.digest().length % EventHash.LENGTH != 0) {
      return this;
    }
    scrubs.heard(
        word.seq(),
        word.timestampMicros(),
        new ScrubVerdict.Word(word.nodeId(), word.sqliteVersion(), word.digest()),
        word.running(),
        word.undecided(),
        System.nanoTime());
    lookAtScrub(System.nanoTime());
    scrubs
        .verdict()
        .filter(verdict -> verdict.seq() == word.seq() && !word.running())
        .ifPresent(verdict -> word.node().tell(told(verdict)));
    return this;
  }

  private Behavior<Command> onAskScrub(AskScrub ask) {
    if (!open || finishing) {
      ask.replyTo().tell(new ScrubAnswer("no sequencer is open; try again", 0));
    } else if (rules < Formats.scrubRules()) {
      ask.replyTo().tell(new ScrubAnswer(OLD_MEMBER, 0));
    } else if (scrubs.isRunning()) {
      String running = "the scrub as of event " + scrubs.seq() + " has not ended; try again";
      ask.replyTo().tell(new ScrubAnswer(running, 0));
    } else if (scrubsAsked.size() < SCRUBS_ASKED_MAX) {
      scrubsAsked.add(ask);
      scrubWanted = true;
      flush();
    }
    return this;
  }

  private void answerScrub(ScrubAnswer answer) {
    scrubsAsked.forEach(ask -> ask.replyTo().tell(answer));
    scrubsAsked.clear();
  }

  /** Orders something of the sequencer's own. */
  private boolean order(byte[] entry) {
    return order(new Item(NO_SESSION, 0, false, entry));
  }

  private boolean order(Item own) {
    return queue.add(new SequencerQueue.Waiting(own, members.self()));
  }

  /** Only what some replica stands before: nobody takes back what all have applied. */
  private Behavior<Command> onAskAbort(AskAbort ask) {
    Position position = ask.position();
    if (!open) {
      refuse(ask, "no sequencer is open yet; try again");
    } else if (position.seq() > lastSeq) {
      refuse(ask, "the journal's last event is " + lastSeq);
    } else if (peers.appliedByAll() >= position.seq()) {
      refuse(ask, "every node has got past it");
    } else {
      getContext()
          .pipeToSelf(
              CompletableFuture.supplyAsync(
                  () -> OperatorAbort.request(journal, position), journalExecutor),
              (request, failure) ->
                  new AbortRead(
                      ask,
                      request != null
                          ? request
                          : OperatorAbort.unknown(journalFailed(failure).reason())));
    }
    return this;
  }

  private Behavior<Command> onAbortRead(AbortRead read) {
    AskAbort ask = read.ask();
    OperatorAbort.Request request = read.request();
    Item item =
        new Item(
            NO_SESSION,
            0,
            false,
            EntryCodec.encode(
                new Entry.Verdict(ask.position(), 0, true, "given up: an operator decided so")));
    if (!request.problem().isEmpty()) {
      refuse(ask, request.problem());
    } else if (finishing || !order(item)) {
      refuse(ask, "the sequencer takes nothing now; try again");
    } else {
      getContext()
          .getLog()
          .warn("an operator gives up request {}: {}", ask.position(), request.statements());
      held.settled(ask.position());
      parts.metrics().verdict(true);
      aborts.put(item, read);
      flush();
    }
    return this;
  }

  /** Its verdict is durable. */
  private void answerAbort(Item verdict) {
    AbortRead abort = aborts.remove(verdict);
    if (abort != null) {
      AbortAnswer answer = new AbortAnswer("", lastSeq, abort.request().statements());
      abort.ask().replyTo().tell(answer);
    }
  }

  private static void refuse(AskAbort ask, String problem) {
    ask.replyTo().tell(new AbortAnswer(problem, 0, List.of()));
  }

  /**
   * A committed position that is older than the limit proves nothing, because another sequencer may
   * have opened since; then the journal is asked first.
   */
  private Behavior<Command> onAskCommitted(AskCommitted ask) {
    if (!open) {
      return this;
    }
    long now = System.nanoTime();
    if (isYoung(now)) {
      tell(ask.node(), new ReadGate.Committed(ask.question(), lastSeq));
      return this;
    }
    if (questions.size() < settings.queueMax()) {
      questions.add(new Question(ask, 0, now));
    }
    askHead(now);
    return this;
  }

  private void askHead(long now) {
    if (!askingHead) {
      askingHead = true;
      askingHeadNanos = now;
      long committed = lastSeq;
      getContext()
          .pipeToSelf(
              CompletableFuture.supplyAsync(() -> headNow(now, committed), journalExecutor),
              (head, failure) -> head == null ? journalFailed(failure) : head);
    }
  }

  private HeadRead headNow(long began, long committed) {
    try {
      return new HeadRead(began, committed, journal.head());
    } catch (JournalException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  private Behavior<Command> onHeadRead(HeadRead read) {
    askingHead = false;
    // One event of ours may be durable already although its writer has not reported it yet.
    long own = inFlight == null ? lastSeq : lastSeq + 1;
    if (read.head() > own) {
      getContext().getLog().info("another sequencer has opened: this one ends");
      return Behaviors.stopped();
    }
    if (read.head() < read.committedThen()) {
      // To append behind it would leave a hole; the next opening is forbidden by who has more.
      return ended("the journal has lost its end, from event " + (read.head() + 1) + " on");
    }
    roundTripBegan = Math.max(roundTripBegan, read.began());
    long now = System.nanoTime();
    long committed = Math.max(read.head(), lastSeq);
    boolean young = isYoung(now);
    for (Iterator<Question> all = questions.iterator(); all.hasNext(); ) {
      Question question = all.next();
      AskCommitted ask = question.ask();
      if (ask != null && (young || question.arrivedNanos() <= read.began())) {
        all.remove();
        tell(ask.node(), new ReadGate.Committed(ask.question(), committed));
      }
    }
    for (var all = headQuestions.entrySet().iterator(); all.hasNext(); ) {
      Map.Entry<ActorRef<NodeMessage>, Question> question = all.next();
      if (young || question.getValue().arrivedNanos() <= read.began()) {
        all.remove();
        question.getKey().tell(head(question.getValue().asked()));
      }
    }
    if (!questions.isEmpty() || !headQuestions.isEmpty()) {
      askHead(now);
    }
    return this;
  }

  /** The other processes are asked, and each that has not applied it stays before it. */
  private Behavior<Command> onReportHeld(ReportHeld report) {
    Peers.Peer peer = peers.at(report.node());
    if (!open || peer == null) {
      return this;
    }
    // A sole node's earlier processes had the same replica, so that its present one speaks for
    // them.
    List<String> processes = members.isSoleNode() ? List.of(peer.processId) : report.processes();
    long now = System.nanoTime();
    if (held.reported(report.position(), processes, report.reason(), now)) {
      for (ActorRef<NodeMessage> node : members.reachable()) {
        node.tell(new NodeGateway.AskHold(report.position(), getContext().getSelf()));
      }
    }
    held.answered(report.position(), peer.processId, false, report.statement());
    return onLook();
  }

  private Behavior<Command> onHoldAnswer(HoldAnswer answer) {
    held.answered(answer.position(), answer.processId(), answer.applied(), answer.statement());
    return open ? onLook() : this;
  }

  /** The sessions of processes that are gone for good are closed, so that they are not kept. */
  private Behavior<Command> onCloseSessions() {
    getContext()
        .ask(
            Replica.OpenSessions.class,
            parts.replica(),
            Duration.ofSeconds(5),
            Replica.AskSessions::new,
            (answer, failure) ->
                new Sessions(answer == null ? new Replica.OpenSessions(List.of(), 0, 0) : answer));
    return this;
  }

  private Behavior<Command> onSessions(Sessions sessions) {
    long now = System.nanoTime();
    Set<Position> orphans = new HashSet<>();
    orderVacuum(sessions.answer(), now);
    for (Replica.OpenSession session : sessions.answer().open()) {
      if (!peers.hasProcess(session.processId()) && !closed.contains(session.id())) {
        orphans.add(session.id());
        long since = orphanedSinceNanos.computeIfAbsent(session.id(), id -> now);
        if (now - since > SESSION_PATIENCE.toNanos()
            && order(EntryCodec.encode(new Entry.SessionClosed(session.id())))) {
          closed.add(session.id());
        }
      }
    }
    orphanedSinceNanos.keySet().retainAll(orphans);
    flush();
    return this;
  }

  /**
   * A database that has shrunk gives its space back. What this node's replica says stands for all:
   * they have the same pages, but for what is under way.
   */
  private void orderVacuum(Replica.OpenSessions replica, long now) {
    if (settings.vacuumFreeBytes() > 0
        && replica.freeBytes() >= settings.vacuumFreeBytes()
        && replica.freeBytes() > replica.databaseBytes() / 2
        && rules >= Formats.vacuumRules()
        && now - vacuumNanos > VACUUM_INTERVAL.toNanos()
        && order(EntryCodec.encode(new Entry.Vacuum()))) {
      vacuumNanos = now;
      getContext()
          .getLog()
          .info(
              "{} of the database's {} MiB are free: it is written anew without them",
              replica.freeBytes() >> 20,
              replica.databaseBytes() >> 20);
    }
  }

  private Behavior<Command> onSetClock() {
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(this::journalTime, journalExecutor),
            (time, failure) -> time == null ? journalFailed(failure) : time);
    return this;
  }

  private Behavior<Command> onTime(Time time) {
    long jump = clock.set(time.micros(), time.atNanos());
    if (Math.abs(jump) > CLOCK_ALARM.toNanos() / 1000) {
      getContext().getLog().warn("the journal's clock jumped by {} s", jump / 1_000_000);
    }
    warnOfOwnClock(time);
    return this;
  }

  private void warnOfOwnClock(Time time) {
    long off = time.wallMicros() - time.micros();
    if (Math.abs(off) > CLOCK_ALARM.toNanos() / 1000) {
      getContext()
          .getLog()
          .warn("the clock of this node is off by {} s; the journal's is used", off / 1_000_000);
    }
  }

  private Time journalTime() {
    try {
      long before = System.nanoTime();
      long micros = journal.timeMicros();
      long after = System.nanoTime();
      return new Time(micros, before + (after - before) / 2, wallMicros());
    } catch (JournalException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  private static long wallMicros() {
    Instant now = Instant.now();
    return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
  }

  // ---- Opening: how far the members are, then the end of the journal, then Opened behind it.

  private void askMembers() {
    List<ActorRef<NodeMessage>> reachable = members.reachable();
    ActorRef<Replica.WhereAnswer> answers =
        getContext().messageAdapter(Replica.WhereAnswer.class, Where::new);
    asked = reachable.size();
    askedNanos = System.nanoTime();
    for (ActorRef<NodeMessage> node : reachable) {
      node.tell(new NodeGateway.AskWhere(answers));
    }
  }

  private Behavior<Command> onWhere(Where answer) {
    if (writer == null) {
      where.put(answer.answer().nodeId(), answer.answer());
      return lookForAnswers(System.nanoTime());
    }
    return this;
  }

  /** Who is reachable answers at once; who does not is not waited for, except this node itself. */
  private Behavior<Command> lookForAnswers(long now) {
    long waited = now - askedNanos;
    boolean own = where.containsKey(nodeId);
    if (own && (where.size() >= asked || waited > ANSWERS_MAX.toNanos())) {
      answeredNanos = now;
      ActorRef<LogWriter.Append> started =
          getContext().spawn(LogWriter.create(getContext().getSelf()), "log-writer");
      getContext().watch(started);
      writer = started;
    } else if (!own && waited > OWN_ANSWER_MAX.toNanos()) {
      return ended("the sequencer ends: the replica of its own node does not answer");
    }
    return this;
  }

  /** The writer has found the end only after the members had answered. */
  private Behavior<Command> onWriterReady(WriterReady ready) {
    lastSeq = ready.lastSeq();
    long end = lastSeq;
    Set<Long> seqs = new HashSet<>();
    where.values().forEach(member -> seqs.add(member.seq()));
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> readEnd(end, seqs), journalExecutor),
            (read, failure) -> read == null ? journalFailed(failure) : read);
    return this;
  }

  private Read readEnd(long end, Set<Long> memberSeqs) {
    try {
      StoredEvent last = end == 0 ? null : stored(end);
      if (last == null && end > 0) {
        throw new JournalException("event " + end + " is no longer the journal's last");
      }
      Map<Long, StoredEvent> atMembers = new HashMap<>();
      for (long seq : memberSeqs) {
        StoredEvent stored = seq == end ? last : seq > 0 && seq < end ? stored(seq) : null;
        if (stored != null) {
          atMembers.put(seq, stored);
        }
      }
      Event event = last == null ? null : EventCodec.decode(last);
      StoredEvent opening = event == null ? null : stored(event.epoch());
      return new Read(
          last,
          event,
          event == null ? Optional.empty() : settings(event, opening),
          event != null && opening == null,
          atMembers,
          journal.first(),
          journalTime());
    } catch (JournalException | FormatException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  /** An event that the journal has held; null if it was cut away. */
  private @Nullable StoredEvent stored(long seq) throws JournalException {
    try {
      List<StoredEvent> events = journal.read(seq, 1, 1);
      if (events.isEmpty()) {
        throw new JournalException("the journal does not hold event " + seq + " any more");
      }
      return events.get(0);
    } catch (JournalGapException e) {
      if (e.isCutAway()) {
        return null;
      }
      throw e;
    }
  }

  /** What the journal's last sequencer opened with, by its opening or by this node's replica. */
  private Optional<ReplicatedSettings> settings(Event last, @Nullable StoredEvent opening)
      throws FormatException {
    if (opening == null) {
      return OpeningCheck.settings(last.journalId(), last.epoch(), parts.gauge().read());
    }
    for (Entry entry : EventCodec.decode(opening).entries()) {
      if (entry instanceof Entry.Opened opened) {
        return Optional.of(opened.settings());
      }
    }
    return Optional.empty();
  }

  private Behavior<Command> onRead(Read read) {
    Event lastEvent = read.event();
    Optional<String> problem =
        OpeningCheck.problem(
            lastEvent == null ? "" : lastEvent.journalId(),
            lastSeq,
            read.first(),
            List.copyOf(where.values()),
            read.atMembers());
    if (problem.isPresent()) {
      return forbidden(problem.get());
    }
    if (lastEvent != null && read.lacksOpening() && read.settings().isEmpty()) {
      return ended(
          "the sequencer ends: the journal begins at event "
              + read.first()
              + " and no longer holds the opening of epoch "
              + lastEvent.epoch()
              + ", which this node has not applied; this node first has to restore its database");
    }
    // An opening with other settings would stand in the journal for ever, and nobody could apply
    // it.
    Optional<String> misfit =
        read.settings().flatMap(known -> known.misfit(replicated.foreignKeys()));
    if (misfit.isPresent()) {
      parts.replica().tell(new Replica.Condemn(misfit.get()));
      return forbidden(misfit.get());
    }
    clock.set(read.time().micros(), read.time().atNanos());
    warnOfOwnClock(read.time());
    StoredEvent last = read.last();
    Event event = read.event();
    if (last == null || event == null) {
      journalId = UUID.randomUUID().toString();
    } else {
      journalId = event.journalId();
      lastHash = EventHash.of(last.bytes());
      clock.startAfter(event.timestampMicros());
    }
    opening = true;
    rules = where.size() < asked ? Formats.oldestRules() : Formats.newestRules();
    if (event != null) {
      rules = Math.min(rules, event.rules());
    }
    for (Replica.WhereAnswer member : where.values()) {
      rules = Math.min(rules, member.rules());
    }
    epoch = lastSeq + 1;
    append(List.of(EntryCodec.encode(new Entry.Opened(nodeId, replicated))));
    return this;
  }

  private void opened() {
    open = true;
    opening = false;
    openedMicros = inFlightMicros;
    parts.metrics().sequencerOpened();
    long now = System.nanoTime();
    getContext()
        .getLog()
        .info(
            "sequencer open, epoch {}; it took {} ms, {} of them to hear from {} of {} members",
            epoch,
            (now - askedNanos) / 1_000_000,
            (answeredNanos - askedNanos) / 1_000_000,
            where.size(),
            asked);
    coordinator = getContext().spawn(snapshots.apply(journalId), "snapshots");
    timers.startTimerWithFixedDelay(Tick.SET_CLOCK, CLOCK_INTERVAL);
    timers.startTimerWithFixedDelay(Tick.CLOSE_SESSIONS, SESSIONS_INTERVAL);
    for (ActorRef<NodeMessage> node : members.reachable()) {
      node.tell(head(0));
    }
  }

  /** Tried again and again until an operator has acted. */
  private Behavior<Command> forbidden(String reason) {
    return ended("no sequencer can open: " + reason);
  }

  private Behavior<Command> onJournalFailed(JournalFailed failed) {
    parts.metrics().journalFailed();
    return ended("the sequencer ends: " + failed.reason());
  }

  private Behavior<Command> onWriterFailed(ChildFailed failed) {
    parts.metrics().journalFailed();
    return ended(
        "the journal does not take "
            + (opening ? "a sequencer's opening: " : "an event: ")
            + rootMessage(failed.cause()));
  }

  private Behavior<Command> onWriterStopped(Terminated stopped) {
    return ended("the sequencer ends: the journal failed");
  }

  private Behavior<Command> ended(String reason) {
    getContext().getLog().debug("{}", reason);
    parts.metrics().sequencerFailed();
    parts.replica().tell(new Replica.SequencerLost(reason, false));
    return Behaviors.stopped();
  }

  private Behavior<Command> onStopped() {
    parts.metrics().sequencer(NodeMetrics.SequencerReading.NONE);
    return this;
  }

  private static JournalFailed journalFailed(@Nullable Throwable failure) {
    return new JournalFailed(failure == null ? "" : rootMessage(failure));
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
