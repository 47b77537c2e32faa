package http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.Optional;

/** Reads the body of a request to move the sequencer: nothing, or {@code {"id":"node"}}. */
final class MoveRequest {

  private static final JsonFactory JSON =
      JsonFactory.builder().disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES).build();

  private MoveRequest() {}

  /**
   * The node to move it to; empty if any other will do. Whatever the content type says: a node that
   * was named and not heard would move the sequencer to where nobody wants it.
   *
   * @throws RequestException if the body is something else
   */
  static Optional<String> nodeId(byte[] body) {
    if (body.length == 0) {
      return Optional.empty();
    }
    try (JsonParser parser = JSON.createParser(body)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw invalid();
      }
      String nodeId = "";
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        if (!parser.currentName().equals("id") || parser.nextToken() != JsonToken.VALUE_STRING) {
          throw invalid();
        }
        nodeId = parser.getText();
      }
      if (parser.nextToken() != null) {
        throw invalid();
      }
      return nodeId.isEmpty() ? Optional.empty() : Optional.of(nodeId);
    } catch (IOException notJson) {
      throw invalid();
    }
  }

  private static RequestException invalid() {
    return RequestException.bad("the body is not {\"id\":\"node\"}");
  }
}
