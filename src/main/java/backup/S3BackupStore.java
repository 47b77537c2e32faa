package backup;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.AbortedException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Keeps backups in a bucket of S3, or of what speaks its protocol (MinIO, Ceph and others).
 *
 * <p>Every request carries the MD5 of its bytes, which the store checks, and every object the
 * SHA-256 of its own in its metadata, which is checked when it is read. The AWS SDK's own checksums
 * are off: since 2.30 it adds by default headers and trailers that stores of others, and older
 * ones, refuse or store as part of the object; {@code Content-MD5} is as old as S3. For the same
 * reason bodies are not sent in signed chunks.
 *
 * <p>A file above {@link S3Upload#PART_BYTES_MIN} bytes is sent in parts, one in memory at a time,
 * and is an object when the last has come. A failure takes the parts back; those of a process that
 * is killed stay, unseen, until the bucket's rule for incomplete uploads removes them.
 *
 * <p>The SDK repeats what failed on the way, up to three times with pauses; a GET that is cut goes
 * on where it was.
 */
final class S3BackupStore implements BackupStore {

  private final S3Place place;
  private final S3Client client;
  private final BackupStoreSettings settings;

  static S3BackupStore open(S3Place place, BackupStoreSettings settings) throws IOException {
    S3ClientBuilder builder =
        S3Client.builder()
            .httpClientBuilder(
                UrlConnectionHttpClient.builder()
                    .connectionTimeout(settings.connectTimeout())
                    .socketTimeout(settings.stallTimeout()))
            .credentialsProvider(credentials(settings))
            .forcePathStyle(place.pathStyle())
            .serviceConfiguration(configuration -> configuration.chunkedEncodingEnabled(false))
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED);
    place.endpoint().ifPresent(builder::endpointOverride);
    place.region().ifPresent(region -> builder.region(Region.of(region)));
    try {
      return new S3BackupStore(place, builder.build(), settings);
    } catch (SdkException e) {
      throw new IllegalArgumentException(
          "the place in S3 cannot be used; if it is the region that is missing, add ?region=NAME: "
              + e.getMessage(),
          e);
    }
  }

  private S3BackupStore(S3Place place, S3Client client, BackupStoreSettings settings) {
    this.place = place;
    this.client = client;
    this.settings = settings;
  }

  private static AwsCredentialsProvider credentials(BackupStoreSettings settings)
      throws IOException {
    if (settings.accessKey().isEmpty()) {
      return DefaultCredentialsProvider.builder().build();
    }
    String secret =
        settings.secretKeyFile().isPresent()
            ? secretIn(settings.secretKeyFile().get())
            : settings.secretKey().orElse("");
    return StaticCredentialsProvider.create(
        AwsBasicCredentials.create(settings.accessKey().get(), secret));
  }

  private static String secretIn(Path file) throws IOException {
    String secret = Files.readString(file).strip();
    if (secret.isEmpty()) {
      throw new IllegalArgumentException("the secret key's file " + file + " is empty");
    }
    return secret;
  }

  @Override
  public void put(String name, Path file) throws IOException {
    String key = key(name);
    S3Upload upload = new S3Upload(client, place.bucket(), key, settings.stallTimeout());
    calling(
        "take " + name,
        () -> {
          try (FileChannel opened = FileChannel.open(file)) {
            upload.send(opened);
          }
          return name;
        });
  }

  @Override
  public void get(String name, Path target) throws IOException {
    String key = key(name);
    Download.run(
        name,
        target,
        settings.resumePauseMax(),
        download ->
            calling(
                "give " + name,
                () -> {
                  fetch(name, key, download);
                  return name;
                }));
  }

  private void fetch(String name, String key, Download download) throws IOException {
    GetObjectRequest.Builder request =
        GetObjectRequest.builder()
            .bucket(place.bucket())
            .key(key)
            .overrideConfiguration(
                override -> override.apiCallAttemptTimeout(settings.stallTimeout()));
    if (download.offset() > 0) {
      request.range("bytes=" + download.offset() + '-');
      download.version().ifPresent(request::ifMatch);
    }
    try (ResponseInputStream<GetObjectResponse> body = client.getObject(request.build())) {
      try {
        GetObjectResponse head = body.response();
        download.begin(
            extent(head), Optional.ofNullable(head.eTag()), S3Upload.digest(head.metadata()));
        download.writeAll(body);
        download.end();
      } catch (IOException | RuntimeException e) {
        // Closing it would read the rest.
        body.abort();
        throw e;
      }
    } catch (S3Exception e) {
      if (e.statusCode() == 404 && !isBucketMissing(e)) {
        throw new NoSuchFileException(name, null, "no such backup in " + describe());
      }
      throw e;
    }
  }

  private static Download.Extent extent(GetObjectResponse head) throws IOException {
    if (head.contentRange() != null) {
      return Download.Extent.ofContentRange(head.contentRange());
    }
    Long bytes = head.contentLength();
    if (bytes == null || bytes < 0) {
      throw new IOException("the answer does not say how long the object is");
    }
    return new Download.Extent(0, bytes);
  }

  private static boolean isBucketMissing(S3Exception e) {
    return e.awsErrorDetails() != null && "NoSuchBucket".equals(e.awsErrorDetails().errorCode());
  }

  @Override
  public List<StoredObject> list(String prefix) throws IOException {
    Listing listing = new Listing(prefix, describe());
    return calling(
        "list its backups",
        () -> {
          // In pages of a thousand, each asked for when the one before has been read.
          for (S3Object object :
              client
                  .listObjectsV2Paginator(
                      request ->
                          request
                              .bucket(place.bucket())
                              .prefix(place.prefix() + prefix)
                              .overrideConfiguration(
                                  override ->
                                      override.apiCallAttemptTimeout(settings.stallTimeout())))
                  .contents()) {
            if (object.key().startsWith(place.prefix())) {
              listing.add(
                  object.key().substring(place.prefix().length()),
                  object.size() == null ? -1 : object.size(),
                  Optional.ofNullable(object.lastModified()));
            }
          }
          return listing.sorted();
        });
  }

  @Override
  public void delete(String name) throws IOException {
    String key = key(name);
    calling(
        "remove " + name,
        () ->
            client.deleteObject(
                request ->
                    request
                        .bucket(place.bucket())
                        .key(key)
                        .overrideConfiguration(
                            override -> override.apiCallAttemptTimeout(settings.stallTimeout()))));
  }

  @Override
  public String describe() {
    return "s3://"
        + place.bucket()
        + '/'
        + place.prefix()
        + place.endpoint().map(endpoint -> " at " + endpoint).orElse("");
  }

  @Override
  public void close() {
    client.close();
  }

  private String key(String name) {
    return place.prefix() + ObjectNames.check(name);
  }

  /** What uses the SDK, whose errors are unchecked, and files, whose errors are not. */
  private interface Call<T> {
    T run() throws IOException;
  }

  private <T> T calling(String what, Call<T> call) throws IOException {
    try {
      return call.run();
    } catch (AbortedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + describe());
    } catch (SdkException e) {
      throw new IOException(describe() + " did not " + what + ": " + words(e), e);
    }
  }

  /** Without the request's id, so that who meets the same twice can tell; it is in the cause. */
  private static String words(SdkException e) {
    if (e instanceof S3Exception refused && refused.awsErrorDetails() != null) {
      return refused.awsErrorDetails().errorMessage()
          + " ("
          + refused.awsErrorDetails().errorCode()
          + ", status "
          + refused.statusCode()
          + ')';
    }
    return String.valueOf(e.getMessage());
  }
}
