package process;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.http.HttpResponse;

/**
 * What a node answered.
 *
 * @param status of HTTP
 * @param seq the position that the answer reflects, -1 if it names none
 * @param duplicate whether it repeats the answer to an earlier request with the same key
 * @param text the body
 */
record Answer(int status, long seq, boolean duplicate, String text) {

  private static final ObjectMapper JSON = new ObjectMapper();

  static Answer of(HttpResponse<String> response) {
    return new Answer(
        response.statusCode(),
        response.headers().firstValueAsLong("Peqlite-Seq").orElse(-1),
        response.headers().firstValue("Peqlite-Duplicate").isPresent(),
        response.body());
  }

  JsonNode json() {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new AssertionError("not JSON: " + this, e);
    }
  }

  /** The results of the statements, in their order. */
  JsonNode results() {
    return json().path("results");
  }

  /** The rows of the first result. */
  JsonNode rows() {
    return results().path(0).path("values");
  }

  /** The one value of a read of one value. */
  JsonNode value() {
    JsonNode value = rows().path(0).path(0);
    if (status != 200 || value.isMissingNode()) {
      throw new AssertionError("no value: " + this);
    }
    return value;
  }

  /** The error at the top of the body, empty if there is none. */
  String error() {
    return json().path("error").asText("");
  }

  /** Where a write stands whose result cannot be told. */
  String position() {
    return json().path("seq").asLong() + "." + json().path("index").asInt();
  }

  /** What became of a write whose result cannot be told; empty if it can be. */
  String outcome() {
    return json().path("outcome").asText("");
  }

  /** Whether every statement was executed. */
  boolean succeeded() {
    if (status != 200 || !error().isEmpty()) {
      return false;
    }
    for (JsonNode result : results()) {
      if (result.has("error")) {
        return false;
      }
    }
    return true;
  }
}
