package actors;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.UniqueAddress;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Down;
import org.apache.pekko.cluster.typed.Subscribe;
import org.apache.pekko.event.EventStream;
import org.apache.pekko.remote.FailureDetectorRegistry;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.Arbiter;

/**
 * Has members put out that are gone: by asking the arbiter, and by nothing else. Only after its yes
 * is a member downed in Pekko.
 *
 * <p>It asks only about members that this process itself does not hear, whatever others observe: so
 * whoever is heard by all is never asked about, and of two members that do not hear each other one
 * stays. {@link DowningDecision} says when. A process that has crashed is noticed by {@link
 * CrashWatch}; before that is believed, the other members are asked to look too.
 *
 * <p>Runs on every member, from when it knows of its membership until it is out.
 */
final class Downing extends AbstractBehavior<Downing.Command> {

  private static final Logger LOG = LoggerFactory.getLogger(Downing.class);

  /** The actor's name, under {@link Membership}'s. */
  static final String NAME = "downing";

  /** How often this process looks whom it hears. */
  private static final Duration TICK = Duration.ofMillis(100);

  /** A longer gap between looks is a pause of this process itself, and says nothing of others. */
  private static final Duration GAP_MAX = Duration.ofMillis(500);

  /** How long others may take to say what they see of a process that seems to have crashed. */
  private static final Duration CONFIRM_MAX = Duration.ofMillis(200);

  /** How long the word of another member counts, for what it says and as a sign of life. */
  private static final Duration ANSWER_MAX = Duration.ofMillis(250);

  /** The pause before the arbiter is asked again that could not answer. */
  private static final Duration AGAIN = Duration.ofMillis(200);

  /** What this actor accepts. */
  sealed interface Command {}

  /** Is nobody listening at this address (host:port)? */
  record AskGone(String address, long uid, ActorRef<GoneAnswer> replyTo) implements Command, Wire {}

  /**
   * What was found.
   *
   * @param by Pekko's unique id of who looked
   */
  record GoneAnswer(String address, long uid, boolean gone, long by) implements Wire {}

  /** Do you hear this member? */
  record AskHeard(String address, long uid, ActorRef<HeardAnswer> replyTo)
      implements Command, Wire {}

  /**
   * Whether the asked member's own failure detector hears it.
   *
   * @param by Pekko's unique id of the asked member
   */
  record HeardAnswer(String address, long uid, boolean heard, long by) implements Wire {}

  private record Changed(Member member, boolean removed) implements Command {}

  private record Lost(UniqueAddress member) implements Command {}

  private record Listens(UniqueAddress member) implements Command {}

  private record Looked(AskGone ask, CrashWatch.Probe probe) implements Command {}

  private record OtherLooked(GoneAnswer answer) implements Command {}

  private record ConfirmEnd(UniqueAddress member) implements Command {}

  private record OtherHears(HeardAnswer answer) implements Command {}

  private record Decided(
      List<UniqueAddress> members, Arbiter.@Nullable Standing standing, @Nullable Throwable failure)
      implements Command {}

  private enum Self implements Command {
    TICK
  }

  private final TimerScheduler<Command> timers;
  private final Membership.Settings settings;
  private final Arbiter arbiter;
  private final Executor journalExecutor;
  private final CrashWatch crashWatch;
  private final Arbiter.Process self;
  private final long formation;
  private final ActorRef<Membership.Command> parent;

  private final Cluster cluster;
  private final UniqueAddress selfAddress;
  private final FailureDetectorRegistry<Address> failureDetector;
  private final EventStream events;
  private final ActorRef<GoneAnswer> goneAnswers;
  private final ActorRef<HeardAnswer> heardAnswers;

  private final Map<UniqueAddress, Member> members = new HashMap<>();
  private final Map<UniqueAddress, CrashWatch.Watch> watches = new HashMap<>();
  private final Map<UniqueAddress, Long> silentSinceNanos = new HashMap<>();
  private final Map<UniqueAddress, Long> crashedSinceNanos = new HashMap<>();
  private final Map<UniqueAddress, Long> heardElsewhereNanos = new HashMap<>();
  private final Map<Long, Long> answeredNanos = new HashMap<>();
  private final Map<UniqueAddress, Set<Long>> confirming = new HashMap<>();
  private final Troubles troubles = new Troubles(LOG);
  private final Set<UniqueAddress> putOut = new HashSet<>();
  private long lookedNanos = System.nanoTime();
  private boolean asking;
  private long askAgainNanos = System.nanoTime();

  static Behavior<Command> create(
      Membership.Settings settings,
      Arbiter arbiter,
      Executor journalExecutor,
      CrashWatch crashWatch,
      Arbiter.Process self,
      long formation,
      ActorRef<Membership.Command> parent) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new Downing(
                        context,
                        timers,
                        settings,
                        arbiter,
                        journalExecutor,
                        crashWatch,
                        self,
                        formation,
                        parent)));
  }

  private Downing(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Membership.Settings settings,
      Arbiter arbiter,
      Executor journalExecutor,
      CrashWatch crashWatch,
      Arbiter.Process self,
      long formation,
      ActorRef<Membership.Command> parent) {
    super(context);
    this.timers = timers;
    this.settings = settings;
    this.arbiter = arbiter;
    this.journalExecutor = journalExecutor;
    this.crashWatch = crashWatch;
    this.self = self;
    this.formation = formation;
    this.parent = parent;
    cluster = Cluster.get(context.getSystem());
    selfAddress = cluster.selfMember().uniqueAddress();
    failureDetector =
        org.apache.pekko.cluster.Cluster.get(Adapter.toClassic(context.getSystem()))
            .failureDetector();
    events = Adapter.toClassic(context.getSystem()).eventStream();
    goneAnswers = context.messageAdapter(GoneAnswer.class, OtherLooked::new);
    heardAnswers = context.messageAdapter(HeardAnswer.class, OtherHears::new);
    cluster
        .subscriptions()
        .tell(
            Subscribe.create(
                context.messageAdapter(
                    ClusterEvent.MemberEvent.class,
                    event ->
                        new Changed(event.member(), event instanceof ClusterEvent.MemberRemoved)),
                ClusterEvent.MemberEvent.class));
    timers.startTimerWithFixedDelay(Self.TICK, TICK);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(AskGone.class, this::onAskGone)
        .onMessage(AskHeard.class, this::onAskHeard)
        .onMessage(Changed.class, this::onChanged)
        .onMessage(Lost.class, this::onLost)
        .onMessage(Listens.class, this::onListens)
        .onMessage(Looked.class, this::onLooked)
        .onMessage(OtherLooked.class, this::onOtherLooked)
        .onMessage(ConfirmEnd.class, this::onConfirmEnd)
        .onMessage(OtherHears.class, this::onOtherHears)
        .onMessage(Decided.class, this::onDecided)
        .onMessageEquals(Self.TICK, this::onTick)
        .onSignal(PostStop.class, stop -> onStop())
        .build();
  }

  // Who is a member.

  private Behavior<Command> onChanged(Changed changed) {
    UniqueAddress member = changed.member().uniqueAddress();
    if (changed.removed()) {
      forget(member);
      return this;
    }
    if (members.put(member, changed.member()) == null && !member.equals(selfAddress)) {
      // Pekko tells of a new start at an address before it tells that the old one is removed.
      List.copyOf(crashedSinceNanos.keySet()).stream()
          .filter(crashed -> crashed.address().equals(member.address()))
          .forEach(this::unmark);
      watch(member);
    }
    return this;
  }

  private void watch(UniqueAddress member) {
    ActorRef<Command> me = getContext().getSelf();
    watches.put(
        member,
        crashWatch.watch(
            Membership.hostPort(member.address()),
            new CrashWatch.Listener() {
              @Override
              public void gone() {
                me.tell(new Lost(member));
              }

              @Override
              public void listens() {
                me.tell(new Listens(member));
              }
            }));
  }

  private void forget(UniqueAddress member) {
    members.remove(member);
    CrashWatch.Watch watch = watches.remove(member);
    if (watch != null) {
      watch.close();
    }
    unmark(member);
    silentSinceNanos.remove(member);
    heardElsewhereNanos.remove(member);
    answeredNanos.remove(member.longUid());
    confirming.remove(member);
    putOut.remove(member);
  }

  // Who has crashed.

  private Behavior<Command> onLost(Lost lost) {
    UniqueAddress member = lost.member();
    if (!members.containsKey(member)
        || crashedSinceNanos.containsKey(member)
        || confirming.containsKey(member)) {
      return this;
    }
    Set<Long> asked = new HashSet<>();
    for (UniqueAddress other : heardMembers()) {
      if (!other.equals(member) && !confirming.containsKey(other)) {
        asked.add(other.longUid());
        tell(
            other,
            new AskGone(Membership.hostPort(member.address()), member.longUid(), goneAnswers));
      }
    }
    confirming.put(member, asked);
    if (asked.isEmpty()) {
      confirm(member);
    } else {
      timers.startSingleTimer(member, new ConfirmEnd(member), CONFIRM_MAX);
    }
    return this;
  }

  private Behavior<Command> onAskGone(AskGone ask) {
    getContext()
        .pipeToSelf(
            crashWatch.probe(ask.address()),
            (probe, failure) -> new Looked(ask, probe == null ? CrashWatch.Probe.SILENT : probe));
    return this;
  }

  private Behavior<Command> onLooked(Looked looked) {
    AskGone ask = looked.ask();
    boolean gone = looked.probe() != CrashWatch.Probe.LISTENS;
    ask.replyTo().tell(new GoneAnswer(ask.address(), ask.uid(), gone, selfAddress.longUid()));
    return this;
  }

  private Behavior<Command> onOtherLooked(OtherLooked looked) {
    GoneAnswer answer = looked.answer();
    answeredNanos.put(answer.by(), System.nanoTime());
    UniqueAddress member = find(answer.address(), answer.uid());
    Set<Long> asked = member == null ? null : confirming.get(member);
    if (member == null || asked == null) {
      return this;
    }
    if (!answer.gone()) {
      LOG.info("{} is refused here, but another member reaches it", answer.address());
      confirming.remove(member);
      timers.cancel(member);
    } else {
      asked.remove(answer.by());
      if (asked.isEmpty()) {
        confirm(member);
      }
    }
    return this;
  }

  /** Silence is consent: who does not answer may be gone as well. */
  private Behavior<Command> onConfirmEnd(ConfirmEnd end) {
    if (confirming.containsKey(end.member())) {
      confirm(end.member());
    }
    return this;
  }

  private void confirm(UniqueAddress member) {
    confirming.remove(member);
    timers.cancel(member);
    LOG.info("the process at {} is gone", Membership.hostPort(member.address()));
    crashedSinceNanos.put(member, System.nanoTime());
    CrashAwareFailureDetector.mark(events, member.address());
    for (UniqueAddress other : List.copyOf(confirming.keySet())) {
      Set<Long> asked = confirming.get(other);
      if (asked != null && asked.remove(member.longUid()) && asked.isEmpty()) {
        confirm(other);
      }
    }
    decide();
  }

  /** It was no crash, or another process has taken the address: the failure detector judges. */
  private Behavior<Command> onListens(Listens listens) {
    UniqueAddress member = listens.member();
    if (crashedSinceNanos.containsKey(member) && !putOut.contains(member)) {
      LOG.info("{} is reached again", Membership.hostPort(member.address()));
      unmark(member);
    }
    return this;
  }

  private void unmark(UniqueAddress member) {
    if (crashedSinceNanos.remove(member) != null) {
      CrashAwareFailureDetector.clear(events, member.address());
    }
  }

  // Who is silent.

  private Behavior<Command> onTick() {
    long now = System.nanoTime();
    long gapNanos = now - lookedNanos;
    if (gapNanos > GAP_MAX.toNanos()) {
      long pausedNanos = gapNanos - TICK.toNanos();
      silentSinceNanos.replaceAll((member, sinceNanos) -> sinceNanos + pausedNanos);
    }
    lookedNanos = now;
    for (UniqueAddress member : members.keySet()) {
      if (member.equals(selfAddress) || failureDetector.isAvailable(member.address())) {
        silentSinceNanos.remove(member);
      } else if (silentSinceNanos.putIfAbsent(member, now) == null) {
        LOG.info("{} is not heard", Membership.hostPort(member.address()));
      }
    }
    askWhoElseHears();
    decide();
    return this;
  }

  private void askWhoElseHears() {
    for (UniqueAddress silent : silentSinceNanos.keySet()) {
      if (crashedSinceNanos.containsKey(silent) || putOut.contains(silent)) {
        continue;
      }
      for (UniqueAddress other : heardMembers()) {
        String address = Membership.hostPort(silent.address());
        tell(other, new AskHeard(address, silent.longUid(), heardAnswers));
      }
    }
  }

  private Behavior<Command> onAskHeard(AskHeard ask) {
    UniqueAddress member = find(ask.address(), ask.uid());
    boolean heard =
        member != null
            && failureDetector.isMonitoring(member.address())
            && failureDetector.isAvailable(member.address());
    ask.replyTo().tell(new HeardAnswer(ask.address(), ask.uid(), heard, selfAddress.longUid()));
    return this;
  }

  private Behavior<Command> onOtherHears(OtherHears other) {
    HeardAnswer answer = other.answer();
    answeredNanos.put(answer.by(), System.nanoTime());
    UniqueAddress member = find(answer.address(), answer.uid());
    if (member != null && answer.heard()) {
      heardElsewhereNanos.put(member, System.nanoTime());
    }
    return this;
  }

  /** Members but this one that are heard here and so can be asked. */
  private List<UniqueAddress> heardMembers() {
    return members.keySet().stream()
        .filter(member -> !member.equals(selfAddress))
        .filter(member -> !silentSinceNanos.containsKey(member))
        .filter(member -> !crashedSinceNanos.containsKey(member))
        .toList();
  }

  // Who is put out.

  private void decide() {
    Member me = members.get(selfAddress);
    if (me == null || isSettled(me) || asking || System.nanoTime() - askAgainNanos < 0) {
      return;
    }
    DowningDecision decision =
        new DowningDecision(
            isLeaving(me),
            counts(me),
            self.address(),
            settings.stableAfter(),
            settings.minorityDelay());
    List<DowningDecision.Peer> peers = new ArrayList<>();
    for (Member member : members.values()) {
      if (!member.equals(me) && !isSettled(member) && !putOut.contains(member.uniqueAddress())) {
        peers.add(peer(member, me));
      }
    }
    List<DowningDecision.Peer> others = decision.toPutOut(peers);
    if (!others.isEmpty()) {
      ask(others);
    }
  }

  private DowningDecision.Peer peer(Member member, Member me) {
    UniqueAddress address = member.uniqueAddress();
    return new DowningDecision.Peer(
        Membership.hostPort(address.address()),
        address.longUid(),
        counts(member),
        isLeaving(member),
        member.isOlderThan(me),
        since(silentSinceNanos.get(address)),
        since(crashedSinceNanos.get(address)),
        isRecent(heardElsewhereNanos.get(address)),
        isRecent(answeredNanos.get(address.longUid())));
  }

  private static boolean isRecent(@Nullable Long nanos) {
    return nanos != null && System.nanoTime() - nanos < ANSWER_MAX.toNanos();
  }

  private static Optional<Duration> since(@Nullable Long nanos) {
    return nanos == null
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(System.nanoTime() - nanos));
  }

  private void ask(List<DowningDecision.Peer> others) {
    asking = true;
    List<Arbiter.Process> processes = new ArrayList<>();
    List<UniqueAddress> asked = new ArrayList<>();
    for (DowningDecision.Peer other : others) {
      UniqueAddress member = find(other.address(), other.uid());
      if (member != null) {
        asked.add(member);
        // The membership does not know the node's name, and the address and uid are enough.
        processes.add(new Arbiter.Process("", other.address(), other.uid()));
      }
    }
    LOG.debug("asks the arbiter to put out {}", processes);
    getContext()
        .pipeToSelf(
            Membership.ask(() -> arbiter.putOut(self, formation, processes), journalExecutor),
            (standing, failure) -> new Decided(asked, standing, failure));
  }

  private Behavior<Command> onDecided(Decided decided) {
    asking = false;
    troubles.note("the arbiter cannot be asked to put out members", decided.failure());
    Arbiter.Standing standing = decided.standing();
    if (standing instanceof Arbiter.Standing.Out out) {
      parent.tell(new Membership.PutOut(out.reason()));
    } else if (standing == null) {
      askAgainNanos = System.nanoTime() + AGAIN.toNanos();
    } else {
      LOG.info("the arbiter has put out {}", decided.members());
      decided.members().forEach(this::down);
      decide();
    }
    return this;
  }

  /**
   * Takes a member out that the arbiter has put out, heard again or not. Pekko goes by the address
   * alone, so that it is said only while this very process is the member there.
   */
  private void down(UniqueAddress member) {
    Member current = members.get(member);
    if (current != null && current.status() != MemberStatus.down()) {
      putOut.add(member);
      cluster.manager().tell(new Down(member.address()));
    }
  }

  /**
   * Whether nothing is to be decided: who is exiting or down is removed without being asked for.
   */
  private static boolean isSettled(Member member) {
    return member.status() == MemberStatus.exiting()
        || member.status() == MemberStatus.down()
        || member.status() == MemberStatus.removed();
  }

  private static boolean isLeaving(Member member) {
    return member.status() == MemberStatus.leaving();
  }

  /** Joining members are known to some and not to others, so that they decide no majority. */
  private static boolean counts(Member member) {
    return member.status() == MemberStatus.up() || isLeaving(member);
  }

  private @Nullable UniqueAddress find(String hostPort, long uid) {
    for (UniqueAddress member : members.keySet()) {
      if (member.longUid() == uid && Membership.hostPort(member.address()).equals(hostPort)) {
        return member;
      }
    }
    return null;
  }

  private void tell(UniqueAddress member, Command command) {
    Membership.tell(getContext(), member.address(), Membership.NAME + "/" + NAME, command);
  }

  private Behavior<Command> onStop() {
    watches.values().forEach(CrashWatch.Watch::close);
    return this;
  }
}
