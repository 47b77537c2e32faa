package http;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import sql.Classification;
import sql.SqlText;
import sql.StatementReader;
import sql.StatementRules;
import storage.LoadedScript;

/**
 * Reads the SQL text of a dump, as {@code sqlite3 FILE .dump} writes it, for one transaction.
 *
 * <p>A dump brings its own BEGIN and COMMIT, and switches foreign keys off: the transaction is ours
 * and checks foreign keys at its end, so the outer pair and these PRAGMAs are left out. Everything
 * else must be allowed as in any other request.
 */
final class LoadScript {

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

  private static final StatementRules WITH_KEYS = new StatementRules(true);
  private static final StatementRules WITHOUT_KEYS = new StatementRules(false);

  private LoadScript() {}

  /**
   * Reads a text of any size and writes its statements for {@code Node.load}, in the order and with
   * the omissions that {@link #plan} has. Blocks.
   *
   * @throws RequestException if a statement may not be run
   * @throws StatementReader.TooLongException if one is too long
   * @throws java.nio.charset.CharacterCodingException if it is not text in UTF-8
   */
  static void write(Path text, Path script, StatementRules rules) throws IOException {
    Shape shape = Shape.of(text, rules);
    try (LoadedScript.Writer out =
        new LoadedScript.Writer(new BufferedOutputStream(Files.newOutputStream(script)))) {
      if (shape.isDump()) {
        copy(text, shape, out, LoadScript::makesTable);
        copy(text, shape, out, statement -> !makesTable(statement));
      } else {
        copy(text, shape, out, statement -> true);
      }
    }
  }

  /**
   * What a look at all statements has found.
   *
   * @param wrapped whether the first and the last begin and end a transaction around the others
   * @param dumpedOnly whether all others can only be a dump's
   * @param count of all, without switches of foreign keys
   */
  private record Shape(boolean wrapped, boolean dumpedOnly, long count) {

    boolean isDump() {
      return wrapped && dumpedOnly;
    }

    static Shape of(Path text, StatementRules rules) throws IOException {
      boolean opened = false;
      boolean dumpedOnly = true;
      long count = 0;
      String held = "";
      try (StatementReader in = reader(text)) {
        for (Optional<String> next = in.next(); next.isPresent(); next = in.next()) {
          String statement = next.get();
          if (isForeignKeySwitch(statement)) {
            continue;
          }
          count++;
          if (count == 1 && OPENINGS.contains(normalized(statement))) {
            opened = true;
            continue;
          }
          if (!held.isEmpty()) {
            check(held, count - 1, rules);
            dumpedOnly &= isDumped(held);
          }
          held = statement; // the last one may be the end of the transaction
        }
      }
      boolean wrapped = opened && CLOSINGS.contains(normalized(held));
      if (!wrapped) {
        if (opened) {
          throw RequestException.bad(
              "the script begins a transaction and does not end it: it is run as one anyway");
        }
        if (!held.isEmpty()) {
          check(held, count, rules);
        }
      }
      return new Shape(wrapped, dumpedOnly, count);
    }

    private static void check(String statement, long number, StatementRules rules) {
      Classification classification = rules.classify(statement);
      if (classification instanceof Classification.Refused refused) {
        throw RequestException.bad("statement " + number + ": " + refused.reason());
      }
      if (classification instanceof Classification.DisallowedPragma) {
        throw RequestException.bad("statement " + number + ": disallowed pragma");
      }
    }
  }

  private static StatementReader reader(Path text) throws IOException {
    return new StatementReader(
        new InputStreamReader(
            Files.newInputStream(text),
            StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)),
        LoadedScript.STATEMENT_BYTES_MAX / 3);
  }

  private static void copy(
      Path text, Shape shape, LoadedScript.Writer out, Predicate<String> wanted)
      throws IOException {
    long count = 0;
    try (StatementReader in = reader(text)) {
      for (Optional<String> next = in.next(); next.isPresent(); next = in.next()) {
        String statement = next.get();
        if (isForeignKeySwitch(statement)) {
          continue;
        }
        count++;
        boolean frame = shape.wrapped() && (count == 1 || count == shape.count());
        if (!frame && wanted.test(statement)) {
          out.add(statement);
        }
      }
    }
  }

  /**
   * Reads a body.
   *
   * @throws RequestException if it is not SQL text
   */
  static Plan plan(byte[] body, StatementRules rules) {
    List<String> texts = withoutForeignKeySwitches(SqlText.split(RequestBody.text(body)));
    return Plan.ofGroup(withoutOuterTransaction(texts), rules);
  }

  private static List<String> withoutForeignKeySwitches(List<String> texts) {
    List<String> rest = new ArrayList<>(texts.size());
    for (String text : texts) {
      if (!isForeignKeySwitch(text)) {
        rest.add(text);
      }
    }
    return rest;
  }

  private static boolean isForeignKeySwitch(String text) {
    return text.length() <= SHORT_LENGTH_MAX
        && text.toUpperCase(Locale.ROOT).contains("FOREIGN_KEYS")
        && (WITH_KEYS.classify(text) instanceof Classification.Accepted
            || WITHOUT_KEYS.classify(text) instanceof Classification.Accepted);
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
      if (!isDumped(text)) {
        return texts;
      }
      (makesTable(text) ? tables : rest).add(text);
    }
    tables.addAll(rest);
    return tables;
  }

  private static boolean isDumped(String text) {
    String beginning = normalized(beginning(text));
    return DUMPED.stream().anyMatch(beginning::startsWith);
  }

  /** Whether it makes a table that nothing else has to be there for. */
  private static boolean makesTable(String text) {
    String beginning = normalized(beginning(text));
    boolean fromQuery = (beginning + " ").contains(" AS ");
    return beginning.startsWith("CREATE TABLE ") && !fromQuery;
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
