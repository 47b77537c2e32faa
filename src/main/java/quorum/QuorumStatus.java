package quorum;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a node knows of the quorum at one moment.
 *
 * @param group the group's id
 * @param self this node's identity
 * @param role {@code leader}, {@code follower}, {@code candidate} or {@code listener}; {@code
 *     ended} while its server does not run
 * @param leader who leads, empty while nobody is known to
 * @param term how many elections there were
 * @param committed the last entry of the Raft log that this node knows to stand on a majority
 * @param applied the last entry whose effect stands in this node's copy of the journal
 * @param problem what keeps this node's part from working
 */
public record QuorumStatus(
    String group,
    String self,
    String role,
    String leader,
    long term,
    long committed,
    long applied,
    Optional<String> problem) {

  /**
   * Who counts.
   *
   * @param count how many vote
   * @param silent how many of them the one that leads has not heard lately; 0 at all others
   */
  public record Voters(int count, int silent) {}

  /**
   * One who keeps the journal.
   *
   * @param peer its identity and address
   * @param voter whether it counts for the majority; otherwise it is only sent everything
   * @param leader whether it leads
   * @param match up to which entry it is known to hold the log, synced; known by the leader only
   * @param silentMillis how long ago it answered the leader last
   */
  public record Member(
      QuorumIdentity.Peer peer,
      boolean voter,
      boolean leader,
      OptionalLong match,
      OptionalLong silentMillis) {}
}
