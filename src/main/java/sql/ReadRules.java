package sql;

import java.util.Optional;

/**
 * What a statement that runs on a read-only connection may not mention: the internal tables, and
 * the few functions that do more than read.
 */
final class ReadRules {

  private ReadRules() {}

  /** Why the read is refused, if so. */
  static Optional<String> refusal(Tokens tokens) {
    TablePositions positions = new TablePositions(tokens);
    for (int i = 0; i < tokens.size(); i++) {
      boolean table = positions.step(i);
      TokenKind kind = tokens.kind(i);
      if (!kind.isName() || (kind == TokenKind.STRING && !table)) {
        continue;
      }
      if (tokens.nameStartsWith(i, StatementRules.RESERVED_UPPER_CASE)) {
        return Optional.of(StatementRules.RESERVED_REASON);
      }
      Word word = tokens.name(i);
      if (word == Word.PRAGMA_OPTIMIZE) {
        return Optional.of("pragma_optimize is refused: it writes; use ANALYZE");
      }
      if (isNativeCode(tokens, i, word)) {
        return Optional.of(StatementRules.nativeCodeReason(word));
      }
    }
    return Optional.empty();
  }

  /** Whether a function is called that runs foreign code or hands out and takes raw pointers. */
  static boolean isNativeCode(Tokens tokens, int index, Word word) {
    return (word == Word.LOAD_EXTENSION || word == Word.FTS3_TOKENIZER) && tokens.isCall(index);
  }
}
