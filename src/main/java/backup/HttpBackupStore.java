package backup;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one backup at an HTTP address, as nqlite's external backup does: its bytes are sent to the
 * address by POST or PUT, and read from the same address by GET.
 *
 * <p>Such an endpoint has no names and cannot list, so this place has room for exactly one object.
 * Its name is the last part of the address' path ({@code backup} where that is no name; see {@link
 * #onlyName}); it is not sent. Each {@link #put} replaces the object; {@link #list} shows it if
 * there is one; {@link #delete} sends DELETE, which few endpoints take. Whether an upload that
 * breaks off leaves the old object is up to the endpoint, which is told the length before the
 * bytes.
 *
 * <p>User and password in the address are sent as basic authentication, to this address only:
 * redirections are not followed. They are in no log and no error, and neither is the address'
 * query, which may be a signature.
 *
 * <p>A GET that is cut goes on by a Range request when the endpoint has given a strong ETag,
 * otherwise from the beginning.
 */
final class HttpBackupStore implements BackupStore {

  private static final String NAME_OTHERWISE = "backup";

  private final URI address;
  private final String name;
  private final Optional<String> authorization;
  private final BackupStoreSettings settings;
  private final HttpClient client;

  static HttpBackupStore open(URI place, BackupStoreSettings settings) {
    if (place.getHost() == null) {
      throw new IllegalArgumentException(
          "an HTTP endpoint for backups is given as https://host/path, and this one has no host");
    }
    if (place.getRawFragment() != null) {
      throw new IllegalArgumentException("an HTTP endpoint for backups has no #");
    }
    Optional<String> user = Optional.ofNullable(place.getRawUserInfo());
    return new HttpBackupStore(
        user.isPresent() ? withoutUser(place) : place,
        user.map(HttpBackupStore::basicAuthentication),
        settings);
  }

  private HttpBackupStore(
      URI address, Optional<String> authorization, BackupStoreSettings settings) {
    this.address = address;
    this.authorization = authorization;
    this.settings = settings;
    String path = String.valueOf(address.getPath());
    String last = path.substring(path.lastIndexOf('/') + 1);
    this.name = ObjectNames.isValid(last) ? last : NAME_OTHERWISE;
    this.client =
        HttpClient.newBuilder()
            .connectTimeout(settings.connectTimeout())
            // Small servers do not expect to be asked whether they speak a newer one.
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
  }

  private static URI withoutUser(URI place) {
    String text = place.toString();
    String user = place.getRawUserInfo() + '@';
    int begin = text.indexOf(user);
    try {
      return new URI(text.substring(0, begin) + text.substring(begin + user.length()));
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("the address of an HTTP endpoint cannot be read");
    }
  }

  /** Colons inside of a password are meant as such; others of both are percent-encoded. */
  private static String basicAuthentication(String rawUserInfo) {
    String decoded = URLDecoder.decode(rawUserInfo.replace("+", "%2B"), StandardCharsets.UTF_8);
    return "Basic " + Base64.getEncoder().encodeToString(decoded.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public Optional<String> onlyName() {
    return Optional.of(name);
  }

  @Override
  public void put(String object, Path file) throws IOException {
    if (!isHere(object)) {
      throw new IOException(
          describe() + " keeps one backup, with the name " + name + ", not " + object);
    }
    long bytes = Files.size(file);
    CountingPublisher counted = new CountingPublisher(BodyPublishers.ofFile(file));
    // A publisher that announces 0 bytes is refused.
    BodyPublisher body =
        bytes == 0 ? BodyPublishers.noBody() : BodyPublishers.fromPublisher(counted, bytes);
    HttpRequest request =
        request()
            .header("Content-Type", "application/octet-stream")
            .method(settings.upload().name(), body)
            .build();
    HttpResponse<@Nullable Void> response =
        exchange(request, info -> new BodyDiscarder(), counted::bytes);
    if (!isSuccess(response.statusCode())) {
      throw refused(response, "take " + object + " by " + settings.upload());
    }
  }

  @Override
  public void get(String object, Path target) throws IOException {
    if (!isHere(object)) {
      throw missing(object);
    }
    Download.run(object, target, settings.resumePauseMax(), download -> fetch(object, download));
  }

  private void fetch(String object, Download download) throws IOException {
    HttpRequest.Builder request = request();
    if (download.offset() > 0) {
      request.header("Range", "bytes=" + download.offset() + '-');
      // Of another version the whole is sent, with 200.
      download.version().ifPresent(version -> request.header("If-Range", version));
    }
    BodyReceiver receiver = new BodyReceiver(download);
    HttpResponse<@Nullable Void> response;
    try {
      response = exchange(request.GET().build(), receiver::receive, receiver::bytes);
    } finally {
      // What the disk or the object's length did not let pass is told before what came of that.
      receiver.stop();
    }
    int status = response.statusCode();
    if (isMissing(status)) {
      throw missing(object);
    }
    if (!BodyReceiver.isTaken(status)) {
      throw refused(response, "give " + object);
    }
    download.end();
  }

  @Override
  public List<StoredObject> list(String prefix) throws IOException {
    Listing listing = new Listing(prefix, describe());
    // Not HEAD, which an endpoint made for backups need not know.
    HttpResponse<@Nullable Void> response =
        exchange(request().GET().build(), info -> new BodyDiscarder(), () -> 0);
    if (isSuccess(response.statusCode())) {
      HttpHeaders headers = response.headers();
      listing.add(name, BodyReceiver.contentLength(headers), lastModified(headers));
    } else if (!isMissing(response.statusCode())) {
      throw refused(response, "give " + name);
    }
    return listing.sorted();
  }

  private static Optional<Instant> lastModified(HttpHeaders headers) {
    try {
      return headers
          .firstValue("Last-Modified")
          .map(text -> ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
    } catch (DateTimeException unreadable) {
      return Optional.empty();
    }
  }

  @Override
  public void delete(String object) throws IOException {
    if (!isHere(object)) {
      return;
    }
    HttpRequest request = request().DELETE().build();
    HttpResponse<@Nullable Void> response = exchange(request, info -> new BodyDiscarder(), () -> 0);
    if (!isSuccess(response.statusCode()) && !isMissing(response.statusCode())) {
      throw refused(response, "remove " + object);
    }
  }

  @Override
  public String describe() {
    return address.getScheme()
        + "://"
        + address.getHost()
        + (address.getPort() < 0 ? "" : ":" + address.getPort())
        + address.getRawPath();
  }

  /** Connections end by themselves when nobody uses them. */
  @Override
  public void close() {}

  private boolean isHere(String object) {
    return ObjectNames.check(object).equals(name);
  }

  private HttpRequest.Builder request() {
    HttpRequest.Builder request = HttpRequest.newBuilder(address);
    authorization.ifPresent(value -> request.header("Authorization", value));
    return request;
  }

  /**
   * Sends a request and waits for its whole answer, for as long as something moves.
   *
   * @param moved how many bytes have been sent or received
   * @throws CutException if the connection ended first
   */
  private HttpResponse<@Nullable Void> exchange(
      HttpRequest request, BodyHandler<@Nullable Void> handler, LongSupplier moved)
      throws IOException {
    Duration stall = settings.stallTimeout();
    CompletableFuture<HttpResponse<@Nullable Void>> answer = client.sendAsync(request, handler);
    try {
      while (true) {
        long before = moved.getAsLong();
        try {
          return answer.get(stall.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          if (moved.getAsLong() == before) {
            throw new CutException(
                describe() + " let nothing move for " + stall.toMillis() + " ms", e);
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + describe());
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new CutException(describe() + ": " + cause, cause);
    } finally {
      answer.cancel(true);
    }
  }

  private static boolean isSuccess(int status) {
    return status >= 200 && status < 300;
  }

  private static boolean isMissing(int status) {
    return status == 404 || status == 410;
  }

  private NoSuchFileException missing(String object) {
    return new NoSuchFileException(object, null, "no such backup at " + describe());
  }

  private IOException refused(HttpResponse<@Nullable Void> response, String what) {
    int status = response.statusCode();
    String why =
        status >= 300 && status < 400
            ? ": redirections are not followed, give the address that it leads to"
            : status == 401 || status == 403
                ? ": check user and password in the address"
                : status == 405 || status == 501 ? ": it does not know that method" : "";
    return new IOException(
        describe() + " did not " + what + ", it answered with status " + status + why);
  }
}
