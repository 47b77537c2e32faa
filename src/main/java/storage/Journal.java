package storage;

import java.util.List;

/**
 * The journal beside its appends: the one durable order of events, read, and cut at its beginning.
 *
 * <p>Events are appended through Pekko Persistence, by the log writer; whatever kind of journal it
 * is, an append is fenced by the number it expects and returns after the bytes are durable. This
 * seam reads what was appended, and asks the journal's primary where it begins and ends, never a
 * local copy.
 *
 * <p>The events that it holds follow each other without a gap, from {@link #first} to {@link
 * #head}. What is cut away with {@link #trim} may be read for a moment longer, by who was reading
 * already or from a copy that is behind.
 *
 * <p>All methods block and may be called from any thread. All but {@link #trim} and {@link #bytes}
 * answer within a bounded time.
 */
public interface Journal extends AutoCloseable {

  /** The persistence id under which all events stand. */
  String PERSISTENCE_ID = "peqlite";

  /** The highest sequence number, 0 when the journal is empty. */
  long head() throws JournalException;

  /** The number of the first event it holds; 1 when it was never cut, and when it is empty. */
  long first() throws JournalException;

  /**
   * Events in order, the first being number {@code from}.
   *
   * @param eventsMax how many at most
   * @param bytesMax stop after the event that reaches this sum; one event is always returned if
   *     there is one
   * @return empty when {@code from} is above the head; never with a gap
   * @throws JournalGapException if the journal holds a later event but not the next one: it begins
   *     behind that, or has a hole
   * @throws JournalDamagedException if the next event is not what was appended; those before a
   *     damaged one are given first
   */
  List<StoredEvent> read(long from, int eventsMax, long bytesMax) throws JournalException;

  /**
   * How many events the journal holds from one number to another, both included. What was cut away
   * does not count, and what is missing for another reason does not either: see {@link #holdsAll}.
   */
  long count(long from, long to) throws JournalException;

  /**
   * Whether the journal holds every event from one number to another, both included, except for
   * what was cut away. May be asked while it is being cut: it is never no because of that, and a
   * hole that it does not see then it sees the next time.
   */
  default boolean holdsAll(long from, long to) throws JournalException {
    long held = count(from, to);
    // Asked afterwards: whatever was cut away before the events were counted is below this.
    return held >= to - from + 1 || held >= to - Math.max(from, first()) + 1;
  }

  /**
   * Takes the events up to and including a number away, for good, oldest first and in short steps
   * between which appends go on. Takes as long as there is much to take away. The last event always
   * stays, whatever the number; what is gone already costs nothing. Several nodes may do so at
   * once.
   *
   * @throws JournalException if it fails in the middle or the thread is interrupted; the journal
   *     then begins at some smaller number, and it may be tried again
   */
  void trim(long to) throws JournalException;

  /**
   * The sum of the payloads' bytes that it holds. Looks at every event's length, but at no payload:
   * for a decision now and then. Not exact while events come and go.
   */
  long bytes() throws JournalException;

  /**
   * The clock of the journal's database, in microseconds since 1970; for a journal that is a file,
   * the clock of this machine. It is compared with, never relied on to go forward.
   */
  long timeMicros() throws JournalException;

  /** Frees the connections. What is being asked then fails; nothing may be asked afterwards. */
  @Override
  void close();
}
