package actors;

import java.util.OptionalLong;

/**
 * A member's place among those who keep the journal on their own disks.
 *
 * @param id its identity there, which it has as long as its disk
 * @param address where its Raft server is, host:port
 * @param leader whether it leads, which has nothing to do with the sequencer
 * @param match the last entry of the Raft log that it is known to have synced; empty while nobody
 *     says so
 * @param silentMillis how long ago it answered the one that leads
 */
public record QuorumPlace(
    String id, String address, boolean leader, OptionalLong match, OptionalLong silentMillis) {}
