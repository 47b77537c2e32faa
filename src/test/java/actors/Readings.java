package actors;

import java.util.Optional;
import storage.ReplicatedSettings;

/** What a replica may say of itself. */
final class Readings {

  private Readings() {}

  /** It has applied everything that there is. */
  static ReplicaGauge.Reading applying(long applied) {
    return of(ReplicaGauge.State.APPLYING, "", applied, applied);
  }

  /** It has applied everything that there is in a journal, whose last opening had settings. */
  static ReplicaGauge.Reading of(String journalId, long applied, ReplicatedSettings settings) {
    return of(ReplicaGauge.State.APPLYING, "", journalId, applied, applied, Optional.of(settings));
  }

  /** With a problem, unless that is empty. */
  static ReplicaGauge.Reading of(
      ReplicaGauge.State state, String problem, long applied, long head) {
    return of(state, problem, "", applied, head, Optional.empty());
  }

  /** Of a journal. */
  static ReplicaGauge.Reading of(
      ReplicaGauge.State state, String problem, String journalId, long applied, long head) {
    return of(state, problem, journalId, applied, head, Optional.empty());
  }

  private static ReplicaGauge.Reading of(
      ReplicaGauge.State state,
      String problem,
      String journalId,
      long applied,
      long head,
      Optional<ReplicatedSettings> settings) {
    return new ReplicaGauge.Reading(
        state,
        problem.isEmpty() ? Optional.empty() : Optional.of(problem),
        journalId,
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
        0,
        settings);
  }
}
