package actors;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;
import sql.Position;
import storage.AppliedEntry;
import storage.Entry;
import storage.EntryCodec;

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
   */
  public record Settings(
      int pendingMax,
      long pendingBytesMax,
      int window,
      int requestBytesMax,
      Duration resendInterval) {}

  /** What the session accepts. */
  public sealed interface Command {}

  /** A write arrived at this node; {@code request} is encoded by {@link storage.RequestCodec}. */
  record Submit(
      byte[] request,
      long deadlineNanos,
      long timeoutNanos,
      boolean queued,
      CompletableFuture<WriteAnswer> answer)
      implements Command {}

  /** These are durable in the journal, at these positions. */
  public record Ordered(List<OrderedItem> items) implements Command, Wire {}

  /** Where an item stands. */
  public record OrderedItem(Position session, long number, Position position) {}

  /** This node's replica has committed these. */
  record Applied(List<AppliedEntry> entries) implements Command {}

  /** Take no more writes; complete the future when those that were taken are answered. */
  record Drain(CompletableFuture<Integer> drained) implements Command {}

  private enum Self implements Command {
    FLUSH,
    TICK
  }

  private static final Duration TICK = Duration.ofMillis(50);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);
  private static final long GIVE_UP_NANOS_MAX = Duration.ofSeconds(2).toNanos();
  private static final Position NO_SESSION = new Position(0, 0);

  private final Settings settings;
  private final String nodeId;
  private final ReplicaGauge gauge;
  private final WriteGauge writes;
  private final ActorRef<Sequencer.Command> sequencer;

  /** Taken and not numbered yet: nothing of them has left this node. */
  private final ArrayDeque<PendingWrite> waiting = new ArrayDeque<>();

  /** Numbered and not settled, by number. */
  private final OpenWrites open = new OpenWrites();

  private final List<Sequencer.Item> unsent = new ArrayList<>();
  private long bytes;
  private @Nullable Position session;
  private String nonce = UUID.randomUUID().toString();
  private long openingSentNanos;
  private boolean flushing;
  private @Nullable CompletableFuture<Integer> drained;

  static Behavior<Command> create(
      Settings settings,
      String nodeId,
      ReplicaGauge gauge,
      WriteGauge writes,
      ActorRef<Sequencer.Command> sequencer) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new WriteSession(context, timers, settings, nodeId, gauge, writes, sequencer)));
  }

  private WriteSession(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Settings settings,
      String nodeId,
      ReplicaGauge gauge,
      WriteGauge writes,
      ActorRef<Sequencer.Command> sequencer) {
    super(context);
    this.settings = settings;
    this.nodeId = nodeId;
    this.gauge = gauge;
    this.writes = writes;
    this.sequencer = sequencer;
    timers.startTimerWithFixedDelay(Self.TICK, TICK);
    openSession(System.nanoTime());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Submit.class, this::onSubmit)
        .onMessage(Applied.class, this::onApplied)
        .onMessage(Ordered.class, this::onOrdered)
        .onMessageEquals(Self.FLUSH, this::onFlush)
        .onMessageEquals(Self.TICK, this::onTick)
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
    } else if (waiting.size() + open.size() >= settings.pendingMax()
        || bytes + submit.request().length > settings.pendingBytesMax()) {
      refusal = "too many writes wait at this node";
    }
    if (refusal != null) {
      submit.answer().complete(new WriteAnswer.NotApplied(refusal, RETRY_AFTER));
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
    if (current == null) {
      return;
    }
    while (!waiting.isEmpty() && open.hasRoom(settings.window())) {
      PendingWrite write = waiting.remove();
      long number = open.add(write);
      write.entry = EntryCodec.encode(new Entry.Submitted(current, number, write.submit.request()));
      send(write, current, number, System.nanoTime());
    }
  }

  private void send(PendingWrite write, Position current, long number, long now) {
    write.sentNanos = now;
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
      sequencer.tell(new Sequencer.Submit(List.copyOf(unsent), getContext().getSelf()));
      unsent.clear();
    }
    return this;
  }

  private Behavior<Command> onOrdered(Ordered ordered) {
    for (OrderedItem item : ordered.items()) {
      PendingWrite write = item.session().equals(session) ? open.get(item.number()) : null;
      if (write == null) {
        continue;
      }
      write.orderedBy(item.position().seq());
      if (!write.givingUp && write.position == null) {
        write.position = item.position();
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

  private void settle(long number, WriteAnswer answer) {
    PendingWrite write = open.remove(number);
    if (write != null) {
      forget(write);
      answer(write, answer);
    }
  }

  private void forget(PendingWrite write) {
    bytes -= write.submit.request().length;
    write.entry = null;
  }

  private static void answer(PendingWrite write, WriteAnswer answer) {
    write.submit.answer().complete(answer);
  }

  /**
   * What the closed session did not take surely is not applied; it gets new numbers in the next
   * one, unless its client has been answered.
   */
  private void sessionClosed() {
    getContext().getLog().warn("session {} was closed; opening another", session);
    session = null;
    nonce = UUID.randomUUID().toString();
    unsent.clear();
    List<PendingWrite> again = new ArrayList<>();
    for (PendingWrite write : open.removeAll()) {
      if (write.isAnswered() && !write.submit.queued()) {
        forget(write);
      } else {
        write.reset();
        again.add(write);
      }
    }
    for (int i = again.size() - 1; i >= 0; i--) {
      waiting.addFirst(again.get(i));
    }
    openSession(System.nanoTime());
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
    Position current = session;
    if (current == null) {
      if (now - openingSentNanos > settings.resendInterval().toNanos()) {
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
      answer(write, atDeadline(write));
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
    }
    if (giveUpNow
        || (write.position == null || write.givingUp)
            && now - write.sentNanos > settings.resendInterval().toNanos()) {
      send(write, current, number, now);
    }
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
    if (wanted != null && waiting.isEmpty() && open.allAnswered()) {
      wanted.complete(0);
    }
  }
}
