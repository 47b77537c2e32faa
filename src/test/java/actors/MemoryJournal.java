package actors;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import sql.Position;
import sql.Statement;
import sql.WriteRequest;
import storage.Entry;
import storage.EntryCodec;
import storage.Event;
import storage.EventCodec;
import storage.EventHash;
import storage.Formats;
import storage.Journal;
import storage.JournalDamagedException;
import storage.JournalException;
import storage.JournalGapException;
import storage.ReplicatedSettings;
import storage.RequestCodec;
import storage.StoredEvent;

/**
 * A journal in memory, written by hand as a sequencer would write it. Event 1 opens the sequencer
 * and a session of node a. Thread-safe.
 */
final class MemoryJournal implements Journal {

  static final Position SESSION = new Position(1, 1);

  private static final ReplicatedSettings SETTINGS =
      new ReplicatedSettings(false, Duration.ofDays(1), 100, 100);

  private final String id;
  private final List<StoredEvent> events = new ArrayList<>();
  private byte[] lastHash = EventHash.none();
  private long lastNumber;

  /** The first event that it gives to its readers; those below are kept for the test. */
  private long first = 1;

  private final Set<Long> damaged = new HashSet<>();
  private boolean away;
  private int givesNothing;

  MemoryJournal(String id) {
    this.id = id;
    append(
        Formats.newestRules(),
        new Entry.Opened("a", SETTINGS),
        new Entry.SessionOpened("a", "process/1"));
  }

  /** Appends one event of these entries, and tells its number. */
  long append(Entry... entries) {
    return append(Formats.newestRules(), entries);
  }

  /** The same by other rules. */
  synchronized long append(int rules, Entry... entries) {
    long seq = events.size() + 1;
    Event header = new Event(rules, id, lastHash, 1, 1000 * seq, seq, List.of());
    byte[] bytes =
        EventCodec.encode(header, Arrays.stream(entries).map(EntryCodec::encode).toList());
    events.add(new StoredEvent(seq, bytes));
    lastHash = EventHash.of(bytes);
    return seq;
  }

  /** Appends a write of the session as an event of its own. */
  synchronized Position write(String sql) {
    return new Position(append(request(sql)), 0);
  }

  synchronized Entry request(String sql) {
    byte[] request = RequestCodec.encode(WriteRequest.of(false, Statement.of(sql)));
    return new Entry.Submitted(SESSION, ++lastNumber, request);
  }

  synchronized StoredEvent event(long seq) {
    return events.get((int) seq - 1);
  }

  /** Lets so many reads find nothing. */
  synchronized void giveNothing(int reads) {
    givesNothing = reads;
  }

  /** From now on one bit of an event is another one for its readers. */
  synchronized void damage(long seq) {
    damaged.add(seq);
  }

  /** From now on it cannot be reached, or can again. */
  synchronized void away(boolean isAway) {
    away = isAway;
  }

  /** Loses its last events. */
  synchronized void cutBehind(long seq) {
    events.subList((int) seq, events.size()).clear();
    lastHash = EventHash.of(event(seq).bytes());
  }

  private void requireThere() throws JournalException {
    if (away) {
      throw new JournalException("the journal is away");
    }
  }

  @Override
  public synchronized long head() throws JournalException {
    requireThere();
    return events.size();
  }

  @Override
  public synchronized List<StoredEvent> read(long from, int eventsMax, long bytesMax)
      throws JournalException {
    requireThere();
    if (from < first) {
      throw JournalGapException.of(from, first, first);
    }
    List<StoredEvent> page = new ArrayList<>();
    if (givesNothing > 0) {
      givesNothing--;
      return page;
    }
    long bytes = 0;
    for (long seq = from;
        seq <= events.size() && page.size() < eventsMax && bytes < bytesMax;
        seq++) {
      byte[] given = event(seq).bytes().clone();
      given[given.length / 2] ^= damaged.contains(seq) ? 1 : 0;
      page.add(new StoredEvent(seq, given));
      bytes += given.length;
    }
    return JournalDamagedException.before(page);
  }

  @Override
  public synchronized long count(long from, long to) throws JournalException {
    requireThere();
    return Math.max(0, Math.min(to, events.size()) - Math.max(first, from) + 1);
  }

  @Override
  public synchronized long first() throws JournalException {
    requireThere();
    return first;
  }

  @Override
  public synchronized void trim(long to) throws JournalException {
    requireThere();
    first = Math.max(first, Math.min(to + 1, events.size()));
  }

  @Override
  public synchronized long bytes() {
    return events.stream().skip(first - 1).mapToLong(event -> event.bytes().length).sum();
  }

  @Override
  public long timeMicros() {
    return 0;
  }

  @Override
  public void close() {}
}
