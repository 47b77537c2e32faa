package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import process.Operation.Fate;
import process.Operation.WriteOperation;
import process.Workload.Kind;

/** What can happen to a journal that the nodes keep on their own disks, and to nothing else. */
@Timeout(3600)
class QuorumFaultsIT {

  private static final Duration WAIT = Duration.ofSeconds(30);
  private static final int FULL_IN_A_ROW = 6;
  private static final int SMALL_MEBIBYTES = 48;
  private static final int LARGE_MEBIBYTES = 1_024;
  private static final Pattern GROUP = Pattern.compile("--confirm ([-0-9a-f]{36})");

  @RegisterExtension final Clusters clusters = new Clusters();

  private static ClusterNode raftLeader(Cluster cluster) throws Exception {
    ClusterNode[] found = new ClusterNode[1];
    Eventually.eventually(
        "somebody leads the quorum",
        WAIT,
        () -> {
          for (ClusterNode node : cluster.nodes()) {
            if (node.status("quorum.role").equals("leader")) {
              found[0] = node;
            }
          }
          return found[0] != null;
        });
    return found[0];
  }

  @Test
  void theNodeThatLeadsTheQuorumIsKilled() throws Exception {
    Cluster cluster = clusters.onQuorum(3).startAll();
    FailoverTimes times = new FailoverTimes();
    try (Workload load = cluster.load(2)) {
      for (int run = 0; run < Clusters.runs(); run++) {
        long beganNanos = System.nanoTime();
        cluster.pass(1_000, 2_000);
        ClusterNode leader = raftLeader(cluster);
        boolean sequencer = cluster.sequencerNode() == leader;
        List<ClusterNode> others = cluster.others(leader);
        long killedNanos = System.nanoTime();
        leader.kill9();
        load.awaitWrites(others, WAIT);
        cluster.pass(500, 1_500);
        times.add(
            "kill -9 of the Raft leader's node" + (sequencer ? ", the sequencer's too" : ""),
            killedNanos,
            System.nanoTime(),
            new HashSet<>(others.stream().map(ClusterNode::id).toList()),
            load.history());
        Cluster.assertNoFailures(load.history(), others, beganNanos);
        cluster.startAll();
      }
      times.print("three nodes");
      cluster.finish(load);
    }
  }

  /**
   * Whoever is left holds less than was acknowledged, and must not be made whole by the wiped one.
   */
  @Test
  @Tag(Clusters.LONG)
  void aVoterIsWipedWhileAnotherIsDown() throws Exception {
    for (int run = 0; run < Clusters.runs(); run++) {
      Cluster cluster = clusters.onQuorum(3).startAll();
      try (Workload load = cluster.load(1)) {
        cluster.pass(500, 1_500);
        ClusterNode behind = cluster.anotherNode();
        behind.kill9();
        ClusterNode holder = cluster.others(behind).get(clusters.random().nextInt(2));
        ClusterNode wiped = cluster.others(behind, holder).get(0);
        load.awaitWrites(List.of(holder, wiped), WAIT);
        cluster.pass(500, 2_000);
        wiped.kill9();
        FileTree.delete(wiped.dataDirectory());
        if (clusters.random().nextBoolean()) {
          wiped.start();
          cluster.pass(0, 4_000);
        }
        holder.kill9();
        behind.start();
        if (!wiped.isAlive()) {
          wiped.start();
        }
        // Of those who acknowledged what the one behind lacks, nobody is there.
        cluster.pass(8_000, 10_000);
        for (ClusterNode node : List.of(behind, wiped)) {
          Fate fate = load.write(node, Kind.PLAIN).fate();
          assertFalse(fate == Fate.APPLIED || fate == Fate.COMMITTED, () -> node + ": " + fate);
        }
        holder.start();
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
        cluster.finish(load);
      }
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void twoOfThreeArePaused() throws Exception {
    Cluster cluster = clusters.onQuorum(3).startAll();
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        cluster.pass(500, 1_500);
        ClusterNode left = run % 2 == 0 ? cluster.sequencerNode() : cluster.anotherNode();
        for (ClusterNode paused : cluster.others(left)) {
          paused.pause();
        }
        cluster.pass(3_000, 12_000);
        cluster.assertReadOnly(load, List.of(left));
        for (ClusterNode paused : cluster.others(left)) {
          paused.resume();
        }
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aDiskIsFull() throws Exception {
    Cluster cluster = clusters.onQuorum(3);
    ClusterNode small = cluster.node(clusters.random().nextInt(3));
    SmallDisk disk = clusters.smallDisk(small, SMALL_MEBIBYTES);
    cluster.startAll();
    try (Workload load = cluster.load(1)) {
      List<ClusterNode> others = cluster.others(small);
      cluster.withoutSpace(List.of(small));
      fill(others.get(0), () -> !small.isReady());
      load.awaitWrites(others, WAIT);
      assertReads(cluster, load, small);
      cluster.pass(2_000, 4_000);
      load.awaitWrites(others, WAIT);
      disk.resize(LARGE_MEBIBYTES);
      cluster.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aMajorityOfTheDisksIsFull() throws Exception {
    Cluster cluster = clusters.onQuorum(3);
    ClusterNode roomy = cluster.node(clusters.random().nextInt(3));
    List<SmallDisk> disks =
        List.of(
            clusters.smallDisk(cluster.others(roomy).get(0), SMALL_MEBIBYTES),
            clusters.smallDisk(cluster.others(roomy).get(1), SMALL_MEBIBYTES));
    cluster.startAll();
    try (Workload load = cluster.load(1)) {
      cluster.withoutSpace(cluster.others(roomy));
      fill(roomy, () -> !roomy.isReady());
      cluster.assertReadOnly(load, List.of(roomy));
      for (ClusterNode full : cluster.others(roomy)) {
        assertTrue(full.isAlive(), () -> full + " has ended");
        assertReads(cluster, load, full);
      }
      for (SmallDisk disk : disks) {
        disk.resize(LARGE_MEBIBYTES);
      }
      cluster.awaitReady();
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }

  private static void assertReads(Cluster cluster, Workload load, ClusterNode full) {
    Operation.ReadOperation read = load.read(full, "none");
    assertTrue(
        read.answered(),
        () ->
            "reads at none go on at "
                + full
                + ": "
                + read
                + "\n"
                + cluster.describe()
                + full.process().log());
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  /**
   * Each row replaces the one before, so that the journal alone grows. A node that has no space
   * gives some back, such as what it has begun and cannot end, and may write once more: it is full
   * when that is over.
   */
  private static void fill(ClusterNode at, Condition until) throws Exception {
    assertTrue(
        at.post("/db/execute", "[\"CREATE TABLE one (id INTEGER PRIMARY KEY, v)\"]").succeeded());
    String text = "x".repeat(200_000);
    int fullInARow = 0;
    for (int row = 0; row < 2_000; row++) {
      fullInARow = until.holds() ? fullInARow + 1 : 0;
      if (fullInARow == FULL_IN_A_ROW) {
        return;
      }
      if (fullInARow > 0) {
        Eventually.pass(Duration.ofMillis(500));
      }
      at.post(
          "/db/execute?timeout=3s",
          "[[\"INSERT OR REPLACE INTO one VALUES (1, ?)\", \"" + row + text + "\"]]");
    }
    throw new AssertionError("no disk is ever full");
  }

  @Test
  @Tag(Clusters.LONG)
  void theSequencersNodeIsKilledInTheMiddleOfALargeRequest() throws Exception {
    Cluster cluster = clusters.onQuorum(3);
    cluster.nodes().forEach(node -> node.set("peqlite.sequencer.event-bytes-max", "64KiB"));
    cluster.startAll();
    try (Workload load = cluster.idle()) {
      for (int run = 0; run < 2 * Clusters.runs(); run++) {
        ClusterNode sequencer = cluster.sequencerNode();
        ClusterNode other = cluster.anotherNode();
        long head = cluster.journal().head();
        int parts = 1 + clusters.random().nextInt(10); // of nineteen
        CompletableFuture<WriteOperation> large =
            CompletableFuture.supplyAsync(() -> load.write(other, Kind.LARGE));
        Eventually.busily(
            "parts in the journal", WAIT, () -> cluster.journal().head() >= head + parts);
        sequencer.kill9();
        WriteOperation told = large.get(WAIT.toSeconds(), TimeUnit.SECONDS);
        assertEquals(Fate.APPLIED, told.fate(), told::detail);
        cluster.startAll();
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void nodesAreAddedReplacedAndRemoved() throws Exception {
    Cluster cluster = clusters.onQuorum(3, 1);
    ClusterNode fourth = cluster.node(3);
    for (ClusterNode node : cluster.others(fourth)) {
      node.start();
    }
    cluster.awaitReady();
    try (Workload load = cluster.load(1)) {
      fourth.start();
      cluster.awaitReady();
      awaitVoters(cluster, 4);

      ClusterNode lost = cluster.node(clusters.random().nextInt(3));
      String url = cluster.others(lost, fourth).get(0).url();
      lost.kill9();
      assertRefused("has not come back", Program.run("replace", lost.id(), "--url", url));
      FileTree.delete(lost.dataDirectory());
      lost.start();
      cluster.awaitReady();
      Eventually.eventually(
          "it listens", WAIT, () -> lost.status("quorum.role").equals("listener"));
      assertRefused("empty disk", Program.run("remove", lost.id(), "--url", url));
      Program replaced = Program.run("replace", lost.id(), "--url", url);
      assertEquals(0, replaced.exitCode(), replaced::output);
      awaitVoters(cluster, 4);
      load.awaitWrites(cluster.nodes(), WAIT);

      assertEquals(0, fourth.terminate());
      Program removed = Program.run("remove", fourth.id(), "--url", url);
      assertEquals(0, removed.exitCode(), removed::output);
      awaitVoters(cluster, 3);
      assertRefused("nobody called", Program.run("remove", fourth.id(), "--url", url));
      fourth.start();
      Eventually.eventually(
          "whoever was removed takes no part and says so",
          WAIT,
          () -> !fourth.isReady() && fourth.status("quorum.problem").contains("was removed"));
      Program listed = Program.run("nodes", "--url", url);
      assertEquals(0, listed.exitCode(), listed::output);
      assertTrue(listed.output().contains("voter, leads"), listed::output);

      fourth.kill9();
      FileTree.delete(fourth.dataDirectory());
      fourth.start();
      cluster.awaitReady();
      awaitVoters(cluster, 4);
      cluster.finish(load);
    }
  }

  private static void assertRefused(String why, Program program) {
    assertEquals(1, program.exitCode(), program::output);
    assertTrue(program.output().contains(why), program::output);
  }

  private static void awaitVoters(Cluster cluster, int count) throws Exception {
    Eventually.eventually(
        count + " vote",
        WAIT,
        () -> {
          String metrics = cluster.node(0).get("/metrics").text();
          return metrics.contains("peqlite_quorum_voters " + count + ".0");
        });
  }

  /** As a pod's does: the name stays, and the address behind it is another one at every start. */
  @Test
  @Tag(Clusters.LONG)
  void addressesChangeBehindTheNames() throws Exception {
    Cluster cluster = clusters.onQuorumByNames(3).startAll();
    int address = 1;
    try (Workload load = cluster.load(1)) {
      for (int run = 0; run < 3 * Clusters.runs(); run++) {
        cluster.pass(500, 1_500);
        List<ClusterNode> moved = new ArrayList<>(cluster.nodes());
        Collections.shuffle(moved, clusters.random());
        moved = moved.subList(0, 1 + clusters.random().nextInt(2));
        for (ClusterNode node : moved) {
          node.kill9();
        }
        cluster.pass(0, 2_000);
        for (ClusterNode node : moved) {
          node.host("127.0.3." + ++address).start();
        }
        cluster.awaitReady();
        load.awaitWrites(cluster.nodes(), WAIT);
      }
      cluster.finish(load);
    }
  }

  @Test
  @Tag(Clusters.LONG)
  void aMajorityIsLostForGood() throws Exception {
    Cluster cluster = clusters.onQuorum(3).startAll();
    try (Workload load = cluster.load(1)) {
      cluster.pass(2_000, 3_000);
      load.stop();
      cluster.awaitEven();
      for (ClusterNode node : cluster.nodes()) {
        node.kill9();
      }
      ClusterNode survivor = cluster.node(clusters.random().nextInt(3));
      for (ClusterNode lost : cluster.others(survivor)) {
        FileTree.delete(lost.dataDirectory());
      }
      Path data = survivor.dataDirectory();
      String[] look = {"recover", "--node-id", survivor.id(), "--data-dir", data.toString()};
      Program looked = Program.run(look);
      assertEquals(1, looked.exitCode(), looked::output);
      assertTrue(looked.output().contains("May be lost"), looked::output);
      Matcher group = GROUP.matcher(looked.output());
      assertTrue(group.find(), looked::output);
      Program confirmed =
          Program.run(
              "recover",
              "--node-id",
              survivor.id(),
              "--data-dir",
              data.toString(),
              "--confirm",
              group.group(1));
      assertEquals(0, confirmed.exitCode(), confirmed::output);
      survivor.start();
      load.start(1);
      load.awaitWrites(List.of(survivor), WAIT);
      cluster.startAll();
      load.awaitWrites(cluster.nodes(), WAIT);
      cluster.finish(load);
    }
  }
}
