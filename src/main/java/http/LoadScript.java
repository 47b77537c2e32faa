package http;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import sql.Classification;
import sql.SqlText;
import sql.StatementRules;

/**
 * Reads the SQL text of a dump, as {@code sqlite3 FILE .dump} writes it, for one transaction.
 *
 * <p>A dump brings its own BEGIN and COMMIT, and switches foreign keys off: the transaction is ours
 * and checks foreign keys at its end, so the outer pair and these PRAGMAs are left out. Everything
 * else must be allowed as in any other request.
 */
final class LoadScript {

  private static final byte[] DATABASE_FILE_START = {
    'S', 'Q', 'L', 'i', 't', 'e', ' ', 'f', 'o', 'r', 'm', 'a', 't', ' ', '3', 0
  };

  private static final Set<String> OPENINGS =
      Set.of(
          "BEGIN",
          "BEGIN TRANSACTION",
          "BEGIN DEFERRED",
          "BEGIN DEFERRED TRANSACTION",
          "BEGIN IMMEDIATE",
          "BEGIN IMMEDIATE TRANSACTION",
          "BEGIN EXCLUSIVE",
          "BEGIN EXCLUSIVE TRANSACTION");
  private static final Set<String> CLOSINGS =
      Set.of("COMMIT", "COMMIT TRANSACTION", "END", "END TRANSACTION");

  /** How the statements of a dump begin, but for its BEGIN and COMMIT. */
  private static final Set<String> DUMPED =
      Set.of(
          "CREATE TABLE ",
          "CREATE INDEX ",
          "CREATE UNIQUE INDEX ",
          "CREATE VIEW ",
          "CREATE TRIGGER ",
          "INSERT INTO ",
          "ANALYZE ",
          "DELETE FROM SQLITE_SEQUENCE");

  /** Longer than any BEGIN or COMMIT with generous comments, so not worth looking at. */
  private static final int SHORT_LENGTH_MAX = 4_096;

  private LoadScript() {}

  /**
   * Reads a body.
   *
   * @throws RequestException if it is not SQL text
   */
  static Plan plan(byte[] body, StatementRules rules) {
    if (isDatabaseFile(body)) {
      throw RequestException.bad(
          "a SQLite file cannot be loaded by this version, only SQL text:"
              + " send what `sqlite3 FILE .dump` prints");
    }
    List<String> texts = withoutForeignKeySwitches(SqlText.split(RequestBody.text(body)));
    return Plan.ofGroup(withoutOuterTransaction(texts), rules);
  }

  private static boolean isDatabaseFile(byte[] body) {
    if (body.length < DATABASE_FILE_START.length) {
      return false;
    }
    for (int i = 0; i < DATABASE_FILE_START.length; i++) {
      if (body[i] != DATABASE_FILE_START[i]) {
        return false;
      }
    }
    return true;
  }

  private static List<String> withoutForeignKeySwitches(List<String> texts) {
    StatementRules on = new StatementRules(true);
    StatementRules off = new StatementRules(false);
    List<String> rest = new ArrayList<>(texts.size());
    for (String text : texts) {
      boolean maybe = text.toUpperCase(Locale.ROOT).contains("FOREIGN_KEYS");
      if (!maybe
          || !(on.classify(text) instanceof Classification.Accepted
              || off.classify(text) instanceof Classification.Accepted)) {
        rest.add(text);
      }
    }
    return rest;
  }

  private static List<String> withoutOuterTransaction(List<String> texts) {
    int last = texts.size() - 1;
    boolean wrapped =
        last >= 1
            && OPENINGS.contains(normalized(texts.get(0)))
            && CLOSINGS.contains(normalized(texts.get(last)));
    return wrapped ? tablesFirst(texts.subList(1, last)) : texts;
  }

  /**
   * Moves the making of tables to the front of what can only be a dump. It has each table with its
   * rows in the order in which they were made, and where foreign keys are enforced SQLite takes no
   * row whose parent table is still to come. What a script may do otherwise stays in its order.
   */
  private static List<String> tablesFirst(List<String> texts) {
    List<String> tables = new ArrayList<>();
    List<String> rest = new ArrayList<>(texts.size());
    for (String text : texts) {
      String beginning = normalized(beginning(text));
      if (DUMPED.stream().noneMatch(beginning::startsWith)) {
        return texts;
      }
      boolean fromQuery = (beginning + " ").contains(" AS ");
      boolean table = beginning.startsWith("CREATE TABLE ") && !fromQuery;
      (table ? tables : rest).add(text);
    }
    tables.addAll(rest);
    return tables;
  }

  /** A statement up to its first parenthesis, where the columns of a table begin. */
  private static String beginning(String text) {
    int parenthesis = text.indexOf('(');
    int end = parenthesis < 0 ? text.length() : parenthesis;
    return text.substring(0, Math.min(end, SHORT_LENGTH_MAX));
  }

  /** A short statement's words in upper case, one space apart; empty for a long one. */
  private static String normalized(String text) {
    return text.length() > SHORT_LENGTH_MAX
        ? ""
        : String.join(" ", words(text)).toUpperCase(Locale.ROOT);
  }

  /** The words of a short statement without its comments. */
  private static List<String> words(String text) {
    StringBuilder plain = new StringBuilder();
    int at = 0;
    while (at < text.length()) {
      boolean line = text.startsWith("--", at);
      boolean block = text.startsWith("/*", at);
      if (line || block) {
        int end = line ? text.indexOf('\n', at) : text.indexOf("*/", at + 2);
        at = end < 0 ? text.length() : end + (line ? 1 : 2);
        plain.append(' ');
      } else {
        plain.append(text.charAt(at++));
      }
    }
    return List.of(plain.toString().strip().split("\\s+", -1));
  }
}
