package peqlite;

import java.util.ArrayList;
import java.util.List;
import sql.Classification;
import sql.ParameterException;
import sql.Parameters;
import sql.SqlText;
import sql.Statement;
import sql.StatementRules;

/**
 * Decides before anything is done whether statements may be run, and gives their parameters their
 * values. Thread-safe.
 */
final class SqlCheck {

  /** Characters of a statement that a message shows. */
  private static final int SHOWN_MAX = 200;

  private final StatementRules rules;

  SqlCheck(boolean foreignKeys) {
    this.rules = new StatementRules(foreignKeys);
  }

  /**
   * A statement that only reads.
   *
   * @throws DatabaseException if it does not, or cannot be run at all
   */
  Statement read(Sql sql) {
    String text = single(sql);
    if (classify(text) instanceof Classification.Write) {
      throw invalid(sql, "a query cannot change the database: use execute");
    }
    return bound(text, sql);
  }

  /**
   * Statements for one place in the order; some may only read, to see what those before them did.
   *
   * @throws DatabaseException if there are none, or one of them cannot be run
   */
  List<Statement> writes(List<Sql> all) {
    if (all.isEmpty()) {
      throw new DatabaseException(DatabaseException.Kind.INVALID, "there is no statement");
    }
    List<Statement> statements = new ArrayList<>(all.size());
    for (Sql sql : all) {
      String text = single(sql);
      classify(text);
      statements.add(bound(text, sql));
    }
    return statements;
  }

  private static String single(Sql sql) {
    List<String> texts = SqlText.split(sql.text());
    if (texts.size() != 1) {
      throw invalid(
          sql,
          texts.isEmpty()
              ? "there is no statement in it"
              : "there are several statements in it: pass each by itself");
    }
    return texts.get(0);
  }

  private Classification classify(String text) {
    Classification classification = rules.classify(text);
    if (classification instanceof Classification.Refused refused) {
      throw invalid(text, refused.reason());
    }
    if (classification instanceof Classification.DisallowedPragma) {
      throw invalid(text, "this PRAGMA is refused: it would change how the node keeps its data");
    }
    if (classification instanceof Classification.Accepted) {
      throw invalid(text, "this is so anyway: leave it out");
    }
    return classification;
  }

  private static Statement bound(String text, Sql sql) {
    try {
      return Parameters.bind(List.of(text), sql.positional(), sql.named()).get(0);
    } catch (ParameterException wrong) {
      throw invalid(sql, wrong.text());
    }
  }

  private static DatabaseException invalid(Object sql, String reason) {
    String text = sql.toString();
    String shown = text.length() <= SHOWN_MAX ? text : text.substring(0, SHOWN_MAX) + " ...";
    return new DatabaseException(DatabaseException.Kind.INVALID, reason + " (" + shown + ")");
  }
}
