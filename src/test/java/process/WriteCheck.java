package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import sql.Position;

/**
 * Compares what clients were told with what the database and the journal hold: an acknowledged
 * write stands there once, at the position that was told, an unknown one once or not at all, all
 * others not at all.
 */
final class WriteCheck {

  private record Row(long id, int part) {}

  private WriteCheck() {}

  /** Checks against the rows that a node returns. */
  static void assertAppliedOnce(Writers writers, NodeProcess node) throws Exception {
    Map<String, List<Row>> stored = new HashMap<>();
    Answer answer = node.query("SELECT id, marker, part FROM log ORDER BY id");
    assertEquals(200, answer.status(), answer::text);
    for (JsonNode row : answer.rows()) {
      stored
          .computeIfAbsent(row.path(1).asText(), marker -> new ArrayList<>())
          .add(new Row(row.path(0).asLong(), row.path(2).asInt()));
    }
    for (Write write : writers.writes()) {
      List<Row> rows = stored.getOrDefault(write.marker(), List.of());
      switch (write.fate()) {
        case APPLIED -> assertEquals(write.rows(), rows.size(), () -> write + " has " + rows);
        case NOT_APPLIED -> assertEquals(0, rows.size(), () -> write + " has " + rows);
        default ->
            assertTrue(rows.isEmpty() || rows.size() == write.rows(), () -> write + " has " + rows);
      }
      TreeSet<Integer> parts = new TreeSet<>(rows.stream().map(Row::part).toList());
      assertEquals(rows.size(), parts.size(), () -> write + " has a statement twice: " + rows);
      if (!write.ids().isEmpty()) {
        assertEquals(rows.stream().map(Row::id).toList(), write.ids(), write::toString);
      }
    }
    assertRowsInOrderOfPositions(writers, stored);
  }

  /** Rows got their ids in the order of the positions that were told. */
  private static void assertRowsInOrderOfPositions(Writers writers, Map<String, List<Row>> stored) {
    List<Write> inOrder =
        writers.writes().stream()
            .filter(write -> write.fate() == Write.Fate.APPLIED && write.first())
            .filter(write -> write.rows() > 0 && write.seq() >= 0)
            .sorted(Comparator.comparingLong(write -> stored.get(write.marker()).get(0).id()))
            .toList();
    long before = 0;
    for (Write write : inOrder) {
      assertTrue(write.seq() >= before, write + " stands behind a row of position " + before);
      before = write.seq();
    }
  }

  /** Checks the positions that were told against the journal of a stopped node. */
  static void assertAtToldPositions(Writers writers, JournalFile journal) throws Exception {
    Map<String, List<Position>> ordered = journal.requestsByMarker();
    for (Write write : writers.writes()) {
      if (write.fate() == Write.Fate.APPLIED) {
        assertTrue(
            ordered.getOrDefault(write.marker(), List.of()).stream()
                .anyMatch(position -> position.seq() == write.seq()),
            () -> write + " is ordered at " + ordered.get(write.marker()));
      }
    }
  }
}
