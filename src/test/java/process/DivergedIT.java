package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A replica that does not hold what the others hold finds out, and makes its database anew. */
@Timeout(600)
class DivergedIT {

  private static final Duration WAIT = Duration.ofSeconds(60);

  @RegisterExtension final Clusters clusters = new Clusters();

  /** A cluster of three whose {@code changed} node holds other rows than the others. */
  private static ClusterNode changed(Cluster cluster, String change) throws Exception {
    ClusterNode changed = cluster.anotherNode();
    ClusterNode other = cluster.others(changed).get(0);
    assertTrue(
        other
            .post(
                "/db/execute?transaction",
                "[\"CREATE TABLE t (a)\", \"INSERT INTO t VALUES (1), (2), (3)\"]")
            .succeeded());
    cluster.awaitEven();
    changed.process().askToStop();
    assertEquals(0, changed.process().exitCode());
    try (Connection connection =
            DriverManager.getConnection("jdbc:sqlite:" + changed.databaseFile());
        Statement statement = connection.createStatement()) {
      assertEquals(1, statement.executeUpdate(change));
    }
    changed.start();
    cluster.awaitReady();
    return changed;
  }

  /** No write meets it, so that no outcome ever differs. */
  @Test
  @Tag(Clusters.LONG)
  void aScrubFindsAReplicaWhoseContentsDiffer() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    ClusterNode changed = changed(cluster, "UPDATE t SET a = 7 WHERE a = 2");
    ClusterNode other = cluster.others(changed).get(0);
    assertEquals("11", sum(changed));
    Answer ordered = other.post("/scrub", "");
    assertEquals(202, ordered.status(), ordered.text());
    long seq = ordered.json().path("seq").asLong();
    Eventually.eventually(
        "the changed node holds what the others hold", WAIT, () -> sum(changed).equals("6"));
    cluster.awaitReady();
    cluster.awaitEven();
    assertTrue(
        changed.log().contains("its contents as of event " + seq), "it says what it does about it");
    Eventually.eventually(
        "the others are told that they were right",
        WAIT,
        () -> {
          for (ClusterNode node : cluster.others(changed)) {
            Answer status = node.get("/status?key=peqlite.scrub");
            if (status.json().path("clean_seq").asLong() != seq) {
              return false;
            }
          }
          return true;
        });
    cluster.stopAll();
  }

  private static String sum(ClusterNode node) throws Exception {
    Answer answer = node.get("/db/query?level=none&q=SELECT+sum(a)+FROM+t");
    return answer.rows().path(0).path(0).asText();
  }

  @Test
  @Tag(Clusters.LONG)
  void aReplicaThatDiffersMakesItsDatabaseAnew() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
    ClusterNode changed = changed(cluster, "DELETE FROM t WHERE a = 2");
    ClusterNode other = cluster.others(changed).get(0);

    // On the changed node this is an outcome of two rows, on the others of three.
    assertTrue(other.post("/db/execute", "[\"UPDATE t SET a = a + 10\"]").succeeded());
    Eventually.eventually(
        "the changed node holds what the others hold",
        WAIT,
        () ->
            changed.get("/db/query?level=none&q=SELECT+count(*)+FROM+t").text().contains("[[3]]"));
    cluster.awaitReady();
    cluster.awaitEven();
    assertTrue(
        changed.log().contains("the database is made anew"), "it says what it does about it");
  }
}
