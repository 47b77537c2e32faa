package http;

import actors.Node;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.Done;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.settings.ServerSettings;
import org.apache.pekko.pattern.Patterns;
import org.jspecify.annotations.Nullable;

/** The HTTP interface of one node, from when it listens until it is stopped. Thread-safe. */
public final class HttpServer {

  /** How long answers that are finished have to reach the network before connections are closed. */
  private static final Duration FLUSH = Duration.ofMillis(250);

  /** How long clients of open connections have to hear that they should use another one. */
  private static final Duration LINGER = Duration.ofMillis(500);

  private final ClassicActorSystemProvider system;
  private final ServerBinding binding;
  private final InFlight inFlight;
  private final Metrics metrics;
  private @Nullable CompletionStage<Done> stopped;

  private HttpServer(
      ClassicActorSystemProvider system,
      ServerBinding binding,
      InFlight inFlight,
      Metrics metrics) {
    this.system = system;
    this.metrics = metrics;
    this.binding = binding;
    this.inFlight = inFlight;
  }

  /**
   * Starts to listen.
   *
   * @param system runs the connections; it must outlive the server
   * @param node answers the requests
   * @return fails if the address cannot be bound
   */
  public static CompletionStage<HttpServer> start(
      ClassicActorSystemProvider system, Node node, HttpSettings settings) {
    InFlight inFlight = new InFlight();
    AtomicInteger port = new AtomicInteger(settings.port());
    Metrics metrics = new Metrics(node.metrics());
    Router router = new Router(system, node, settings, inFlight, metrics, port::get);
    Config config = system.classicSystem().settings().config();
    return Http.get(system)
        .newServerAt(settings.host(), settings.port())
        .withSettings(ServerSettings.create(serverConfig(settings).withFallback(config)))
        .bind(router::handle)
        .thenApply(
            binding -> {
              port.set(binding.localAddress().getPort());
              return new HttpServer(system, binding, inFlight, metrics);
            })
        .whenComplete(
            (server, failure) -> {
              if (failure != null) {
                metrics.close();
              }
            });
  }

  /** Where it listens, with the real port. */
  public InetSocketAddress address() {
    return binding.localAddress();
  }

  /**
   * Stops: no new connections are taken, then no new requests; those that were taken are finished,
   * then connections are closed. A second call waits for the first.
   *
   * <p>For a moment requests on connections that are open are still answered, and told to use
   * another connection: a client finds out that it is refused before it has sent anything.
   *
   * @param hardDeadline when connections are closed even if their requests are not finished
   */
  public synchronized CompletionStage<Done> stop(Duration hardDeadline) {
    CompletionStage<Done> already = stopped;
    if (already == null) {
      already = stopOnce(hardDeadline);
      stopped = already;
    }
    return already;
  }

  private CompletionStage<Done> stopOnce(Duration hardDeadline) {
    long deadlineNanos = System.nanoTime() + hardDeadline.toNanos();
    inFlight.close();
    return binding
        .unbind()
        .thenCompose(unbound -> after(LINGER))
        .thenCompose(
            lingered ->
                inFlight
                    .stop()
                    .toCompletableFuture()
                    // Closing at once would cut connections whose answer is made and not sent yet.
                    .thenCompose(done -> after(FLUSH))
                    .completeOnTimeout(
                        Done.getInstance(), left(deadlineNanos), TimeUnit.NANOSECONDS))
        .thenCompose(idle -> binding.terminate(Duration.ofNanos(left(deadlineNanos))))
        .thenApply(terminated -> Done.getInstance())
        .whenComplete((done, failure) -> metrics.close());
  }

  private static long left(long deadlineNanos) {
    return Math.max(1_000_000, deadlineNanos - System.nanoTime());
  }

  private CompletionStage<Done> after(Duration pause) {
    return Patterns.after(
        pause, system, () -> CompletableFuture.completedFuture(Done.getInstance()));
  }

  private static Config serverConfig(HttpSettings settings) {
    // Deadlines are kept by the routes, which know what became of a request; the connection itself
    // only has to outlive the longest of them.
    Duration idle = settings.timeoutMax().plusSeconds(60);
    return ConfigFactory.parseMap(
        Map.ofEntries(
            Map.entry("pekko.http.server.server-header", ""),
            Map.entry("pekko.http.server.preview.enable-http2", "off"),
            Map.entry("pekko.http.server.request-timeout", "infinite"),
            Map.entry("pekko.http.server.idle-timeout", idle.toMillis() + "ms"),
            Map.entry("pekko.http.server.max-connections", settings.connectionsMax()),
            Map.entry("pekko.http.server.backlog", 1_024),
            Map.entry("pekko.http.server.socket-options.tcp-no-delay", true),
            Map.entry(
                "pekko.http.server.parsing.error-handler", UnreadableRequests.class.getName()),
            Map.entry("pekko.http.server.parsing.max-content-length", settings.bodyBytesMax()),
            // Queries by GET are part of the URL.
            Map.entry("pekko.http.server.parsing.max-uri-length", "256k"),
            Map.entry("pekko.http.server.parsing.uri-parsing-mode", "relaxed"),
            Map.entry("pekko.http.server.parsing.illegal-header-warnings", "off")));
  }
}
