package actors;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import storage.PastStates;

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
 * @param scrub what is known of its contents
 * @param past the databases of the past that it keeps for reads
 * @param backups what is known of them, if they are made
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
    Scrub scrub,
    PastStates.Use past,
    Optional<Backups> backups,
    Optional<QuorumSide> quorum) {

  /**
   * A snapshot on this node's disk.
   *
   * @param id names it, on all nodes that have it
   * @param seq the last event in it
   * @param bytes of its file
   */
  public record Snapshot(String id, long seq, long bytes) {}

  /**
   * What is known of this node's contents.
   *
   * @param seq the event of the last scrub that this replica came to, 0 for none
   * @param running whether this node's database is being looked through
   * @param result how that scrub has ended for the cluster: {@code clean}, {@code different},
   *     {@code undecided}, {@code incomplete} or {@code alone}; empty while that is not known
   * @param text the same in words
   * @param cleanSeq the last scrub by which this node held what most nodes hold, 0 for none
   * @param cleanAt that one's time
   */
  public record Scrub(
      long seq,
      boolean running,
      String result,
      String text,
      long cleanSeq,
      Optional<Instant> cleanAt) {}

  /**
   * How backups are getting on.
   *
   * @param here whether this node makes them now, because the sequencer is here; the rest is known
   *     only then
   * @param place where they go, without secrets
   * @param lastSuccess when all that was new was backed up last
   * @param fullSeq the last event in the newest full backup, 0 without one
   * @param seq the last event that can be restored, 0 without any
   * @param problem why the last attempt failed; empty if it did not
   */
  public record Backups(
      boolean here,
      String place,
      Optional<Instant> lastSuccess,
      long fullSeq,
      long seq,
      String problem) {

    /** Somewhere else. */
    static final Backups ELSEWHERE = new Backups(false, "", Optional.empty(), 0, 0, "");
  }

  /** Events that are in the journal and not applied here yet, as far as this node knows. */
  public long lag() {
    return Math.max(0, headSeq - appliedSeq);
  }
}
