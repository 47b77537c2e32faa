package storage;

import java.util.List;

/** Events that journals store as they are, for tests that care about nothing in them. */
public final class StoredEvents {

  private StoredEvents() {}

  /** The bytes of an event with one entry, which nobody can decode. */
  public static byte[] holding(byte[] entry) {
    return following(EventHash.none(), entry);
  }

  /** The same, behind another event. */
  public static byte[] following(byte[] previousHash, byte[] entry) {
    Event header = new Event(Formats.newestRules(), "journal", previousHash, 1, 0, 0, List.of());
    return EventCodec.encode(header, List.of(entry));
  }
}
