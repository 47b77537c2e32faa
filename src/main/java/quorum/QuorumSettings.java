package quorum;

import java.nio.file.Path;
import java.time.Duration;

/**
 * How a node takes part in the quorum.
 *
 * @param directory where its Raft log, its copy of the journal, and who it is are kept
 * @param nodeId the node's name
 * @param host what the others call its Raft server by
 * @param port 0 for a free one, which is kept from then on
 * @param bindHost where that server listens; empty for the host
 * @param electionTimeoutMin how long a follower waits at least for its leader before it stands for
 *     election; several times what the network and a busy machine need
 * @param electionTimeoutMax how long at most; followers wait for different times, so that one of
 *     them is first
 */
public record QuorumSettings(
    Path directory,
    String nodeId,
    String host,
    int port,
    String bindHost,
    Duration electionTimeoutMin,
    Duration electionTimeoutMax) {}
