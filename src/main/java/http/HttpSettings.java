package http;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * How the HTTP interface listens and what it lets through.
 *
 * @param host the address to listen on
 * @param port the port to listen on; 0 takes a free one
 * @param version of peqlite, as {@code Peqlite-Version} and {@code /status} show it
 * @param allowOrigin the value of {@code Access-Control-Allow-Origin}, or empty for no such header
 * @param bodyBytesMax the largest body of a request, in bytes; a larger one is answered 413
 * @param bodiesBytesMax what the bodies of all requests being served may take together, in bytes;
 *     beyond it requests are answered 503. At least {@code bodyBytesMax}, or large bodies never
 *     pass
 * @param requestsMax how many database requests are served at once; beyond it they are answered 503
 * @param connectionsMax how many connections are open at once; beyond it they wait to be accepted
 * @param timeout the deadline of a request that names none
 * @param timeoutMax the longest deadline that a request may name; longer ones are cut to it
 * @param readTimeMax how long the statements of one read may run, its answer's transfer included
 * @param readRowsMax rows that one read may return
 * @param readBytesMax bytes of values that one read may return
 * @param spoolDirectory where answers are kept that clients take slowly; made when it is needed
 * @param spoolBytesMax bytes that those answers may take there together; 0 keeps none
 */
public record HttpSettings(
    String host,
    int port,
    String version,
    Optional<String> allowOrigin,
    long bodyBytesMax,
    long bodiesBytesMax,
    int requestsMax,
    int connectionsMax,
    Duration timeout,
    Duration timeoutMax,
    Duration readTimeMax,
    long readRowsMax,
    long readBytesMax,
    Path spoolDirectory,
    long spoolBytesMax) {

  private static final long MEBIBYTE = 1024L * 1024;

  /** The defaults, at an address; slow answers are kept where the system keeps temporary files. */
  public static HttpSettings of(String host, int port, String version) {
    return new HttpSettings(
        host,
        port,
        version,
        Optional.empty(),
        32 * MEBIBYTE,
        256 * MEBIBYTE,
        4_096,
        4_096,
        Duration.ofSeconds(30),
        Duration.ofMinutes(5),
        Duration.ofSeconds(30),
        2_000_000,
        1_024 * MEBIBYTE,
        Path.of(System.getProperty("java.io.tmpdir", ".")),
        1_024 * MEBIBYTE);
  }

  /** The same with another directory for slow answers and backups. */
  public HttpSettings withSpoolDirectory(Path directory) {
    return new HttpSettings(
        host,
        port,
        version,
        allowOrigin,
        bodyBytesMax,
        bodiesBytesMax,
        requestsMax,
        connectionsMax,
        timeout,
        timeoutMax,
        readTimeMax,
        readRowsMax,
        readBytesMax,
        directory,
        spoolBytesMax);
  }

  /** The same with other limits for bodies, in bytes. */
  public HttpSettings withBodies(long oneMax, long allMax) {
    return new HttpSettings(
        host,
        port,
        version,
        allowOrigin,
        oneMax,
        allMax,
        requestsMax,
        connectionsMax,
        timeout,
        timeoutMax,
        readTimeMax,
        readRowsMax,
        readBytesMax,
        spoolDirectory,
        spoolBytesMax);
  }

  /** The same with another number of requests that are served at once. */
  public HttpSettings withRequestsMax(int max) {
    return new HttpSettings(
        host,
        port,
        version,
        allowOrigin,
        bodyBytesMax,
        bodiesBytesMax,
        max,
        connectionsMax,
        timeout,
        timeoutMax,
        readTimeMax,
        readRowsMax,
        readBytesMax,
        spoolDirectory,
        spoolBytesMax);
  }
}
