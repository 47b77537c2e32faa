package sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StatementReaderTest {

  private static final List<String> PIECES =
      List.of(
          "SELECT 1",
          ";",
          "; ",
          "INSERT INTO t VALUES ('a;b''c')",
          "-- a comment; with one\n",
          "/* ; */",
          "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END",
          "\"a;b\"",
          "[x;y]",
          "x'00'",
          "\n");

  private static List<String> read(Reader text, int max) throws IOException {
    List<String> statements = new ArrayList<>();
    try (StatementReader in = new StatementReader(text, max)) {
      for (Optional<String> next = in.next(); next.isPresent(); next = in.next()) {
        statements.add(next.get());
      }
    }
    return statements;
  }

  /** Whatever the text and wherever its blocks end, it is cut as in one piece. */
  @Test
  void cutsAsInOnePiece() throws IOException {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 30; i++) {
      StringBuilder text = new StringBuilder();
      while (text.length() < (1 << 20) + random.nextInt(1 << 20)) {
        String piece = PIECES.get(random.nextInt(PIECES.size()));
        text.append(piece.repeat(1 + random.nextInt(20)));
        text.append(" ".repeat(random.nextInt(200)));
      }
      assertEquals(
          SqlText.split(text.toString()),
          read(new StringReader(text.toString()), 1 << 22),
          () -> "seed " + seed);
    }
  }

  @Test
  void refusesAStatementThatIsTooLong() {
    String text = "SELECT 1; SELECT '" + "x".repeat(3 << 20) + "';";
    IOException refused =
        assertThrows(
            StatementReader.TooLongException.class, () -> read(new StringReader(text), 2 << 20));
    assertEquals("statement 2 is longer than 2097152 characters", refused.getMessage());
  }
}
