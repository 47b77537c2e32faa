package storage;

import java.util.List;

/**
 * What the journal holds under one sequence number: a batch of entries that take effect in order.
 *
 * @param rules the version of the determinism rules to apply it by
 * @param journalId the random id that the journal got with its first event
 * @param previousHash the hash of the event before it; 32 zero bytes in the first
 * @param epoch the number of the event by which its sequencer opened
 * @param timestampMicros its time, microseconds since 1970 UTC; strictly increasing in the journal
 * @param seed where the random numbers of its requests come from
 */
public record Event(
    int rules,
    String journalId,
    byte[] previousHash,
    long epoch,
    long timestampMicros,
    long seed,
    List<Entry> entries) {

  public Event {
    entries = List.copyOf(entries);
  }
}
