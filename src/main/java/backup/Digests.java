package backup;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The digests by which an object is known to be whole; every JVM has them. */
final class Digests {

  private Digests() {}

  static MessageDigest sha256() {
    return digest("SHA-256");
  }

  /** Against accidents on the way only: S3 knows no other that all who speak its protocol check. */
  static MessageDigest md5() {
    return digest("MD5");
  }

  /** SHA-256 of a whole file. */
  static byte[] sha256(Path file) throws IOException {
    MessageDigest digest = sha256();
    byte[] buffer = new byte[64 * 1024];
    try (InputStream in = Files.newInputStream(file)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
      }
    }
    return digest.digest();
  }

  private static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("this JVM has no " + algorithm, e);
    }
  }
}
