package peqlite;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The token of a pod's service account, in the form that Pekko's discovery can use: it sends the
 * file as it is, and with a line's end behind the token it sends none at all.
 */
final class ServiceToken {

  private ServiceToken() {}

  /**
   * A file that holds the token alone. That is the given one when it does, as those of Kubernetes
   * do, which replaces them while the node runs; else a copy that only this user can read.
   */
  static Path withoutLineEnd(Path file) throws StartException {
    try {
      String text = Files.readString(file, StandardCharsets.UTF_8);
      String token = text.strip();
      if (token.isEmpty()) {
        throw new StartException("the token of the service account is empty: " + file);
      }
      if (token.equals(text)) {
        return file;
      }
      Path copy = Files.createTempFile("peqlite-token", "");
      copy.toFile().deleteOnExit();
      return Files.writeString(copy, token, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new StartException("cannot read the token of the service account: " + e, e);
    }
  }
}
