package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.pekko.Done;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.ManualTime;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Join;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import storage.JournalException;
import storage.JournalRefusedException;
import storage.SoloArbiter;

/** A keeper of real actor systems whose time goes as the test wants it to. */
class ClusterKeeperTest {

  private final ActorTestKit testKit =
      ActorTestKit.create(ManualTime.config().withFallback(TestConfig.local()));
  private final ManualTime time = ManualTime.get(testKit.system());
  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final ReplicaGauge gauge = new ReplicaGauge();
  private final ClusterView view = new ClusterView();
  private final CompletableFuture<String> refused = new CompletableFuture<>();
  private final SoloArbiter arbiter = new SoloArbiter();
  private final List<ActorSystem<?>> systems = new CopyOnWriteArrayList<>();
  private final BlockingQueue<Membership.Listener> listeners = new LinkedBlockingQueue<>();
  private volatile Optional<JournalException> journalProblem = Optional.empty();
  private volatile boolean startsFail;
  private volatile boolean isOutAtOnce;
  private volatile CountDownLatch mayStart = new CountDownLatch(0);

  @AfterEach
  void stop() throws Exception {
    mayStart.countDown();
    testKit.shutdownTestKit();
    executor.shutdown();
    assertTrue(executor.awaitTermination(30, TimeUnit.SECONDS));
    systems.forEach(ActorSystem::terminate);
  }

  private ActorRef<ClusterKeeper.Command> keeper() {
    return testKit.spawn(
        ClusterKeeper.create(
            this::prepare, arbiter, this::startSystem, gauge, view, executor, refused));
  }

  private void prepare() throws JournalException {
    Optional<JournalException> problem = journalProblem;
    if (problem.isPresent()) {
      throw problem.get();
    }
  }

  private ActorSystem<?> startSystem(String clusterId, Membership.Listener listener) {
    assertEquals(arbiter.clusterId(), clusterId);
    try {
      mayStart.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    if (startsFail) {
      throw new IllegalStateException("the port is in use");
    }
    ActorSystem<Void> system =
        ActorSystem.create(
            Behaviors.empty(),
            "peqlite",
            ConfigFactory.parseString("pekko.loglevel = WARNING")
                .withFallback(TestConfig.clustered()));
    systems.add(system);
    listeners.add(listener);
    if (isOutAtOnce) {
      isOutAtOnce = false;
      listener.out("out before it began");
    }
    return system;
  }

  /** Lets time pass until the question is answered with yes; fails after half a minute. */
  private void passTimeUntil(String what, BooleanSupplier question) throws InterruptedException {
    long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!question.getAsBoolean()) {
      if (System.nanoTime() - endNanos > 0) {
        throw new AssertionError(
            "not in time: " + what + "; " + systems.size() + " systems, " + view.problem());
      }
      time.timePasses(Duration.ofMillis(100));
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  private Membership.Listener started(int count) throws InterruptedException {
    passTimeUntil("start " + count, () -> systems.size() >= count && view.system().isPresent());
    assertEquals(count, systems.size());
    Membership.Listener newest = listeners.take();
    while (!listeners.isEmpty()) {
      newest = listeners.take();
    }
    return newest;
  }

  private void fits() {
    gauge.write(Readings.applying(1));
  }

  private static void join(ActorSystem<?> system) {
    Cluster cluster = Cluster.get(system);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
  }

  private boolean hasEnded(int number) {
    return systems.get(number - 1).getWhenTerminated().toCompletableFuture().isDone();
  }

  @Test
  void startsOnceTheReplicaFitsTheJournal() throws Exception {
    keeper();
    time.timePasses(Duration.ofSeconds(5));
    TimeUnit.MILLISECONDS.sleep(300);
    assertEquals(0, systems.size());
    fits();
    started(1).up();
    assertEquals(Optional.empty(), view.problem());
    assertFalse(refused.isDone());
  }

  @Test
  void saysWhatIsWrongWithTheJournalAndTriesAgain() throws Exception {
    fits();
    journalProblem = Optional.of(new JournalException("no connection"));
    keeper();
    passTimeUntil("a problem", () -> view.problem().equals(Optional.of("no connection")));
    journalProblem = Optional.empty();
    started(1).up();
    passTimeUntil("no problem", () -> view.problem().isEmpty());
    assertFalse(refused.isDone());
  }

  @Test
  void isRefusedByAJournalThatAnOperatorHasToMend() throws Exception {
    journalProblem = Optional.of(new JournalRefusedException("fsync is off"));
    keeper();
    assertEquals("fsync is off", refused.get(20, TimeUnit.SECONDS));
    assertEquals(0, systems.size());
  }

  @Test
  void isRefusedWhenItIsNotLetInForLong() throws Exception {
    fits();
    keeper();
    started(1).refused("the name is in use");
    passTimeUntil("a problem", () -> view.problem().equals(Optional.of("the name is in use")));
    assertFalse(refused.isDone());
    time.timePasses(Duration.ofSeconds(13));
    assertEquals("the name is in use", refused.get(20, TimeUnit.SECONDS));
  }

  @Test
  void itsOwnEarlierProcessRefusesItForAMomentOnly() throws Exception {
    fits();
    keeper();
    Membership.Listener listener = started(1);
    listener.refused("the name is in use");
    passTimeUntil("a problem", () -> view.problem().isPresent());
    listener.up();
    passTimeUntil("no problem", () -> view.problem().isEmpty());
    time.timePasses(Duration.ofSeconds(30));
    TimeUnit.MILLISECONDS.sleep(200);
    assertFalse(refused.isDone());
  }

  @Test
  void beginsAnewWhenItIsOut() throws Exception {
    fits();
    keeper();
    Membership.Listener listener = started(1);
    join(systems.get(0));
    listener.up();
    listener.out("put out by another");
    passTimeUntil("the end", () -> hasEnded(1));
    started(2).up();
    passTimeUntil("no problem", () -> view.problem().isEmpty());
    assertEquals(Optional.of(systems.get(1)), view.system());
  }

  /** It ends although it never joined, so that nobody could be told. */
  @Test
  void beginsAnewWhenItIsOutBeforeItWasIn() throws Exception {
    fits();
    keeper();
    started(1).out("another cluster was formed");
    passTimeUntil("the end", () -> hasEnded(1));
    started(2);
  }

  @Test
  void beginsAnewWhenItIsOutBeforeItsStartIsKnown() throws Exception {
    fits();
    isOutAtOnce = true;
    keeper();
    passTimeUntil("the end", () -> systems.size() >= 1 && hasEnded(1));
    passTimeUntil("start 2", () -> systems.size() == 2);
  }

  @Test
  void triesAgainWhenItCannotStart() throws Exception {
    fits();
    startsFail = true;
    keeper();
    passTimeUntil(
        "a problem", () -> view.problem().filter(why -> why.contains("in use")).isPresent());
    startsFail = false;
    started(1).up();
    assertFalse(refused.isDone());
  }

  @Test
  void leavesForAMomentSoThatTheSequencerMoves() throws Exception {
    fits();
    ActorRef<ClusterKeeper.Command> keeper = keeper();
    Membership.Listener listener = started(1);
    join(systems.get(0));
    listener.up();
    keeper.tell(new ClusterKeeper.Leave("a test"));
    passTimeUntil("the end", () -> hasEnded(1));
    started(2);
  }

  /** Where nothing can be applied the sequencer must not run. */
  @Test
  void leavesWhenTheReplicaDoesNotFitAnyMore() throws Exception {
    fits();
    keeper();
    started(1).up();
    gauge.write(Readings.of(ReplicaGauge.State.OUT_OF_SERVICE, "replaced", 4, 4));
    passTimeUntil("the end", () -> hasEnded(1));
    time.timePasses(Duration.ofSeconds(30));
    TimeUnit.MILLISECONDS.sleep(300);
    assertEquals(1, systems.size());
  }

  @Test
  void stopsForGood() throws Exception {
    fits();
    ActorRef<ClusterKeeper.Command> keeper = keeper();
    started(1).up();
    CompletableFuture<Done> stopped = new CompletableFuture<>();
    keeper.tell(new ClusterKeeper.Stop(stopped));
    stopped.get(30, TimeUnit.SECONDS);
    assertTrue(hasEnded(1));
    time.timePasses(Duration.ofSeconds(30));
    TimeUnit.MILLISECONDS.sleep(200);
    assertEquals(1, systems.size());
  }

  @Test
  void stopsBeforeItHasStarted() throws Exception {
    ActorRef<ClusterKeeper.Command> keeper = keeper();
    CompletableFuture<Done> stopped = new CompletableFuture<>();
    keeper.tell(new ClusterKeeper.Stop(stopped));
    stopped.get(20, TimeUnit.SECONDS);
  }

  @Test
  void stopsWhileItStarts() throws Exception {
    for (boolean fail : new boolean[] {false, true}) {
      int before = systems.size();
      fits();
      startsFail = fail;
      mayStart = new CountDownLatch(1);
      ActorRef<ClusterKeeper.Command> keeper = keeper();
      TimeUnit.MILLISECONDS.sleep(500);
      CompletableFuture<Done> stopped = new CompletableFuture<>();
      keeper.tell(new ClusterKeeper.Stop(stopped));
      assertFalse(stopped.isDone());
      mayStart.countDown();
      stopped.get(20, TimeUnit.SECONDS);
      assertEquals(fail ? before : before + 1, systems.size());
    }
  }
}
