package actors;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.Dropped;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.eventstream.EventStream;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.typed.Cluster;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.Position;
import storage.DatabaseConnections;
import storage.Formats;
import storage.Journal;
import storage.JournalException;

/**
 * This node as the other nodes see it: takes their messages and hands them to the node's parts,
 * which live on when the cluster's actor system is started anew. Stands at the same path on every
 * node, so that an address is enough to reach it.
 *
 * <p>It tells the sequencer four times a second how far this node is, and that is how the sequencer
 * knows where to push. The answer to it carries the head, and when it was asked for.
 */
final class NodeGateway extends AbstractBehavior<NodeMessage> {

  private static final Logger LOG = LoggerFactory.getLogger(NodeGateway.class);

  /** The gateway's name; its path is {@code /user/} and this. */
  static final String NAME = "gateway";

  /** Whether a node holds to a journal, and how far it has applied it. */
  record AskWhere(ActorRef<Replica.WhereAnswer> replyTo) implements NodeMessage {}

  /** Who are you, and how are you? */
  record AskStatus(ActorRef<StatusAnswer> replyTo) implements NodeMessage {}

  /** What a node says of itself to others. */
  record StatusAnswer(
      String nodeId,
      String httpUrl,
      String version,
      String sqliteVersion,
      long applied,
      long head,
      String replicaState)
      implements Wire {}

  /** Can you reach the journal? Only who can answers. */
  record AskJournal(ActorRef<JournalReached> replyTo) implements NodeMessage {}

  /** A node has reached the journal. */
  record JournalReached(String nodeId) implements Wire {}

  /** Stay before this request until there is a verdict, and say whether you have applied it. */
  record AskHold(Position position, ActorRef<Sequencer.Command> replyTo) implements NodeMessage {}

  /** Let the sequencer go: another node asks for it. */
  record AskMove(ActorRef<MoveAnswer> replyTo) implements NodeMessage {}

  /** The node begins to let the sequencer go, or does not have it. */
  record MoveAnswer(boolean begun) implements Wire {}

  private record Lost(String message) implements NodeMessage {}

  private enum Self implements NodeMessage {
    TICK
  }

  /** What the node does for its gateway. */
  interface Owner {

    /** This node as it is now. */
    StatusAnswer status();

    /** The cluster side ends and begins anew, so that the sequencer moves on. */
    void moveSequencer();

    /** Pekko has given up a message. */
    void dropped();
  }

  private static final Duration TICK = Duration.ofMillis(250);

  /** An open sequencer that reaches the journal answers four times a second. */
  private static final Duration SILENCE_MAX = Duration.ofMillis(1500);

  /** So many pushes without a word to the sequencer, at most. */
  private static final int PUSHES_PER_PROGRESS = 32;

  private final String nodeId;
  private final String processId;
  private final SequencerLink link;
  private final LocalParts parts;
  private final Journal journal;
  private final Executor journalExecutor;
  private final Owner owner;
  private final Cluster cluster;
  private final Address self;
  private long epoch;
  private @Nullable ActorRef<Sequencer.Command> sequencer;
  private long heardNanos;
  private @Nullable Address sequencerAddress;
  private boolean sequencerWasMember;
  private int pushes;

  static Behavior<NodeMessage> create(
      String nodeId,
      String processId,
      SequencerLink link,
      LocalParts parts,
      Journal journal,
      Executor journalExecutor,
      Owner owner) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new NodeGateway(
                        context,
                        timers,
                        nodeId,
                        processId,
                        link,
                        parts,
                        journal,
                        journalExecutor,
                        owner)));
  }

  private NodeGateway(
      ActorContext<NodeMessage> context,
      TimerScheduler<NodeMessage> timers,
      String nodeId,
      String processId,
      SequencerLink link,
      LocalParts parts,
      Journal journal,
      Executor journalExecutor,
      Owner owner) {
    super(context);
    this.nodeId = nodeId;
    this.processId = processId;
    this.link = link;
    this.parts = parts;
    this.journal = journal;
    this.journalExecutor = journalExecutor;
    this.owner = owner;
    this.cluster = Cluster.get(context.getSystem());
    this.self = cluster.selfMember().address();
    timers.startTimerWithFixedDelay(Self.TICK, TICK);
    context
        .getSystem()
        .eventStream()
        .tell(
            new EventStream.Subscribe<>(
                Dropped.class,
                context.messageAdapter(
                    Dropped.class, dropped -> new Lost(String.valueOf(dropped.reason())))));
  }

  @Override
  public Receive<NodeMessage> createReceive() {
    return newReceiveBuilder()
        .onMessage(Replica.Push.class, this::onPush)
        .onMessage(Replica.Head.class, this::onHead)
        .onMessage(AskStatus.class, this::onAskStatus)
        .onMessage(AskJournal.class, this::onAskJournal)
        .onMessage(AskMove.class, this::onAskMove)
        .onMessage(Lost.class, this::onLost)
        .onMessageEquals(Self.TICK, this::onTick)
        .onMessage(AskWhere.class, this::onAskWhere)
        .onMessage(AskHold.class, this::onAskHold)
        .onMessage(NodeMessage.class, this::deliver)
        .onSignal(PostStop.class, stop -> onStopped())
        .build();
  }

  private Behavior<NodeMessage> onStopped() {
    lost("the cluster side of this node has ended", true); // its keeper has said why
    return this;
  }

  private Behavior<NodeMessage> deliver(NodeMessage message) {
    parts.deliver(message);
    return this;
  }

  private Behavior<NodeMessage> onPush(Replica.Push push) {
    parts.replica().tell(push);
    if (++pushes >= PUSHES_PER_PROGRESS) {
      tellProgress();
    }
    return this;
  }

  /** A sequencer of an older epoch may not have noticed yet that it was overtaken. */
  private Behavior<NodeMessage> onHead(Replica.Head head) {
    if (head.epoch() < epoch) {
      return this;
    }
    boolean another = head.epoch() > epoch || link.target() == null;
    epoch = head.epoch();
    heardNanos = System.nanoTime();
    sequencer = head.sequencer();
    Address address = head.sequencer().path().address();
    Address next = address.hasLocalScope() ? self : address;
    sequencerWasMember = sequencerWasMember && next.equals(sequencerAddress);
    sequencerAddress = next;
    if (another) {
      link.set(
          new SequencerLink.Target(
              head.sequencer(),
              getContext().getSelf(),
              head.epoch(),
              head.nodeId(),
              self.equals(sequencerAddress)));
      parts.session().tell(new WriteSession.SequencerOpen(head.epoch()));
      parts.readGate().tell(ReadGate.SequencerOpen.NOW);
      tellProgress();
    }
    parts.replica().tell(head);
    return this;
  }

  /** Tells how far this node is, and looks whether the sequencer is still there. */
  private Behavior<NodeMessage> onTick() {
    Address address = sequencerAddress;
    if (address != null && link.target() != null) {
      if (isGone(address)) {
        lost("the sequencer's node is gone", false);
      } else if (System.nanoTime() - heardNanos > SILENCE_MAX.toNanos()) {
        lost("the sequencer is silent", false);
      }
    }
    tellProgress();
    return this;
  }

  /** What a client sends from now on waits here, where it is surely not applied. */
  private void lost(String reason, boolean expected) {
    link.set(null);
    parts.replica().tell(new Replica.SequencerLost(reason, expected));
  }

  /** A node that has just joined may hear of a sequencer before it hears of the member. */
  private boolean isGone(Address address) {
    for (Member member : cluster.state().getMembers()) {
      if (member.address().equals(address)) {
        sequencerWasMember = true;
        return cluster.state().getUnreachable().contains(member);
      }
    }
    return sequencerWasMember;
  }

  private void tellProgress() {
    pushes = 0;
    ActorRef<Sequencer.Command> to = sequencer;
    if (to != null) {
      ReplicaGauge.Reading now = parts.gauge().read();
      to.tell(
          new Sequencer.Progress(
              getContext().getSelf(),
              nodeId,
              processId,
              now.applied(),
              Formats.newestRules(),
              System.nanoTime(),
              DatabaseConnections.sqliteVersion(),
              now.comparedSeq(),
              now.comparedDigest()));
    }
  }

  private Behavior<NodeMessage> onAskWhere(AskWhere ask) {
    Replica.WhereAnswer known = parts.gauge().runningLong();
    if (known != null) {
      ask.replyTo().tell(known);
    } else {
      parts.replica().tell(new Replica.AskWhere(ask.replyTo()));
    }
    return this;
  }

  private Behavior<NodeMessage> onAskHold(AskHold ask) {
    parts.replica().tell(new Replica.AskHold(ask.position(), ask.replyTo()));
    return this;
  }

  private Behavior<NodeMessage> onAskStatus(AskStatus ask) {
    ask.replyTo().tell(owner.status());
    return this;
  }

  private Behavior<NodeMessage> onAskJournal(AskJournal ask) {
    CompletableFuture.runAsync(
        () -> {
          try {
            if (journal.head() >= 0) {
              ask.replyTo().tell(new JournalReached(nodeId));
            }
          } catch (JournalException e) {
            LOG.debug("the journal cannot be reached from here either", e);
          }
        },
        journalExecutor);
    return this;
  }

  private Behavior<NodeMessage> onAskMove(AskMove ask) {
    SequencerLink.Target target = link.target();
    boolean here = target != null && target.here();
    ask.replyTo().tell(new MoveAnswer(here));
    if (here) {
      owner.moveSequencer();
    }
    return this;
  }

  private Behavior<NodeMessage> onLost(Lost lost) {
    owner.dropped();
    LOG.debug("a message was dropped: {}", lost.message());
    return this;
  }
}
