package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import process.JournalLink.Held;
import process.Operation.Fate;
import process.Operation.ReadOperation;
import process.Operation.WriteOperation;

/** PostgreSQL is away, for everybody or for one node, in all the ways in which it can be. */
@Timeout(3600)
class JournalOutageIT {

  /** Within it everything has to work again by itself once PostgreSQL is back. */
  private static final Duration RESUMED_MAX = Duration.ofSeconds(10);

  private static final Duration WAIT = Duration.ofSeconds(20);

  @RegisterExtension final Clusters clusters = new Clusters();

  private interface Action {
    void run() throws Exception;
  }

  @Test
  @Tag(Clusters.LONG)
  void postgresIsStoppedForLongerThanTheDeadline() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        outage(
            cluster,
            load,
            2_000,
            cluster.postgres().server()::stop,
            () -> {
              assertWritesAreRefused(cluster, load);
              cluster.postgres().server().startAgain();
            },
            "stop");
      }
      List<Operation> history = cluster.finish(load);
      Cluster.assertAnsweredInTime(history, cluster.nodes());
    }
  }

  /** What is sent while nothing can be ordered is refused within its time, and surely not done. */
  private static void assertWritesAreRefused(Cluster cluster, Workload load) throws Exception {
    List<CompletableFuture<WriteOperation>> writes = new ArrayList<>();
    for (ClusterNode node : cluster.nodes()) {
      writes.add(CompletableFuture.supplyAsync(() -> load.write(node, Workload.Kind.PLAIN)));
    }
    for (CompletableFuture<WriteOperation> write : writes) {
      WriteOperation told = write.get(20, TimeUnit.SECONDS);
      assertEquals(Fate.REFUSED, told.fate(), told::toString);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void postgresIsKilledFrozenAndCutOff() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        outage(
            cluster,
            load,
            3_000,
            cluster.postgres().server()::kill,
            cluster.postgres().server()::startAgain,
            "kill");
        outage(
            cluster,
            load,
            7_000,
            cluster.postgres().server()::pause,
            cluster.postgres().server()::resume,
            "freeze");
        outage(
            cluster,
            load,
            4_000,
            () -> cluster.nodes().forEach(node -> cluster.postgres().link(node).cut()),
            () -> cluster.nodes().forEach(node -> cluster.postgres().link(node).heal()),
            "resets");
        outage(
            cluster,
            load,
            7_000,
            () -> cluster.nodes().forEach(node -> cluster.postgres().link(node).stall()),
            () -> cluster.nodes().forEach(node -> cluster.postgres().link(node).heal()),
            "silence");
      }
      List<Operation> history = cluster.finish(load);
      Cluster.assertAnsweredInTime(history, cluster.nodes());
    }
  }

  private static void outage(
      Cluster cluster, Workload load, int millis, Action begin, Action end, String name)
      throws Exception {
    cluster.pass(500, 1_500);
    begin.run();
    cluster.pass(millis, millis + 1_000);
    for (ClusterNode node : cluster.nodes()) {
      ReadOperation read = load.read(node, "none");
      assertTrue(read.answered(), () -> "reads at none go on without the journal: " + read);
    }
    end.run();
    long endNanos = System.nanoTime();
    load.awaitWrites(cluster.nodes(), WAIT);
    System.out.printf(
        Locale.ROOT,
        "outage by %s: all nodes take writes %.1f s after its end%n",
        name,
        (System.nanoTime() - endNanos) / 1e9);
    assertTrue(
        System.nanoTime() - endNanos < RESUMED_MAX.toNanos(), "everything goes on within 10 s");
    cluster.awaitReady();
  }

  @Test
  @Tag(Clusters.LONG)
  void onlyTheSequencersNodeLosesTheJournal() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        alone(cluster, load, times, "journal cut from the sequencer's node", JournalLink::cut);
        alone(cluster, load, times, "journal silent for the sequencer's node", JournalLink::stall);
        alone(cluster, load, times, "journal deaf to the sequencer's node", JournalLink::deafen);
      }
      times.print("three nodes");
      cluster.finish(load);
    }
  }

  private interface Fault {
    void on(JournalLink link);
  }

  private static void alone(
      Cluster cluster, Workload load, FailoverTimes times, String name, Fault fault)
      throws Exception {
    cluster.pass(500, 1_500);
    ClusterNode sequencer = cluster.sequencerNode();
    List<ClusterNode> others = cluster.others(sequencer);
    long beganNanos = System.nanoTime();
    fault.on(cluster.postgres().link(sequencer));
    cluster.sequencerNode(others, others);
    load.awaitWrites(others, WAIT);
    cluster.pass(1_000, 3_000);
    times.add(
        name,
        beganNanos,
        System.nanoTime(),
        new HashSet<>(others.stream().map(ClusterNode::id).toList()),
        load.history());
    cluster.postgres().link(sequencer).heal();
    cluster.awaitReady();
    load.awaitWrites(cluster.nodes(), WAIT);
  }

  @Test
  @Tag(Clusters.LONG)
  void onlyAnotherNodeLosesTheJournal() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        long beganNanos = System.nanoTime();
        cluster.pass(500, 1_500);
        ClusterNode other = cluster.anotherNode();
        cluster.postgres().link(other).stall();
        load.awaitWrites(cluster.others(other), WAIT);
        cluster.pass(5_000, 8_000);
        cluster.postgres().link(other).heal();
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
        Cluster.assertNoFailures(load.history(), cluster.others(other), beganNanos);
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void theSequencerIsFrozenBetweenInsertAndCommit() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        long beganNanos = System.nanoTime();
        cluster.pass(500, 1_500);
        ClusterNode frozen = cluster.sequencerNode();
        List<ClusterNode> others = cluster.others(frozen);
        Held append = cluster.postgres().link(frozen).holdCommit(1, 0);
        append.awaitReached(WAIT);
        long frozenNanos = System.nanoTime();
        frozen.pause();
        load.awaitWrites(others, WAIT);
        times.add(
            "frozen between INSERT and COMMIT",
            frozenNanos,
            System.nanoTime(),
            new HashSet<>(others.stream().map(ClusterNode::id).toList()),
            load.history());
        if (run % 2 == 0) {
          append.release();
          frozen.resume();
        } else {
          frozen.kill9();
          append.release();
          frozen.start();
        }
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
        Cluster.assertNoFailures(load.history(), others, beganNanos);
      }
      times.print("three nodes");
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void theJournalLosesItsEnd() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    try (Workload load = cluster.load(1)) {
      cluster.pass(1_500, 2_500);
      // As after the failover of a PostgreSQL to a standby that was behind.
      cluster.nodes().forEach(node -> cluster.postgres().link(node).cut());
      Eventually.pass(Duration.ofSeconds(4));
      long head = cluster.journal().head();
      cluster.postgres().change("DELETE FROM event_journal WHERE sequence_number > " + (head - 5));
      cluster.nodes().forEach(node -> cluster.postgres().link(node).heal());
      long healedNanos = System.nanoTime();
      assertAllNotice(cluster);
      load.stop();
      assertTrue(cluster.journal().head() <= head - 5, "nothing was appended");
      assertFalse(
          load.history().stream()
              .anyMatch(
                  operation ->
                      operation instanceof WriteOperation write
                          && write.acknowledged()
                          && write.startNanos() > healedNanos),
          "nothing was acknowledged");
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void theJournalLosesItsEndWhileNobodyWrites() throws Exception {
    Cluster cluster = clusters.onPostgres(3).startAll();
    try (Workload load = cluster.load(1)) {
      cluster.pass(1_500, 2_500);
      load.stop();
      cluster.awaitEven();
      long head = cluster.journal().head();
      cluster.postgres().change("DELETE FROM event_journal WHERE sequence_number > " + (head - 5));
      assertAllNotice(cluster);
      for (ClusterNode node : cluster.nodes()) {
        assertFalse(load.write(node, Workload.Kind.PLAIN).acknowledged(), "nothing is taken");
      }
      assertTrue(cluster.journal().head() <= head - 5, "nothing was appended");
    }
  }

  private static void assertAllNotice(Cluster cluster) throws Exception {
    for (ClusterNode node : cluster.nodes()) {
      Eventually.eventually(
          node + " goes out of service and says why",
          WAIT,
          () -> {
            String said = node.readiness();
            return said.contains("journal") && said.contains("not ok");
          });
    }
  }
}
