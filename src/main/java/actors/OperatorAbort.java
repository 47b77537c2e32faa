package actors;

import java.util.ArrayList;
import java.util.List;
import sql.Position;
import sql.Statement;
import storage.Entry;
import storage.Event;
import storage.EventCodec;
import storage.FormatException;
import storage.Journal;
import storage.JournalException;
import storage.LoadCodec;
import storage.RequestCodec;
import storage.StoredEvent;

/** What an operator is about to give up, in words that he can recognise it by. */
final class OperatorAbort {

  private static final int STATEMENTS_SHOWN = 20;
  private static final int CHARACTERS_SHOWN = 500;

  /**
   * A request in the journal.
   *
   * @param problem why there is none that can be given up; empty if there is
   * @param statements its SQL, without values, cut where it is long
   */
  record Request(String problem, List<String> statements) {}

  private OperatorAbort() {}

  /** Reads what stands at a position; blocks. */
  static Request request(Journal journal, Position position) {
    try {
      List<StoredEvent> stored = journal.read(position.seq(), 1, 1);
      if (stored.isEmpty()) {
        return unknown("the journal does not hold event " + position.seq());
      }
      Event event = EventCodec.decode(stored.get(0));
      if (position.index() >= event.entries().size()) {
        return unknown("event " + position.seq() + " ends before entry " + position.index());
      }
      Entry entry = event.entries().get(position.index());
      if (entry instanceof Entry.Submitted submitted && LoadCodec.isLoadStep(submitted.request())) {
        return new Request("", List.of("a step of a load"));
      }
      if (entry instanceof Entry.Submitted submitted) {
        return new Request("", shown(RequestCodec.decode(submitted.request()).statements()));
      }
      if (entry instanceof Entry.Part part && part.index() == part.count() - 1) {
        return new Request("", List.of("a large request of " + part.count() + " parts"));
      }
      return unknown("there is no request at " + position);
    } catch (JournalException | FormatException e) {
      return unknown(String.valueOf(e.getMessage()));
    }
  }

  static Request unknown(String problem) {
    return new Request(problem, List.of());
  }

  private static List<String> shown(List<Statement> statements) {
    List<String> shown = new ArrayList<>();
    for (Statement statement :
        statements.subList(0, Math.min(statements.size(), STATEMENTS_SHOWN))) {
      String sql = statement.sql();
      shown.add(
          sql.length() <= CHARACTERS_SHOWN ? sql : sql.substring(0, CHARACTERS_SHOWN) + " ...");
    }
    if (statements.size() > STATEMENTS_SHOWN) {
      shown.add("and " + (statements.size() - STATEMENTS_SHOWN) + " more");
    }
    return shown;
  }
}
