package sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LexerTest {

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '^',
      delimiter = '~',
      value = {
        "abc~WORD",
        "a$b1~WORD",
        "_x~WORD",
        "\u00e4\u00f6~WORD",
        "x~WORD",
        "x1~WORD",
        "'a''b'~STRING",
        "''~STRING",
        "\"a\"\"b\"~QUOTED",
        "[a b]~QUOTED",
        "`a`~QUOTED",
        "x'00fF'~BLOB",
        "X''~BLOB",
        "x'0'~ILLEGAL",
        "x'0g'~ILLEGAL",
        "x'00~ILLEGAL",
        "1~NUMBER",
        "1_000~NUMBER",
        "1.~NUMBER",
        ".5~NUMBER",
        "1.5e10~NUMBER",
        "1e+5~NUMBER",
        "1E-5~NUMBER",
        "0x1F~NUMBER",
        "0x1_F~NUMBER",
        "12ab~ILLEGAL",
        "1e~ILLEGAL",
        "0x~ILLEGAL",
        "?~PARAMETER",
        "?12~PARAMETER",
        ":a~PARAMETER",
        "@a~PARAMETER",
        "$a::b(c)~PARAMETER",
        "#a~PARAMETER",
        ":~ILLEGAL",
        "$a(b~ILLEGAL",
        "->>~OPERATOR",
        "->~OPERATOR",
        "==~EQUALS",
        "<>~OPERATOR",
        "<<~OPERATOR",
        "||~OPERATOR",
        "!=~OPERATOR",
        "!~ILLEGAL",
        "{~ILLEGAL",
        ".~DOT",
        "-- c ; '~COMMENT",
        "/* a ; ' */~COMMENT",
        "/*/ a */~COMMENT",
        "/* open~COMMENT",
        "'open~ILLEGAL",
        "\"open~ILLEGAL",
        "[open~ILLEGAL",
      })
  void readsOneToken(String text, TokenKind kind) {
    assertEquals(List.of(kind + " " + text), tokens(text));
  }

  @Test
  void endsALineCommentBeforeTheLineEnds() {
    assertEquals(List.of("COMMENT --a", "SPACE \n", "WORD b"), tokens("--a\nb"));
  }

  @Test
  void takesAByteOrderMarkForWhiteSpaceOnlyBetweenTokens() {
    assertEquals(List.of("SPACE \uFEFF", "WORD a\uFEFF"), tokens("\uFEFFa\uFEFF"));
  }

  @Test
  void beginsNoWhiteSpaceWithAVerticalTab() {
    assertEquals(
        List.of("SPACE  \u000b", "WORD a", "ILLEGAL \u000b", "WORD b"), tokens(" \u000ba\u000bb"));
  }

  @Test
  void takesAnOpenCommentAtTheVeryEndForOperators() {
    assertEquals(List.of("OPERATOR /", "OPERATOR *"), tokens("/*"));
  }

  @Test
  void coversAnyTextWithoutAGap() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      String text = i % 2 == 0 ? TokenSoup.characters(random, 30) : TokenSoup.pieces(random, 20);
      Lexer lexer = new Lexer(text);
      int end = 0;
      while (lexer.advance()) {
        assertEquals(end, lexer.start(), () -> "seed " + seed + ": " + text);
        assertTrue(lexer.end() > lexer.start(), () -> "seed " + seed + ": " + text);
        end = lexer.end();
      }
      assertEquals(text.length(), end, () -> "seed " + seed + ": " + text);
    }
  }

  /** The token that SQLite cannot recognize is the first that is illegal here. */
  @Test
  void agreesWithSqliteAboutIllegalTokens() throws SQLException {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int seen = 0;
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:")) {
      for (int i = 0; i < 20_000; i++) {
        String soup = TokenSoup.characters(random, 5).replace("\0", "").replace("\ud83d", "");
        if (soup.chars().anyMatch(c -> c >= 0xD800 && c < 0xE000) || soup.isEmpty()) {
          continue;
        }
        String text = "SELECT " + soup;
        String sqlite = unrecognized(connection, text);
        String ours = firstIllegal(text);
        if (sqlite.matches("[0-9.].*_.*")) {
          // The parser, not the tokenizer, wants digits on both sides of a separator.
          continue;
        }
        if (!sqlite.isEmpty()) {
          assertEquals(sqlite, ours, () -> "seed " + seed + ": " + text);
          seen++;
        } else if (!ours.isEmpty() && firstMeaningful("SELECT ", soup).equals(ours)) {
          assertEquals(ours, sqlite, () -> "seed " + seed + ": " + text);
        }
      }
    }
    assertTrue(seen > 100, "too few illegal tokens, seed " + seed);
  }

  @ParameterizedTest
  @ValueSource(strings = {"select", "SELECT", "SeLeCt"})
  void findsWordsInAnyCase(String text) {
    assertEquals(Word.SELECT, Word.of(text, 0, text.length()));
  }

  @Test
  void findsEveryWordAndNoNeighbour() {
    for (Word word : Word.values()) {
      String name = word.name();
      if (word != Word.OTHER) {
        assertEquals(word, Word.of("(" + name + ")", 1, name.length() + 1));
        assertEquals(Word.OTHER, Word.of(name + "Q", 0, name.length() + 1));
      }
    }
  }

  @Test
  void foldsOnlyAsciiLetters() {
    // The long s is equal to s for Unicode, not for SQLite.
    assertEquals(Word.OTHER, Word.of("\u017felect", 0, 6));
    assertEquals(Word.OTHER, Word.of("ANALY\u017fE", 0, 7));
  }

  private static List<String> tokens(String text) {
    List<String> tokens = new ArrayList<>();
    Lexer lexer = new Lexer(text);
    while (lexer.advance()) {
      tokens.add(lexer.kind() + " " + text.substring(lexer.start(), lexer.end()));
    }
    return tokens;
  }

  /** The first token behind a prefix that is neither white space nor a comment. */
  private static String firstMeaningful(String prefix, String text) {
    Lexer lexer = new Lexer(prefix + text);
    while (lexer.advance()) {
      if (lexer.start() >= prefix.length() && !lexer.kind().isTrivia()) {
        return (prefix + text).substring(lexer.start(), lexer.end());
      }
    }
    return "";
  }

  private static String firstIllegal(String text) {
    Lexer lexer = new Lexer(text);
    while (lexer.advance()) {
      if (lexer.kind() == TokenKind.ILLEGAL) {
        return text.substring(lexer.start(), lexer.end());
      }
    }
    return "";
  }

  private static String unrecognized(Connection connection, String text) {
    try (PreparedStatement statement = connection.prepareStatement(text)) {
      assertTrue(statement.getParameterMetaData().getParameterCount() >= 0);
      return "";
    } catch (SQLException e) {
      String marker = "unrecognized token: \"";
      int start = e.getMessage().indexOf(marker);
      return start < 0
          ? ""
          : e.getMessage().substring(start + marker.length(), e.getMessage().length() - 2);
    }
  }
}
