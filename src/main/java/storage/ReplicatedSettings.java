package storage;

import java.time.Duration;

/**
 * Settings that change what a replica makes of an event, and so stand in the journal.
 *
 * @param foreignKeys whether foreign keys are enforced; fixed when the journal is created
 * @param keyAge how long an idempotency key is remembered, by the events' own time
 * @param keysMax how many keys are remembered at most; then new ones are refused
 * @param keyOutcomeBytesMax the largest outcome that is kept with a key, in bytes
 */
public record ReplicatedSettings(
    boolean foreignKeys, Duration keyAge, long keysMax, int keyOutcomeBytesMax) {}
