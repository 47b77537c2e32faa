package sql;

import java.util.Locale;
import java.util.Optional;

/**
 * Decides from the text of a statement alone, before SQLite sees it, how it must be run.
 *
 * <p>SQLite acts on some statements while it only prepares them, and what a write does must be the
 * same on every replica; so only statements whose first keyword is known are let through, and what
 * cannot be made deterministic is refused with a reason. A statement that begins with a word by
 * which none can begin goes to SQLite as a read, for its own syntax error: SQLite reads a keyword
 * as a name where it must, and never a name as a keyword.
 *
 * <p>Immutable, safe for use by several threads, never throws whatever the text, and takes time
 * linear in its length.
 */
public final class StatementRules {

  /** What the names of our own tables in the client's database begin with, in any ASCII case. */
  public static final String RESERVED_PREFIX = "_peqlite";

  static final String RESERVED_UPPER_CASE = "_PEQLITE";

  static final String RESERVED_REASON =
      "a name that begins with "
          + RESERVED_PREFIX
          + " is refused: it is kept for internal tables; choose another, and send a text that"
          + " begins so as a parameter";

  static final String SEVERAL_REASON = "several statements in one are refused: split them";

  private static final Classification EMPTY = new Classification.Empty();
  private static final Classification READ = new Classification.Read();

  private final PragmaRules pragmas;
  private final RecentTexts<Classification> recent = new RecentTexts<>(this::classifyAnew);

  /**
   * Rules for a cluster.
   *
   * @param foreignKeys whether foreign keys are enforced, on every node
   */
  public StatementRules(boolean foreignKeys) {
    this.pragmas = new PragmaRules(foreignKeys);
  }

  /**
   * Says how one statement must be run.
   *
   * @param statement the text of one statement, as {@link SqlText#split} gives it; a closing
   *     semicolon does no harm, a second statement is refused
   */
  public Classification classify(String statement) {
    return recent.get(statement);
  }

  private Classification classifyAnew(String statement) {
    if (hasUnreadableCharacter(statement)) {
      return new Classification.Refused(
          "a NUL character or half a surrogate pair in SQL is refused: SQLite would not see the"
              + " text as it was sent; use a parameter");
    }
    Tokens tokens = Tokens.of(statement);
    if (tokens.size() == 0) {
      return EMPTY;
    }
    return tokens.is(0, Word.EXPLAIN) ? explained(tokens) : statement(tokens, 0);
  }

  static String nativeCodeReason(Word function) {
    return function.name().toLowerCase(Locale.ROOT)
        + " is refused: it lets SQL run foreign code in the process of the node";
  }

  private Classification explained(Tokens tokens) {
    int first = tokens.behindExplain();
    if (tokens.is(first, Word.PRAGMA)) {
      return new Classification.Refused(
          "EXPLAIN PRAGMA is refused: SQLite would carry the PRAGMA out");
    }
    if (tokens.is(first, Word.EXPLAIN)) {
      return READ;
    }
    Classification inner = statement(tokens, first);
    return inner instanceof Classification.Write ? READ : inner;
  }

  /** Judges the statement that begins at {@code first}, which is not PRAGMA behind EXPLAIN. */
  private Classification statement(Tokens tokens, int first) {
    Word word = tokens.keyword(first);
    if (tokens.hasSemicolonInside() && !isTrigger(tokens, first)) {
      return new Classification.Refused(SEVERAL_REASON);
    }
    return switch (word) {
      case SELECT, VALUES -> read(tokens);
      case WITH -> with(tokens, first);
      case INSERT, REPLACE, UPDATE, DELETE, CREATE, DROP, ALTER, ANALYZE, REINDEX ->
          WriteRules.classify(tokens, first);
      case PRAGMA -> pragmas.classify(tokens, first);
      case BEGIN, COMMIT, END, ROLLBACK, SAVEPOINT, RELEASE ->
          new Classification.Refused(
              word
                  + " is refused: a transaction is one request; send its statements together with"
                  + " the transaction flag");
      case ATTACH, DETACH ->
          new Classification.Refused(
              word + " is refused: there is one database, main, the same on every node");
      case VACUUM ->
          new Classification.Refused(
              "VACUUM is refused: it may renumber rows; free pages are reused without it");
      default -> READ;
    };
  }

  private static boolean isTrigger(Tokens tokens, int first) {
    if (!tokens.is(first, Word.CREATE)) {
      return false;
    }
    Word word = tokens.keyword(first + 1);
    int object = word == Word.TEMP || word == Word.TEMPORARY ? first + 2 : first + 1;
    return tokens.is(object, Word.TRIGGER);
  }

  private static Classification read(Tokens tokens) {
    Optional<String> refusal = ReadRules.refusal(tokens);
    return refusal.isPresent() ? new Classification.Refused(refusal.get()) : READ;
  }

  private static Classification with(Tokens tokens, int first) {
    int verb = verbBehindWith(tokens, first);
    return switch (tokens.keyword(verb)) {
      case INSERT, REPLACE, UPDATE, DELETE -> WriteRules.classify(tokens, verb);
      // Anything else than a query is a syntax error there.
      default -> read(tokens);
    };
  }

  /**
   * The main verb behind the common table expressions, whose names can be words like REPLACE. In a
   * list that SQLite cannot read either it is whatever stands where the list breaks off.
   */
  private static int verbBehindWith(Tokens tokens, int first) {
    int index = first + 1;
    if (tokens.is(index, Word.RECURSIVE)) {
      index++;
    }
    while (tokens.kind(index).isName()) {
      index++;
      if (tokens.is(index, TokenKind.OPENING)) {
        index = tokens.closing(index) + 1;
      }
      if (!tokens.is(index, Word.AS)) {
        return tokens.size();
      }
      index++;
      if (tokens.is(index, Word.NOT)) {
        index++;
      }
      if (tokens.is(index, Word.MATERIALIZED)) {
        index++;
      }
      if (!tokens.is(index, TokenKind.OPENING)) {
        return tokens.size();
      }
      index = tokens.closing(index) + 1;
      if (!tokens.is(index, TokenKind.COMMA)) {
        return index;
      }
      index++;
    }
    return tokens.size();
  }

  private static boolean hasUnreadableCharacter(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\0') {
        return true;
      }
      if (Character.isSurrogate(c)) {
        if (Character.isLowSurrogate(c)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          return true;
        }
        i++;
      }
    }
    return false;
  }
}
