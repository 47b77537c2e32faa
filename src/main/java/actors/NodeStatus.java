package actors;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What a node knows of itself and the cluster at one moment.
 *
 * @param nodeId this node
 * @param clusterAddress its cluster address, host:port
 * @param startedAt when the process started
 * @param sequencerNodeId the node of the sequencer, if one is known
 * @param epoch the sequencer's epoch, 0 while unknown
 * @param journalId the id of the journal, empty while unknown
 * @param headSeq the highest sequence number this node has heard of
 * @param appliedSeq the last event that this node applied in full
 * @param ready whether it serves reads of every level and takes writes
 * @param replicaState {@code applying}, {@code catching-up}, {@code held}, {@code failed} or {@code
 *     out-of-service}
 * @param problem what is wrong, in words for an operator
 * @param pendingWrites writes that were taken and are not answered yet
 * @param messagesDropped messages between nodes that Pekko gave up since the start
 * @param databaseBytes size of the database file
 * @param walBytes size of its write-ahead log
 * @param snapshots that it keeps, the newest first
 * @param quorum its part in the quorum, if that is the journal
 */
public record NodeStatus(
    String nodeId,
    String clusterAddress,
    Instant startedAt,
    Optional<String> sequencerNodeId,
    long epoch,
    String journalId,
    long headSeq,
    long appliedSeq,
    boolean ready,
    String replicaState,
    Optional<String> problem,
    int pendingWrites,
    long messagesDropped,
    long databaseBytes,
    long walBytes,
    List<Snapshot> snapshots,
    Optional<QuorumSide> quorum) {

  /**
   * A snapshot on this node's disk.
   *
   * @param id names it, on all nodes that have it
   * @param seq the last event in it
   * @param bytes of its file
   */
  public record Snapshot(String id, long seq, long bytes) {}

  /** Events that are in the journal and not applied here yet, as far as this node knows. */
  public long lag() {
    return Math.max(0, headSeq - appliedSeq);
  }
}
