package backup;

import com.google.crypto.tink.StreamingAead;
import com.google.crypto.tink.subtle.AesGcmHkdfStreaming;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.Optional;

/**
 * Keeps in another place what it has encrypted, so that who can read or write there learns only
 * names and sizes, and can remove objects or put an older one of the same name back, but not make
 * or change one.
 *
 * <p>The key is a file of exactly 32 random bytes: {@code openssl rand 32 > key}. Keep a copy of it
 * where the backups are not: without it they cannot be read.
 *
 * <p>The format is Google Tink's streaming AEAD {@code AES256_GCM_HKDF_1MB}, with the file's bytes
 * as the key and the object's name, as it was put here, as associated data: each object has a key
 * of its own, derived with a random salt (HKDF, SHA-256), and is AES-GCM in segments of a MiB,
 * which cannot be reordered, exchanged between objects or cut off. An object cannot be renamed in
 * its place.
 *
 * <p>Memory: two segments for each call. Disk: the encrypted bytes beside the file that is put or
 * got, for as long as the call takes.
 */
final class EncryptedBackupStore implements BackupStore {

  static final int KEY_BYTES = 32;

  private static final int SEGMENT_BYTES = 1024 * 1024;
  private static final int HEADER_AND_TAG_BYTES = 1 + KEY_BYTES + 7 + 16;

  private final BackupStore inner;
  private final StreamingAead cipher;

  /**
   * Encrypts what is put into a place.
   *
   * @param inner closed with this
   * @throws IOException if the file cannot be read
   * @throws IllegalArgumentException if there are not 32 bytes in it
   */
  static EncryptedBackupStore open(BackupStore inner, Path keyFile) throws IOException {
    byte[] key;
    try (InputStream in = Files.newInputStream(keyFile)) {
      key = in.readNBytes(KEY_BYTES + 1);
    }
    if (key.length != KEY_BYTES) {
      throw new IllegalArgumentException(
          "the key of backups in "
              + keyFile
              + " has "
              + (key.length > KEY_BYTES ? "more" : "fewer")
              + " than "
              + KEY_BYTES
              + " bytes; make one with: openssl rand 32 > key");
    }
    try {
      return new EncryptedBackupStore(
          inner, new AesGcmHkdfStreaming(key, "HmacSha256", KEY_BYTES, SEGMENT_BYTES, 0));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this JVM cannot encrypt with AES-GCM", e);
    }
  }

  private EncryptedBackupStore(BackupStore inner, StreamingAead cipher) {
    this.inner = inner;
    this.cipher = cipher;
  }

  @Override
  public void put(String name, Path file) throws IOException {
    Path encrypted = WholeFile.temporaryBeside(file);
    try {
      try (InputStream in = Files.newInputStream(file);
          OutputStream out =
              cipher.newEncryptingStream(
                  Files.newOutputStream(encrypted, StandardOpenOption.CREATE_NEW),
                  associatedData(name))) {
        in.transferTo(out);
      } catch (GeneralSecurityException e) {
        throw new IOException(name + " could not be encrypted", e);
      }
      inner.put(name, encrypted);
    } finally {
      Files.deleteIfExists(encrypted);
    }
  }

  @Override
  public void get(String name, Path target) throws IOException {
    Path encrypted = WholeFile.temporaryBeside(target);
    try {
      inner.get(name, encrypted);
      if (Files.size(encrypted) < HEADER_AND_TAG_BYTES) {
        throw new DamagedObjectException(
            name + " in " + describe() + " is too short for an encrypted backup", null);
      }
      try (WholeFile whole = WholeFile.beside(target)) {
        decrypt(name, encrypted, whole);
        whole.takePlace();
      }
    } finally {
      Files.deleteIfExists(encrypted);
    }
  }

  private void decrypt(String name, Path encrypted, WholeFile whole) throws IOException {
    OutputStream out = Channels.newOutputStream(whole.channel());
    try (InputStream in =
        cipher.newDecryptingStream(Files.newInputStream(encrypted), associatedData(name))) {
      in.transferTo(out);
    } catch (GeneralSecurityException e) {
      throw refused(name, e);
    } catch (IOException e) {
      // How the stream reports what is not authentic; anything else is the disk's failure.
      if (e.getCause() instanceof GeneralSecurityException) {
        throw refused(name, e);
      }
      throw e;
    }
  }

  private DamagedObjectException refused(String name, Exception cause) {
    return new DamagedObjectException(
        name
            + " in "
            + describe()
            + " cannot be decrypted: it was encrypted with another key or not at all, was changed,"
            + " or was put under another name",
        cause);
  }

  private static byte[] associatedData(String name) {
    return ObjectNames.check(name).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public List<StoredObject> list(String prefix) throws IOException {
    return inner.list(prefix);
  }

  @Override
  public void delete(String name) throws IOException {
    inner.delete(name);
  }

  @Override
  public Optional<String> onlyName() {
    return inner.onlyName();
  }

  @Override
  public String describe() {
    return inner.describe() + " (encrypted)";
  }

  @Override
  public void close() {
    inner.close();
  }
}
