package sql;

/** What kind of token SQLite sees. */
enum TokenKind {
  /** White space, a byte order mark included. */
  SPACE,
  /** A comment, {@code -- to the end of the line} or in slashes and stars. */
  COMMENT,
  /** A bare word: a keyword or a name. */
  WORD,
  /** A quoted name: in double quotes, brackets or backticks. */
  QUOTED,
  /** A string literal; SQLite takes it as a name too where only a name can stand. */
  STRING,
  /** A blob literal. */
  BLOB,
  /** A number. */
  NUMBER,
  /** A parameter. */
  PARAMETER,
  /** {@code ;} */
  SEMICOLON,
  /** {@code (} */
  OPENING,
  /** {@code )} */
  CLOSING,
  /** {@code ,} */
  COMMA,
  /** {@code .} */
  DOT,
  /** {@code =} or {@code ==} */
  EQUALS,
  /** Any other operator. */
  OPERATOR,
  /** What SQLite reports as an unrecognized token, an unterminated quotation for example. */
  ILLEGAL,
  /** No token: before the first or behind the last. */
  END;

  /** Whether the token means nothing to the parser. */
  boolean isTrivia() {
    return this == SPACE || this == COMMENT;
  }

  /** Whether SQLite can take the token as the name of a table, a column or a function. */
  boolean isName() {
    return this == WORD || this == QUOTED || this == STRING;
  }
}
