package http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sql.Value;

/**
 * Reads the body of a request: a JSON array whose elements are SQL texts, or arrays of an SQL text
 * and its parameters. Strict about what it reads, and it never guesses: invalid UTF-8, lone
 * surrogates and NUL characters are refused, since SQLite would store something else than what was
 * sent. What follows the closing bracket is ignored.
 */
final class RequestBody {

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .configure(JsonReadFeature.ALLOW_TRAILING_COMMA, false)
          // The body as a whole is bounded; these would only bound it again.
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(Integer.MAX_VALUE)
                  .maxNameLength(Integer.MAX_VALUE)
                  .maxNumberLength(1_000)
                  .build())
          // Names come from clients and would only fill a table that all requests share.
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .build();

  private RequestBody() {}

  /**
   * Reads a JSON body; never empty.
   *
   * @throws RequestException with rqlite's words, if it cannot be read
   */
  static List<Element> parse(byte[] body) {
    return parse(body, false);
  }

  /** The same, but {@code []} is an empty list, as a barrier for queued writes is written. */
  static List<Element> parseAllowingNone(byte[] body) {
    return parse(body, true);
  }

  /** Reads a body that is SQL text. */
  static String text(byte[] body) {
    CharBuffer text = decode(body);
    return checked(text.toString(), "the statement");
  }

  /**
   * Refuses what SQLite cannot take as it is.
   *
   * @param what names the text in the error
   * @return the same text
   */
  static String checked(String text, String what) {
    for (int at = 0; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c == 0) {
        throw RequestException.bad("NUL character in " + what);
      }
      if (Character.isSurrogate(c)) {
        boolean pair =
            Character.isHighSurrogate(c)
                && at + 1 < text.length()
                && Character.isLowSurrogate(text.charAt(at + 1));
        if (!pair) {
          throw RequestException.bad("lone surrogate in " + what);
        }
        at++;
      }
    }
    return text;
  }

  private static List<Element> parse(byte[] body, boolean noneAllowed) {
    CharBuffer text = decode(body);
    try (JsonParser parser =
        JSON.createParser(text.array(), text.arrayOffset(), text.remaining())) {
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw RequestException.bad("invalid JSON body");
      }
      if (first == JsonToken.VALUE_NULL) {
        throw RequestException.bad("no statements");
      }
      if (first != JsonToken.START_ARRAY) {
        throw RequestException.bad("invalid request");
      }
      List<Element> elements = new ArrayList<>();
      for (JsonToken token = parser.nextToken();
          token != JsonToken.END_ARRAY;
          token = parser.nextToken()) {
        elements.add(element(parser, token));
      }
      if (elements.isEmpty() && !noneAllowed) {
        throw RequestException.bad("no statements");
      }
      return elements;
    } catch (JsonProcessingException malformed) {
      throw RequestException.bad("invalid JSON body");
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }

  private static CharBuffer decode(byte[] body) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body));
    } catch (CharacterCodingException notUtf8) {
      throw RequestException.bad("invalid UTF-8 in body");
    }
  }

  private static Element element(JsonParser parser, JsonToken token) throws IOException {
    if (token == JsonToken.VALUE_STRING) {
      return Element.of(statement(parser));
    }
    if (token != JsonToken.START_ARRAY || parser.nextToken() != JsonToken.VALUE_STRING) {
      throw RequestException.bad("invalid request");
    }
    String sql = statement(parser);
    List<Value> positional = new ArrayList<>(4);
    Map<String, Value> named = Map.of();
    for (JsonToken next = parser.nextToken();
        next != JsonToken.END_ARRAY;
        next = parser.nextToken()) {
      if (next == JsonToken.START_OBJECT) {
        named = named.isEmpty() ? new LinkedHashMap<>() : named;
        named(parser, named);
      } else {
        positional.add(value(parser, next));
      }
    }
    return new Element(sql, positional, named);
  }

  private static String statement(JsonParser parser) throws IOException {
    return checked(parser.getText(), "the statement");
  }

  private static void named(JsonParser parser, Map<String, Value> named) throws IOException {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = checked(parser.currentName(), "a parameter's name");
      named.put(name, value(parser, parser.nextToken()));
    }
  }

  private static Value value(JsonParser parser, JsonToken token) throws IOException {
    return switch (token) {
      case VALUE_NULL -> Value.NULL;
      case VALUE_TRUE -> new Value.Int64(1);
      case VALUE_FALSE -> new Value.Int64(0);
      case VALUE_NUMBER_INT -> integer(parser);
      case VALUE_NUMBER_FLOAT -> real(parser.getText());
      case VALUE_STRING -> string(parser.getText());
      case START_ARRAY -> bytes(parser);
      default -> throw RequestException.bad("unsupported type map[string]interface {}");
    };
  }

  private static Value integer(JsonParser parser) throws IOException {
    if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
      return real(parser.getText());
    }
    return new Value.Int64(parser.getLongValue());
  }

  private static Value real(String text) {
    double value = Double.parseDouble(text);
    if (Double.isInfinite(value)) {
      throw RequestException.bad("invalid number " + text);
    }
    return new Value.Real(value);
  }

  /** A text, unless it is written as SQLite writes a blob: rqlite takes that as the blob. */
  private static Value string(String text) {
    int last = text.length() - 1;
    boolean quoted =
        last >= 2
            && (text.charAt(0) == 'x' || text.charAt(0) == 'X')
            && text.charAt(1) == '\''
            && text.charAt(last) == '\'';
    if (quoted && last % 2 == 0 && isHex(text, 2, last)) {
      return new Value.Blob(HexFormat.of().parseHex(text, 2, last));
    }
    return new Value.Text(checked(text, "a parameter"));
  }

  private static boolean isHex(String text, int from, int to) {
    for (int at = from; at < to; at++) {
      if (!HexFormat.isHexDigit(text.charAt(at))) {
        return false;
      }
    }
    return true;
  }

  private static Value bytes(JsonParser parser) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (JsonToken token = parser.nextToken();
        token != JsonToken.END_ARRAY;
        token = parser.nextToken()) {
      boolean small =
          token == JsonToken.VALUE_NUMBER_INT
              && parser.getNumberType() == JsonParser.NumberType.INT
              && parser.getIntValue() >= 0
              && parser.getIntValue() <= 255;
      if (!small) {
        throw RequestException.bad("unsupported type []interface {}");
      }
      bytes.write(parser.getIntValue());
    }
    return new Value.Blob(bytes.toByteArray());
  }
}
