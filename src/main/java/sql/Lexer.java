package sql;

/**
 * Cuts SQL text into tokens by SQLite's own rules, one at a time and without allocating.
 *
 * <p>It never throws, whatever the text: what SQLite would report as an unrecognized token is an
 * {@link TokenKind#ILLEGAL} token, and the tokens always cover the whole text without a gap. It
 * takes time linear in the length of the text. A NUL character, at which SQLite would stop reading,
 * is an illegal token of its own outside quotations and is ordinary inside them; statements that
 * contain one are refused by {@link StatementRules}. Not safe for use by several threads.
 *
 * <p>The rules are those of {@code tokenize.c}. Every character beyond ASCII is part of a name
 * there, because SQLite looks at the bytes of UTF-8.
 */
final class Lexer {

  private static final char BYTE_ORDER_MARK = '\uFEFF';

  /** What {@link #at} gives behind the end; such a text never reaches SQLite, so it is no clash. */
  private static final char NOTHING = '\0';

  private final String text;
  private final int length;
  private TokenKind kind = TokenKind.END;
  private int start;
  private int end;

  Lexer(String text) {
    this.text = text;
    this.length = text.length();
  }

  /** Goes to the next token; false at the end of the text. */
  boolean advance() {
    start = end;
    if (start >= length) {
      kind = TokenKind.END;
      return false;
    }
    kind = scan();
    return true;
  }

  /** The kind of the current token. */
  TokenKind kind() {
    return kind;
  }

  /** Where the current token begins. */
  int start() {
    return start;
  }

  /** Where the current token ends, exclusive. */
  int end() {
    return end;
  }

  /** The word that the current token is, {@link Word#OTHER} for anything but a known bare word. */
  Word keyword() {
    return kind == TokenKind.WORD ? Word.of(text, start, end) : Word.OTHER;
  }

  private TokenKind scan() {
    char first = text.charAt(start);
    end = start + 1;
    if (first >= 0x80) {
      return first == BYTE_ORDER_MARK ? TokenKind.SPACE : name();
    }
    return switch (first) {
      case ' ', '\t', '\n', '\f', '\r' -> space();
      case '-' -> minus();
      case '/' -> slash();
      case '(' -> TokenKind.OPENING;
      case ')' -> TokenKind.CLOSING;
      case ';' -> TokenKind.SEMICOLON;
      case ',' -> TokenKind.COMMA;
      case '+', '*', '%', '&', '~' -> TokenKind.OPERATOR;
      case '=' -> {
        take('=');
        yield TokenKind.EQUALS;
      }
      case '<' -> {
        if (!take('=') && !take('>')) {
          take('<');
        }
        yield TokenKind.OPERATOR;
      }
      case '>' -> {
        if (!take('=')) {
          take('>');
        }
        yield TokenKind.OPERATOR;
      }
      case '!' -> take('=') ? TokenKind.OPERATOR : TokenKind.ILLEGAL;
      case '|' -> {
        take('|');
        yield TokenKind.OPERATOR;
      }
      case '\'' -> quotation('\'', TokenKind.STRING);
      case '"', '`' -> quotation(first, TokenKind.QUOTED);
      case '[' -> bracketed();
      case '.' -> isDigit(at(end)) ? number() : TokenKind.DOT;
      case '?' -> numberedParameter();
      case '$', '@', ':', '#' -> namedParameter();
      case 'x', 'X' -> at(end) == '\'' ? blob() : name();
      default -> {
        if (isDigit(first)) {
          yield number();
        }
        yield isNamePart(first) ? name() : TokenKind.ILLEGAL;
      }
    };
  }

  private TokenKind space() {
    while (isSpace(at(end))) {
      end++;
    }
    return TokenKind.SPACE;
  }

  private TokenKind numberedParameter() {
    while (isDigit(at(end))) {
      end++;
    }
    return TokenKind.PARAMETER;
  }

  private TokenKind name() {
    while (end < length && isNamePart(text.charAt(end))) {
      end++;
    }
    return TokenKind.WORD;
  }

  private TokenKind minus() {
    if (take('-')) {
      int lineEnd = text.indexOf('\n', end);
      end = lineEnd < 0 ? length : lineEnd;
      return TokenKind.COMMENT;
    }
    if (take('>')) {
      take('>');
    }
    return TokenKind.OPERATOR;
  }

  private TokenKind slash() {
    // A slash and a star at the very end of the text are two operators for SQLite.
    if (at(end) != '*' || end + 1 >= length) {
      return TokenKind.OPERATOR;
    }
    int closing = text.indexOf("*/", end + 1);
    end = closing < 0 ? length : closing + 2;
    return TokenKind.COMMENT;
  }

  private TokenKind quotation(char delimiter, TokenKind terminated) {
    while (true) {
      int closing = text.indexOf(delimiter, end);
      if (closing < 0) {
        end = length;
        return TokenKind.ILLEGAL;
      }
      end = closing + 1;
      if (!take(delimiter)) {
        return terminated;
      }
    }
  }

  private TokenKind bracketed() {
    int closing = text.indexOf(']', end);
    end = closing < 0 ? length : closing + 1;
    return closing < 0 ? TokenKind.ILLEGAL : TokenKind.QUOTED;
  }

  private TokenKind blob() {
    end++;
    int digits = end;
    while (isHexDigit(at(end))) {
      end++;
    }
    if (at(end) == '\'' && (end - digits) % 2 == 0) {
      end++;
      return TokenKind.BLOB;
    }
    int closing = text.indexOf('\'', end);
    end = closing < 0 ? length : closing + 1;
    return TokenKind.ILLEGAL;
  }

  private TokenKind number() {
    end = start;
    if (at(end) == '0' && (at(end + 1) | 0x20) == 'x' && isHexDigit(at(end + 2))) {
      end += 3;
      while (isHexDigit(at(end)) || at(end) == '_') {
        end++;
      }
    } else {
      digits();
      if (take('.')) {
        digits();
      }
      if ((at(end) | 0x20) == 'e') {
        int sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
        if (isDigit(at(end + 1 + sign))) {
          end += 1 + sign;
          digits();
        }
      }
    }
    TokenKind result = TokenKind.NUMBER;
    while (end < length && isNamePart(text.charAt(end))) {
      end++;
      result = TokenKind.ILLEGAL;
    }
    return result;
  }

  private void digits() {
    while (isDigit(at(end)) || at(end) == '_') {
      end++;
    }
  }

  /** A parameter with a name, with the {@code ::} and {@code (...)} that Tcl's variables have. */
  private TokenKind namedParameter() {
    boolean named = false;
    while (end < length) {
      char c = text.charAt(end);
      if (isNamePart(c)) {
        named = true;
        end++;
      } else if (c == '(' && named) {
        do {
          end++;
        } while (end < length && !isSpace(text.charAt(end)) && text.charAt(end) != ')');
        return take(')') ? TokenKind.PARAMETER : TokenKind.ILLEGAL;
      } else if (c == ':' && at(end + 1) == ':') {
        end += 2;
      } else {
        break;
      }
    }
    return named ? TokenKind.PARAMETER : TokenKind.ILLEGAL;
  }

  private boolean take(char wanted) {
    if (at(end) == wanted) {
      end++;
      return true;
    }
    return false;
  }

  private char at(int index) {
    return index < length ? text.charAt(index) : NOTHING;
  }

  /** Whether SQLite lets the character continue a name. */
  static boolean isNamePart(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '_'
        || c == '$'
        || c >= 0x80;
  }

  /** Whether SQLite counts the character as white space; it may not begin with a vertical tab. */
  private static boolean isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isHexDigit(char c) {
    return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }
}
