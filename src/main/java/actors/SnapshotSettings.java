package actors;

import java.time.Duration;

/**
 * When snapshots are taken and how they travel. The comments in {@code application.conf} say what
 * each value does.
 *
 * @param journalBytes of events since the last snapshot, after which the next is due
 * @param journalEvents the same in events
 * @param interval the same in time, if there was any event
 * @param keep how many each place keeps
 * @param compression zstd's level
 * @param lookInterval how often it is looked whether something is to be done
 * @param restoreBehindEvents how far a node must be behind to take a snapshot before it replays
 * @param transferBytesPerSecond how fast a node fetches one at most
 */
public record SnapshotSettings(
    long journalBytes,
    long journalEvents,
    Duration interval,
    int keep,
    int compression,
    Duration lookInterval,
    long restoreBehindEvents,
    long transferBytesPerSecond) {}
