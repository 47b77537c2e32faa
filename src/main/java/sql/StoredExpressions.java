package sql;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/**
 * Looks for the clock in expressions whose values SQLite stores: those of indexes and of generated
 * columns.
 *
 * <p>SQLite's own functions of date and time refuse to read the clock there, because the stored
 * value would be wrong a moment later and the index corrupt. The functions that replace them when a
 * write is applied must be declared deterministic and so lose that check, and it is made here by
 * what the text says: a call without a time value, or a word that stands for the clock or a time
 * zone. What only running it can show, the storage checks.
 */
final class StoredExpressions {

  private final Tokens tokens;
  private boolean mentionsDate;
  private boolean lacksTime;
  private boolean mentionsClock;

  /** Open parentheses, the innermost first. */
  private final Deque<Call> calls = new ArrayDeque<>();

  /**
   * An open parenthesis; {@code function} is OTHER unless a function of date and time is called.
   */
  private static final class Call {
    final Word function;
    final int opening;
    int argument;

    Call(Word function, int opening) {
      this.function = function;
      this.opening = opening;
    }

    /** The index of the last argument without which the clock is read. */
    int timeArgument() {
      return function == Word.STRFTIME || function == Word.TIMEDIFF ? 1 : 0;
    }
  }

  StoredExpressions(Tokens tokens) {
    this.tokens = tokens;
  }

  /** Takes the expressions between two tokens, the first an opening parenthesis. */
  void add(int from, int to) {
    calls.clear();
    for (int i = from; i < to; i++) {
      switch (tokens.kind(i)) {
        case OPENING -> calls.push(new Call(i > from ? dateFunction(i - 1) : Word.OTHER, i));
        case CLOSING -> close(i);
        case COMMA -> {
          Call call = calls.peek();
          if (call != null) {
            call.argument++;
          }
        }
        case STRING, QUOTED -> literal(tokens.name(i), i);
        case BLOB -> literal(wordInBlob(i), i);
        default -> {}
      }
    }
  }

  /** Whether any of them calls a function of date and time. */
  boolean mentionsDate() {
    return mentionsDate;
  }

  /** Why they cannot be stored, if so. */
  Optional<String> refusal() {
    if (mentionsDate && (lacksTime || mentionsClock)) {
      return Optional.of(
          "the clock in an index or a generated column is refused: its value would be stored once"
              + " and be wrong afterwards; store the time in an ordinary column");
    }
    return Optional.empty();
  }

  private Word dateFunction(int index) {
    if (tokens.is(index, TokenKind.STRING)) {
      return Word.OTHER;
    }
    return switch (tokens.name(index)) {
      case DATE, TIME, DATETIME, JULIANDAY, UNIXEPOCH, STRFTIME, TIMEDIFF -> tokens.name(index);
      default -> Word.OTHER;
    };
  }

  private void close(int index) {
    Call call = calls.poll();
    if (call == null || call.function == Word.OTHER) {
      return;
    }
    mentionsDate = true;
    int arguments = call.opening + 1 == index ? 0 : call.argument + 1;
    lacksTime |= arguments <= call.timeArgument();
  }

  private void literal(Word word, int index) {
    switch (word) {
      case NOW, LOCALTIME, UTC -> mentionsClock = true;
      case SUBSEC, SUBSECOND -> mentionsClock |= !isModifier(index);
      default -> {}
    }
  }

  /** Behind a time value {@code subsec} only asks for more digits; instead of one it reads it. */
  private boolean isModifier(int index) {
    Call call = calls.peek();
    return call != null
        && call.function != Word.OTHER
        && call.argument > call.timeArgument()
        && tokens.is(index - 1, TokenKind.COMMA)
        && (tokens.is(index + 1, TokenKind.COMMA) || tokens.is(index + 1, TokenKind.CLOSING));
  }

  private Word wordInBlob(int index) {
    int from = tokens.start(index) + 2;
    int to = tokens.end(index) - 1;
    StringBuilder characters = new StringBuilder();
    for (int i = from; i < to; i += 2) {
      int high = Character.digit(tokens.text().charAt(i), 16);
      int low = Character.digit(tokens.text().charAt(i + 1), 16);
      characters.append((char) (high * 16 + low));
    }
    return Word.of(characters.toString(), 0, characters.length());
  }
}
