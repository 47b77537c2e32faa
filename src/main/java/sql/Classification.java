package sql;

/** What one statement's text says about how it must be run. Immutable. */
public sealed interface Classification {

  /** White space and comments only: there is nothing to run. */
  record Empty() implements Classification {}

  /**
   * Reads, and runs on a read-only connection. A text that SQLite cannot read at all is also here,
   * so that SQLite gives its own error without anything being ordered.
   */
  record Read() implements Classification {}

  /** Must be ordered and applied on every node. */
  record Write(WriteTraits traits) implements Classification {}

  /** Asks for what is so anyway; the answer is an empty result and SQLite is not asked. */
  record Accepted() implements Classification {}

  /** One of the pragmas for which the whole request is answered {@code disallowed pragma}. */
  record DisallowedPragma() implements Classification {}

  /**
   * Refused; nothing may be run.
   *
   * @param reason one line for the client: what is refused, why, and what to do instead
   */
  record Refused(String reason) implements Classification {}
}
