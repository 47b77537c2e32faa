package actors;

import java.util.Optional;

/**
 * What a node knows of its own part in the quorum.
 *
 * @param group the quorum's id; empty while this node has found none
 * @param id this node's identity in it
 * @param role {@code leader}, {@code follower}, {@code candidate}, {@code listener}, {@code ended}
 *     while its Raft server does not run, or {@code none}
 * @param leader the identity of who leads, empty while nobody is known to
 * @param term how many elections there were
 * @param committed the last entry of the Raft log that it knows to stand on a majority
 * @param applied the last entry whose effect stands in its copy of the journal
 * @param problem what keeps it from taking part
 */
public record QuorumSide(
    String group,
    String id,
    String role,
    String leader,
    long term,
    long committed,
    long applied,
    Optional<String> problem) {}
