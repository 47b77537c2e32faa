package sql;

import java.util.List;
import java.util.Random;

/** Texts that nobody would write, for tests that must hold for any text. */
final class TokenSoup {

  /** What SQL is made of, and what breaks it. */
  private static final List<String> PIECES =
      List.of(
          "SELECT",
          "insert",
          "INTO",
          "Update",
          "DELETE",
          "FROM",
          "JOIN",
          "WHERE",
          "VALUES",
          "WITH",
          "RECURSIVE",
          "AS",
          "CREATE",
          "TEMP",
          "TRIGGER",
          "TABLE",
          "VIRTUAL",
          "USING",
          "INDEX",
          "VIEW",
          "IF",
          "NOT",
          "EXISTS",
          "BEGIN",
          "END",
          "CASE",
          "WHEN",
          "THEN",
          "EXPLAIN",
          "QUERY",
          "PLAN",
          "PRAGMA",
          "foreign_keys",
          "journal_mode",
          "ANALYZE",
          "REINDEX",
          "DROP",
          "ALTER",
          "ADD",
          "COLUMN",
          "RENAME",
          "TO",
          "RETURNING",
          "SET",
          "OR",
          "REPLACE",
          "ROLLBACK",
          "COMMIT",
          "SAVEPOINT",
          "RELEASE",
          "ATTACH",
          "DETACH",
          "VACUUM",
          "IN",
          "IS",
          "DISTINCT",
          "LIMIT",
          "ORDER",
          "BY",
          "GROUP",
          "HAVING",
          "UNION",
          "ALL",
          "ON",
          "CONFLICT",
          "DO",
          "NOTHING",
          "MATERIALIZED",
          "t",
          "u",
          "a",
          "b",
          "main",
          "temp",
          "sqlite_master",
          "dbstat",
          "fts5",
          "datetime",
          "date",
          "random",
          "'now'",
          "'x''y'",
          "\"a\"\"b\"",
          "[a b]",
          "`c`",
          "x'00ff'",
          "x'0",
          "1",
          "0x1f",
          "1_000",
          "1e5",
          ".5",
          "12ab",
          "?",
          "?1",
          "?7",
          ":a",
          "@a",
          "$a::b(c)",
          "#r",
          "(",
          ")",
          ",",
          ".",
          ";",
          ";",
          ";",
          "=",
          "==",
          "<>",
          "<=",
          "||",
          "->>",
          "-- c\n",
          "/* c */",
          "/*",
          "--",
          "'",
          "\"",
          "[",
          "`",
          "\n",
          "\t",
          " ",
          " ",
          "\u000b",
          "\uFEFF",
          "\0",
          "\u00e4\u00f6",
          "\ud83d\ude00",
          "\ud800",
          "*",
          "^",
          "!",
          "{",
          "\\",
          "_peqlite_x",
          "'_peqlite_y'",
          "sqlite_stat1",
          "DEFERRED",
          "GENERATED",
          "ALWAYS",
          "UNIQUE",
          "PRIMARY",
          "KEY");

  private TokenSoup() {}

  /** Pieces of SQL in any order, with white space between most of them. */
  static String pieces(Random random, int countMax) {
    StringBuilder text = new StringBuilder();
    int count = random.nextInt(countMax + 1);
    for (int i = 0; i < count; i++) {
      text.append(PIECES.get(random.nextInt(PIECES.size())));
      if (random.nextInt(5) > 0) {
        text.append(' ');
      }
    }
    return text.toString();
  }

  /** Characters in any order, mostly those that mean something to SQL. */
  static String characters(Random random, int lengthMax) {
    String meaningful = "xX'\"[]`()?:@$#.,;=<>!|&~+-*/%_019aAeE \t\n\f\r\u000b\0\uFEFF\u00e9\ud83d";
    StringBuilder text = new StringBuilder();
    int length = random.nextInt(lengthMax + 1);
    for (int i = 0; i < length; i++) {
      text.append(
          random.nextInt(10) == 0
              ? (char) random.nextInt(0x10000)
              : meaningful.charAt(random.nextInt(meaningful.length())));
    }
    return text.toString();
  }

  /** A text with a few characters or words changed, moved or taken out. */
  static String mutated(Random random, String text) {
    StringBuilder mutant = new StringBuilder(text);
    for (int i = random.nextInt(4); i >= 0 && mutant.length() > 0; i--) {
      int at = random.nextInt(mutant.length());
      switch (random.nextInt(4)) {
        case 0 -> mutant.deleteCharAt(at);
        case 1 -> mutant.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        case 2 -> mutant.setCharAt(at, characters(random, 1).concat(" ").charAt(0));
        default -> {
          int end = Math.min(mutant.length(), at + random.nextInt(12));
          mutant.insert(random.nextInt(at + 1), mutant.substring(at, end));
        }
      }
    }
    return mutant.toString();
  }
}
