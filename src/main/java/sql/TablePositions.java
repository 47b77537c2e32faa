package sql;

import java.util.BitSet;

/**
 * Finds the tokens that stand where SQLite expects the name of a table or of its schema.
 *
 * <p>SQLite takes a string literal as a name there, so a rule about names has to know. Only words
 * that can never be names themselves end a FROM clause here: the answer may be a false yes, where a
 * name of something else could stand, and is never a false no. One object walks one statement once.
 */
final class TablePositions {

  private final Tokens tokens;

  /** By depth of parentheses, whether a comma there is followed by another table. */
  private final BitSet inFrom = new BitSet();

  private int depth;
  private boolean expectsName;
  private boolean expectsSource;
  private boolean lastWasName;

  TablePositions(Tokens tokens) {
    this.tokens = tokens;
  }

  /** Takes the token at {@code index}, which must be the next one; whether it names a table. */
  boolean step(int index) {
    final boolean source = expectsSource;
    final boolean here = expectsName || source;
    final boolean behindName = lastWasName;
    expectsName = false;
    expectsSource = false;
    TokenKind kind = tokens.kind(index);
    lastWasName = here && kind.isName();
    switch (kind) {
      case OPENING -> {
        depth++;
        inFrom.set(depth, source);
        expectsSource = source;
      }
      case CLOSING -> depth = Math.max(0, depth - 1);
      case COMMA -> expectsSource = inFrom.get(depth);
      case DOT -> expectsName = behindName;
      case SEMICOLON -> inFrom.clear(depth);
      case WORD -> keyword(index);
      default -> {}
    }
    return lastWasName;
  }

  /** How many parentheses are open behind the last token. */
  int depth() {
    return depth;
  }

  private void keyword(int index) {
    switch (tokens.keyword(index)) {
      case FROM -> {
        // IS DISTINCT FROM compares two values.
        if (!tokens.is(index - 1, Word.DISTINCT)) {
          inFrom.set(depth);
          expectsSource = true;
        }
      }
      case JOIN -> expectsSource = true;
      case INTO, UPDATE, TABLE, VIEW, INDEX, TRIGGER, EXISTS, REFERENCES, IN, ANALYZE, REINDEX ->
          expectsName = true;
      case ABORT, FAIL, IGNORE, REPLACE, ROLLBACK ->
          expectsName = tokens.is(index - 1, Word.OR) && tokens.is(index - 2, Word.UPDATE);
      case SELECT, VALUES, WHERE, GROUP, HAVING, ORDER, LIMIT, SET, RETURNING ->
          inFrom.clear(depth);
      default -> {}
    }
  }
}
