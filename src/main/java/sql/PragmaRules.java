package sql;

import java.util.Set;

/**
 * What may be done with PRAGMA: read what is the same for every client, and nothing else.
 *
 * <p>SQLite carries many pragmas out while it only prepares them, so a text is judged here before
 * SQLite ever sees it, and one that cannot be read to its end is refused too.
 */
final class PragmaRules {

  /** Pragmas whose argument says what to read; with {@code =} or in parentheses alike. */
  private static final Set<String> WITH_ARGUMENT =
      Set.of(
          "foreign_key_check",
          "foreign_key_list",
          "index_info",
          "index_list",
          "index_xinfo",
          "integrity_check",
          "quick_check",
          "table_info",
          "table_list",
          "table_xinfo");

  /** Pragmas that read without an argument, and most of which set with one. */
  private static final Set<String> WITHOUT_ARGUMENT =
      Set.of(
          "analysis_limit",
          "application_id",
          "auto_vacuum",
          "automatic_index",
          "busy_timeout",
          "cache_size",
          "cache_spill",
          "cell_size_check",
          "checkpoint_fullfsync",
          "collation_list",
          "compile_options",
          "data_version",
          "database_list",
          "defer_foreign_keys",
          "encoding",
          "foreign_key_check",
          "foreign_keys",
          "freelist_count",
          "fullfsync",
          "function_list",
          "ignore_check_constraints",
          "integrity_check",
          "journal_mode",
          "journal_size_limit",
          "legacy_alter_table",
          "locking_mode",
          "max_page_count",
          "mmap_size",
          "module_list",
          "page_count",
          "page_size",
          "pragma_list",
          "query_only",
          "quick_check",
          "read_uncommitted",
          "recursive_triggers",
          "reverse_unordered_selects",
          "schema_version",
          "secure_delete",
          "synchronous",
          "table_list",
          "temp_store",
          "threads",
          "trusted_schema",
          "user_version",
          "wal_autocheckpoint",
          "writable_schema");

  /** The pragmas for which a value makes rqlite refuse the whole request. */
  private static final Set<String> DISALLOWED_WITH_VALUE =
      Set.of("journal_mode", "query_only", "synchronous", "wal_autocheckpoint");

  private static final Set<String> TRUE = Set.of("1", "on", "yes", "true");
  private static final Set<String> FALSE = Set.of("0", "off", "no", "false");

  private final boolean foreignKeys;

  PragmaRules(boolean foreignKeys) {
    this.foreignKeys = foreignKeys;
  }

  /** Judges the statement whose PRAGMA keyword is at {@code verb}. */
  Classification classify(Tokens tokens, int verb) {
    int name = verb + 1;
    if (tokens.is(name + 1, TokenKind.DOT)) {
      if (tokens.name(name) != Word.MAIN) {
        return refused(tokens.unquoted(name + 2), "the only schema is main");
      }
      name += 2;
    }
    if (!tokens.kind(name).isName()) {
      return new Classification.Refused("PRAGMA is refused: it has no name");
    }
    String pragma = lowerCase(tokens.unquoted(name));
    int behind = name + 1;
    boolean hasValue = behind < tokens.size();
    if (pragma.equals("wal_checkpoint") || (hasValue && DISALLOWED_WITH_VALUE.contains(pragma))) {
      return new Classification.DisallowedPragma();
    }
    if (!hasValue) {
      return WITHOUT_ARGUMENT.contains(pragma)
          ? new Classification.Read()
          : refused(pragma, "it changes how SQLite works or is not known to only read");
    }
    int value = value(tokens, behind);
    if (value < 0) {
      return refused(pragma, "its value cannot be read");
    }
    if (pragma.equals("foreign_keys")) {
      return foreignKeys(lowerCase(tokens.unquoted(value)));
    }
    if (!WITH_ARGUMENT.contains(pragma)) {
      return refused(pragma, "settings are the same on every node and are not changed by SQL");
    }
    if (tokens.nameStartsWith(value, StatementRules.RESERVED_UPPER_CASE)) {
      return new Classification.Refused(StatementRules.RESERVED_REASON);
    }
    return new Classification.Read();
  }

  private Classification foreignKeys(String value) {
    if ((foreignKeys ? TRUE : FALSE).contains(value)) {
      return new Classification.Accepted();
    }
    return refused(
        "foreign_keys",
        foreignKeys
            ? "foreign keys are on, on every node; start the cluster without --foreign-keys"
            : "foreign keys are off, on every node; start the cluster with --foreign-keys");
  }

  /** The token of the one value that stands to the end of the statement, or -1. */
  private static int value(Tokens tokens, int behind) {
    boolean parentheses = tokens.is(behind, TokenKind.OPENING);
    if (!parentheses && !tokens.is(behind, TokenKind.EQUALS)) {
      return -1;
    }
    int value = behind + 1;
    boolean known = tokens.kind(value).isName() || tokens.is(value, TokenKind.NUMBER);
    int end = value + 1;
    if (parentheses) {
      known &= tokens.is(end, TokenKind.CLOSING);
      end++;
    }
    return known && end == tokens.size() ? value : -1;
  }

  private static Classification refused(String pragma, String why) {
    return new Classification.Refused("PRAGMA " + pragma + " is refused: " + why);
  }

  /** Lower case of ASCII letters only, which is all that SQLite folds. */
  private static String lowerCase(String name) {
    char[] characters = name.toCharArray();
    for (int i = 0; i < characters.length; i++) {
      if (characters[i] >= 'A' && characters[i] <= 'Z') {
        characters[i] = (char) (characters[i] + 0x20);
      }
    }
    return new String(characters);
  }
}
