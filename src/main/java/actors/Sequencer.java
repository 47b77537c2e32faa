package actors;

import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import sql.Position;
import storage.Entry;
import storage.EntryCodec;
import storage.Event;
import storage.EventCodec;
import storage.EventHash;
import storage.FormatException;
import storage.Journal;
import storage.JournalException;
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
   */
  public record Settings(
      int queueMax,
      long queueBytesMax,
      int batchRequestsMax,
      int eventBytesMax,
      Duration weakAgeMax) {}

  /** What the sequencer accepts. */
  public sealed interface Command {}

  /** Order these; whoever does not hear of their position or their apply sends them again. */
  public record Submit(List<Item> items, ActorRef<WriteSession.Command> session)
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

  /** Push events to this replica until it has not subscribed for a while, and tell it the head. */
  public record Subscribe(ActorRef<Replica.Command> replica) implements Command, Wire {}

  /** What position is committed? */
  public record AskCommitted(long question, ActorRef<ReadGate.Command> replyTo)
      implements Command, Wire {}

  /** A replica cannot apply this request and holds before it. */
  public record ReportHeld(Position position, String reason) implements Command, Wire {}

  /** For the host: start the next sequencer. */
  enum Restart implements Command {
    NOW
  }

  /** The writer knows the highest sequence number. */
  record WriterReady(long lastSeq) implements Command {}

  /** The event with this number is durable. */
  record Persisted(long seq) implements Command {}

  private record Read(
      @Nullable StoredEvent last,
      @Nullable Event event,
      Optional<ReplicatedSettings> settings,
      @Nullable StoredEvent atReplica)
      implements Command {}

  private record Where(Replica.WhereAnswer answer) implements Command {}

  private record HeadRead(long began, long head) implements Command {}

  private record JournalFailed(String reason) implements Command {}

  private record Question(AskCommitted ask, long arrivedNanos) {}

  private enum Tick implements Command {
    SET_CLOCK,
    FORGET_SUBSCRIBERS
  }

  private static final Duration CLOCK_INTERVAL = Duration.ofMinutes(1);
  private static final Duration CLOCK_ALARM = Duration.ofSeconds(10);
  private static final Duration SUBSCRIPTION = Duration.ofSeconds(5);
  private static final int PUSHED_BYTES_MAX = 128 * 1024;
  private static final Position NO_SESSION = new Position(0, 0);

  private final Settings settings;
  private final String nodeId;
  private final ReplicatedSettings replicated;
  private final ActorRef<Replica.Command> localReplica;
  private final Journal journal;
  private final Executor journalExecutor;
  private final ActorRef<LogWriter.Append> writer;
  private final SecureRandom random = new SecureRandom();
  private final SequencerClock clock = new SequencerClock(Sequencer::wallMicros, System::nanoTime);
  private final SequencerQueue queue;
  private final Map<ActorRef<Replica.Command>, Long> subscribers = new HashMap<>();
  private final ArrayDeque<byte[]> parts = new ArrayDeque<>();
  private final List<Question> questions = new ArrayList<>();
  private final Set<Position> verdicts = new HashSet<>();

  private String journalId = "";
  private long lastSeq;
  private byte[] lastHash = EventHash.none();
  private long epoch;
  private boolean open;
  private boolean opening;
  private byte @Nullable [] inFlight;
  private List<SequencerQueue.Waiting> inFlightItems = List.of();
  private long appendBegan;
  private long roundTripBegan = Long.MIN_VALUE;
  private boolean askingHead;
  private Replica.@Nullable WhereAnswer where;

  static Behavior<Command> create(
      Settings settings,
      String nodeId,
      ReplicatedSettings replicated,
      ActorRef<Replica.Command> localReplica,
      Journal journal,
      Executor journalExecutor) {
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
                        localReplica,
                        journal,
                        journalExecutor)));
  }

  private Sequencer(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Settings settings,
      String nodeId,
      ReplicatedSettings replicated,
      ActorRef<Replica.Command> localReplica,
      Journal journal,
      Executor journalExecutor) {
    super(context);
    this.settings = settings;
    this.nodeId = nodeId;
    this.replicated = replicated;
    this.localReplica = localReplica;
    this.journal = journal;
    this.journalExecutor = journalExecutor;
    this.queue = new SequencerQueue(settings.queueMax(), settings.queueBytesMax());
    this.writer = context.spawn(LogWriter.create(context.getSelf()), "log-writer");
    context.watch(writer);
    timers.startTimerWithFixedDelay(Tick.SET_CLOCK, CLOCK_INTERVAL);
    timers.startTimerWithFixedDelay(Tick.FORGET_SUBSCRIBERS, SUBSCRIPTION);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Submit.class, this::onSubmit)
        .onMessage(Persisted.class, this::onPersisted)
        .onMessage(Subscribe.class, this::onSubscribe)
        .onMessage(AskCommitted.class, this::onAskCommitted)
        .onMessage(HeadRead.class, this::onHeadRead)
        .onMessage(ReportHeld.class, this::onReportHeld)
        .onMessage(WriterReady.class, this::onWriterReady)
        .onMessage(Where.class, this::onWhere)
        .onMessage(Read.class, this::onRead)
        .onMessage(JournalFailed.class, this::onJournalFailed)
        .onMessageEquals(Tick.SET_CLOCK, this::onSetClock)
        .onMessageEquals(Tick.FORGET_SUBSCRIBERS, this::onForgetSubscribers)
        .onSignal(ChildFailed.class, this::onWriterFailed)
        .onSignal(Terminated.class, this::onWriterStopped)
        .build();
  }

  private Behavior<Command> onSubmit(Submit submit) {
    List<WriteSession.OrderedItem> known = new ArrayList<>();
    for (Item item : submit.items()) {
      Position position = queue.orderedAt(item);
      if (position != null) {
        known.add(new WriteSession.OrderedItem(item.session(), item.number(), position));
      } else {
        queue.add(new SequencerQueue.Waiting(item, submit.session()));
      }
    }
    if (!known.isEmpty()) {
      submit.session().tell(new WriteSession.Ordered(known));
    }
    flush();
    return this;
  }

  /** Appends the next event, unless one is in flight. */
  private void flush() {
    if (!open || inFlight != null) {
      return;
    }
    if (!parts.isEmpty()) {
      append(List.of(parts.remove()));
      return;
    }
    if (queue.isEmpty()) {
      return;
    }
    int entryMax = settings.eventBytesMax() - EventCodec.HEADER_BYTES_MAX;
    inFlightItems = queue.take(settings.batchRequestsMax(), entryMax, entryMax);
    Item first = inFlightItems.get(0).item();
    if (first.entry().length > entryMax) {
      split(first, entryMax);
      append(List.of(parts.remove()));
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
      parts.add(
          EntryCodec.encode(
              new Entry.Part(submitted.session(), submitted.number(), i, count, bytes)));
    }
  }

  private void append(List<byte[]> entries) {
    Event header =
        new Event(
            Event.RULES, journalId, lastHash, epoch, clock.next(), random.nextLong(), List.of());
    byte[] bytes = EventCodec.encode(header, entries);
    inFlight = bytes;
    appendBegan = System.nanoTime();
    writer.tell(new LogWriter.Append(bytes));
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
    inFlight = null;
    push(bytes);
    if (!open) {
      opened();
    } else if (parts.isEmpty()) {
      acknowledge();
    }
    flush();
    return this;
  }

  private void push(byte[] bytes) {
    for (ActorRef<Replica.Command> replica : subscribers.keySet()) {
      replica.tell(bytes.length <= PUSHED_BYTES_MAX ? new Replica.Push(lastSeq, bytes) : head());
    }
  }

  private Replica.Head head() {
    return new Replica.Head(lastSeq, epoch, nodeId);
  }

  /** Tells the sessions where their items stand. */
  private void acknowledge() {
    Map<ActorRef<WriteSession.Command>, List<WriteSession.OrderedItem>> bySession = new HashMap<>();
    int index = 0;
    for (SequencerQueue.Waiting waiting : inFlightItems) {
      Position position = new Position(lastSeq, index++);
      Item item = waiting.item();
      queue.remember(item, position);
      bySession
          .computeIfAbsent(waiting.session(), session -> new ArrayList<>())
          .add(new WriteSession.OrderedItem(item.session(), item.number(), position));
    }
    inFlightItems = List.of();
    bySession.forEach((session, items) -> session.tell(new WriteSession.Ordered(items)));
  }

  private Behavior<Command> onSubscribe(Subscribe subscribe) {
    subscribers.put(subscribe.replica(), System.nanoTime());
    if (open) {
      subscribe.replica().tell(head());
    }
    return this;
  }

  private Behavior<Command> onForgetSubscribers() {
    long now = System.nanoTime();
    subscribers.values().removeIf(since -> now - since > SUBSCRIPTION.toNanos());
    return this;
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
    if (roundTripBegan != Long.MIN_VALUE
        && now - roundTripBegan < settings.weakAgeMax().toNanos()) {
      ask.replyTo().tell(new ReadGate.Committed(ask.question(), lastSeq));
      return this;
    }
    if (questions.size() < settings.queueMax()) {
      questions.add(new Question(ask, now));
    }
    askHead(now);
    return this;
  }

  private void askHead(long now) {
    if (!askingHead) {
      askingHead = true;
      getContext()
          .pipeToSelf(
              CompletableFuture.supplyAsync(() -> headNow(now), journalExecutor),
              (head, failure) -> head == null ? new JournalFailed(String.valueOf(failure)) : head);
    }
  }

  private HeadRead headNow(long began) {
    try {
      return new HeadRead(began, journal.head());
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
    roundTripBegan = Math.max(roundTripBegan, read.began());
    long now = System.nanoTime();
    long committed = Math.max(read.head(), lastSeq);
    boolean young = now - roundTripBegan < settings.weakAgeMax().toNanos();
    for (Iterator<Question> all = questions.iterator(); all.hasNext(); ) {
      Question question = all.next();
      if (young || question.arrivedNanos() <= read.began()) {
        all.remove();
        question.ask().replyTo().tell(new ReadGate.Committed(question.ask().question(), committed));
      }
    }
    if (!questions.isEmpty()) {
      askHead(now);
    }
    return this;
  }

  /**
   * In a cluster of one the only process that could have applied the request says that it has not:
   * it is given up.
   */
  private Behavior<Command> onReportHeld(ReportHeld report) {
    if (open && !verdicts.contains(report.position())) {
      byte[] entry =
          EntryCodec.encode(
              new Entry.Verdict(report.position(), true, "given up: " + report.reason()));
      Item item = new Item(NO_SESSION, 0, false, entry);
      if (queue.add(new SequencerQueue.Waiting(item, getContext().getSystem().ignoreRef()))) {
        verdicts.add(report.position());
        getContext()
            .getLog()
            .warn("request {} is given up: {}", report.position(), report.reason());
      }
      flush();
    }
    return this;
  }

  private Behavior<Command> onSetClock() {
    long micros = clock.set();
    if (Math.abs(micros) > CLOCK_ALARM.toNanos() / 1000) {
      getContext().getLog().warn("the clock of this node jumped by {} s", micros / 1_000_000);
    }
    return this;
  }

  private static long wallMicros() {
    Instant now = Instant.now();
    return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
  }

  // ---- Opening: who is ahead, what is the end of the journal, then Opened at the next number.

  private Behavior<Command> onWriterReady(WriterReady ready) {
    lastSeq = ready.lastSeq();
    getContext()
        .ask(
            Replica.WhereAnswer.class,
            localReplica,
            Duration.ofSeconds(30),
            Replica.AskWhere::new,
            (answer, failure) ->
                answer == null
                    ? new JournalFailed("the replica does not answer: " + failure)
                    : new Where(answer));
    return this;
  }

  private Behavior<Command> onWhere(Where asked) {
    Replica.WhereAnswer answer = asked.answer();
    where = answer;
    if (answer.seq() > lastSeq) {
      return forbidden(
          "this node has applied event "
              + answer.seq()
              + " and the journal ends at event "
              + lastSeq
              + ": the journal was replaced or has lost its end");
    }
    long end = lastSeq;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> readEnd(end, answer.seq()), journalExecutor),
            (read, failure) -> read == null ? new JournalFailed(String.valueOf(failure)) : read);
    return this;
  }

  private Read readEnd(long end, long replicaSeq) {
    try {
      StoredEvent last = end == 0 ? null : event(end);
      StoredEvent atReplica = replicaSeq == 0 ? null : event(replicaSeq);
      Event event = last == null ? null : EventCodec.decode(last);
      return new Read(
          last, event, event == null ? Optional.empty() : settings(event.epoch()), atReplica);
    } catch (JournalException | FormatException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  private StoredEvent event(long seq) throws JournalException {
    List<StoredEvent> events = journal.read(seq, 1, 1);
    if (events.isEmpty()) {
      throw new JournalException("the journal does not hold event " + seq + " any more");
    }
    return events.get(0);
  }

  /** What the journal's last sequencer opened with. */
  private Optional<ReplicatedSettings> settings(long epoch)
      throws JournalException, FormatException {
    for (StoredEvent opening : journal.read(epoch, 1, 1)) {
      for (Entry entry : EventCodec.decode(opening).entries()) {
        if (entry instanceof Entry.Opened opened) {
          return Optional.of(opened.settings());
        }
      }
    }
    return Optional.empty();
  }

  private Behavior<Command> onRead(Read read) {
    Replica.WhereAnswer replica = where;
    StoredEvent atReplica = read.atReplica();
    if (replica != null
        && atReplica != null
        && !Arrays.equals(EventHash.of(atReplica.bytes()), replica.hash())) {
      return forbidden(
          "event "
              + atReplica.seq()
              + " in the journal is not the one this node has applied: the journal was replaced");
    }
    // An opening with other settings would stand in the journal for ever, and nobody could apply
    // it.
    Optional<String> misfit =
        read.settings().flatMap(known -> known.misfit(replicated.foreignKeys()));
    if (misfit.isPresent()) {
      return forbidden(misfit.get());
    }
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
    epoch = lastSeq + 1;
    append(List.of(EntryCodec.encode(new Entry.Opened(nodeId, replicated))));
    return this;
  }

  private void opened() {
    open = true;
    opening = false;
    getContext().getLog().info("sequencer open, epoch {}", epoch);
    for (ActorRef<Replica.Command> replica : subscribers.keySet()) {
      replica.tell(head());
    }
  }

  private Behavior<Command> forbidden(String reason) {
    // The replica says it in the log, once; this is tried again and again until an operator acts.
    getContext().getLog().debug("no sequencer can open here: {}", reason);
    localReplica.tell(new Replica.Condemn(reason));
    return Behaviors.stopped();
  }

  private Behavior<Command> onJournalFailed(JournalFailed failed) {
    return ended("the sequencer ends: " + failed.reason());
  }

  private Behavior<Command> onWriterFailed(ChildFailed failed) {
    return ended(
        "the journal does not take "
            + (opening ? "a sequencer's opening: " : "an event: ")
            + rootMessage(failed.cause()));
  }

  private Behavior<Command> onWriterStopped(Terminated stopped) {
    return ended("the sequencer ends: the journal failed");
  }

  private Behavior<Command> ended(String reason) {
    getContext().getLog().warn("{}", reason);
    localReplica.tell(new Replica.SequencerLost(reason));
    return Behaviors.stopped();
  }

  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }
}
