package sql;

/**
 * The words that the rules know, keywords and names alike, found without regard to ASCII case.
 *
 * <p>SQLite folds only ASCII letters, so a letter beyond ASCII never equals one of these.
 */
enum Word {
  ABORT,
  ALTER,
  ANALYZE,
  AS,
  ATTACH,
  BEGIN,
  BYTECODE,
  COMMIT,
  CREATE,
  DATE,
  DATETIME,
  DBSTAT,
  DEFERRED,
  DELETE,
  DETACH,
  DISTINCT,
  DROP,
  END,
  EXISTS,
  EXPLAIN,
  FAIL,
  FROM,
  FTS3,
  FTS3_TOKENIZER,
  FTS4,
  FTS5,
  FTS5VOCAB,
  FTS5_SOURCE_ID,
  GROUP,
  HAVING,
  IF,
  IGNORE,
  IN,
  INDEX,
  INSERT,
  INTO,
  JOIN,
  JULIANDAY,
  LIMIT,
  LOAD_EXTENSION,
  LOCALTIME,
  MAIN,
  MATERIALIZED,
  NOT,
  NOW,
  OR,
  ORDER,
  PLAN,
  PRAGMA,
  PRAGMA_OPTIMIZE,
  QUERY,
  RECURSIVE,
  REFERENCES,
  REINDEX,
  RELEASE,
  REPLACE,
  RETURNING,
  ROLLBACK,
  RTREE,
  RTREE_I32,
  SAVEPOINT,
  SELECT,
  SET,
  SQLITE_COMPILEOPTION_GET,
  SQLITE_COMPILEOPTION_USED,
  SQLITE_DBPAGE,
  SQLITE_MASTER,
  SQLITE_MEMSTAT,
  SQLITE_SCHEMA,
  SQLITE_SEQUENCE,
  SQLITE_SOURCE_ID,
  SQLITE_STMT,
  SQLITE_TEMP_MASTER,
  SQLITE_TEMP_SCHEMA,
  SQLITE_VERSION,
  STRFTIME,
  SUBSEC,
  SUBSECOND,
  TABLE,
  TABLES_USED,
  TEMP,
  TEMPORARY,
  TIME,
  TIMEDIFF,
  TOTAL_CHANGES,
  TRIGGER,
  UNIQUE,
  UNIXEPOCH,
  UPDATE,
  USING,
  UTC,
  VACUUM,
  VALUES,
  VIEW,
  VIRTUAL,
  WHERE,
  WITH,
  /** Any other word. */
  OTHER;

  /** A power of two well above the number of words, so that a probe seldom meets a neighbour. */
  private static final int SLOTS = 512;

  private static final Word[] TABLE_BY_HASH = new Word[SLOTS];
  private static final String[] SPELLING_BY_HASH = new String[SLOTS];
  private static final int LENGTH_MAX;

  static {
    int longest = 0;
    for (Word word : values()) {
      if (word == OTHER) {
        continue;
      }
      String spelling = word.name();
      int slot = hash(spelling, 0, spelling.length());
      while (SPELLING_BY_HASH[slot] != null) {
        slot = (slot + 1) % SLOTS;
      }
      TABLE_BY_HASH[slot] = word;
      SPELLING_BY_HASH[slot] = spelling;
      longest = Math.max(longest, spelling.length());
    }
    LENGTH_MAX = longest;
  }

  /** The word that a part of the text spells, {@link #OTHER} if it is none of these. */
  static Word of(String text, int start, int end) {
    int length = end - start;
    if (length < 2 || length > LENGTH_MAX) {
      return OTHER;
    }
    int slot = hash(text, start, end);
    while (true) {
      String spelling = SPELLING_BY_HASH[slot];
      if (spelling == null) {
        return OTHER;
      }
      if (spelling.length() == length && startsWith(text, start, end, spelling)) {
        return TABLE_BY_HASH[slot];
      }
      slot = (slot + 1) % SLOTS;
    }
  }

  /** Whether a part of the text begins with an upper case ASCII prefix, whatever its ASCII case. */
  static boolean startsWith(String text, int start, int end, String upperCasePrefix) {
    int length = upperCasePrefix.length();
    if (end - start < length) {
      return false;
    }
    for (int i = 0; i < length; i++) {
      if (upperCase(text.charAt(start + i)) != upperCasePrefix.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private static int hash(String text, int start, int end) {
    int hash = end - start;
    for (int i = start; i < end; i++) {
      hash = hash * 31 + upperCase(text.charAt(i));
    }
    return (hash ^ (hash >>> 9)) & (SLOTS - 1);
  }

  private static char upperCase(char c) {
    return c >= 'a' && c <= 'z' ? (char) (c - 0x20) : c;
  }
}
