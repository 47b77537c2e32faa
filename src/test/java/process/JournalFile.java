package process;

import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import sql.Position;
import sql.Statement;
import sql.Value;
import sql.WriteRequest;
import storage.Entry;
import storage.Event;
import storage.EventCodec;
import storage.FormatException;
import storage.JournalException;
import storage.RequestCodec;
import storage.SqliteJournal;
import storage.StoredEvent;

/** The journal of a node that is stopped. Reading it ends its write-ahead log, as a stop does. */
final class JournalFile {

  private static final int PAGE = 256;
  private static final long PAGE_BYTES = 8L << 20;

  private record Numbered(long seq, Event event) {}

  private final Path file;

  JournalFile(Path file) {
    this.file = file;
  }

  /** Where requests stand, by the first text among the parameters of their first statement. */
  Map<String, List<Position>> requestsByMarker() throws JournalException, FormatException {
    Map<String, List<Position>> positions = new HashMap<>();
    ByteArrayOutputStream parts = new ByteArrayOutputStream();
    for (Numbered numbered : events()) {
      long seq = numbered.seq();
      List<Entry> entries = numbered.event().entries();
      for (int index = 0; index < entries.size(); index++) {
        Position position = new Position(seq, index);
        if (entries.get(index) instanceof Entry.Submitted submitted) {
          marker(submitted.request()).ifPresent(marker -> add(positions, marker, position));
        } else if (entries.get(index) instanceof Entry.Opened) {
          parts.reset();
        } else if (entries.get(index) instanceof Entry.Part part) {
          if (part.index() == 0) {
            parts.reset();
          }
          parts.writeBytes(part.bytes());
          if (part.index() == part.count() - 1) {
            marker(parts.toByteArray()).ifPresent(marker -> add(positions, marker, position));
          }
        }
      }
    }
    return positions;
  }

  /** The last event. */
  Event last() throws JournalException, FormatException {
    try (SqliteJournal journal = SqliteJournal.open(file)) {
      return EventCodec.decode(journal.read(journal.head(), 1, 1).get(0));
    }
  }

  /** The highest sequence number. */
  long head() throws JournalException {
    try (SqliteJournal journal = SqliteJournal.open(file)) {
      return journal.head();
    }
  }

  /** The lowest sequence number, 0 for none; the node may be running, and nothing is changed. */
  static long first(Path file) throws SQLException {
    return DatabaseFile.number(file, "SELECT coalesce(min(sequence_number), 0) FROM event_journal");
  }

  private List<Numbered> events() throws JournalException, FormatException {
    List<Numbered> events = new ArrayList<>();
    try (SqliteJournal journal = SqliteJournal.open(file)) {
      long head = journal.head();
      while (events.size() < head) {
        for (StoredEvent stored : journal.read(events.size() + 1L, PAGE, PAGE_BYTES)) {
          events.add(new Numbered(stored.seq(), EventCodec.decode(stored)));
        }
      }
    }
    return events;
  }

  private static void add(Map<String, List<Position>> positions, String marker, Position position) {
    positions.computeIfAbsent(marker, none -> new ArrayList<>()).add(position);
  }

  private static Optional<String> marker(byte[] request) {
    try {
      WriteRequest decoded = RequestCodec.decode(request);
      for (Statement statement : decoded.statements()) {
        for (Value value : statement.parameters()) {
          if (value instanceof Value.Text text) {
            return Optional.of(text.value());
          }
        }
      }
      return Optional.empty();
    } catch (FormatException e) {
      throw new AssertionError("a request in the journal cannot be read", e);
    }
  }
}
