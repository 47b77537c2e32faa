package actors;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * One member of the cluster, as {@code /nodes} shows it.
 *
 * @param nodeId its name
 * @param httpUrl where its HTTP interface is, such as {@code http://127.0.0.1:4001}
 * @param clusterAddress host:port
 * @param version of peqlite
 * @param voter whether it counts for decisions
 * @param reachable whether it answers
 * @param sequencer whether the sequencer runs there
 * @param appliedSeq the last event it has applied; empty while it does not answer
 * @param lag events that the journal holds, as far as it knows, beyond that
 * @param sqliteVersion of the SQLite it runs, empty while unknown
 * @param nanos how long it took to ask it
 * @param place its place among those who keep the journal on their own disks, if that is the
 *     journal
 */
public record MemberStatus(
    String nodeId,
    String httpUrl,
    String clusterAddress,
    String version,
    boolean voter,
    boolean reachable,
    boolean sequencer,
    OptionalLong appliedSeq,
    long lag,
    String sqliteVersion,
    long nanos,
    Optional<QuorumPlace> place) {

  /** The same member, at a place in the quorum. */
  MemberStatus in(QuorumPlace known, boolean votes) {
    return new MemberStatus(
        nodeId,
        httpUrl,
        clusterAddress,
        version,
        votes,
        reachable,
        sequencer,
        appliedSeq,
        lag,
        sqliteVersion,
        nanos,
        Optional.of(known));
  }

  /** One who keeps the journal and is in no cluster now. */
  static MemberStatus absent(String nodeId, QuorumPlace place, boolean votes) {
    return new MemberStatus(
        nodeId,
        "",
        "",
        "",
        votes,
        false,
        false,
        OptionalLong.empty(),
        0,
        "",
        0,
        Optional.of(place));
  }
}
