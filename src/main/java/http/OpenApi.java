package http;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** The description of the HTTP interface, as it is served. Stateless. */
final class OpenApi {

  private static final String RESOURCE = "openapi.json";

  private OpenApi() {}

  /** The description, in UTF-8, with the version of peqlite in its place. */
  static byte[] text(String version) {
    try (InputStream resource = OpenApi.class.getResourceAsStream(RESOURCE)) {
      if (resource == null) {
        throw new IllegalStateException(RESOURCE + " is missing in this build");
      }
      return new String(resource.readAllBytes(), StandardCharsets.UTF_8)
          .replace("@VERSION@", version)
          .getBytes(StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
