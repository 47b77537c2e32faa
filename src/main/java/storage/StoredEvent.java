package storage;

/**
 * An event as the journal holds it. The bytes are encoded once, by the sequencer; journal, push and
 * hash use them as they are.
 *
 * @param seq its sequence number
 * @param bytes its encoded form; not to be written to
 */
public record StoredEvent(long seq, byte[] bytes) {}
