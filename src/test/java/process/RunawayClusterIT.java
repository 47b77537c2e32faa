package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static process.Eventually.eventually;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A write without an end, in a cluster that cannot agree by itself to give it up. */
@Tag(Clusters.LONG)
@Timeout(300)
class RunawayClusterIT {

  private static final String ENDLESS =
      "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
          + " SELECT count(*) FROM n";

  private static final Duration WAIT = Duration.ofSeconds(60);

  @RegisterExtension final Clusters clusters = new Clusters();

  /**
   * The process that was killed might have applied it, so it is not given up but run, by all; only
   * an operator can say otherwise, also when the sequencer has moved meanwhile.
   */
  @Test
  void anOperatorGivesUpWhatTheNodesMustNot() throws Exception {
    Cluster cluster = clusters.thatSurvives(2);
    cluster.nodes().forEach(node -> node.set("peqlite.apply.step-limit", "2000000"));
    cluster.startAll();
    ClusterNode first = cluster.sequencerNode();
    ClusterNode killed = cluster.anotherNode();
    assertTrue(first.post("/db/execute", "[\"CREATE TABLE t (a)\"]").succeeded());
    cluster.awaitEven();
    killed.kill9();
    // Long enough for an election, should that node have led the quorum.
    Answer endless = first.post("/db/execute?timeout=5s", "[\"" + ENDLESS + "\"]");
    assertEquals("committed", endless.outcome(), endless::toString);
    for (ClusterNode node : cluster.others(killed)) {
      eventually(
          "node " + node + " runs it without a limit",
          WAIT,
          () -> node.get("/readyz").text().contains("is being applied without a limit"));
    }
    first.kill9();
    ClusterNode last = cluster.others(killed, first).get(0);
    String position = "{\"position\":\"" + endless.position() + "\"}";
    eventually(
        "the next sequencer gives it up",
        WAIT,
        () -> last.post("/abort", position).status() == 200);
    eventually("the last node goes on", WAIT, last::isReady);
    assertTrue(last.post("/db/execute", "[\"INSERT INTO t VALUES (1)\"]").succeeded());
    killed.start();
    first.start();
    cluster.awaitReady();
    cluster.awaitEven();
    for (ClusterNode node : cluster.nodes()) {
      Answer rows = node.get("/db/query?level=none&q=SELECT+a+FROM+t");
      assertEquals("[[1]]", rows.rows().toString(), rows::toString);
    }
  }
}
