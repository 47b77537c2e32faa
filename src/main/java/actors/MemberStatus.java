package actors;

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
    long nanos) {}
