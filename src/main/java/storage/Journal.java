package storage;

import java.util.List;

/**
 * The read side of the journal: the one durable order of events.
 *
 * <p>Events are appended through Pekko Persistence, by the log writer; whatever kind of journal it
 * is, an append is fenced by the number it expects and returns after the bytes are durable. This
 * seam reads what was appended, always from the journal's primary, never from a local copy.
 *
 * <p>All methods block, may be called from any thread, and answer within a bounded time.
 */
public interface Journal extends AutoCloseable {

  /** The persistence id under which all events stand. */
  String PERSISTENCE_ID = "peqlite";

  /** The highest sequence number, 0 when the journal is empty. */
  long head() throws JournalException;

  /** The number of the first event it holds, 1 when nothing was cut off or the journal is empty. */
  default long first() throws JournalException {
    return 1;
  }

  /**
   * Events in order, the first being number {@code from}.
   *
   * @param eventsMax how many at most
   * @param bytesMax stop after the event that reaches this sum; one event is always returned if
   *     there is one
   * @return empty when {@code from} is above the head; never with a gap
   * @throws JournalGapException if the journal holds a later event but not the next one
   */
  List<StoredEvent> read(long from, int eventsMax, long bytesMax) throws JournalException;

  /** Takes events up to one away. */
  default void trim(long to) throws JournalException {}

  /** How many events the journal holds from one number to another, both included. */
  long count(long from, long to) throws JournalException;

  /**
   * The clock of the journal's database, in microseconds since 1970; for a journal that is a file,
   * the clock of this machine. It is compared with, never relied on to go forward.
   */
  long timeMicros() throws JournalException;

  /** Frees the connections. What is being asked then fails; nothing may be asked afterwards. */
  @Override
  void close();
}
