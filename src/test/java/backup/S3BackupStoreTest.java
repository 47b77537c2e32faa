package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

/** The contract of places of backups at a server of S3's protocol, and what is special about it. */
final class S3BackupStoreTest extends NetworkStoreContract {

  private static final BackupStoreSettings SIGNED =
      NetworkStoreContract.SETTINGS.withCredentials(S3Server.ACCESS_KEY, S3Server.SECRET_KEY);

  private static S3Server server;
  private CuttingRelay relay;

  @BeforeAll
  static void startServer() throws Exception {
    server = new S3Server();
  }

  @AfterAll
  static void stopServer() throws Exception {
    server.close();
  }

  @Override
  BackupStore openEmpty() throws IOException {
    server.empty();
    relay = new CuttingRelay(server.port());
    return open("node/one", SIGNED);
  }

  @Override
  void close() {
    super.close();
    try {
      relay.close();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  CuttingRelay relay() {
    return relay;
  }

  private BackupStore open(String prefix, BackupStoreSettings settings) throws IOException {
    return BackupStores.open(
        URI.create("s3://" + S3Server.BUCKET + '/' + prefix + query()), settings);
  }

  private String query() {
    return "?endpoint=http://127.0.0.1:" + relay.port() + "&region=eu-central-1&path-style=true";
  }

  /** The server as others use it; with the SDK's own checksums this one refuses what is put. */
  private S3Client direct() {
    return S3Client.builder()
        .httpClientBuilder(UrlConnectionHttpClient.builder())
        .endpointOverride(URI.create("http://127.0.0.1:" + server.port()))
        .forcePathStyle(true)
        .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
        .region(Region.EU_CENTRAL_1)
        .credentialsProvider(
            StaticCredentialsProvider.create(
                AwsBasicCredentials.create(S3Server.ACCESS_KEY, S3Server.SECRET_KEY)))
        .build();
  }

  /** Lists come in pages of a thousand. */
  @Test
  void listsMoreThanAPage() throws Exception {
    Path put = text("put", "x");
    List<String> expected = IntStream.range(0, 1_010).mapToObj(i -> "n/%04d".formatted(i)).toList();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<?>> puts = new ArrayList<>();
      for (String name : expected) {
        puts.add(
            threads.submit(
                () -> {
                  store.put(name, put);
                  return name;
                }));
      }
      for (Future<?> done : puts) {
        done.get();
      }
    } finally {
      threads.shutdownNow();
    }

    assertEquals(expected, names("n/"));
  }

  @Test
  void prefixesAreApart() throws IOException {
    store.put("a", text("put", "of one"));
    try (BackupStore other = open("node/on", SIGNED);
        BackupStore whole = open("", SIGNED);
        S3Client direct = direct()) {
      direct.putObject(
          request -> request.bucket(S3Server.BUCKET).key("node/one/not ours"),
          RequestBody.fromString("x"));

      assertEquals(List.of(), other.list(""));
      assertThrows(NoSuchFileException.class, () -> other.get("a", here.resolve("got")));
      assertEquals(List.of("a"), names(""));
      assertEquals("node/one/a", whole.list("").get(0).name());
    }
  }

  /** Sent in parts, of which the first does not come through however often it is tried. */
  @Test
  void aPutThatBreaksOffTakesItsPartsBack() throws IOException {
    assertThrows(IOException.class, () -> putBrokenOff("a"));

    try (S3Client direct = direct()) {
      assertFalse(
          direct.listMultipartUploads(request -> request.bucket(S3Server.BUCKET)).hasUploads());
    }
    assertEquals(List.of(), names(""));
  }

  @Test
  void whatIsNotWhatWasPutIsRefused() throws IOException {
    String digest = "0".repeat(64);
    try (S3Client direct = direct()) {
      direct.putObject(
          request ->
              request
                  .bucket(S3Server.BUCKET)
                  .key("node/one/a")
                  .metadata(Map.of("peqlite-sha256", digest)),
          RequestBody.fromString("changed"));
      direct.putObject(
          request -> request.bucket(S3Server.BUCKET).key("node/one/b"),
          RequestBody.fromString("brought by hand"));
    }

    DamagedObjectException damaged =
        assertThrows(DamagedObjectException.class, () -> store.get("a", here.resolve("target")));
    assertTrue(damaged.getMessage().startsWith("a is damaged"), damaged.getMessage());
    assertEquals(List.of(), filesHere());
    assertEquals("brought by hand", got("b"));
  }

  @Test
  void aWrongSecretAndAMissingBucketAreTold() throws IOException {
    Path put = text("put", "x");
    Path secret = text("secret", "another-secret\n");
    try (BackupStore wrong = open("", SETTINGS.withCredentials(S3Server.ACCESS_KEY, secret))) {
      assertSays(assertThrows(IOException.class, () -> wrong.put("a", put)), "a", "another-secret");
    }
    try (BackupStore nowhere =
        BackupStores.open(URI.create("s3://no-such-bucket/" + query()), SIGNED)) {
      IOException missing = assertThrows(IOException.class, () -> nowhere.get("a", put));
      assertFalse(missing instanceof NoSuchFileException, missing.toString());
      assertSays(missing, "no-such-bucket", S3Server.SECRET_KEY);
    }
    assertFalse(SIGNED.toString().contains(S3Server.SECRET_KEY), SIGNED.toString());
  }

  @Test
  void theSecretMayBeInAFile() throws IOException {
    Path secret = text("secret", S3Server.SECRET_KEY + '\n');
    store = open("", SETTINGS.withCredentials(S3Server.ACCESS_KEY, secret));

    store.put("a", text("put", "something"));

    assertEquals("something", got("a"));
  }

  /** S3 allows 10,000 parts and objects of 5 TiB. */
  @Test
  void partsAreAsLargeAsTheirNumberAsksFor() {
    assertEquals(16 * MEBIBYTE, S3Upload.partBytes(17L * MEBIBYTE));
    assertEquals(16 * MEBIBYTE, S3Upload.partBytes(160_000L * MEBIBYTE));
    long largest = 5L * 1024 * 1024 * MEBIBYTE;
    int part = S3Upload.partBytes(largest);
    assertTrue((largest + part - 1) / part <= 10_000, "bytes in a part: " + part);
  }

  @Test
  void readsAnAddress() {
    S3Place amazon = S3Place.of(URI.create("s3://bucket"));
    assertEquals("", amazon.prefix());
    assertTrue(amazon.endpoint().isEmpty() && amazon.region().isEmpty() && !amazon.pathStyle());
    S3Place own = S3Place.of(URI.create("s3://my_bucket/a/b/?endpoint=https%3A%2F%2Fhost:9000"));
    assertEquals("a/b/", own.prefix());
    assertEquals(URI.create("https://host:9000"), own.endpoint().orElseThrow());
    assertTrue(own.region().isPresent() && own.pathStyle());
    for (String wrong :
        List.of(
            "s3://user:password@bucket/a",
            "s3://bucket/../a",
            "s3://bucket/a?endpont=https://host",
            "s3://bucket/a?endpoint=host",
            "s3://bucket/a?endpoint=https://user:password@host",
            "s3://bucket/a?endpoint=https://user:password@%20host",
            "s3://bucket/a?path-style=yes",
            "s3://bucket/a?region=x&region=y",
            "s3://b ucket".replace(" ", "%20"))) {
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> S3Place.of(URI.create(wrong)), wrong);
      assertFalse(refused.getMessage().contains("password"), refused.getMessage());
    }
  }

  @Test
  void othersReadTheSameBytes() throws IOException {
    Path put = random("put", 20 * MEBIBYTE, 9);
    store.put("a", put);
    try (S3Client direct = direct()) {
      byte[] bytes =
          direct
              .getObjectAsBytes(request -> request.bucket(S3Server.BUCKET).key("node/one/a"))
              .asByteArrayUnsafe();
      assertEquals(-1, Files.mismatch(put, Files.write(here.resolve("direct"), bytes)));
    }
  }
}
