package actors;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.apache.pekko.actor.ActorSelection;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.CoordinatedShutdown;
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
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Join;
import org.apache.pekko.cluster.typed.JoinSeedNodes;
import org.apache.pekko.cluster.typed.Subscribe;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.Arbiter;
import storage.JournalException;

/**
 * Takes this process into the cluster, and keeps it there as long as the arbiter says so.
 *
 * <p>It forms a cluster only when the arbiter told this process to, and joins only members that the
 * arbiter named; once in, it renews with the arbiter, and {@link Downing} has members put out that
 * are gone. A failure of the arbiter's database is never an answer: it is asked again, and a member
 * stays a member meanwhile.
 *
 * <p>A process takes part in one formation in its life. If another one has been formed before it
 * was in, it has to start anew with a new uid: a member of the older one could still welcome it.
 *
 * <p>Stands at {@code /user/membership} on every node.
 */
final class Membership extends AbstractBehavior<Membership.Command> {

  private static final Logger LOG = LoggerFactory.getLogger(Membership.class);

  /** The actor's name; its path is {@code /user/} and this. */
  static final String NAME = "membership";

  /**
   * How a process enters the cluster and judges who is gone.
   *
   * @param nodeId the node's name
   * @param contacts cluster addresses, host:port, that were named to be joined; may name this node
   * @param discovers whether a cluster is formed only when {@link Discovered} says that enough
   *     nodes are there
   * @param stableAfter how long the set of silent members must stay the same before the arbiter is
   *     asked to put them out
   * @param minorityDelay how much longer the smaller side waits
   * @param renewInterval how often the arbiter hears that this process lives; well below the time
   *     after which it takes a process for gone
   * @param enterInterval how often it is asked to let this process in
   */
  record Settings(
      String nodeId,
      List<String> contacts,
      boolean discovers,
      Duration stableAfter,
      Duration minorityDelay,
      Duration renewInterval,
      Duration enterInterval) {

    Settings {
      contacts = List.copyOf(contacts);
    }

    /** With the intervals that fit the arbiter. */
    static Settings of(String nodeId, ClusterSettings cluster) {
      return new Settings(
          nodeId,
          cluster.contacts(),
          cluster.discovers(),
          cluster.stableAfter(),
          cluster.minorityDelay(),
          Duration.ofSeconds(1),
          Duration.ofMillis(300));
    }
  }

  /** Whoever keeps the cluster's actor system. Called on the actor's thread. */
  interface Listener {

    /** This process is a full member; told once. */
    void up();

    /**
     * The actor system must end and be started anew, because this process is out or cannot get in;
     * told at most once, and nothing after it.
     */
    void out(String reason);

    /**
     * This process must not take part, for a reason that an operator has to remove. Told once for
     * each reason; as long as the system runs, the arbiter goes on being asked, except that after
     * the word that a member belongs to another cluster nothing follows.
     */
    void refused(String reason);
  }

  /** What this actor accepts. */
  sealed interface Command {}

  /** Which cluster do you belong to? */
  record AskIdentity(ActorRef<Identity> replyTo) implements Command, Wire {}

  /** The cluster that the process at an address (host:port) belongs to, or wants to. */
  record Identity(String address, String identity) implements Wire {}

  /** Does this process still belong to the cluster? Answered when the arbiter has said so. */
  record AskStanding(ActorRef<StillIn> replyTo) implements Command {}

  /** Whether it does. */
  record StillIn(boolean in) {}

  /**
   * What service discovery shows, said again and again until this process is in.
   *
   * @param contacts cluster addresses, host:port, of the nodes that have answered; may name this
   *     node
   * @param missing what is missing before a cluster may be formed; empty if nothing is
   */
  record Discovered(List<String> contacts, String missing) implements Command {}

  /** The arbiter has put this process out. */
  record PutOut(String reason) implements Command {}

  private record Entered(
      Arbiter.@Nullable Entry entry, @Nullable Throwable failure, long askedNanos)
      implements Command {}

  private record Renewed(Arbiter.@Nullable Standing standing, @Nullable Throwable failure)
      implements Command {}

  private record Changed(Member member) implements Command {}

  private record ContactProbed(String contact, CrashWatch.Probe probe) implements Command {}

  private record ContactIs(Identity identity) implements Command {}

  private enum Self implements Command {
    ENTER,
    RENEW,
    ASK_CONTACTS,
    CONTACTS_END,
    WAIT_END
  }

  /**
   * Pekko itself repeats a request to join only every few seconds. The pause doubles, because a
   * repetition takes back the attempt before it, which on a slow machine may be under way.
   */
  private static final Duration JOIN_PAUSE_MIN = Duration.ofMillis(500);

  private static final Duration JOIN_PAUSE_MAX = Duration.ofSeconds(4);

  /** The pause before the arbiter is asked again that could not answer, or has refused. */
  private static final Duration PAUSE = Duration.ofSeconds(1);

  /** An older permission to form a cluster may have been given to somebody else since. */
  private static final Duration FORM_ANSWER_MAX = Duration.ofSeconds(2);

  /** Several times longer than the arbiter waits for a cluster that it knows to be heard of. */
  private static final Duration WAIT_MAX = Duration.ofSeconds(15);

  private static final Duration CONTACTS_MAX = Duration.ofSeconds(3);

  /**
   * What discovery has shown earlier may be so no longer; it is heard of several times a second.
   */
  private static final Duration DISCOVERED_MAX = Duration.ofSeconds(3);

  private static final String NOTHING_DISCOVERED = "discovery shows no nodes now";

  private final TimerScheduler<Command> timers;
  private final Settings settings;
  private final Arbiter arbiter;
  private final Executor journalExecutor;
  private final Listener listener;
  private final CrashWatch crashWatch = new CrashWatch();
  private final Cluster cluster;
  private final Arbiter.Process self;
  private final String identity;
  private final ActorRef<Identity> identities;

  /** Contacts of which it is not known yet whether they belong to another cluster. */
  private final Set<String> contacts = new HashSet<>();

  /** Those that discovery has shown; each is asked once. */
  private final Set<String> discovered = new HashSet<>();

  private final Set<String> refusals = new HashSet<>();
  private final Troubles troubles = new Troubles(LOG);
  private Optional<Long> formation = Optional.empty();
  private List<String> joined = List.of();
  private long joinedNanos;
  private Duration joinPause = JOIN_PAUSE_MIN;
  private String waiting = "";
  private String missing = NOTHING_DISCOVERED;
  private long discoveredNanos = System.nanoTime();
  private boolean forming;
  private boolean member;
  private boolean up;
  private boolean leaving;
  private boolean renewing;
  private final List<AskStanding> standingAsked = new ArrayList<>();
  private boolean ended;

  /**
   * A process outside of every cluster that wants to get in.
   *
   * @param journalExecutor where the arbiter is asked, which blocks; at most two calls at a time
   */
  static Behavior<Command> create(
      Settings settings, Arbiter arbiter, Executor journalExecutor, Listener listener) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new Membership(context, timers, settings, arbiter, journalExecutor, listener)));
  }

  private Membership(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      Settings settings,
      Arbiter arbiter,
      Executor journalExecutor,
      Listener listener) {
    super(context);
    this.timers = timers;
    this.settings = settings;
    this.arbiter = arbiter;
    this.journalExecutor = journalExecutor;
    this.listener = listener;
    cluster = Cluster.get(context.getSystem());
    self =
        new Arbiter.Process(
            settings.nodeId(),
            hostPort(cluster.selfMember().address()),
            cluster.selfMember().uniqueAddress().longUid());
    identity = ClusterIdentityCheck.identity(context.getSystem().settings().config());
    identities = context.messageAdapter(Identity.class, ContactIs::new);
    cluster
        .subscriptions()
        .tell(
            Subscribe.create(
                context.messageAdapter(
                    ClusterEvent.MemberEvent.class, event -> new Changed(event.member())),
                ClusterEvent.MemberEvent.class));
    probeContacts();
    enter();
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(AskIdentity.class, this::onAskIdentity)
        .onMessage(Discovered.class, this::onDiscovered)
        .onMessage(PutOut.class, putOut -> out(putOut.reason()))
        .onMessage(Entered.class, this::onEntered)
        .onMessage(AskStanding.class, this::onAskStanding)
        .onMessage(Renewed.class, this::onRenewed)
        .onMessage(Changed.class, this::onChanged)
        .onMessage(ContactProbed.class, this::onContactProbed)
        .onMessage(ContactIs.class, this::onContactIs)
        .onMessageEquals(Self.ENTER, this::enter)
        .onMessageEquals(Self.RENEW, this::renew)
        .onMessageEquals(Self.ASK_CONTACTS, this::askContacts)
        .onMessageEquals(Self.CONTACTS_END, this::onContactsEnd)
        .onMessageEquals(Self.WAIT_END, () -> out("it had to wait for too long: " + waiting))
        .onSignal(PostStop.class, stop -> onStop())
        .build();
  }

  // Other clusters.

  private Behavior<Command> onAskIdentity(AskIdentity ask) {
    ask.replyTo().tell(new Identity(self.address(), identity));
    return this;
  }

  private void probeContacts() {
    for (String contact : settings.contacts()) {
      if (!contact.equals(self.address()) && contacts.add(contact)) {
        getContext()
            .pipeToSelf(
                crashWatch.probe(contact),
                (probe, failure) ->
                    new ContactProbed(contact, probe == null ? CrashWatch.Probe.SILENT : probe));
      }
    }
    timers.startSingleTimer(Self.CONTACTS_END, CONTACTS_MAX);
  }

  /** Who accepts connections is asked until he answers or the time is over. */
  private Behavior<Command> onContactProbed(ContactProbed probed) {
    if (probed.probe() == CrashWatch.Probe.LISTENS) {
      timers.startTimerWithFixedDelay(Self.ASK_CONTACTS, Duration.ZERO, settings.enterInterval());
    } else {
      contacts.remove(probed.contact());
    }
    return this;
  }

  /** Whoever is found under the same labels with another journal was set up by mistake. */
  private Behavior<Command> onDiscovered(Discovered found) {
    missing = found.missing();
    discoveredNanos = System.nanoTime();
    for (String contact : found.contacts()) {
      if (!ended && !member && !contact.equals(self.address()) && discovered.add(contact)) {
        contacts.add(contact);
        timers.startTimerWithFixedDelay(Self.ASK_CONTACTS, Duration.ZERO, settings.enterInterval());
        timers.startSingleTimer(Self.CONTACTS_END, CONTACTS_MAX);
      }
    }
    return this;
  }

  private Behavior<Command> askContacts() {
    for (String contact : contacts) {
      tell(getContext(), address(contact), NAME, new AskIdentity(identities));
    }
    return this;
  }

  private Behavior<Command> onContactIs(ContactIs contact) {
    Identity answer = contact.identity();
    contacts.remove(answer.address());
    if (!answer.identity().equals(identity) && !ended) {
      end();
      listener.refused(
          answer.address() + " belongs to another cluster: it has another journal than this node");
    }
    return this;
  }

  private Behavior<Command> onContactsEnd() {
    contacts.clear();
    timers.cancel(Self.ASK_CONTACTS);
    return this;
  }

  // Getting in.

  private Behavior<Command> enter() {
    if (!ended && !member && !forming) {
      long askedNanos = System.nanoTime();
      getContext()
          .pipeToSelf(
              ask(() -> arbiter.enter(self), journalExecutor),
              (entry, failure) -> new Entered(entry, failure, askedNanos));
    }
    return this;
  }

  private Behavior<Command> onEntered(Entered entered) {
    if (ended || member) {
      return this;
    }
    Arbiter.Entry entry = unlessMissing(entered.entry());
    troubles.note("the arbiter cannot be asked to enter", entered.failure());
    if (entry instanceof Arbiter.Entry.Join join) {
      join(join);
    } else if (entry instanceof Arbiter.Entry.Form form) {
      form(form, System.nanoTime() - entered.askedNanos());
    } else if (entry instanceof Arbiter.Entry.Refused refused && refusals.add(refused.reason())) {
      listener.refused(refused.reason());
    }
    waitFor(entry);
    if (ended) {
      return this;
    }
    boolean slow = entry == null || entry instanceof Arbiter.Entry.Refused;
    timers.startSingleTimer(Self.ENTER, slow ? PAUSE : settings.enterInterval());
    return this;
  }

  /**
   * Who may form a cluster, and is not shown enough nodes, waits instead. Not for ever: discovery
   * may work at other nodes, and one of them may form when this process has begun anew.
   */
  private Arbiter.@Nullable Entry unlessMissing(Arbiter.@Nullable Entry entry) {
    if (!settings.discovers() || !(entry instanceof Arbiter.Entry.Form)) {
      return entry;
    }
    boolean old = System.nanoTime() - discoveredNanos > DISCOVERED_MAX.toNanos();
    String lack = old ? NOTHING_DISCOVERED : missing;
    return lack.isEmpty() ? entry : new Arbiter.Entry.Wait(lack);
  }

  /** Whoever has to wait for too long may be out without knowing it. */
  private void waitFor(Arbiter.@Nullable Entry entry) {
    if (!(entry instanceof Arbiter.Entry.Wait wait)) {
      waiting = "";
      timers.cancel(Self.WAIT_END);
      return;
    }
    if (!waiting.equals(wait.reason())) {
      waiting = wait.reason();
      LOG.info("waits: {}", waiting);
    }
    if (!timers.isTimerActive(Self.WAIT_END)) {
      timers.startSingleTimer(Self.WAIT_END, WAIT_MAX);
    }
  }

  private void join(Arbiter.Entry.Join join) {
    if (takesPartInAnother(join.formation())) {
      return;
    }
    List<String> others =
        join.addresses().stream()
            .filter(address -> !address.equals(self.address()))
            .sorted()
            .toList();
    boolean same = others.equals(joined);
    if (others.isEmpty() || (same && System.nanoTime() - joinedNanos < joinPause.toNanos())) {
      return;
    }
    if (!same) {
      LOG.info("joins {}", others);
      joinPause = JOIN_PAUSE_MIN;
    } else if (joinPause.compareTo(JOIN_PAUSE_MAX) < 0) {
      joinPause = joinPause.multipliedBy(2);
    }
    formation = Optional.of(join.formation());
    joined = others;
    joinedNanos = System.nanoTime();
    cluster.manager().tell(new JoinSeedNodes(others.stream().map(this::address).toList()));
  }

  private void form(Arbiter.Entry.Form form, long askedForNanos) {
    if (takesPartInAnother(form.formation())
        || !contacts.isEmpty()
        || askedForNanos > FORM_ANSWER_MAX.toNanos()) {
      return;
    }
    LOG.info("forms the cluster, formation {}", form.formation());
    formation = Optional.of(form.formation());
    forming = true;
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
  }

  /** Whether this process has asked to join an older formation; then it must start anew. */
  private boolean takesPartInAnother(long newest) {
    if (formation.isEmpty() || formation.get() == newest) {
      return false;
    }
    out("a new cluster has been formed while this node was joining the one before");
    return true;
  }

  // Being in.

  private Behavior<Command> onChanged(Changed changed) {
    if (ended || changed.member().uniqueAddress().longUid() != self.uid()) {
      return this;
    }
    MemberStatus status = changed.member().status();
    if (status == MemberStatus.down() || (status == MemberStatus.removed() && !leaving)) {
      return out("the other members have put this node out");
    }
    if (status == MemberStatus.removed()) {
      end();
      return this;
    }
    leaving |= status == MemberStatus.leaving() || status == MemberStatus.exiting();
    if (!member) {
      member = true;
      startDowning();
      timers.startTimerWithFixedDelay(Self.RENEW, settings.renewInterval());
    }
    if (status == MemberStatus.up() && !up) {
      up = true;
      renew();
      listener.up();
    }
    return this;
  }

  private void startDowning() {
    getContext()
        .spawn(
            Downing.create(
                settings,
                arbiter,
                journalExecutor,
                crashWatch,
                self,
                formation.orElseThrow(),
                getContext().getSelf()),
            Downing.NAME);
  }

  private Behavior<Command> renew() {
    if (!ended && !renewing) {
      renewing = true;
      boolean full = up;
      long number = formation.orElseThrow();
      getContext()
          .pipeToSelf(ask(() -> arbiter.renew(self, number, full), journalExecutor), Renewed::new);
    }
    return this;
  }

  private Behavior<Command> onAskStanding(AskStanding asked) {
    standingAsked.add(asked);
    return formation.isPresent() ? renew() : this;
  }

  private Behavior<Command> onRenewed(Renewed renewed) {
    renewing = false;
    troubles.note("the arbiter does not hear that this node lives", renewed.failure());
    if (renewed.standing() instanceof Arbiter.Standing.Out out) {
      return out(out.reason());
    }
    if (renewed.failure() == null) {
      standingAsked.forEach(asked -> asked.replyTo().tell(new StillIn(true)));
      standingAsked.clear();
    }
    return this;
  }

  // Getting out.

  private Behavior<Command> out(String reason) {
    if (!ended) {
      end();
      LOG.info("this node is out: {}", reason);
      listener.out(reason);
    }
    return this;
  }

  private void end() {
    ended = true;
    timers.cancelAll();
    getContext().getChild(Downing.NAME).ifPresent(child -> getContext().stop(child));
    crashWatch.close();
    // Else a later start of this node would have to wait until this one is silent for long enough.
    ask(
            () -> {
              arbiter.leave(self);
              return self;
            },
            journalExecutor)
        .exceptionally(
            failure -> {
              LOG.debug("the arbiter does not know that this start has ended", failure);
              return self;
            });
  }

  /** The actor system can end without this actor's doing: Pekko ends it when it is out. */
  private Behavior<Command> onStop() {
    if (!ended) {
      end();
      Optional<CoordinatedShutdown.Reason> reason =
          CoordinatedShutdown.get(getContext().getSystem()).getShutdownReason();
      if (reason.equals(
          Optional.of(CoordinatedShutdown.incompatibleConfigurationDetectedReason()))) {
        listener.refused(
            "one of "
                + String.join(", ", joined)
                + " belongs to another cluster: it has another"
                + " journal than this node");
      } else if (reason.equals(Optional.of(CoordinatedShutdown.clusterDowningReason()))) {
        listener.out("the other members have put this node out");
      }
    }
    return this;
  }

  private Address address(String hostPort) {
    int colon = hostPort.lastIndexOf(':');
    Address own = cluster.selfMember().address();
    return new Address(
        own.protocol(),
        own.system(),
        hostPort.substring(0, colon),
        Integer.parseInt(hostPort.substring(colon + 1)));
  }

  /** Host and port of a member. */
  static String hostPort(Address address) {
    return address.getHost().orElse("") + ":" + address.getPort().orElse(0);
  }

  /** Sends to an actor under {@code /user} of a member, as a hint: nothing is said if it fails. */
  static void tell(ActorContext<?> context, Address member, String path, Object message) {
    ActorSelection selection =
        Adapter.toClassic(context.getSystem()).actorSelection(member + "/user/" + path);
    selection.tell(message, org.apache.pekko.actor.ActorRef.noSender());
  }

  /** A question to the arbiter. */
  interface Question<T> {
    T ask() throws JournalException;
  }

  /** Asks on another thread; every failure is a failure of the stage. */
  static <T> CompletionStage<T> ask(Question<T> question, Executor executor) {
    try {
      return CompletableFuture.supplyAsync(
          () -> {
            try {
              return question.ask();
            } catch (JournalException e) {
              throw new CompletionException(e);
            }
          },
          executor);
    } catch (RejectedExecutionException e) {
      return CompletableFuture.failedFuture(e);
    }
  }
}
