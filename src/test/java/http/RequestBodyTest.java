package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sql.Value;

class RequestBodyTest {

  private static List<Element> parse(String body) {
    return RequestBody.parse(body.getBytes(StandardCharsets.UTF_8));
  }

  private static Value parameter(String json) {
    return parse("[[\"SELECT ?\", " + json + "]]").get(0).positional().get(0);
  }

  @Test
  void takesTextsAndArraysMixed() {
    List<Element> elements = parse("[\"CREATE x\", [\"INSERT ?\", 1, \"a\"]]");
    assertEquals(Element.of("CREATE x"), elements.get(0));
    assertEquals(
        new Element("INSERT ?", List.of(new Value.Int64(1), new Value.Text("a")), Map.of()),
        elements.get(1));
  }

  @Test
  void takesSeveralMapsAndPositionalValuesTogether() {
    Element element = parse("[[\"S\", {\"a\":1}, 2, {\"b\":null, \"a\":3}]]").get(0);
    assertEquals(List.of(new Value.Int64(2)), element.positional());
    assertEquals(Map.of("a", new Value.Int64(3), "b", Value.NULL), element.named());
  }

  @Test
  void readsEveryKindOfValue() {
    assertEquals(new Value.Int64(Long.MAX_VALUE), parameter("9223372036854775807"));
    assertEquals(new Value.Int64(Long.MIN_VALUE), parameter("-9223372036854775808"));
    assertEquals(new Value.Real(9.223372036854775808E18), parameter("9223372036854775808"));
    assertEquals(new Value.Real(1.5), parameter("1.5"));
    assertEquals(new Value.Real(1.0), parameter("1.0"));
    assertEquals(new Value.Real(100.0), parameter("1e2"));
    assertEquals(new Value.Int64(1), parameter("true"));
    assertEquals(new Value.Int64(0), parameter("false"));
    assertEquals(Value.NULL, parameter("null"));
    assertEquals(new Value.Text(""), parameter("\"\""));
    assertEquals(new Value.Text("\ud83d\ude00"), parameter("\"\\ud83d\\ude00\""));
    assertEquals(new Value.Blob(new byte[] {(byte) 0xde, (byte) 0xad}), parameter("\"x'dEad'\""));
    assertEquals(new Value.Blob(new byte[] {1}), parameter("\"X'01'\""));
    assertEquals(new Value.Blob(new byte[0]), parameter("\"x''\""));
    assertEquals(new Value.Text("x'0'"), parameter("\"x'0'\""));
    assertEquals(new Value.Text("x'zz'"), parameter("\"x'zz'\""));
    assertEquals(new Value.Text("x'"), parameter("\"x'\""));
    assertEquals(new Value.Blob(new byte[] {0, (byte) 255}), parameter("[0, 255]"));
    assertEquals(new Value.Blob(new byte[0]), parameter("[]"));
  }

  @Test
  void ignoresWhatFollowsTheClosingBracket() {
    assertEquals(1, parse("[\"SELECT 1\"] and {more").size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | invalid JSON body",
        "[ | invalid JSON body",
        "[\"a\" | invalid JSON body",
        "[\"a\",] | invalid JSON body",
        "[,] | invalid JSON body",
        "[\"a] | invalid JSON body",
        "['a'] | invalid JSON body",
        "hello | invalid JSON body",
        "[[\"a\", 01]] | invalid JSON body",
        "[[\"a\", NaN]] | invalid JSON body",
        "[[\"a\", .5]] | invalid JSON body",
        "[] | no statements",
        "null | no statements",
        "{} | invalid request",
        "\"SELECT 1\" | invalid request",
        "17 | invalid request",
        "[[]] | invalid request",
        "[17] | invalid request",
        "[null] | invalid request",
        "[{\"a\":1}] | invalid request",
        "[[1, 2]] | invalid request",
        "[[[\"a\"]]] | invalid request",
        "[[\"a\", [[1]]]] | unsupported type []interface {}",
        "[[\"a\", [\"b\"]]] | unsupported type []interface {}",
        "[[\"a\", [256]]] | unsupported type []interface {}",
        "[[\"a\", [-1]]] | unsupported type []interface {}",
        "[[\"a\", [1.5]]] | unsupported type []interface {}",
        "[[\"a\", [99999999999]]] | unsupported type []interface {}",
        "[[\"a\", {\"b\":{}}]] | unsupported type map[string]interface {}",
        "[[\"a\", {\"b\":[{}]}]] | unsupported type []interface {}",
        "[[\"a\", 1e999]] | invalid number 1e999",
        "[\"a\\u0000b\"] | NUL character in the statement",
        "[[\"a\", \"b\\u0000\"]] | NUL character in a parameter",
        "[\"\\ud800\"] | lone surrogate in the statement",
        "[\"\\udc00\\ud800\"] | lone surrogate in the statement",
        "[[\"a\", \"\\ud800x\"]] | lone surrogate in a parameter",
        "[[\"a\", {\"\\ud800\": 1}]] | lone surrogate in a parameter's name",
      })
  void refusesWhatItCannotRead(String body, String error) {
    RequestException refusal = assertThrows(RequestException.class, () -> parse(body));
    assertEquals(error, refusal.text());
    assertEquals(400, refusal.kind().status());
  }

  @ParameterizedTest
  @CsvSource({"ff", "c0af", "eda080", "f8888080", "e282"})
  void refusesInvalidUtf8(String hex) {
    byte[] bad = HexFormat.of().parseHex(hex);
    byte[] body = new byte[bad.length + 4];
    body[0] = '[';
    body[1] = '"';
    System.arraycopy(bad, 0, body, 2, bad.length);
    body[body.length - 2] = '"';
    body[body.length - 1] = ']';
    RequestException refusal = assertThrows(RequestException.class, () -> RequestBody.parse(body));
    assertEquals("invalid UTF-8 in body", refusal.text());
  }

  @Test
  void refusesADeepBodyWithoutDigging() {
    String body = "[".repeat(1_000_000);
    assertEquals("invalid request", assertThrows(RequestException.class, () -> parse(body)).text());
  }

  @Test
  void refusesAVeryLongNumber() {
    String body = "[[\"a\", " + "9".repeat(100_000) + "]]";
    assertTrue(
        assertThrows(RequestException.class, () -> parse(body)).text().startsWith("invalid"));
  }
}
