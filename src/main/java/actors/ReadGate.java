package actors;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import storage.Journal;
import storage.JournalException;

/**
 * Lets reads in once this node has applied what their level asks for.
 *
 * <p>One question, to the sequencer or the journal, serves every read that waited when it was
 * asked; a read never counts on an answer to a question that was asked before it came. What is not
 * let in at its deadline is refused.
 */
final class ReadGate extends AbstractBehavior<ReadGate.Command> {

  /** What the gate accepts. */
  sealed interface Command {}

  /** A read arrived. */
  record Admit(
      ReadLevel level,
      Optional<Duration> freshness,
      OptionalLong minSeq,
      long deadlineNanos,
      CompletableFuture<ReadAdmission> answer)
      implements Command {}

  /** The sequencer says: this was committed when it was asked. */
  record Committed(long question, long seq) implements Command, NodeMessage {}

  private record JournalHead(long question, long seq, Optional<String> failure)
      implements Command {}

  /** The replica has moved. */
  enum Moved implements Command {
    HERE
  }

  /** Another sequencer is open: what its predecessor was asked is asked again. */
  enum SequencerOpen implements Command {
    NOW
  }

  private enum Tick implements Command {
    NOW
  }

  /** A read that waits for this node to have applied {@code seq}; negative while not known. */
  private static final class Waiting {
    final Admit admit;
    long seq;
    long question;

    Waiting(Admit admit, long seq) {
      this.admit = admit;
      this.seq = seq;
    }
  }

  private static final Duration TICK = Duration.ofMillis(50);
  private static final int WAITING_MAX = 20_000;

  /** How long a question may stay without an answer before it is asked again. */
  private static final long ASK_AGAIN_NANOS = Duration.ofMillis(500).toNanos();

  private final ReplicaGauge gauge;
  private final SequencerLink link;
  private final Journal journal;
  private final Executor journalExecutor;
  private final List<Waiting> waiting = new ArrayList<>();
  private final Questions weak = new Questions();
  private final Questions linearizable = new Questions();
  private boolean askingJournal;

  /** Which question is open, and whether another is due. */
  private static final class Questions {
    long asked;
    boolean open;
    long askedNanos;
    String failure = "";
  }

  static Behavior<Command> create(
      ReplicaGauge gauge, SequencerLink link, Journal journal, Executor journalExecutor) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> new ReadGate(context, timers, gauge, link, journal, journalExecutor)));
  }

  private ReadGate(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      ReplicaGauge gauge,
      SequencerLink link,
      Journal journal,
      Executor journalExecutor) {
    super(context);
    this.gauge = gauge;
    this.link = link;
    this.journal = journal;
    this.journalExecutor = journalExecutor;
    timers.startTimerWithFixedDelay(Tick.NOW, TICK);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Admit.class, this::onAdmit)
        .onMessage(Committed.class, this::onCommitted)
        .onMessage(JournalHead.class, this::onJournalHead)
        .onMessageEquals(SequencerOpen.NOW, this::onSequencerOpen)
        .onMessageEquals(Moved.HERE, this::onMoved)
        .onMessageEquals(Tick.NOW, this::onTick)
        .onSignal(PostStop.class, stop -> onStopped())
        .build();
  }

  private Behavior<Command> onStopped() {
    for (Waiting read : waiting) {
      read.admit.answer().complete(new ReadAdmission.Refused("this node is stopping"));
    }
    return this;
  }

  private Behavior<Command> onAdmit(Admit admit) {
    if (waiting.size() >= WAITING_MAX) {
      admit.answer().complete(new ReadAdmission.Refused("too many reads wait"));
      return this;
    }
    long minSeq = admit.minSeq().orElse(0);
    Waiting read = new Waiting(admit, admit.level() == ReadLevel.NONE ? minSeq : -1);
    waiting.add(read);
    if (admit.level() != ReadLevel.NONE) {
      // The open question was asked before this read came: it waits for the one after that.
      Questions questions = questions(admit.level());
      read.question = questions.asked + 1;
      ask();
    }
    letIn();
    return this;
  }

  private Questions questions(ReadLevel level) {
    return level == ReadLevel.WEAK ? weak : linearizable;
  }

  /** Asks what somebody waits for and nobody is being asked about. */
  private void ask() {
    if (isWanted(weak)) {
      send(weak);
    }
    if (isWanted(linearizable)) {
      send(linearizable);
    }
  }

  /** Asks the sequencer, or the journal; the journal one question at a time, since that blocks. */
  private void send(Questions questions) {
    if (questions == linearizable && askingJournal) {
      questions.open = true; // asked anew when the answer is there, or at the next tick
      return;
    }
    begin(questions);
    if (questions == weak) {
      link.askCommitted(weak.asked);
      return;
    }
    askingJournal = true;
    long question = linearizable.asked;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> askJournal(question), journalExecutor),
            (head, failure) ->
                head != null
                    ? head
                    : new JournalHead(question, 0, Optional.of(String.valueOf(failure))));
  }

  private boolean isWanted(Questions questions) {
    if (questions.open) {
      return false;
    }
    for (Waiting read : waiting) {
      if (read.seq < 0
          && read.question > questions.asked
          && questions(read.admit.level()) == questions) {
        return true;
      }
    }
    return false;
  }

  private static void begin(Questions questions) {
    questions.asked++;
    questions.open = true;
    questions.askedNanos = System.nanoTime();
  }

  private JournalHead askJournal(long question) {
    try {
      return new JournalHead(question, journal.head(), Optional.empty());
    } catch (JournalException e) {
      return new JournalHead(question, 0, Optional.of(String.valueOf(e.getMessage())));
    }
  }

  private Behavior<Command> onCommitted(Committed committed) {
    answered(weak, committed.question(), committed.seq());
    return this;
  }

  private Behavior<Command> onJournalHead(JournalHead head) {
    askingJournal = false;
    if (head.failure().isPresent()) {
      linearizable.failure = head.failure().get();
      // Left open until the next tick, so that a journal that is away is not asked in a loop.
      return this;
    }
    linearizable.failure = "";
    answered(linearizable, head.question(), head.seq());
    return this;
  }

  /** Everybody who came before the question was asked now knows what to wait for. */
  private void answered(Questions questions, long question, long seq) {
    for (Waiting read : waiting) {
      if (read.seq < 0
          && read.question <= question
          && read.admit.level() != ReadLevel.NONE
          && questions(read.admit.level()) == questions) {
        read.seq = Math.max(seq, read.admit.minSeq().orElse(0));
      }
    }
    if (question == questions.asked) {
      questions.open = false;
    }
    ask();
    letIn();
  }

  private Behavior<Command> onMoved() {
    letIn();
    return this;
  }

  private void letIn() {
    if (waiting.isEmpty()) {
      return;
    }
    ReplicaGauge.Reading now = gauge.read();
    for (Iterator<Waiting> reads = waiting.iterator(); reads.hasNext(); ) {
      Waiting read = reads.next();
      if (now.state() == ReplicaGauge.State.OUT_OF_SERVICE) {
        // Nothing changes before an operator has decided, so there is nothing to wait for.
        reads.remove();
        read.admit.answer().complete(new ReadAdmission.Refused(whyNot(read)));
        continue;
      }
      boolean serves = read.admit.level() == ReadLevel.NONE ? now.servesNone() : now.servesReads();
      if (serves && read.seq >= 0 && now.applied() >= read.seq) {
        reads.remove();
        read.admit
            .answer()
            .complete(
                now.isFresh(read.admit.freshness())
                    ? new ReadAdmission.Admitted()
                    : new ReadAdmission.Stale());
      }
    }
  }

  private Behavior<Command> onTick() {
    long now = System.nanoTime();
    for (Iterator<Waiting> reads = waiting.iterator(); reads.hasNext(); ) {
      Waiting read = reads.next();
      if (now - read.admit.deadlineNanos() >= 0) {
        reads.remove();
        read.admit.answer().complete(new ReadAdmission.Refused(whyNot(read)));
      }
    }
    askAgain(weak, now);
    askAgain(linearizable, now);
    return this;
  }

  /**
   * A question or its answer may be lost. Whoever waits is let in by the answer to any question
   * that was asked after he came, so nobody is moved to the new one.
   */
  private void askAgain(Questions questions, long now) {
    if (questions.open && now - questions.askedNanos > ASK_AGAIN_NANOS) {
      questions.open = false;
      send(questions);
    }
  }

  private Behavior<Command> onSequencerOpen() {
    if (weak.open) {
      send(weak);
    }
    return this;
  }

  private String whyNot(Waiting read) {
    ReplicaGauge.Reading now = gauge.read();
    if (now.problem().isPresent()) {
      return now.problem().get();
    }
    if (read.seq >= 0) {
      return "this node has applied event " + now.applied() + " and not yet event " + read.seq;
    }
    if (read.admit.level() == ReadLevel.WEAK) {
      return "no sequencer answered in time";
    }
    return linearizable.failure.isEmpty()
        ? "the journal did not answer in time"
        : linearizable.failure;
  }
}
