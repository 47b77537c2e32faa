package sql;

import java.util.Arrays;

/**
 * The tokens of one statement that mean something, in order: white space, comments and the
 * semicolons that close it are left out.
 *
 * <p>Every method takes any index; outside the list stands {@link TokenKind#END}, so that rules can
 * look ahead and behind without asking for the size. Safe for use by several threads.
 */
final class Tokens {

  private final String text;
  private int size;
  private int firstSemicolon = -1;
  private TokenKind[] kinds;
  private Word[] words;
  private int[] starts;
  private int[] ends;

  private Tokens(String text) {
    this.text = text;
    int guess = Math.min(text.length(), 24 + text.length() / 8);
    kinds = new TokenKind[guess];
    words = new Word[guess];
    starts = new int[guess];
    ends = new int[guess];
  }

  /** Reads a text, which may be any text at all. */
  static Tokens of(String text) {
    Tokens tokens = new Tokens(text);
    Lexer lexer = new Lexer(text);
    while (lexer.advance()) {
      TokenKind kind = lexer.kind();
      if (!kind.isTrivia()) {
        tokens.add(kind, lexer.start(), lexer.end());
      }
    }
    tokens.dropClosingSemicolons();
    return tokens;
  }

  private void add(TokenKind kind, int start, int end) {
    if (size == kinds.length) {
      int larger = size * 2 + 8;
      kinds = Arrays.copyOf(kinds, larger);
      words = Arrays.copyOf(words, larger);
      starts = Arrays.copyOf(starts, larger);
      ends = Arrays.copyOf(ends, larger);
    }
    kinds[size] = kind;
    Word word = Word.OTHER;
    if (kind == TokenKind.WORD) {
      word = Word.of(text, start, end);
    } else if (kind == TokenKind.QUOTED || kind == TokenKind.STRING) {
      word = Word.of(text, start + 1, end - 1);
    }
    words[size] = word;
    starts[size] = start;
    ends[size] = end;
    if (kind == TokenKind.SEMICOLON && firstSemicolon < 0) {
      firstSemicolon = size;
    }
    size++;
  }

  private void dropClosingSemicolons() {
    while (is(size - 1, TokenKind.SEMICOLON)) {
      size--;
    }
    firstSemicolon = firstSemicolon < size ? firstSemicolon : -1;
  }

  /** Whether a semicolon stands between tokens: in a trigger's body, or between two statements. */
  boolean hasSemicolonInside() {
    return firstSemicolon >= 0;
  }

  /** The index of the first token behind EXPLAIN or EXPLAIN QUERY PLAN; 0 without them. */
  int behindExplain() {
    if (!is(0, Word.EXPLAIN)) {
      return 0;
    }
    return is(1, Word.QUERY) && is(2, Word.PLAN) ? 3 : 1;
  }

  /** The text that was read. */
  String text() {
    return text;
  }

  /** How many tokens there are. */
  int size() {
    return size;
  }

  /** The kind of a token. */
  TokenKind kind(int index) {
    return index >= 0 && index < size ? kinds[index] : TokenKind.END;
  }

  /** Whether the token has this kind. */
  boolean is(int index, TokenKind kind) {
    return kind(index) == kind;
  }

  /** Where a token begins in the text; the end of the text behind the last token. */
  int start(int index) {
    return index < size ? starts[index] : text.length();
  }

  /** Where a token ends in the text, exclusive; the end of the text behind the last token. */
  int end(int index) {
    return index < size ? ends[index] : text.length();
  }

  /** The word that a bare word is; {@link Word#OTHER} for quoted names and all else. */
  Word keyword(int index) {
    return kind(index) == TokenKind.WORD ? words[index] : Word.OTHER;
  }

  /** Whether the token is this word, bare. */
  boolean is(int index, Word word) {
    return keyword(index) == word;
  }

  /** The word that a bare word, a quoted name or a string literal spells. */
  Word name(int index) {
    return index >= 0 && index < size ? words[index] : Word.OTHER;
  }

  /** Whether a bare word, a quoted name or a string literal begins with an upper case prefix. */
  boolean nameStartsWith(int index, String upperCasePrefix) {
    TokenKind kind = kind(index);
    if (!kind.isName()) {
      return false;
    }
    int quote = kind == TokenKind.WORD ? 0 : 1;
    return Word.startsWith(text, starts[index] + quote, ends[index] - quote, upperCasePrefix);
  }

  /** A token as it was written. */
  String text(int index) {
    return text.substring(start(index), end(index));
  }

  /** A token without its quotes, doubled quotes inside made single; others as written. */
  String unquoted(int index) {
    TokenKind kind = kind(index);
    if (kind != TokenKind.QUOTED && kind != TokenKind.STRING) {
      return text(index);
    }
    String inner = text.substring(starts[index] + 1, ends[index] - 1);
    char quote = text.charAt(starts[index]);
    return quote == '[' ? inner : inner.replace("" + quote + quote, String.valueOf(quote));
  }

  /**
   * Whether the token stands where a function is called: a name before a parenthesis, unless the
   * word before it announces a table with its columns.
   */
  boolean isCall(int index) {
    if (!is(index + 1, TokenKind.OPENING) || is(index, TokenKind.STRING)) {
      return false;
    }
    return switch (keyword(index - 1)) {
      case INTO, TABLE, EXISTS, REFERENCES -> false;
      default -> kind(index).isName();
    };
  }

  /** The index of the parenthesis that closes the one at {@code opening}, or the size if none. */
  int closing(int opening) {
    int depth = 0;
    for (int i = opening; i < size; i++) {
      TokenKind kind = kinds[i];
      if (kind == TokenKind.OPENING) {
        depth++;
      } else if (kind == TokenKind.CLOSING) {
        depth--;
        if (depth == 0) {
          return i;
        }
      }
    }
    return size;
  }
}
