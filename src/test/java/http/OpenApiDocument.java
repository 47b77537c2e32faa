package http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Error;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The description of the HTTP interface as a node serves it, and what has been seen of it: compares
 * answers with it, and knows which operations and statuses nobody has tried.
 */
public final class OpenApiDocument {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final JsonNode document;
  private final SchemaRegistry schemas =
      SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
  private final Set<String> seen = new TreeSet<>();

  /** Reads what a node answers at {@code /openapi.json}. */
  public OpenApiDocument(String text) throws IOException {
    this.document = JSON.readTree(text);
  }

  /** The document itself. */
  public JsonNode tree() {
    return document;
  }

  /** Every operation with every status that it may answer, such as {@code GET /status 200}. */
  public Set<String> documented() {
    Set<String> all = new TreeSet<>();
    document
        .get("paths")
        .properties()
        .forEach(
            path ->
                path.getValue()
                    .properties()
                    .forEach(
                        operation ->
                            operation
                                .getValue()
                                .get("responses")
                                .fieldNames()
                                .forEachRemaining(
                                    status ->
                                        all.add(name(operation.getKey(), path.getKey(), status)))));
    return all;
  }

  /** What of it was answered and compared so far. */
  public Set<String> seen() {
    return Set.copyOf(seen);
  }

  private static String name(String method, String path, Object status) {
    return method.toUpperCase(java.util.Locale.ROOT) + " " + path + " " + status;
  }

  /**
   * Compares an answer with what the document says of it: status, headers, content type and body.
   *
   * @param path as the document writes it
   */
  public void check(String method, String path, HttpResponse<String> answer) throws IOException {
    check(method, path, answer, true);
  }

  /**
   * The same.
   *
   * @param whole whether the body is what its schema describes; false for a part of it
   */
  public void check(String method, String path, HttpResponse<String> answer, boolean whole)
      throws IOException {
    Map<String, String> headers = new HashMap<>();
    answer.headers().map().forEach((name, values) -> headers.put(name, values.get(0)));
    check(method, path, answer.statusCode(), headers, answer.body(), whole);
  }

  void check(
      String method,
      String path,
      int status,
      Map<String, String> headers,
      String body,
      boolean whole)
      throws IOException {
    String what = name(method, path, status);
    JsonNode response =
        resolved(
            document
                .path("paths")
                .path(path)
                .path(method.toLowerCase(java.util.Locale.ROOT))
                .path("responses")
                .path(Integer.toString(status)));
    if (response.isMissingNode()) {
      throw new AssertionError(what + " is not documented: " + body);
    }
    Map<String, String> byName = new HashMap<>();
    headers.forEach((name, value) -> byName.put(name.toLowerCase(java.util.Locale.ROOT), value));
    for (Map.Entry<String, JsonNode> entry : response.path("headers").properties()) {
      JsonNode header = resolved(entry.getValue());
      String value = byName.get(entry.getKey().toLowerCase(java.util.Locale.ROOT));
      if (value == null && header.path("required").asBoolean()) {
        throw new AssertionError(what + " came without " + entry.getKey());
      }
      if (value != null) {
        validate(what + ", " + entry.getKey(), header.get("schema"), JSON.valueToTree(value));
      }
    }
    JsonNode content = response.path("content");
    if (content.isMissingNode()) {
      if (!body.isEmpty()) {
        throw new AssertionError(what + " has a body that is not documented: " + body);
      }
    } else {
      String type = byName.getOrDefault("content-type", "").split(";")[0];
      JsonNode media = content.path(type);
      if (media.isMissingNode()) {
        throw new AssertionError(what + " has the content type '" + type + "': " + body);
      }
      JsonNode tree =
          type.equals("application/json") ? JSON.readTree(body) : JSON.valueToTree(body);
      if (whole) {
        validate(what, media.get("schema"), tree);
      }
    }
    seen.add(what);
  }

  private JsonNode resolved(JsonNode node) {
    JsonNode reference = node.get("$ref");
    return reference == null ? node : document.at(reference.asText().substring(1));
  }

  private void validate(String what, JsonNode schema, JsonNode value) {
    // The schema alone, beside what its references lead to.
    ObjectNode root = JSON.createObjectNode();
    root.set("components", document.get("components"));
    root.putArray("allOf").add(schema);
    List<Error> errors = schemas.getSchema(root).validate(value);
    if (!errors.isEmpty()) {
      throw new AssertionError(what + ": " + errors + " in " + value);
    }
  }
}
