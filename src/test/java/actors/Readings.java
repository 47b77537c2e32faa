package actors;

import java.util.Optional;

/** What a replica may say of itself. */
final class Readings {

  private Readings() {}

  /** It has applied everything that there is. */
  static ReplicaGauge.Reading applying(long applied) {
    return of(ReplicaGauge.State.APPLYING, "", applied, applied);
  }

  /** With a problem, unless that is empty. */
  static ReplicaGauge.Reading of(
      ReplicaGauge.State state, String problem, long applied, long head) {
    return new ReplicaGauge.Reading(
        state,
        problem.isEmpty() ? Optional.empty() : Optional.of(problem),
        "",
        applied,
        0,
        head,
        1,
        "a",
        state != ReplicaGauge.State.OUT_OF_SERVICE,
        state != ReplicaGauge.State.OUT_OF_SERVICE,
        0,
        0,
        0,
        true,
        false,
        false,
        0,
        0);
  }
}
