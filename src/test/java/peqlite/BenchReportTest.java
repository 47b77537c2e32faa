package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class BenchReportTest {

  private static final List<BenchResult> ALL =
      List.of(
          result("yardstick: raw inserts, synchronous=FULL", 1, 1000, 100, ""),
          result("yardstick: raw point reads", 4, 4000, 1, ""),
          result("yardstick: empty HTTP route", 32, 800, 1, ""),
          result("in-process insert", 1, 5, 1, ""),
          result("in-process insert", 64, 7000, 1, ""),
          result("local point reads", 4, 3000, 1, ""),
          result("http insert", 1, 5, 250, ""),
          result("http insert", 64, 1500, 1, ""),
          result("http read", 32, 600, 1, ""));

  @Test
  void comparesWithTheYardsticks() {
    assertEquals(
        Map.of(
            "in-process inserts / raw inserts", 7.0,
            "HTTP inserts / raw inserts", 1.5,
            "p50 of one worker's HTTP insert / p50 of a raw insert", 2.5,
            "HTTP point reads / empty HTTP route", 0.75,
            "local point reads / raw point reads", 0.75),
        new BenchReport(ALL).ratios());
  }

  @Test
  void comparesAClusterWithSingleNodes() {
    List<BenchResult> cluster =
        List.of(
            result("yardstick: PostgreSQL inserts", 1, 10, 100, ""),
            result("1 sqlite node insert", 1, 1, 1, ""),
            result("1 sqlite node insert", 64, 1000, 1, ""),
            result("1 postgres node insert", 64, 500, 1, ""),
            result("3 postgres nodes insert", 1, 1, 700, ""),
            result("3 postgres nodes insert", 64, 250, 1, ""),
            result("3 postgres nodes lag, other nodes", 3, 250, 30, ""),
            result("3 postgres nodes lag, own node", 3, 250, 20, ""),
            result("3 quorum nodes insert", 64, 125, 1, ""));
    assertEquals(
        Map.of(
            "insert: 3 postgres nodes / 1 sqlite node", 0.25,
            "insert: 3 postgres nodes / 1 postgres node", 0.5,
            "insert: 3 quorum nodes / 3 postgres nodes", 0.5,
            "p50 of one worker's insert: 3 postgres nodes / PostgreSQL's own", 7.0,
            "p50 of the lag: other nodes / own node", 1.5),
        new BenchReport(cluster).ratios());
  }

  @Test
  void leavesOutRatiosWithoutBothParts() {
    assertEquals(Map.of(), new BenchReport(ALL.subList(3, 9)).ratios());
  }

  @Test
  void theTableNamesEveryResultAndTheFirstError() {
    StringWriter text = new StringWriter();
    BenchReport report =
        new BenchReport(List.of(result("http insert", 2, 10, 1_500_000, "503 busy")));
    report.printTable(new PrintWriter(text));
    assertTrue(report.hasErrors());
    assertTrue(text.toString().contains("1.500"), text.toString());
    assertTrue(text.toString().contains("http insert: 503 busy"), text.toString());
  }

  @Test
  void theJsonIsOneObjectInOneLine() throws Exception {
    StringWriter text = new StringWriter();
    BenchReport report = new BenchReport(ALL);
    report.printJson(new PrintWriter(text));
    assertFalse(report.hasErrors());
    assertEquals(1, text.toString().lines().count());
    JsonNode json = new ObjectMapper().readTree(text.toString());
    assertEquals(9, json.get("results").size());
    assertEquals(64, json.get("results").get(4).get("workers").asInt());
    assertEquals(1.5, json.get("ratios").get("HTTP inserts / raw inserts").asDouble());
  }

  private static BenchResult result(
      String name, int workers, double perSecond, long p50Nanos, String error) {
    return new BenchResult(
        name, workers, perSecond, p50Nanos, p50Nanos, p50Nanos, 10, error.isEmpty() ? 0 : 1, error);
  }
}
