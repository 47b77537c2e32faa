package sql;

import java.util.ArrayList;
import java.util.List;

/** Text with several SQL statements. Stateless. */
public final class SqlText {

  private static final RecentTexts<List<String>> SPLIT =
      new RecentTexts<>(text -> List.copyOf(cut(text)));

  private SqlText() {}

  /**
   * Cuts a text into its statements.
   *
   * <p>A statement comes without its closing semicolon and without white space and comments around
   * it; those inside it stay. Empty statements and those of comments only are left out. The body of
   * a trigger stays together, up to the {@code END} that follows a semicolon. What SQLite cannot
   * read is still a statement, so that SQLite can say what is wrong with it.
   *
   * @param text any text; never refused, and read in linear time
   * @return the statements in order; not to be changed
   */
  public static List<String> split(String text) {
    return SPLIT.get(text);
  }

  private static List<String> cut(String text) {
    List<String> statements = new ArrayList<>();
    cut(text, statements, true);
    return statements;
  }

  /**
   * Cuts off the statements whose closing semicolon is there.
   *
   * @param statements gets them, as {@link #split} gives them
   * @return where the rest begins
   */
  static int cutComplete(String text, List<String> statements) {
    return cut(text, statements, false);
  }

  private static int cut(String text, List<String> statements, boolean last) {
    Lexer lexer = new Lexer(text);
    Boundary boundary = new Boundary();
    int start = -1;
    int end = -1;
    int rest = 0;
    while (lexer.advance()) {
      TokenKind kind = lexer.kind();
      if (kind.isTrivia()) {
        continue;
      }
      if (boundary.isBefore(kind, lexer)) {
        if (start >= 0) {
          statements.add(text.substring(start, end));
        }
        start = -1;
        rest = lexer.end();
      } else {
        start = start < 0 ? lexer.start() : start;
        end = lexer.end();
      }
    }
    if (last && start >= 0) {
      statements.add(text.substring(start, end));
    }
    return rest;
  }

  /**
   * A text for people to read: without the values that stand in it, which may be secrets, without
   * comments, in one line, and cut.
   *
   * @param lengthMax how long it may be; what is cut is marked
   */
  public static String withoutValues(String text, int lengthMax) {
    StringBuilder shown = new StringBuilder(Math.min(text.length(), lengthMax) + 1);
    Lexer lexer = new Lexer(text);
    boolean space = false;
    while (lexer.advance()) {
      TokenKind kind = lexer.kind();
      if (kind.isTrivia()) {
        space = shown.length() > 0;
        continue;
      }
      if (space) {
        shown.append(' ');
        space = false;
      }
      if (shown.length() >= lengthMax) {
        shown.setLength(lengthMax);
        return shown.append('\u2026').toString();
      }
      switch (kind) {
        case STRING, BLOB, NUMBER, ILLEGAL -> shown.append('?');
        default ->
            shown.append(text, lexer.start(), Math.min(lexer.end(), lexer.start() + lengthMax));
      }
    }
    if (shown.length() > lengthMax) {
      shown.setLength(lengthMax);
      shown.append('\u2026');
    }
    return shown.toString();
  }

  /** Tells which semicolon ends a statement, as SQLite's own {@code sqlite3_complete} does. */
  private static final class Boundary {

    private enum State {
      START,
      EXPLAIN,
      EXPLAIN_QUERY,
      CREATE,
      OTHER,
      TRIGGER,
      TRIGGER_SEMICOLON,
      TRIGGER_END
    }

    private State state = State.START;

    /** Takes the next token; true when it is a semicolon that ends the statement before it. */
    boolean isBefore(TokenKind kind, Lexer lexer) {
      if (kind == TokenKind.SEMICOLON) {
        if (state == State.TRIGGER || state == State.TRIGGER_SEMICOLON) {
          state = State.TRIGGER_SEMICOLON;
          return false;
        }
        state = State.START;
        return true;
      }
      if (state != State.OTHER) {
        state = after(lexer.keyword());
      }
      return false;
    }

    private State after(Word word) {
      return switch (state) {
        case START ->
            switch (word) {
              case EXPLAIN -> State.EXPLAIN;
              case CREATE -> State.CREATE;
              default -> State.OTHER;
            };
        case EXPLAIN ->
            switch (word) {
              case QUERY -> State.EXPLAIN_QUERY;
              case CREATE -> State.CREATE;
              default -> State.OTHER;
            };
        case EXPLAIN_QUERY -> word == Word.PLAN ? State.EXPLAIN : State.OTHER;
        case CREATE ->
            switch (word) {
              case TEMP, TEMPORARY -> State.CREATE;
              case TRIGGER -> State.TRIGGER;
              default -> State.OTHER;
            };
        case TRIGGER_SEMICOLON -> word == Word.END ? State.TRIGGER_END : State.TRIGGER;
        case TRIGGER, TRIGGER_END -> State.TRIGGER;
        case OTHER -> State.OTHER;
      };
    }
  }
}
