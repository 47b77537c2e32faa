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

  @Test
  @Tag(Clusters.LONG)
  void aReplicaThatDiffersMakesItsDatabaseAnew() throws Exception {
    Cluster cluster = clusters.onLoopback(3).startAll();
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
      statement.executeUpdate("DELETE FROM t WHERE a = 2");
    }
    changed.start();
    cluster.awaitReady();

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
