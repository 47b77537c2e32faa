package http;

import actors.Latencies;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Counts requests and takes their times. Labels have few values: the route, of those that there
 * are, and the status. Thread-safe.
 */
final class HttpMetrics {

  private static final int STATUS_MIN = 100;
  private static final int STATUS_MAX = 599;

  private final MeterRegistry registry;
  private final Map<Route, Meters> meters = new EnumMap<>(Route.class);

  /** The meters of one route; a status gets its counter when it is first answered. */
  private record Meters(Timer timer, AtomicReferenceArray<Counter> byStatus) {}

  HttpMetrics(MeterRegistry registry, Bodies bodies, Spool spool) {
    this.registry = registry;
    for (Route route : Route.values()) {
      Timer timer =
          Timer.builder("peqlite.http.request")
              .description("Requests by HTTP, until their answer began.")
              .tag("route", route.label())
              .serviceLevelObjectives(Latencies.bounds())
              .register(registry);
      meters.put(route, new Meters(timer, new AtomicReferenceArray<>(STATUS_MAX - STATUS_MIN + 1)));
    }
    Gauge.builder("peqlite.http.requests.active", bodies::requests)
        .description("Database requests by HTTP that are being served.")
        .register(registry);
    Gauge.builder("peqlite.http.bodies", bodies::bytes)
        .baseUnit("bytes")
        .description("Bytes of request bodies that are held for them.")
        .register(registry);
    Gauge.builder("peqlite.http.spool", spool::bytes)
        .baseUnit("bytes")
        .description("Bytes of answers kept in files because their clients are slow.")
        .register(registry);
  }

  /** A request was answered with this status, so long after it had arrived. */
  void answered(Route route, int status, long nanos) {
    Meters of = meters.get(route);
    if (of != null) {
      of.timer().record(nanos, TimeUnit.NANOSECONDS);
      counter(of, route, Math.min(STATUS_MAX, Math.max(STATUS_MIN, status))).increment();
    }
  }

  private Counter counter(Meters of, Route route, int status) {
    Counter known = of.byStatus().get(status - STATUS_MIN);
    if (known != null) {
      return known;
    }
    Counter counter =
        Counter.builder("peqlite.http.requests")
            .description("Requests by HTTP, by what they were answered.")
            .tag("route", route.label())
            .tag("status", Integer.toString(status))
            .register(registry);
    of.byStatus().set(status - STATUS_MIN, counter);
    return counter;
  }
}
