package sql;

import java.util.Locale;
import java.util.Optional;

/**
 * Judges one write: whether every replica would do the same with it, and what the apply must know.
 *
 * <p>Refused is what touches the internal tables or schemas other than main, and what reads
 * something that differs between replicas which are otherwise equal: page layout, version of
 * SQLite, state of the connection. Names are judged where they stand in the text, so a name that
 * means something harmless can be refused too; it is never the other way round. One object judges
 * one statement.
 */
final class WriteRules {

  private static final String SCHEMA_TABLE_REASON =
      " in a write is refused: it tells where pages lie, which differs between nodes; read it in a"
          + " query and send what it says as parameters";

  private final Tokens tokens;
  private final int verb;
  private final Word verbWord;
  private final boolean trigger;
  private final boolean virtualTable;
  private final StoredExpressions stored;
  private boolean returning;
  private boolean mentionsDeferred;
  private boolean mentionsStatistics;
  private boolean mentionsSequence;

  private WriteRules(Tokens tokens, int verb) {
    this.tokens = tokens;
    this.verb = verb;
    this.verbWord = tokens.keyword(verb);
    this.trigger = verbWord == Word.CREATE && tokens.is(verb + 1, Word.TRIGGER);
    this.virtualTable = verbWord == Word.CREATE && tokens.is(verb + 1, Word.VIRTUAL);
    this.stored = new StoredExpressions(tokens);
  }

  /** Judges the statement whose main verb is at {@code verb}. */
  static Classification classify(Tokens tokens, int verb) {
    return new WriteRules(tokens, verb).classify();
  }

  private Classification classify() {
    Optional<String> refusal = refusal();
    if (refusal.isPresent()) {
      return new Classification.Refused(refusal.get());
    }
    boolean insert = verbWord == Word.INSERT || verbWord == Word.REPLACE;
    return new Classification.Write(
        new WriteTraits(
            insert,
            target(),
            returning,
            insert || verbWord == Word.UPDATE || verbWord == Word.DELETE,
            verbWord == Word.CREATE || verbWord == Word.DROP || verbWord == Word.ALTER,
            mentionsDeferred,
            mentionsStatistics,
            mentionsSequence,
            stored.mentionsDate(),
            analyzesAll()));
  }

  private Optional<String> refusal() {
    Optional<String> refusal =
        switch (verbWord) {
          case CREATE -> createRefusal();
          case ALTER -> alterRefusal();
          case ANALYZE -> analyzeRefusal();
          default -> Optional.empty();
        };
    return refusal.isPresent() ? refusal : scan();
  }

  private Optional<String> createRefusal() {
    int object = verb + 1;
    if (tokens.is(object, Word.TEMP) || tokens.is(object, Word.TEMPORARY)) {
      return Optional.of(
          "CREATE TEMP is refused: it would belong to one connection of one node; create it without"
              + " TEMP");
    }
    if (mentionsReservedText()) {
      return Optional.of(StatementRules.RESERVED_REASON);
    }
    switch (tokens.keyword(object)) {
      case VIRTUAL -> {
        return moduleRefusal(object + 2);
      }
      case UNIQUE, INDEX -> {
        // The columns and behind them the condition of a partial index.
        stored.add(firstOpening(object), tokens.size());
      }
      case TABLE -> {
        int columns = behindName(object + 1);
        if (tokens.is(columns, TokenKind.OPENING)) {
          addGeneratedColumns(columns + 1, tokens.closing(columns));
        }
      }
      default -> {}
    }
    return stored.refusal();
  }

  private Optional<String> alterRefusal() {
    addGeneratedColumns(verb + 1, tokens.size());
    return stored.refusal();
  }

  private Optional<String> analyzeRefusal() {
    return tokens.name(verb + 1) == Word.TEMP ? Optional.of(otherSchema("temp")) : Optional.empty();
  }

  private boolean analyzesAll() {
    int end = tokens.name(verb + 1) == Word.MAIN ? verb + 2 : verb + 1;
    return verbWord == Word.ANALYZE
        && (end == tokens.size() || tokens.is(end, TokenKind.SEMICOLON));
  }

  /**
   * Whether a word of the text begins with the reserved prefix, string literals included: the
   * arguments of a virtual table are read by its module, which has quotation rules of its own.
   */
  private boolean mentionsReservedText() {
    String text = tokens.text();
    for (int i = text.indexOf('_'); i >= 0; i = text.indexOf('_', i + 1)) {
      if (Word.startsWith(text, i, text.length(), StatementRules.RESERVED_UPPER_CASE)
          && (i == 0 || !Lexer.isNamePart(text.charAt(i - 1)))) {
        return true;
      }
    }
    return false;
  }

  private Optional<String> moduleRefusal(int name) {
    int using = name;
    while (using < tokens.size() && !tokens.is(using, Word.USING)) {
      using++;
    }
    return switch (tokens.name(using + 1)) {
      case FTS3, FTS4, FTS5, FTS5VOCAB, RTREE, RTREE_I32 -> Optional.empty();
      default ->
          Optional.of(
              "CREATE VIRTUAL TABLE is refused: its module must be one of fts3, fts4, fts5,"
                  + " fts5vocab, rtree, rtree_i32");
    };
  }

  /** The index behind {@code [IF NOT EXISTS] [schema.]name} at {@code from}. */
  private int behindName(int from) {
    int name = tokens.is(from, Word.IF) ? from + 3 : from;
    return tokens.is(name + 1, TokenKind.DOT) ? name + 3 : name + 1;
  }

  private int firstOpening(int from) {
    int index = from;
    while (index < tokens.size() && !tokens.is(index, TokenKind.OPENING)) {
      index++;
    }
    return index;
  }

  /** Takes the expressions of the generated columns among the column definitions in a range. */
  private void addGeneratedColumns(int from, int to) {
    int i = from;
    while (i < to) {
      if (tokens.is(i, TokenKind.OPENING)) {
        int closing = tokens.closing(i);
        if (tokens.is(i - 1, Word.AS)) {
          stored.add(i, Math.min(closing + 1, tokens.size()));
        }
        i = closing;
      }
      i++;
    }
  }

  /** Walks over all tokens, notes the traits, and stops at the first that is refused. */
  private Optional<String> scan() {
    TablePositions positions = new TablePositions(tokens);
    for (int i = 0; i < tokens.size(); i++) {
      boolean table = positions.step(i);
      TokenKind kind = tokens.kind(i);
      if (kind.isName()) {
        Optional<String> refusal = nameRefusal(i, kind, table);
        if (refusal.isPresent()) {
          return refusal;
        }
        if (tokens.is(i, Word.RETURNING) && positions.depth() == 0 && !trigger) {
          returning = true;
        }
      } else if (kind == TokenKind.SEMICOLON
          && tokens.is(i + 1, Word.END)
          && tokens.is(i + 2, TokenKind.SEMICOLON)) {
        return Optional.of(StatementRules.SEVERAL_REASON);
      }
    }
    return Optional.empty();
  }

  private Optional<String> nameRefusal(int index, TokenKind kind, boolean table) {
    if (tokens.nameStartsWith(index, StatementRules.RESERVED_UPPER_CASE)) {
      return Optional.of(StatementRules.RESERVED_REASON);
    }
    if (table && tokens.is(index + 1, TokenKind.DOT) && tokens.name(index) != Word.MAIN) {
      return Optional.of(otherSchema(tokens.unquoted(index)));
    }
    // A string literal is data unless it stands where only a name can.
    boolean name = kind != TokenKind.STRING || table || virtualTable;
    if (tokens.nameStartsWith(index, "SQLITE_STAT")) {
      mentionsStatistics = true;
      return name && trigger ? inTrigger(index) : Optional.empty();
    }
    if (name && tokens.nameStartsWith(index, "PRAGMA_")) {
      return differs(index);
    }
    Word word = tokens.name(index);
    return switch (word) {
      case DEFERRED -> {
        mentionsDeferred |= kind == TokenKind.WORD;
        yield Optional.empty();
      }
      case SQLITE_SEQUENCE -> {
        mentionsSequence = true;
        yield name && trigger ? inTrigger(index) : Optional.empty();
      }
      case DBSTAT -> name ? differs(index) : Optional.empty();
      case SQLITE_MASTER, SQLITE_SCHEMA, SQLITE_TEMP_MASTER, SQLITE_TEMP_SCHEMA ->
          name ? schemaTable(index, word) : Optional.empty();
      case LOAD_EXTENSION, FTS3_TOKENIZER ->
          ReadRules.isNativeCode(tokens, index, word)
              ? Optional.of(StatementRules.nativeCodeReason(word))
              : Optional.empty();
      case SQLITE_COMPILEOPTION_GET,
          SQLITE_COMPILEOPTION_USED,
          SQLITE_VERSION,
          SQLITE_SOURCE_ID,
          FTS5_SOURCE_ID,
          TOTAL_CHANGES ->
          tokens.isCall(index) ? differs(index) : Optional.empty();
      case SQLITE_DBPAGE, BYTECODE, TABLES_USED, SQLITE_STMT, SQLITE_MEMSTAT ->
          table || tokens.isCall(index) ? differs(index) : Optional.empty();
      default -> Optional.empty();
    };
  }

  private Optional<String> schemaTable(int index, Word word) {
    boolean analyzed =
        verbWord == Word.ANALYZE && (word == Word.SQLITE_MASTER || word == Word.SQLITE_SCHEMA);
    return analyzed
        ? Optional.empty()
        : Optional.of(lowerCase(tokens.unquoted(index)) + SCHEMA_TABLE_REASON);
  }

  private Optional<String> differs(int index) {
    return Optional.of(
        lowerCase(tokens.unquoted(index))
            + " in a write is refused: it is not the same on every node; read it in a query and"
            + " send what it says as a parameter");
  }

  private Optional<String> inTrigger(int index) {
    return Optional.of(
        lowerCase(tokens.unquoted(index))
            + " in a trigger is refused: SQLite keeps it for itself; change it by a statement of"
            + " your own");
  }

  private static String otherSchema(String schema) {
    return "the schema "
        + lowerCase(schema)
        + " is refused: the only one that is the same on every node is main";
  }

  /** For messages only. */
  private static String lowerCase(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  private Optional<String> target() {
    int index = verb + 1;
    if ((verbWord == Word.INSERT || verbWord == Word.UPDATE) && tokens.is(index, Word.OR)) {
      index += 2;
    }
    switch (verbWord) {
      case INSERT, REPLACE -> {
        if (!tokens.is(index, Word.INTO)) {
          return Optional.empty();
        }
        index++;
      }
      case DELETE -> {
        if (!tokens.is(index, Word.FROM)) {
          return Optional.empty();
        }
        index++;
      }
      case UPDATE -> {}
      default -> {
        return Optional.empty();
      }
    }
    if (tokens.is(index + 1, TokenKind.DOT)) {
      index += 2;
    }
    return tokens.kind(index).isName() ? Optional.of(tokens.unquoted(index)) : Optional.empty();
  }
}
