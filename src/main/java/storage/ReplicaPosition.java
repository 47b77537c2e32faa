package storage;

import java.util.Optional;

/**
 * What a replica holds, as one consistent reading.
 *
 * @param seq the last event that it applied in full, 0 before the first
 * @param hash the hash of that event; 32 zero bytes before the first
 * @param journalId the journal it belongs to, empty before the first event
 * @param settings the settings of the last opening
 */
public record ReplicaPosition(
    long seq, byte[] hash, String journalId, Optional<ReplicatedSettings> settings) {}
