package actors;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import java.util.function.ToDoubleFunction;
import quorum.QuorumPart;
import quorum.QuorumServer;
import quorum.QuorumStatus;

/**
 * What is measured of this node's part in the quorum. Nodes with another journal show none of it.
 */
final class QuorumMetrics {

  private static final List<String> ROLES =
      List.of("leader", "follower", "candidate", "listener", "ended", "none");

  private final QuorumPart part;

  private QuorumMetrics(QuorumPart part) {
    this.part = part;
  }

  /** Shows it from now on. */
  static void show(QuorumPart part, MeterRegistry registry) {
    QuorumMetrics metrics = new QuorumMetrics(part);
    for (String role : ROLES) {
      Gauge.builder("peqlite.quorum.role", () -> metrics.role().equals(role) ? 1 : 0)
          .description("1 for what this node is among those who keep the journal, else 0.")
          .tag("role", role)
          .register(registry);
    }
    metrics.gauge(
        registry,
        "peqlite.quorum.leader.known",
        "1 while this node knows who leads.",
        server -> server.status().leader().isEmpty() ? 0 : 1);
    metrics.gauge(
        registry,
        "peqlite.quorum.term",
        "How many elections there were.",
        server -> server.status().term());
    metrics.gauge(
        registry,
        "peqlite.quorum.committed.entry",
        "The last entry of the Raft log that this node knows to stand on a majority.",
        server -> server.status().committed());
    metrics.gauge(
        registry,
        "peqlite.quorum.applied.entry",
        "The last entry whose effect stands in this node's copy of the journal.",
        server -> server.status().applied());
    metrics.gauge(
        registry,
        "peqlite.quorum.voters",
        "How many vote, as far as this node knows.",
        server -> server.voters().count());
    metrics.gauge(
        registry,
        "peqlite.quorum.voters.silent",
        "How many of them the one that leads has not heard for 3 s; 0 at all others.",
        server -> server.voters().silent());
  }

  private void gauge(
      MeterRegistry registry,
      String name,
      String description,
      ToDoubleFunction<QuorumServer> value) {
    Gauge.builder(name, () -> part.ifStarted().map(value::applyAsDouble).orElse(0.0))
        .description(description)
        .register(registry);
  }

  private String role() {
    return part.ifStarted().map(QuorumServer::status).map(QuorumStatus::role).orElse("none");
  }
}
