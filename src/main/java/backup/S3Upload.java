package backup;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/**
 * Sends one file to S3: whole if it is small, otherwise in parts of which one at a time is in
 * memory. For one thread; may be used once.
 */
final class S3Upload {

  /** A part's bytes, and the most that is sent in one piece. S3 asks for at least 5 MiB. */
  static final int PART_BYTES_MIN = 16 * 1024 * 1024;

  /** Of an object, by S3's rules; parts of larger files are larger. */
  private static final int PARTS_MAX = 10_000;

  /** An upload that is slower than this is given up; nothing tells how far the SDK has come. */
  private static final int BYTES_PER_SECOND_MIN = 64 * 1024;

  /** Where an object keeps the SHA-256 of its bytes: {@code x-amz-meta-peqlite-sha256}. */
  private static final String DIGEST = "peqlite-sha256";

  private final S3Client client;
  private final String bucket;
  private final String key;
  private final Duration stallTimeout;

  S3Upload(S3Client client, String bucket, String key, Duration stallTimeout) {
    this.client = client;
    this.bucket = bucket;
    this.key = key;
    this.stallTimeout = stallTimeout;
  }

  /** The SHA-256 of an object in hexadecimal, if it was sent by this class. */
  static Optional<String> digest(Map<String, String> metadata) {
    // Some stores give names back with capital letters.
    return metadata.entrySet().stream()
        .filter(entry -> entry.getKey().equalsIgnoreCase(DIGEST))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  /**
   * Sends all of a file.
   *
   * @throws IOException if the file changes meanwhile
   * @throws SdkException if the store does not take it
   */
  void send(FileChannel file) throws IOException {
    long bytes = file.size();
    if (bytes <= PART_BYTES_MIN) {
      sendWhole(read(file, 0, (int) bytes));
    } else {
      sendInParts(file, bytes);
    }
  }

  private void sendWhole(byte[] content) {
    client.putObject(
        request ->
            request
                .bucket(bucket)
                .key(key)
                .contentMD5(md5(content))
                .metadata(Map.of(DIGEST, hex(Digests.sha256().digest(content))))
                .overrideConfiguration(override(content.length)),
        body(content));
  }

  private void sendInParts(FileChannel file, long bytes) throws IOException {
    int partBytes = partBytes(bytes);
    // Known before the first part is sent, because it goes with the beginning.
    String digest = digest(file, bytes, partBytes);
    String upload =
        client
            .createMultipartUpload(
                request ->
                    request
                        .bucket(bucket)
                        .key(key)
                        .metadata(Map.of(DIGEST, digest))
                        .overrideConfiguration(override(0)))
            .uploadId();
    try {
      MessageDigest sent = Digests.sha256();
      List<CompletedPart> parts = new ArrayList<>();
      for (long offset = 0; offset < bytes; offset += partBytes) {
        byte[] content = read(file, offset, (int) Math.min(partBytes, bytes - offset));
        sent.update(content);
        parts.add(sendPart(upload, parts.size() + 1, content));
      }
      if (!hex(sent.digest()).equals(digest)) {
        throw new IOException("the file for " + key + " was changed while it was sent");
      }
      client.completeMultipartUpload(
          request ->
              request
                  .bucket(bucket)
                  .key(key)
                  .uploadId(upload)
                  .multipartUpload(completed -> completed.parts(parts))
                  // Some stores put the parts together before they answer.
                  .overrideConfiguration(override(bytes)));
    } catch (IOException | RuntimeException e) {
      takeBack(upload, e);
      throw e;
    }
  }

  private CompletedPart sendPart(String upload, int number, byte[] content) {
    String tag =
        client
            .uploadPart(
                request ->
                    request
                        .bucket(bucket)
                        .key(key)
                        .uploadId(upload)
                        .partNumber(number)
                        .contentMD5(md5(content))
                        .overrideConfiguration(override(content.length)),
                body(content))
            .eTag();
    return CompletedPart.builder().partNumber(number).eTag(tag).build();
  }

  private void takeBack(String upload, Exception reason) {
    try {
      client.abortMultipartUpload(
          request ->
              request.bucket(bucket).key(key).uploadId(upload).overrideConfiguration(override(0)));
    } catch (SdkException e) {
      reason.addSuppressed(e);
    }
  }

  /** As large as needed to get along with the number of parts that S3 allows. */
  static int partBytes(long bytes) {
    return Math.toIntExact(Math.max(PART_BYTES_MIN, (bytes + PARTS_MAX - 1) / PARTS_MAX));
  }

  private static String digest(FileChannel file, long bytes, int step) throws IOException {
    MessageDigest digest = Digests.sha256();
    for (long offset = 0; offset < bytes; offset += step) {
      digest.update(read(file, offset, (int) Math.min(step, bytes - offset)));
    }
    return hex(digest.digest());
  }

  private static byte[] read(FileChannel file, long offset, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    while (buffer.hasRemaining()) {
      if (file.read(buffer, offset + buffer.position()) < 0) {
        throw new IOException("the file became shorter while it was sent");
      }
    }
    return buffer.array();
  }

  /** Not copied, and can be sent again. */
  private static RequestBody body(byte[] content) {
    return RequestBody.fromContentProvider(
        () -> new ByteArrayInputStream(content), content.length, "application/octet-stream");
  }

  private AwsRequestOverrideConfiguration override(long bytes) {
    return AwsRequestOverrideConfiguration.builder()
        .apiCallAttemptTimeout(stallTimeout.plusSeconds(bytes / BYTES_PER_SECOND_MIN))
        .build();
  }

  private static String md5(byte[] content) {
    return Base64.getEncoder().encodeToString(Digests.md5().digest(content));
  }

  private static String hex(byte[] digest) {
    return HexFormat.of().formatHex(digest);
  }
}
