package http;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import sql.Classification;
import sql.ParameterException;
import sql.Parameters;
import sql.SqlText;
import sql.Statement;
import sql.StatementResult;
import sql.StatementRules;
import sql.Value;

/**
 * What is to be done for the elements of a request, decided before anything is done: which groups
 * of statements are to run, and which elements have their result already.
 *
 * <p>Elements without any statement have no slot and no result. Immutable.
 *
 * @param slots one for each result of the answer, in order, unless a transaction stops early
 * @param disallowedPragma whether the request as a whole is answered {@code disallowed pragma}
 */
record Plan(List<Slot> slots, boolean disallowedPragma) {

  /** SQLite's limit for the text of one statement, in bytes of UTF-8. */
  private static final int STATEMENT_BYTES_MAX = 1_000_000;

  private static final StatementResult NOTHING_DONE =
      new StatementResult.Changed(0, OptionalLong.empty(), 0);

  Plan {
    slots = List.copyOf(slots);
  }

  /** One result to be. */
  sealed interface Slot {}

  /** The result is known: the element is wrong, or asks for what is so already. */
  record Known(StatementResult result) implements Slot {}

  /**
   * Statements to run; the result is that of the last one, or of the first that fails.
   *
   * @param writes whether any of them writes
   * @param rowsShown whether {@code /db/execute} shows rows: for RETURNING and EXPLAIN, and not for
   *     a mere query, which rqlite answers with an empty result there
   */
  record Group(List<Statement> statements, boolean writes, boolean rowsShown) implements Slot {}

  /**
   * Splits, checks and binds.
   *
   * @throws RequestException if a statement is longer than any may be
   */
  static Plan of(List<Element> elements, StatementRules rules) {
    List<Slot> slots = new ArrayList<>(elements.size());
    for (Element element : elements) {
      Checked checked = check(SqlText.split(element.sql()), rules);
      if (checked.disallowedPragma()) {
        return new Plan(List.of(), true);
      }
      checked.slot(element.positional(), element.named()).ifPresent(slots::add);
    }
    return new Plan(slots, false);
  }

  /** The same for one group without parameters, whose statements are cut apart already. */
  static Plan ofGroup(List<String> texts, StatementRules rules) {
    Checked checked = check(texts, rules);
    return new Plan(
        checked.slot(List.of(), Map.of()).map(List::of).orElse(List.of()),
        checked.disallowedPragma());
  }

  private static Checked check(List<String> texts, StatementRules rules) {
    List<String> group = new ArrayList<>(texts.size());
    boolean accepted = false;
    boolean writes = false;
    boolean rowsShown = false;
    Optional<String> refusal = Optional.empty();
    for (String text : texts) {
      checkLength(text);
      Classification classification = rules.classify(text);
      if (classification instanceof Classification.DisallowedPragma) {
        return new Checked(List.of(), false, false, false, Optional.empty(), true);
      } else if (classification instanceof Classification.Refused refused) {
        refusal = refusal.isPresent() ? refusal : Optional.of(refused.reason());
      } else if (classification instanceof Classification.Accepted) {
        accepted = true;
      } else if (classification instanceof Classification.Write write) {
        group.add(text);
        writes = true;
        rowsShown = write.traits().returning();
      } else if (classification instanceof Classification.Read) {
        group.add(text);
        rowsShown = isExplain(text);
      }
    }
    return new Checked(group, accepted, writes, rowsShown, refusal, false);
  }

  /** What the rules say about the statements of one element. */
  private record Checked(
      List<String> group,
      boolean accepted,
      boolean writes,
      boolean rowsShown,
      Optional<String> refusal,
      boolean disallowedPragma) {

    Optional<Slot> slot(List<Value> positional, Map<String, Value> named) {
      if (refusal.isPresent()) {
        return Optional.of(failed(refusal.get()));
      }
      if (group.isEmpty()) {
        return accepted ? Optional.of(new Known(NOTHING_DONE)) : Optional.empty();
      }
      try {
        return Optional.of(new Group(Parameters.bind(group, positional, named), writes, rowsShown));
      } catch (ParameterException wrong) {
        return Optional.of(failed(wrong.text()));
      }
    }
  }

  /** A slot for an element that failed before it ran. */
  static Known failed(String message) {
    return new Known(new StatementResult.Failed(message, 0, 0));
  }

  /** Whether anything that is to run writes. */
  boolean writes() {
    return slots.stream().anyMatch(slot -> slot instanceof Group group && group.writes());
  }

  /** The first failure that is known before anything runs. */
  Optional<StatementResult.Failed> firstFailure() {
    for (Slot slot : slots) {
      if (slot instanceof Known known && known.result() instanceof StatementResult.Failed failed) {
        return Optional.of(failed);
      }
    }
    return Optional.empty();
  }

  /** All statements that are to run, in order; empty if there are none. */
  List<Statement> statements() {
    List<Statement> statements = new ArrayList<>(slots.size());
    for (Slot slot : slots) {
      if (slot instanceof Group group) {
        statements.addAll(group.statements());
      }
    }
    return statements;
  }

  /** The same plan with what a transaction leaves of it when an element is wrong: its failure. */
  Plan inTransaction() {
    return firstFailure()
        .map(failure -> new Plan(List.of(new Known(failure)), disallowedPragma))
        .orElse(this);
  }

  private static void checkLength(String text) {
    // Each character is one to three bytes, so the exact count is seldom needed.
    if (text.length() * 3L > STATEMENT_BYTES_MAX && Utf8.length(text) > STATEMENT_BYTES_MAX) {
      throw new RequestException(
          RequestException.Kind.TOO_LARGE,
          "statement too long: SQLite takes at most " + STATEMENT_BYTES_MAX + " bytes");
    }
  }

  private static boolean isExplain(String text) {
    return text.stripLeading().regionMatches(true, 0, "EXPLAIN", 0, 7);
  }
}
