package http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.Optional;
import sql.Position;

/**
 * Reads the body of an operator's request: nothing, or one JSON object with one text. Whatever the
 * content type says, and strictly: a wish that was misread would be done to the wrong thing.
 */
final class SmallBody {

  private static final JsonFactory JSON =
      JsonFactory.builder().disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES).build();

  private SmallBody() {}

  /**
   * The node to move the sequencer to, of {@code {"id":"node"}}; empty if any other will do.
   *
   * @throws RequestException if the body is something else
   */
  static Optional<String> nodeId(byte[] body) {
    return text(body, "id", "node");
  }

  /**
   * The position of a write, of {@code {"position":"12.0"}}.
   *
   * @throws RequestException if the body is something else
   */
  static Position position(byte[] body) {
    String name = "position";
    String example = "12.0";
    String text = text(body, name, example).orElse("");
    int dot = text.indexOf('.');
    try {
      long seq = Long.parseLong(text.substring(0, Math.max(0, dot)));
      int index = Integer.parseInt(text.substring(dot + 1));
      if (seq >= 1 && index >= 0) {
        return new Position(seq, index);
      }
    } catch (NumberFormatException notTwoNumbers) {
      throw invalid(name, example);
    }
    throw invalid(name, example);
  }

  private static Optional<String> text(byte[] body, String name, String example) {
    if (body.length == 0) {
      return Optional.empty();
    }
    try (JsonParser parser = JSON.createParser(body)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw invalid(name, example);
      }
      String text = "";
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        if (!parser.currentName().equals(name) || parser.nextToken() != JsonToken.VALUE_STRING) {
          throw invalid(name, example);
        }
        text = parser.getText();
      }
      if (parser.nextToken() != null) {
        throw invalid(name, example);
      }
      return text.isEmpty() ? Optional.empty() : Optional.of(text);
    } catch (IOException notJson) {
      throw invalid(name, example);
    }
  }

  private static RequestException invalid(String name, String example) {
    return RequestException.bad("the body is not {\"" + name + "\":\"" + example + "\"}");
  }
}
