package peqlite;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What a run measured, as a table for people or as one JSON object, with the ratios. */
final class BenchReport {

  private static final double NANOS_PER_MILLI = 1e6;

  private final List<BenchResult> results;

  BenchReport(List<BenchResult> results) {
    this.results = List.copyOf(results);
  }

  /** Whether any request failed. */
  boolean hasErrors() {
    return results.stream().anyMatch(result -> result.errors() > 0);
  }

  /** A table, then the ratios whose parts were measured, then the first errors. */
  void printTable(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%-42s %7s %10s %9s %9s %9s %7s%n",
        "what",
        "workers",
        "ops/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "errors");
    for (BenchResult result : results) {
      out.printf(
          Locale.ROOT,
          "%-42s %7d %10.0f %9.3f %9.3f %9.3f %7d%n",
          result.name(),
          result.workers(),
          result.perSecond(),
          result.p50Nanos() / NANOS_PER_MILLI,
          result.p99Nanos() / NANOS_PER_MILLI,
          result.maxNanos() / NANOS_PER_MILLI,
          result.errors());
    }
    ratios().forEach((name, ratio) -> out.printf(Locale.ROOT, "%8.2f  %s%n", ratio, name));
    results.stream()
        .filter(result -> result.errors() > 0)
        .forEach(result -> out.println(result.name() + ": " + result.firstError()));
    out.flush();
  }

  /** One JSON object in one line. */
  void printJson(PrintWriter out) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
      json.writeStartObject();
      json.writeStringField("version", Version.text());
      json.writeStringField("java", System.getProperty("java.vm.version"));
      json.writeNumberField("processors", Runtime.getRuntime().availableProcessors());
      json.writeArrayFieldStart("results");
      for (BenchResult result : results) {
        write(json, result);
      }
      json.writeEndArray();
      json.writeObjectFieldStart("ratios");
      for (Map.Entry<String, Double> ratio : ratios().entrySet()) {
        json.writeNumberField(ratio.getKey(), ratio.getValue());
      }
      json.writeEndObject();
      json.writeEndObject();
    }
    out.println(text);
    out.flush();
  }

  private static void write(JsonGenerator json, BenchResult result) throws IOException {
    json.writeStartObject();
    json.writeStringField("name", result.name());
    json.writeNumberField("workers", result.workers());
    json.writeNumberField("per_second", result.perSecond());
    json.writeNumberField("p50_ms", result.p50Nanos() / NANOS_PER_MILLI);
    json.writeNumberField("p99_ms", result.p99Nanos() / NANOS_PER_MILLI);
    json.writeNumberField("max_ms", result.maxNanos() / NANOS_PER_MILLI);
    json.writeNumberField("count", result.count());
    json.writeNumberField("errors", result.errors());
    if (result.errors() > 0) {
      json.writeStringField("first_error", result.firstError());
    }
    json.writeEndObject();
  }

  /** The comparisons that bench/README.md explains, as far as their parts were measured. */
  Map<String, Double> ratios() {
    Map<String, Double> ratios = new LinkedHashMap<>();
    Optional<BenchResult> raw = most("yardstick: raw inserts");
    throughput(ratios, "in-process inserts / raw inserts", most("in-process insert"), raw);
    throughput(ratios, "HTTP inserts / raw inserts", most("http insert"), raw);
    median(
        ratios, "p50 of one worker's HTTP insert / p50 of a raw insert", one("http insert"), raw);
    throughput(
        ratios,
        "HTTP point reads / empty HTTP route",
        most("http read"),
        most("yardstick: empty HTTP route"));
    throughput(
        ratios,
        "local point reads / raw point reads",
        most("local point reads"),
        most("yardstick: raw point reads"));
    Optional<BenchResult> rawReads = most("yardstick: raw point reads");
    for (String name :
        List.of("data source point reads", "ask read, level none", "ask read, level weak")) {
      // How many times longer, where all processors are busy.
      throughput(ratios, "raw point reads / " + name, rawReads, most(name));
    }
    throughput(
        ratios,
        "empty ask / ask read, level none",
        most("yardstick: empty ask"),
        most("ask read, level none"));
    clusterRatios(ratios);
    return ratios;
  }

  private void clusterRatios(Map<String, Double> ratios) {
    for (String label : List.of("http", BenchCluster.POSTGRES_NODES, BenchCluster.QUORUM_NODES)) {
      median(
          ratios,
          "p50 of the lag: other nodes / own node",
          most(label + " lag, other nodes"),
          most(label + " lag, own node"));
    }
    for (String workload : List.of("read", "insert", "batch", "mixed")) {
      Optional<BenchResult> cluster = most(BenchCluster.POSTGRES_NODES + " " + workload);
      for (String alone : List.of(BenchCluster.SQLITE_NODE, BenchCluster.POSTGRES_NODE)) {
        throughput(
            ratios,
            workload + ": " + BenchCluster.POSTGRES_NODES + " / " + alone,
            cluster,
            most(alone + " " + workload));
      }
      throughput(
          ratios,
          workload + ": " + BenchCluster.QUORUM_NODES + " / " + BenchCluster.POSTGRES_NODES,
          most(BenchCluster.QUORUM_NODES + " " + workload),
          cluster);
    }
    median(
        ratios,
        "p50 of one worker's insert: " + BenchCluster.POSTGRES_NODES + " / PostgreSQL's own",
        one(BenchCluster.POSTGRES_NODES + " insert"),
        most("yardstick: PostgreSQL inserts"));
  }

  private static void throughput(
      Map<String, Double> ratios,
      String name,
      Optional<BenchResult> part,
      Optional<BenchResult> whole) {
    if (part.isPresent() && whole.isPresent() && whole.get().perSecond() > 0) {
      ratios.put(name, part.get().perSecond() / whole.get().perSecond());
    }
  }

  private static void median(
      Map<String, Double> ratios,
      String name,
      Optional<BenchResult> part,
      Optional<BenchResult> whole) {
    if (part.isPresent() && whole.isPresent() && whole.get().p50Nanos() > 0) {
      ratios.put(name, (double) part.get().p50Nanos() / whole.get().p50Nanos());
    }
  }

  /** The result with the most workers of those whose name begins so. */
  private Optional<BenchResult> most(String prefix) {
    return results.stream()
        .filter(result -> result.name().startsWith(prefix))
        .max((a, b) -> Integer.compare(a.workers(), b.workers()));
  }

  private Optional<BenchResult> one(String prefix) {
    return results.stream()
        .filter(result -> result.name().startsWith(prefix) && result.workers() == 1)
        .findFirst();
  }
}
