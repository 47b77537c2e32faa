package storage;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import sql.IdempotencyKey;
import sql.Position;
import sql.Statement;
import sql.WriteRequest;

/**
 * A journal in memory: events that follow one another as a sequencer writes them. Event 1 opens the
 * sequencer and a session of node {@value #NODE}; its position is {@link #SESSION}.
 */
final class EventChain {

  static final String NODE = "n1";
  static final String JOURNAL = "journal";
  static final Position SESSION = new Position(1, 1);
  static final long START_MICROS = 1_700_000_000_000_000L;
  static final long STEP_MICROS = 1_000_000;
  static final ReplicatedSettings SETTINGS =
      new ReplicatedSettings(false, Duration.ofMinutes(1), 1000, 1 << 10);
  static final ReplicatedSettings FOREIGN_KEYS =
      new ReplicatedSettings(true, Duration.ofMinutes(1), 1000, 1 << 10);

  private final List<StoredEvent> events = new ArrayList<>();
  private final Map<Position, Long> numbers = new HashMap<>();
  private final ReplicatedSettings settings;
  private byte[] lastHash = EventHash.none();
  private long timestampMicros = START_MICROS;
  private long epoch = 1;

  EventChain(ReplicatedSettings settings) {
    this.settings = settings;
    append(new Entry.Opened(NODE, settings), new Entry.SessionOpened(NODE, "nonce"));
  }

  /** A chain with {@link #SETTINGS}. */
  static EventChain create() {
    return new EventChain(SETTINGS);
  }

  /** Every event so far. */
  List<StoredEvent> events() {
    return List.copyOf(events);
  }

  /** The events from number {@code from} on. */
  List<StoredEvent> from(long from) {
    return events().subList((int) from - 1, events.size());
  }

  long head() {
    return events.size();
  }

  /** The entry that stands at {@code index} of the event that comes next. */
  Position next(int index) {
    return new Position(head() + 1, index);
  }

  /** Time passes before the next event. */
  EventChain later(Duration time) {
    timestampMicros += time.toNanos() / 1000;
    return this;
  }

  /** Another sequencer opens. */
  StoredEvent reopen() {
    epoch = head() + 1;
    return append(new Entry.Opened("n2", settings));
  }

  /** Appends one event, one second after the last; its seed is its number. */
  StoredEvent append(Entry... entries) {
    timestampMicros += STEP_MICROS;
    long seq = events.size() + 1;
    return add(
        event(
            Formats.newestRules(),
            JOURNAL,
            lastHash,
            epoch,
            timestampMicros,
            seq,
            List.of(entries)));
  }

  StoredEvent append(List<Entry> entries) {
    return append(entries.toArray(new Entry[0]));
  }

  /** Appends whatever the bytes are. */
  StoredEvent add(byte[] bytes) {
    StoredEvent stored = new StoredEvent(events.size() + 1, bytes);
    events.add(stored);
    lastHash = EventHash.of(bytes);
    return stored;
  }

  byte[] lastHash() {
    return lastHash.clone();
  }

  long timestampMicros() {
    return timestampMicros;
  }

  /** Appends one request of {@link #SESSION} as an event of its own, and says where it stands. */
  Position write(WriteRequest request) {
    append(request(request));
    return new Position(head(), 0);
  }

  /** Appends a request of one statement, not a transaction. */
  Position write(String sql) {
    return write(WriteRequest.of(false, Statement.of(sql)));
  }

  /** An entry with the next number of {@link #SESSION}. */
  Entry request(WriteRequest request) {
    return request(SESSION, request);
  }

  Entry request(Position session, WriteRequest request) {
    long number = numbers.merge(session, 1L, Long::sum);
    return submitted(session, number, request);
  }

  static Entry submitted(Position session, long number, WriteRequest request) {
    return new Entry.Submitted(session, number, RequestCodec.encode(request));
  }

  /** Statements that stand for themselves. */
  static WriteRequest statements(String... sql) {
    return of(false, sql);
  }

  /** All or nothing. */
  static WriteRequest transaction(String... sql) {
    return of(true, sql);
  }

  private static WriteRequest of(boolean transaction, String... sql) {
    List<Statement> statements = new ArrayList<>();
    for (String one : sql) {
      statements.add(Statement.of(one));
    }
    return new WriteRequest(statements, transaction, false, Optional.empty());
  }

  static WriteRequest keyed(String key, String... sql) {
    return new WriteRequest(
        of(false, sql).statements(), false, false, Optional.of(new IdempotencyKey("", key)));
  }

  static byte[] event(
      int rules,
      String journalId,
      byte[] previousHash,
      long epoch,
      long timestampMicros,
      long seed,
      List<Entry> entries) {
    Event header =
        new Event(rules, journalId, previousHash, epoch, timestampMicros, seed, List.of());
    return EventCodec.encode(header, entries.stream().map(EntryCodec::encode).toList());
  }
}
