package backup;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What is to be known of a place of backups beside its address.
 *
 * @param accessKey of S3; without it the AWS SDK looks where it always does: environment, system
 *     properties, {@code ~/.aws}, the container's or machine's role
 * @param secretKey of S3, or
 * @param secretKeyFile a file that contains it, with a line's end or without
 * @param encryptionKeyFile a file of 32 bytes with which all objects are encrypted; see {@link
 *     EncryptedBackupStore}
 * @param upload by which method an HTTP endpoint takes objects
 * @param connectTimeout how long a connection may take to be made
 * @param stallTimeout how long a transfer may stand still, and the place's answer may take
 * @param resumePauseMax the longest pause before a cut download goes on; the first is a tenth of a
 *     second, and each following one twice as long
 */
public record BackupStoreSettings(
    Optional<String> accessKey,
    Optional<String> secretKey,
    Optional<Path> secretKeyFile,
    Optional<Path> encryptionKeyFile,
    Upload upload,
    Duration connectTimeout,
    Duration stallTimeout,
    Duration resumePauseMax) {

  /** How an HTTP endpoint takes an object. */
  public enum Upload {
    /** As a WebDAV folder and a presigned address do. */
    PUT,
    /** As nqlite's external backups are sent. */
    POST
  }

  /** Checks what belongs together. */
  public BackupStoreSettings {
    if (secretKey.isPresent() && secretKeyFile.isPresent()) {
      throw new IllegalArgumentException("the secret key is given twice, by itself and in a file");
    }
    if (accessKey.isPresent() != (secretKey.isPresent() || secretKeyFile.isPresent())) {
      throw new IllegalArgumentException("an access key and its secret key are given together");
    }
    if (connectTimeout.toMillis() <= 0
        || stallTimeout.toMillis() <= 0
        || resumePauseMax.toMillis() <= 0) {
      throw new IllegalArgumentException("a time to wait must be at least a millisecond");
    }
  }

  /** Not encrypted, credentials from where the AWS SDK looks, POST; 10 s, 60 s and 5 s. */
  public static BackupStoreSettings defaults() {
    return new BackupStoreSettings(
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Upload.POST,
        Duration.ofSeconds(10),
        Duration.ofSeconds(60),
        Duration.ofSeconds(5));
  }

  /** The same with credentials for S3. */
  public BackupStoreSettings withCredentials(String access, String secret) {
    return new BackupStoreSettings(
        Optional.of(access),
        Optional.of(secret),
        Optional.empty(),
        encryptionKeyFile,
        upload,
        connectTimeout,
        stallTimeout,
        resumePauseMax);
  }

  /** The same with credentials for S3, of which the secret is in a file. */
  public BackupStoreSettings withCredentials(String access, Path secretFile) {
    return new BackupStoreSettings(
        Optional.of(access),
        Optional.empty(),
        Optional.of(secretFile),
        encryptionKeyFile,
        upload,
        connectTimeout,
        stallTimeout,
        resumePauseMax);
  }

  /** The same with encryption. */
  public BackupStoreSettings withEncryptionKeyFile(Path keyFile) {
    return new BackupStoreSettings(
        accessKey,
        secretKey,
        secretKeyFile,
        Optional.of(keyFile),
        upload,
        connectTimeout,
        stallTimeout,
        resumePauseMax);
  }

  /** The same with another method for HTTP endpoints. */
  public BackupStoreSettings withUpload(Upload method) {
    return new BackupStoreSettings(
        accessKey,
        secretKey,
        secretKeyFile,
        encryptionKeyFile,
        method,
        connectTimeout,
        stallTimeout,
        resumePauseMax);
  }

  /** The same with other times to wait. */
  public BackupStoreSettings withTimeouts(Duration connect, Duration stall) {
    return new BackupStoreSettings(
        accessKey,
        secretKey,
        secretKeyFile,
        encryptionKeyFile,
        upload,
        connect,
        stall,
        resumePauseMax);
  }

  /** The same with another longest pause before a cut download goes on. */
  public BackupStoreSettings withResumePauseMax(Duration pause) {
    return new BackupStoreSettings(
        accessKey,
        secretKey,
        secretKeyFile,
        encryptionKeyFile,
        upload,
        connectTimeout,
        stallTimeout,
        pause);
  }

  /** Without the secret. */
  @Override
  public String toString() {
    return "BackupStoreSettings[accessKey="
        + accessKey
        + ", secretKey="
        + (secretKey.isPresent() ? "given" : "none")
        + ", secretKeyFile="
        + secretKeyFile
        + ", encryptionKeyFile="
        + encryptionKeyFile
        + ", upload="
        + upload
        + ", connectTimeout="
        + connectTimeout
        + ", stallTimeout="
        + stallTimeout
        + ", resumePauseMax="
        + resumePauseMax
        + ']';
  }
}
