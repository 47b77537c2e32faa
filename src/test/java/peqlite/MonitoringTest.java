package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a whole node shows at {@code /metrics}, and what dashboard and alerts ask of it. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class MonitoringTest {

  /** Longer than a text of the metrics is shown again. */
  private static final long SHOWN_MILLIS = 250;

  private static final Path MONITORING = Path.of("k8s", "monitoring");

  /** Labels that Prometheus and Kubernetes add. */
  private static final Set<String> OUTER = Set.of("instance", "job");

  private static final Pattern METRIC = Pattern.compile("\\bpeqlite_\\w+");
  private static final Pattern SELECTOR = Pattern.compile("\\b(peqlite_\\w+)\\{([^}]*)\\}");
  private static final Pattern MATCHER = Pattern.compile("(\\w+)\\s*(?:=~|!~|!=|=)\\s*\"");
  private static final Pattern GROUPING = Pattern.compile("\\b(?:by|without)\\s*\\(([^)]*)\\)");
  private static final Pattern ALERT = Pattern.compile("- alert: (\\w+)");

  private RealNodeFixture node;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    // Only a node with this journal shows everything.
    node = RealNodeFixture.startQuorum(directory);
    node.mustExecute("CREATE TABLE t (a)");
    node.mustExecute("INSERT INTO t VALUES (1)");
    node.query("SELECT * FROM t");
    System.gc(); // pauses are shown once there was one
    // The sequencer tells how far the nodes are now and then, and a text is kept for a moment.
    RealNodeFixture.eventually(
        "everything is shown",
        () -> {
          String text = node.get("/metrics").body();
          return text.contains("peqlite_sequencer_replica_lag_events{")
              && text.contains("peqlite_jvm_gc_pause_seconds_sum{")
              && text.contains("peqlite_http_requests_total{route=\"/db/query\",status=\"200\"}");
        });
  }

  @AfterAll
  void stop() {
    node.close();
  }

  /** The node shows the same text for a moment: what was counted before this call is in it. */
  private Exposition scrape() throws Exception {
    Thread.sleep(SHOWN_MILLIS);
    HttpResponse<String> answer = node.get("/metrics");
    assertEquals(
        "text/plain; version=0.0.4; charset=utf-8",
        answer.headers().firstValue("Content-Type").orElseThrow().toLowerCase(Locale.ROOT));
    return new Exposition(answer.body());
  }

  @Test
  void everyNameIsOurs() throws Exception {
    Exposition metrics = scrape();
    assertTrue(metrics.labels().size() > 100, () -> metrics.labels().keySet().toString());
    for (String name : metrics.labels().keySet()) {
      assertTrue(name.startsWith("peqlite_"), name);
    }
  }

  @Test
  void whatHappensIsCounted() throws Exception {
    String query = "peqlite_http_requests_total{route=\"/db/query\",status=\"200\"}";
    String events = "peqlite_event_requests_sum";
    double queriesBefore = scrape().value(query);
    double eventsBefore = scrape().value(events);
    for (int i = 0; i < 3; i++) {
      node.query("SELECT * FROM t");
      node.mustExecute("INSERT INTO t VALUES (2)");
    }
    RealNodeFixture.eventually("reads", () -> scrape().value(query) == queriesBefore + 3);
    RealNodeFixture.eventually("writes", () -> scrape().value(events) == eventsBefore + 3);
    Exposition now = scrape();
    assertEquals(1, now.value("peqlite_ready"));
    assertEquals(1, now.value("peqlite_sequencer_here"));
    assertEquals(1, now.value("peqlite_cluster_members{state=\"reachable\"}"));
    assertEquals(0, now.value("peqlite_cluster_members{state=\"unreachable\"}"));
    assertEquals(1, now.value("peqlite_replica_state{state=\"applying\"}"));
    assertEquals(node.headSeq(), now.value("peqlite_head_seq"));
    assertEquals(1, now.value("peqlite_sessions"));
    assertTrue(now.value("peqlite_write_seconds_count{outcome=\"applied\"}") >= 5);
    assertTrue(now.value("peqlite_read_run_seconds_count") >= 4);
    assertTrue(now.value("peqlite_database_bytes") > 0);
  }

  @Test
  void labelsAreNotWhatClientsSend() throws Exception {
    for (int i = 0; i < 20; i++) {
      node.get("/none" + i);
      node.get("/db/query/" + i + "?q=SELECT+1");
    }
    RealNodeFixture.eventually(
        "the requests",
        () ->
            scrape().valueOr(0, "peqlite_http_requests_total{route=\"none\",status=\"404\"}")
                >= 20);
    assertFalse(node.get("/metrics").body().contains("none1"));
  }

  @Test
  void theDashboardAsksForWhatThereIs() throws Exception {
    JsonNode dashboard =
        new ObjectMapper().readTree(Files.readString(MONITORING.resolve("dashboard.json")));
    List<String> expressions = dashboard.findValuesAsText("expr");
    assertTrue(expressions.size() > 30);
    dashboard
        .at("/templating/list")
        .forEach(one -> expressions.add(one.at("/query/query").asText()));
    check(expressions);
    for (JsonNode legend : dashboard.findValues("legendFormat")) {
      assertFalse(legend.asText().isEmpty());
    }
  }

  @Test
  void theAlertsAskForWhatThereIs() throws Exception {
    List<String> expressions = new ArrayList<>();
    for (String line : alerts()) {
      if (line.strip().startsWith("expr: '")) {
        expressions.add(line.strip().substring("expr: ".length()).replace("''", "'"));
      }
    }
    assertTrue(expressions.size() > 15);
    check(expressions);
  }

  @Test
  void everyAlertSaysWhereItIsExplained() throws Exception {
    String operations = Files.readString(Path.of("docs", "OPERATIONS.md"));
    List<String> lines = alerts();
    int found = 0;
    for (int i = 0; i < lines.size(); i++) {
      Matcher alert = ALERT.matcher(lines.get(i));
      if (alert.find()) {
        found++;
        String name = alert.group(1);
        String anchor = "docs/OPERATIONS.md#" + name.toLowerCase(Locale.ROOT);
        int end = i + 1;
        while (end < lines.size() && !ALERT.matcher(lines.get(end)).find()) {
          end++;
        }
        String rule = String.join("\n", lines.subList(i, end));
        assertTrue(rule.contains("runbook: '" + anchor + "'"), rule);
        assertTrue(operations.contains("\n### " + name + "\n"), name + " is not explained");
      }
    }
    assertTrue(found > 15);
  }

  private static List<String> alerts() throws Exception {
    return Files.readAllLines(MONITORING.resolve("alerts.yaml"));
  }

  private void check(List<String> expressions) throws Exception {
    Exposition metrics = scrape();
    for (String expression : expressions) {
      Set<String> inner = new TreeSet<>(OUTER);
      Matcher metric = METRIC.matcher(expression);
      while (metric.find()) {
        assertTrue(
            metrics.labels().containsKey(metric.group()),
            () -> expression + ": there is no " + metric.group());
        inner.addAll(metrics.labels().get(metric.group()));
      }
      Matcher selector = SELECTOR.matcher(expression);
      while (selector.find()) {
        Set<String> known = new TreeSet<>(OUTER);
        known.addAll(metrics.labels().get(selector.group(1)));
        Matcher matcher = MATCHER.matcher(selector.group(2));
        while (matcher.find()) {
          assertTrue(
              known.contains(matcher.group(1)),
              () -> expression + ": there is no label " + matcher.group(1) + " in " + known);
        }
      }
      Matcher grouping = GROUPING.matcher(expression);
      while (grouping.find()) {
        for (String label : Arrays.asList(grouping.group(1).split(","))) {
          assertTrue(
              inner.contains(label.strip()), () -> expression + ": there is no label " + label);
        }
      }
    }
  }
}
