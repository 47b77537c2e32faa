package actors;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.pekko.actor.ActorRef;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.ExtendedActorSystem;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Leave;
import org.apache.pekko.remote.RemoteActorRefProvider;
import org.apache.pekko.remote.transport.ThrottlerTransportAdapter;
import org.jspecify.annotations.Nullable;
import storage.Arbiter;

/**
 * The cluster side of a node in this JVM. As its keeper does, it starts its actor system anew on
 * the same port whenever that is out.
 */
final class TestMember implements AutoCloseable {

  /** Longer than in use, so that a loaded machine does not change who is first. */
  private static final Duration MINORITY_DELAY = Duration.ofSeconds(2);

  private final String nodeId;
  private final String clusterId;
  private final Arbiter arbiter;
  private final List<String> contacts;
  private final Config overrides;
  private final ExecutorService executor = Executors.newFixedThreadPool(2);
  private final ExecutorService keeper = Executors.newSingleThreadExecutor();
  private final List<String> outs = new CopyOnWriteArrayList<>();
  private final List<String> refusals = new CopyOnWriteArrayList<>();
  private volatile @Nullable ActorSystem<Void> system;
  private volatile int ups;
  private volatile boolean restarts = true;
  private volatile boolean closed;
  private volatile int port;

  private TestMember(
      String nodeId,
      String clusterId,
      Arbiter arbiter,
      int port,
      List<String> contacts,
      Config overrides) {
    this.nodeId = nodeId;
    this.port = port;
    this.overrides = overrides;
    this.clusterId = clusterId;
    this.arbiter = arbiter;
    this.contacts = contacts;
  }

  /**
   * Starts one.
   *
   * @param port 0 for a free one
   * @param overrides of {@link #config}
   */
  static TestMember start(
      String nodeId,
      String clusterId,
      Arbiter arbiter,
      int port,
      List<String> contacts,
      Config overrides) {
    TestMember member = new TestMember(nodeId, clusterId, arbiter, port, contacts, overrides);
    member.startSystem();
    return member;
  }

  /** The configuration of a cluster's actor system on loopback. */
  static Config config(int port, String clusterId) {
    return ConfigFactory.parseMap(
            Map.of(
                "pekko.remote.artery.canonical.hostname",
                "127.0.0.1",
                "pekko.remote.artery.canonical.port",
                port,
                "pekko.remote.artery.advanced.test-mode",
                "on",
                "pekko.coordinated-shutdown.run-by-actor-system-terminate",
                "off",
                "pekko.cluster.downing-provider-class",
                "",
                "pekko.cluster.failure-detector.implementation-class",
                CrashAwareFailureDetector.class.getName(),
                "pekko.cluster.configuration-compatibility-check.checkers.peqlite",
                ClusterIdentityCheck.class.getName(),
                ClusterIdentityCheck.KEY,
                clusterId,
                "pekko.loglevel",
                "WARNING"))
        .withFallback(ConfigFactory.load("peqlite/application"));
  }

  private synchronized void startSystem() {
    if (closed) {
      return;
    }
    boolean discovers = overrides.hasPath("peqlite.discovery.method");
    Membership.Settings settings =
        Membership.Settings.of(
            nodeId,
            new ClusterSettings(contacts, Duration.ofMillis(300), MINORITY_DELAY, discovers));
    Listener listener = new Listener();
    ActorSystem<Void> started =
        ActorSystem.create(
            Behaviors.setup(
                context -> {
                  context.spawn(
                      Membership.create(settings, arbiter, executor, listener), Membership.NAME);
                  return Behaviors.empty();
                }),
            "peqlite",
            overrides.withFallback(config(port, clusterId)));
    port = Cluster.get(started).selfMember().address().getPort().orElseThrow();
    system = started;
  }

  /** What the actor tells about one actor system. */
  private final class Listener implements Membership.Listener {

    @Override
    public void up() {
      ups++;
    }

    @Override
    public void out(String reason) {
      outs.add(reason);
      if (restarts) {
        keeper.execute(TestMember.this::restart);
      }
    }

    @Override
    public void refused(String reason) {
      refusals.add(reason);
    }
  }

  /** Ends the actor system without leaving the cluster and starts another one on the same port. */
  void restart() {
    end();
    startSystem();
  }

  /** Ends the actor system without leaving the cluster. */
  void end() {
    ActorSystem<Void> ending = system;
    if (ending != null) {
      ending.terminate();
      try {
        ending.getWhenTerminated().toCompletableFuture().get(20, TimeUnit.SECONDS);
      } catch (Exception e) {
        throw new AssertionError("the actor system of " + nodeId + " does not end", e);
      }
      system = null;
    }
  }

  /** Tells it what discovery shows. */
  void discover(String missing, TestMember... found) {
    Membership.Discovered shown =
        new Membership.Discovered(Stream.of(found).map(TestMember::address).toList(), missing);
    Adapter.toClassic(running())
        .actorSelection("/user/" + Membership.NAME)
        .tell(shown, ActorRef.noSender());
  }

  /** Asks the cluster to let this member go in the regular way. */
  void leave() {
    restarts = false;
    Cluster cluster = Cluster.get(running());
    cluster.manager().tell(Leave.create(cluster.selfMember().address()));
  }

  private ActorSystem<Void> running() {
    ActorSystem<Void> current = system;
    if (current == null) {
      throw new AssertionError(nodeId + " does not run");
    }
    return current;
  }

  String nodeId() {
    return nodeId;
  }

  String address() {
    return "127.0.0.1:" + port;
  }

  int port() {
    return port;
  }

  long uid() {
    return Cluster.get(running()).selfMember().uniqueAddress().longUid();
  }

  int ups() {
    return ups;
  }

  List<String> outs() {
    return outs;
  }

  List<String> refusals() {
    return refusals;
  }

  boolean hasEnded() {
    ActorSystem<Void> current = system;
    return current == null || current.getWhenTerminated().toCompletableFuture().isDone();
  }

  /** Addresses of the members that it sees, with their status if it is not up. */
  Set<String> sees() {
    Set<String> seen = new TreeSet<>();
    ActorSystem<Void> current = system;
    if (current != null) {
      for (Member member : Cluster.get(current).state().getMembers()) {
        String address = Membership.hostPort(member.address());
        boolean plain =
            member.status() == MemberStatus.up()
                && !Cluster.get(current).state().getUnreachable().contains(member);
        seen.add(plain ? address : address + " " + member.status());
      }
    }
    return seen;
  }

  /** Lets nothing through between two members, in either direction; their connections stay. */
  @SuppressWarnings("deprecation")
  void cut(TestMember other) {
    throttle(other, ThrottlerTransportAdapter.Blackhole$.MODULE$);
    other.throttle(this, ThrottlerTransportAdapter.Blackhole$.MODULE$);
  }

  /** Lets everything through again. */
  @SuppressWarnings("deprecation")
  void mend(TestMember other) {
    throttle(other, ThrottlerTransportAdapter.unthrottledThrottleMode());
    other.throttle(this, ThrottlerTransportAdapter.unthrottledThrottleMode());
  }

  /** Pekko's own means for its tests; classes of its older remoting name what to do. */
  @SuppressWarnings("deprecation")
  private void throttle(TestMember other, ThrottlerTransportAdapter.ThrottleMode mode) {
    ActorSystem<Void> current = system;
    if (current == null) {
      return;
    }
    ExtendedActorSystem classic = (ExtendedActorSystem) Adapter.toClassic(current);
    ((RemoteActorRefProvider) classic.provider())
        .transport()
        .managementCommand(
            new ThrottlerTransportAdapter.SetThrottle(
                new Address("pekko", "peqlite", "127.0.0.1", other.port()), bothWays(), mode));
  }

  /** An object that has no name in Java. */
  @SuppressWarnings("deprecation")
  private static ThrottlerTransportAdapter.Direction bothWays() {
    try {
      String name = ThrottlerTransportAdapter.class.getName() + "$Direction$Both$";
      return (ThrottlerTransportAdapter.Direction)
          Class.forName(name).getField("MODULE$").get(null);
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public String toString() {
    return nodeId
        + " at "
        + address()
        + " sees "
        + sees()
        + ", outs "
        + outs
        + ", refused "
        + refusals;
  }

  @Override
  public void close() {
    closed = true;
    restarts = false;
    keeper.shutdownNow();
    synchronized (this) {
      end();
    }
    executor.shutdownNow();
  }
}
