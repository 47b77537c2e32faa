package actors;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import storage.EventHash;
import storage.ReplicatedSettings;
import storage.StoredEvent;

/**
 * Whether a sequencer may open on what it found: no member may have applied what the journal does
 * not hold. The members were asked before the journal's end was looked for, so that what they had
 * applied then stood in the journal then, or had been cut away from its beginning. Pure.
 */
final class OpeningCheck {

  private OpeningCheck() {}

  /**
   * Why nobody may open before an operator has decided, or empty.
   *
   * @param journalId of the journal, empty if it holds nothing
   * @param head its highest number
   * @param first its first number: what a member has applied below it cannot be compared
   * @param stored the events it holds at the numbers that the members named
   */
  static Optional<String> problem(
      String journalId,
      long head,
      long first,
      List<Replica.WhereAnswer> members,
      Map<Long, StoredEvent> stored) {
    for (Replica.WhereAnswer member : members) {
      boolean another =
          !journalId.isEmpty()
              && !member.journalId().isEmpty()
              && !member.journalId().equals(journalId);
      if (member.seq() == 0 || another) {
        continue; // it holds nothing, or takes itself out of service
      }
      if (member.seq() > head) {
        return Optional.of(
            "node "
                + member.nodeId()
                + " has applied event "
                + member.seq()
                + " and the journal ends at event "
                + head
                + ": the journal was replaced or has lost its end");
      }
      StoredEvent event = stored.get(member.seq());
      if (event == null && member.seq() < first) {
        continue; // it finds out by the chain, or by the snapshot that it needs
      }
      if (event == null || !Arrays.equals(EventHash.of(event.bytes()), member.hash())) {
        return Optional.of(
            "event "
                + member.seq()
                + " in the journal is not the one that node "
                + member.nodeId()
                + " has applied: the journal was replaced");
      }
    }
    return Optional.empty();
  }

  /**
   * The settings of an epoch whose opening event was cut away, as the replica of the sequencer's
   * own node has applied them.
   *
   * @param journalId of the journal
   * @param epoch the number of the opening event
   * @return empty if that replica has not applied it, or is of another journal
   */
  static Optional<ReplicatedSettings> settings(
      String journalId, long epoch, ReplicaGauge.Reading own) {
    return own.journalId().equals(journalId) && own.applied() >= epoch
        ? own.settings()
        : Optional.empty();
  }
}
