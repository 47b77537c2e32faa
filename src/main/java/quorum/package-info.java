/**
 * The journal that needs no other process: kept on a majority of the nodes' own disks by Apache
 * Ratis, an implementation of the Raft protocol (Ongaro and Ousterhout, "In Search of an
 * Understandable Consensus Algorithm", 2014).
 *
 * <p>Every node runs a Raft server. What changes the journal is a {@link quorum.Command} in the
 * Raft log; each node's {@link quorum.QuorumMachine} applies the commands in their order to a
 * SQLite file of its own, {@link quorum.QuorumTable}, from which the node's replica reads.
 */
@org.jspecify.annotations.NullMarked
package quorum;
