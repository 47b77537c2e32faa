package storage;

import java.time.Duration;

/**
 * Limits of the databases of the past that a node keeps for its reads.
 *
 * @param statesMax how many at once; 0 for none, so that nothing can be read as of the past
 * @param bytesMax of all of them together
 * @param idle how long one is kept that nobody reads
 * @param journalBytesPerSecond how fast events are read to make one, at most
 * @param cacheBytes memory for pages while one is made
 * @param read how each of them is read
 */
public record PastSettings(
    int statesMax,
    long bytesMax,
    Duration idle,
    long journalBytesPerSecond,
    long cacheBytes,
    ReadSettings read) {}
