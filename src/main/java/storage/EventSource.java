package storage;

import java.io.IOException;
import java.util.List;

/**
 * Where events are read from in their order: a {@link Journal}, by {@code journal::read}, or a copy
 * of one. Blocking; for one thread at a time.
 */
@FunctionalInterface
public interface EventSource {

  /**
   * Events in order, the first being number {@code from}.
   *
   * @param from from 1
   * @param eventsMax how many at most, from 1
   * @param bytesMax stop after the event that reaches this sum; one event is always returned if
   *     there is one
   * @return empty only when {@code from} is behind the last event; never with a gap
   * @throws JournalGapException if there is a later event but not the next one
   * @throws JournalException if the journal cannot be asked now
   * @throws IOException if a copy of it cannot be read
   */
  List<StoredEvent> read(long from, int eventsMax, long bytesMax)
      throws JournalException, IOException;
}
