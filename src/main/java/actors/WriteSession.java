package actors;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;
import sql.Position;
import sql.RequestId;
import storage.AppliedEntry;
import storage.Entry;
import storage.EntryCodec;
import storage.SlowStatement;

/**
 * This node's side of every write it takes: numbers it in the node's session, sends it to the
 * sequencer until its fate is known, and answers when this node has applied it.
 *
 * <p>A number is used for one request alone, and the apply takes each number once, so sending again
 * is always safe. "Not applied" is answered only before the first send, or when this node has
 * applied the number's cancellation, or the session's closing, ahead of the request.
 */
public final class WriteSession extends AbstractBehavior<WriteSession.Command> {

  /**
   * Limits of what a node has taken and not answered.
   *
   * @param pendingMax writes
   * @param pendingBytesMax their bytes, encoded
   * @param window numbers that are open at once
   * @param requestBytesMax bytes of one request, encoded
   * @param resendInterval how long the sequencer may stay silent before a write is sent again
   * @param lagMax events that this node may be behind the head and still take writes
   */
  public record Settings(
      int pendingMax,
      long pendingBytesMax,
      int window,
      int requestBytesMax,
      Duration resendInterval,
      long lagMax) {}

  /** What the session accepts. */
  public sealed interface Command {}

  /** A write arrived at this node; {@code request} is encoded by {@link storage.RequestCodec}. */
  record Submit(
      byte[] request,
      long deadlineNanos,
      long timeoutNanos,
      boolean queued,
      WriteCaller caller,
      CompletableFuture<WriteAnswer> answer)
      implements Command {}

  /**
   * These are durable in the journal, at these positions; a sequencer of this epoch says so. It
   * does not know which sessions were closed before its epoch, but a replica that has applied the
   * epoch's beginning does.
   */
  public record Ordered(long epoch, List<OrderedItem> items) implements Command, NodeMessage {}

  /** Where an item stands. */
  public record OrderedItem(Position session, long number, Position position) {}

  /** This node's replica has committed these. */
  record Applied(List<AppliedEntry> entries) implements Command {}

  /**
   * This node's replica has jumped over events, to a database from elsewhere.
   *
   * @param seq the last event in that database
   * @param open the sessions that are open there, with their nonces
   */
  record Jumped(long seq, Map<Position, String> open) implements Command {}

  /** Another sequencer is open: what was sent to its predecessor may be lost. */
  record SequencerOpen(long epoch) implements Command {}

  /** A statement of a request took long to apply here. */
  record Slow(Position session, long number, SlowStatement statement) implements Command {}

  /** This node's replica cannot get past a request. */
  record Held(Position position, String reason) implements Command {}

  /**
   * Take no more writes, wait until those that were taken are answered, close the session, and
   * complete the future.
   */
  record Drain(CompletableFuture<Integer> drained) implements Command {}

  /** Everything that this node has applied up to the beginning of an epoch has been handled. */
  private record EpochApplied(long epoch) implements Command {}

  private enum Self implements Command {
    FLUSH,
    TICK
  }

  private static final Duration TICK = Duration.ofMillis(50);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);
  private static final long GIVE_UP_NANOS_MAX = Duration.ofSeconds(2).toNanos();
  private static final Position NO_SESSION = new Position(0, 0);

  /** Bytes that were sent and not heard of; one larger write goes by itself. */
  private static final long SENT_BYTES_MAX = 8L << 20;

  /** A large write takes its time on the way: it is not sent again while it may still come. */
  private static final long SENT_BYTES_PER_SECOND = 4L << 20;

  private static final long CLOSING_NANOS_MAX = Duration.ofSeconds(1).toNanos();

  /** Lines about single writes that one look at all of them may log. */
  private static final int LINES_MAX = 10;

  private final Settings settings;
  private final String nodeId;
  private final ReplicaGauge gauge;
  private final WriteGauge writes;
  private final NodeMetrics metrics;
  private final SequencerLink link;
  private final String processId;

  /** Taken and not numbered yet: nothing of them has left this node. */
  private final ArrayDeque<PendingWrite> waiting = new ArrayDeque<>();

  /** Numbered and not settled, by number. */
  private final OpenWrites open = new OpenWrites();

  private final List<Sequencer.Item> unsent = new ArrayList<>();
  private long bytes;
  private @Nullable Position session;
  private int openings;
  private String nonce;
  private long appliedEpoch;
  private long sentBytes;
  private long closingSinceNanos;
  private long openingSentNanos;
  private int linesLeft;
  private boolean flushing;
  private @Nullable CompletableFuture<Integer> drained;

  static Behavior<Command> create(
      Settings settings,
      String nodeId,
      String processId,
      ReplicaGauge gauge,
      WriteGauge writes,
      NodeMetrics metrics,
      SequencerLink link) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new WriteSession(
                        context, timers, settings, nodeId, processId, gauge, writes, metrics,
                        link)));
  }

  private WriteSession(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Settings settings,
      String nodeId,
      String processId,
      ReplicaGauge gauge,
      WriteGauge writes,
      NodeMetrics metrics,
      SequencerLink link) {
    super(context);
    this.settings = settings;
    this.nodeId = nodeId;
    this.gauge = gauge;
    this.writes = writes;
    this.metrics = metrics;
    this.link = link;
    this.processId = processId;
    this.nonce = nextNonce();
    timers.startTimerWithFixedDelay(Self.TICK, TICK);
    openSession(System.nanoTime());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Submit.class, this::onSubmit)
        .onMessage(Applied.class, this::onApplied)
        .onMessage(Jumped.class, this::onJumped)
        .onMessage(Ordered.class, this::onOrdered)
        .onMessage(EpochApplied.class, this::onEpochApplied)
        .onMessage(SequencerOpen.class, this::onSequencerOpen)
        .onMessageEquals(Self.FLUSH, this::onFlush)
        .onMessageEquals(Self.TICK, this::onTick)
        .onMessage(Slow.class, this::onSlow)
        .onMessage(Held.class, this::onHeld)
        .onMessage(Drain.class, this::onDrain)
        .build();
  }

  private Behavior<Command> onSubmit(Submit submit) {
    ReplicaGauge.Reading replica = gauge.read();
    String refusal = null;
    if (drained != null) {
      refusal = "this node is stopping";
    } else if (!replica.state().takesWrites()) {
      refusal = replica.problem().orElse("this node cannot apply writes");
    } else if (replica.head() - replica.applied() > settings.lagMax()) {
      refusal =
          "this node is " + (replica.head() - replica.applied()) + " events behind: try another";
    } else if (waiting.size() + open.size() >= settings.pendingMax()
        || bytes + submit.request().length > settings.pendingBytesMax()) {
      refusal = "too many writes wait at this node";
    }
    if (refusal != null) {
      answer(submit, new WriteAnswer.NotApplied(refusal, RETRY_AFTER));
      return this;
    }
    bytes += submit.request().length;
    waiting.add(new PendingWrite(submit));
    number();
    publish();
    return this;
  }

  /** Gives numbers to what waits, as far as the window goes. */
  private void number() {
    Position current = session;
    if (current == null || link.target() == null) {
      return; // what never left this node is surely not applied
    }
    while (!waiting.isEmpty() && open.hasRoom(settings.window()) && hasRoomOnTheWay()) {
      PendingWrite write = waiting.remove();
      long number = open.add(write);
      write.entry = EntryCodec.encode(new Entry.Submitted(current, number, write.submit.request()));
      if (getContext().getLog().isDebugEnabled()) {
        say(write, Level.DEBUG, "is number " + number + " of session " + current);
      }
      send(write, current, number, System.nanoTime());
    }
  }

  /** Messages on their way take memory that nobody bounds for us. */
  private boolean hasRoomOnTheWay() {
    return sentBytes == 0
        || sentBytes + waiting.element().submit.request().length <= SENT_BYTES_MAX;
  }

  private void send(PendingWrite write, Position current, long number, long now) {
    write.submit.caller().sent();
    if (write.sentNanos != 0) {
      metrics.writeSentAgain();
    }
    write.sentNanos = now;
    if (!write.counted) {
      write.counted = true;
      sentBytes += write.submit.request().length;
    }
    byte[] entry = write.entry;
    if (entry != null && !write.givingUp) {
      unsent.add(new Sequencer.Item(current, number, false, entry));
    } else {
      unsent.add(
          new Sequencer.Item(
              current, number, true, EntryCodec.encode(new Entry.Cancelled(current, number))));
    }
    flushSoon();
  }

  /** What arrives while this message is on its way leaves in the same envelope. */
  private void flushSoon() {
    if (!flushing) {
      flushing = true;
      getContext().getSelf().tell(Self.FLUSH);
    }
  }

  private Behavior<Command> onFlush() {
    flushing = false;
    if (!unsent.isEmpty()) {
      link.submit(List.copyOf(unsent));
      unsent.clear();
    }
    return this;
  }

  private Behavior<Command> onSequencerOpen(SequencerOpen sequencer) {
    long now = System.nanoTime();
    unsent.clear();
    Position current = session;
    if (closingSinceNanos != 0) {
      return this;
    }
    if (current == null) {
      openSession(now);
    } else {
      number();
      open.forEach(
          (number, write) -> {
            if (write.position == null || write.givingUp) {
              send(write, current, number, now);
            }
          });
    }
    return this;
  }

  private Behavior<Command> onEpochApplied(EpochApplied applied) {
    appliedEpoch = Math.max(appliedEpoch, applied.epoch());
    return this;
  }

  private Behavior<Command> onOrdered(Ordered ordered) {
    if (ordered.epoch() > appliedEpoch) {
      if (ordered.epoch() <= gauge.read().applied()) {
        // What was applied up to there may still stand in the mailbox: this goes behind it.
        getContext().getSelf().tell(new EpochApplied(ordered.epoch()));
        getContext().getSelf().tell(ordered);
      }
      return this;
    }
    for (OrderedItem item : ordered.items()) {
      PendingWrite write = item.session().equals(session) ? open.get(item.number()) : null;
      if (write == null) {
        continue;
      }
      write.orderedBy(item.position().seq());
      arrived(write);
      if (!write.givingUp && write.position == null) {
        write.position = item.position();
        write.submit.caller().ordered(item.position());
        if (getContext().getLog().isDebugEnabled()) {
          say(write, Level.DEBUG, "is ordered at " + item.position());
        }
        if (write.submit.queued()) {
          answer(write, new WriteAnswer.Queued(item.position()));
        }
      }
    }
    return this;
  }

  private Behavior<Command> onApplied(Applied applied) {
    for (AppliedEntry entry : applied.entries()) {
      if (entry instanceof AppliedEntry.Taken taken) {
        if (taken.session().equals(session)) {
          settle(taken.number(), new WriteAnswer.Applied(taken.position(), taken.outcome()));
        }
      } else if (entry instanceof AppliedEntry.GivenUp givenUp) {
        if (givenUp.session().equals(session)) {
          settle(
              givenUp.number(),
              new WriteAnswer.NotApplied(
                  "the write was given up before its deadline; it is not applied", RETRY_AFTER));
        }
      } else if (entry instanceof AppliedEntry.SessionOpened opened) {
        if (opened.nonce().equals(nonce)) {
          session = opened.position();
          metrics.sessionOpened();
          getContext().getLog().debug("session {} is open", opened.position());
        }
      } else if (entry instanceof AppliedEntry.SessionClosed closed) {
        if (closed.session().equals(session)) {
          sessionClosed();
        }
      }
    }
    number();
    publish();
    return this;
  }

  /**
   * A session that was opened behind the jump is met again. What was settled in the jump was told
   * to nobody. As long as the session is open, sending again finds out what is left to do; if it
   * was closed, nobody can tell any more what it had taken.
   */
  private Behavior<Command> onJumped(Jumped jumped) {
    Position current = session;
    if (current == null) {
      jumped.open().entrySet().stream()
          .filter(entry -> entry.getValue().equals(nonce))
          .findFirst()
          .ifPresent(entry -> session = entry.getKey());
    } else if (current.seq() <= jumped.seq() && !jumped.open().containsKey(current)) {
      for (PendingWrite write : open.removeAll()) {
        forget(write);
        answer(
            write,
            new WriteAnswer.Unknown(
                "this node's database was made from a snapshot, which does not tell what became of"
                    + " the write"));
      }
      unsent.clear();
      session = null;
      nonce = nextNonce();
      openSession(System.nanoTime());
    }
    number();
    publish();
    return this;
  }

  private void settle(long number, WriteAnswer answer) {
    PendingWrite write = open.remove(number);
    if (write != null) {
      forget(write);
      answer(write, answer);
    }
  }

  /** It is on its way no longer. */
  private void arrived(PendingWrite write) {
    if (write.counted) {
      write.counted = false;
      sentBytes -= write.submit.request().length;
    }
  }

  private void forget(PendingWrite write) {
    arrived(write);
    bytes -= write.submit.request().length;
    write.entry = null;
  }

  private void answer(PendingWrite write, WriteAnswer answer) {
    answer(write.submit, answer);
  }

  private void answer(Submit submit, WriteAnswer answer) {
    if (!submit.answer().isDone()) { // by nobody else
      long began = submit.deadlineNanos() - submit.timeoutNanos();
      metrics.writeEnded(end(answer), System.nanoTime() - began);
      submit.answer().complete(answer);
    }
  }

  private static NodeMetrics.WriteEnd end(WriteAnswer answer) {
    if (answer instanceof WriteAnswer.Applied) {
      return NodeMetrics.WriteEnd.APPLIED;
    }
    if (answer instanceof WriteAnswer.Queued) {
      return NodeMetrics.WriteEnd.QUEUED;
    }
    if (answer instanceof WriteAnswer.Committed) {
      return NodeMetrics.WriteEnd.COMMITTED;
    }
    return answer instanceof WriteAnswer.Unknown
        ? NodeMetrics.WriteEnd.UNKNOWN
        : NodeMetrics.WriteEnd.NOT_APPLIED;
  }

  private Behavior<Command> onSlow(Slow slow) {
    PendingWrite write = slow.session().equals(session) ? open.get(slow.number()) : null;
    slow.statement().log(write == null ? "" : write.submit.caller().requestId());
    return this;
  }

  /** The replica knows it by its position; clients know it by the name that they gave it. */
  private Behavior<Command> onHeld(Held held) {
    open.forEach(
        (number, write) -> {
          if (held.position().equals(write.position)) {
            say(write, Level.WARN, held.position() + " is held: " + held.reason());
          }
        });
    return this;
  }

  /** Says something of one write, under the name by which the log of HTTP knows it. */
  private void say(PendingWrite write, Level level, String what) {
    RequestId.inLog(
        write.submit.caller().requestId(),
        () -> getContext().getLog().atLevel(level).log("request {}", what));
  }

  /**
   * What the closed session did not take surely is not applied; it gets new numbers in the next
   * one, unless its client has been answered.
   */
  private void sessionClosed() {
    CompletableFuture<Integer> wanted = drained;
    if (wanted != null && closingSinceNanos != 0) {
      session = null;
      wanted.complete(0);
      return;
    }
    getContext().getLog().warn("session {} was closed; opening another", session);
    session = null;
    nonce = nextNonce();
    unsent.clear();
    List<PendingWrite> again = new ArrayList<>();
    for (PendingWrite write : open.removeAll()) {
      if (write.isAnswered() && !write.submit.queued()) {
        forget(write);
      } else {
        arrived(write);
        write.reset();
        again.add(write);
      }
    }
    for (int i = again.size() - 1; i >= 0; i--) {
      waiting.addFirst(again.get(i));
    }
    openSession(System.nanoTime());
  }

  /** By it this process recognises its session, and the others whose it is. */
  private String nextNonce() {
    openings++;
    return processId + "/" + openings;
  }

  /** The process that opened a session with this nonce. */
  static String processOf(String nonce) {
    int end = nonce.lastIndexOf('/');
    return end < 0 ? nonce : nonce.substring(0, end);
  }

  private void openSession(long now) {
    openingSentNanos = now;
    unsent.add(
        new Sequencer.Item(
            NO_SESSION, 0, false, EntryCodec.encode(new Entry.SessionOpened(nodeId, nonce))));
    flushSoon();
  }

  private Behavior<Command> onTick() {
    long now = System.nanoTime();
    linesLeft = LINES_MAX;
    Position current = session;
    if (current == null) {
      boolean closing = closingSinceNanos != 0;
      if (!closing && now - openingSentNanos > settings.resendInterval().toNanos()) {
        openSession(now);
      }
    } else {
      long appliedSeq = gauge.read().applied();
      List<Long> settled = new ArrayList<>();
      open.forEach((number, write) -> tick(write, current, number, now, appliedSeq, settled));
      for (long number : settled) {
        PendingWrite write = open.remove(number);
        if (write != null) {
          forget(write);
        }
      }
      number();
    }
    for (Iterator<PendingWrite> writes = waiting.iterator(); writes.hasNext(); ) {
      PendingWrite write = writes.next();
      if (!write.isAnswered() && now - write.submit.deadlineNanos() >= 0) {
        writes.remove();
        forget(write);
        answer(
            write,
            new WriteAnswer.NotApplied("no sequencer was there before the deadline", RETRY_AFTER));
      }
    }
    publish();
    return this;
  }

  private void tick(
      PendingWrite write,
      Position current,
      long number,
      long now,
      long applied,
      List<Long> settled) {
    long left = write.submit.deadlineNanos() - now;
    if (left <= 0 && !write.isAnswered()) {
      WriteAnswer answer = atDeadline(write);
      answer(write, answer);
      if (linesLeft-- > 0) {
        say(write, Level.WARN, "has missed its deadline; its client is told " + answer);
      }
    }
    if (write.isSettledAt(applied)) {
      // Its outcome was lost with a failure of this node's; the number is taken all the same.
      settled.add(number);
      return;
    }
    // Its cancellation could not come first any more once the request is known to be ordered.
    long giveUp = Math.min(write.submit.timeoutNanos() / 10, GIVE_UP_NANOS_MAX);
    boolean promised = write.submit.queued() && write.isAnswered();
    boolean giveUpNow = !write.givingUp && !promised && write.position == null && left <= giveUp;
    if (giveUpNow) {
      write.givingUp = true;
      metrics.writeGivenUp();
    }
    if (giveUpNow
        || (write.position == null || write.givingUp) && now - write.sentNanos > patience(write)) {
      send(write, current, number, now);
    }
  }

  private long patience(PendingWrite write) {
    return settings.resendInterval().toNanos()
        + write.submit.request().length * (1_000_000_000L / SENT_BYTES_PER_SECOND);
  }

  private static WriteAnswer atDeadline(PendingWrite write) {
    Position position = write.position;
    return position != null
        ? new WriteAnswer.Committed(position)
        : new WriteAnswer.Unknown(
            "the write was sent and neither its order nor its cancellation is known");
  }

  private Behavior<Command> onDrain(Drain drain) {
    drained = drain.drained();
    publish();
    return this;
  }

  /** Shows how much is pending, and ends a drain that has nothing left to wait for. */
  private void publish() {
    int pending = waiting.size() + open.size();
    writes.set(pending, session != null);
    CompletableFuture<Integer> wanted = drained;
    // What was answered at its deadline may stay open for long: its client waits no more.
    if (wanted == null || !waiting.isEmpty() || !open.allAnswered()) {
      return;
    }
    long now = System.nanoTime();
    if (closingSinceNanos == 0 && session != null && link.target() != null) {
      closingSinceNanos = now;
      link.submit(
          List.of(
              new Sequencer.Item(
                  NO_SESSION, 0, false, EntryCodec.encode(new Entry.SessionClosed(session)))));
    } else if (closingSinceNanos == 0 || now - closingSinceNanos > CLOSING_NANOS_MAX) {
      wanted.complete(0);
    }
  }
}
