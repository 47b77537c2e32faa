package actors;

/**
 * What Pekko Persistence stores: an event's bytes, as the sequencer encoded them. See {@link
 * storage.EventCodec} for their format.
 *
 * @param bytes not to be written to
 */
record JournalEvent(byte[] bytes) {}
