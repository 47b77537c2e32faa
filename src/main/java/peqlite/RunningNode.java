package peqlite;

import actors.Node;
import actors.NodeRuntime;
import com.typesafe.config.Config;
import http.HttpServer;
import http.ManagementServer;
import http.Unready;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.pekko.Done;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.JournalException;

/**
 * One node with all its parts, wired: the data directory's lock, the actors, HTTP. Thread-safe.
 * Every method blocks and is for the threads of commands, never for an actor's.
 */
final class RunningNode {

  private static final Logger LOG = LoggerFactory.getLogger(RunningNode.class);

  /** Longer than every part's own deadline, so that only a defect reaches it. */
  private static final long PART_SECONDS_MAX = 60;

  private static final String SERVE = "serve HTTP on ";
  private static final String SHOW = "show the cluster on ";

  private final Settings settings;
  private final DataDirectory directory;
  private final NodeRuntime runtime;
  private final Optional<HttpServer> server;
  private final Optional<ManagementServer> management;
  private final AtomicBoolean stopAsked = new AtomicBoolean();

  private RunningNode(
      Settings settings,
      DataDirectory directory,
      NodeRuntime runtime,
      Optional<HttpServer> server,
      Optional<ManagementServer> management) {
    this.settings = settings;
    this.directory = directory;
    this.runtime = runtime;
    this.server = server;
    this.management = management;
  }

  /**
   * Starts a node and returns when HTTP is served; what is not {@linkplain #awaitReady ready} yet
   * is answered so. Leaves nothing running when it fails.
   *
   * @throws SettingsException if the data directory cannot be used
   * @throws StartException if it cannot start for another reason that a user can see to
   */
  static RunningNode start(Settings settings, Config config)
      throws SettingsException, StartException, InterruptedException {
    DataDirectory directory = DataDirectory.open(settings.dataDirectory());
    try {
      return start(settings, config, directory);
    } catch (StartException | InterruptedException | RuntimeException e) {
      close(directory);
      throw e;
    }
  }

  private static RunningNode start(Settings settings, Config config, DataDirectory directory)
      throws StartException, InterruptedException {
    if (settings.httpAddress().isPresent()) {
      requireFree(SERVE, settings.httpAddress().get());
    }
    requireFree("start on ", settings.clusterAddress());
    if (settings.managementAddress().isPresent()) {
      requireFree(SHOW, settings.managementAddress().get());
    }
    NodeRuntime runtime;
    try {
      runtime = await(NodeRuntime.start(Wiring.node(settings, config)));
    } catch (ExecutionException e) {
      if (e.getCause() instanceof JournalException journal) {
        throw new StartException(String.valueOf(journal.getMessage()), e);
      }
      throw cannot("start on " + settings.clusterAddress(), e);
    }
    try {
      Optional<HttpServer> server = serve(settings, runtime);
      Optional<ManagementServer> management = show(settings, runtime);
      RunningNode node = new RunningNode(settings, directory, runtime, server, management);
      if (node.servesHttp()) {
        runtime.servesHttpAt("http://" + node.httpAddress().forOthers(node.clusterAddress()));
      }
      return node;
    } catch (StartException e) {
      // What is bound ends with the actor system that it runs in.
      boolean unused = stop(runtime);
      throw e;
    }
  }

  private static Optional<HttpServer> serve(Settings settings, NodeRuntime runtime)
      throws StartException, InterruptedException {
    if (settings.httpAddress().isEmpty()) {
      return Optional.empty();
    }
    NetworkAddress address = settings.httpAddress().get();
    try {
      return Optional.of(
          await(
              HttpServer.start(runtime.system(), runtime.node(), Wiring.http(address, settings))));
    } catch (ExecutionException e) {
      throw cannot(SERVE + address, e);
    }
  }

  private static Optional<ManagementServer> show(Settings settings, NodeRuntime runtime)
      throws StartException, InterruptedException {
    if (settings.managementAddress().isEmpty()) {
      return Optional.empty();
    }
    NetworkAddress address = settings.managementAddress().get();
    try {
      return Optional.of(
          await(
              ManagementServer.start(
                  runtime.system(),
                  runtime.node(),
                  runtime::clusterSystem,
                  address.host(),
                  address.port())));
    } catch (ExecutionException e) {
      throw cannot(SHOW + address, e);
    }
  }

  /** For work in this process, without HTTP. */
  Node node() {
    return runtime.node();
  }

  /** Whether HTTP is served. */
  boolean servesHttp() {
    return server.isPresent();
  }

  /** Where HTTP is served, if it is; with the real port when 0 was asked for. */
  NetworkAddress httpAddress() {
    InetSocketAddress bound = server.orElseThrow().address();
    return new NetworkAddress(settings.httpAddress().orElseThrow().host(), bound.getPort());
  }

  /** Where the cluster finds this node; with the real port when 0 was asked for. */
  NetworkAddress clusterAddress() {
    return NetworkAddress.parse(runtime.node().status().clusterAddress());
  }

  /** Where the cluster is shown, if it is; with the real port when 0 was asked for. */
  Optional<NetworkAddress> managementAddress() {
    return settings
        .managementAddress()
        .flatMap(
            asked ->
                management.map(
                    bound -> new NetworkAddress(asked.host(), bound.address().getPort())));
  }

  /** Where HTTP is served, if it is, as a URL without a path. */
  String url() {
    return "http://" + httpAddress();
  }

  /**
   * Waits until the node serves every level of read and takes writes.
   *
   * @return whether it does; false when the time is over, the node has ended or was {@linkplain
   *     #refusal refused}
   */
  boolean awaitReady(Duration timeMax) throws InterruptedException {
    CompletableFuture<Boolean> ready =
        runtime.ready().thenApply(done -> true).toCompletableFuture();
    CompletableFuture<Boolean> ended =
        runtime.terminated().thenApply(done -> false).toCompletableFuture();
    CompletableFuture<Boolean> refused =
        runtime.refused().thenApply(reason -> false).toCompletableFuture();
    try {
      return (boolean)
          CompletableFuture.anyOf(ready, ended, refused)
              .get(timeMax.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      return false;
    }
  }

  /** Why the node can never get ready before somebody changes something; empty if it still may. */
  Optional<String> refusal() {
    CompletableFuture<String> refused = runtime.refused().toCompletableFuture();
    return refused.isDone() && !refused.isCompletedExceptionally()
        ? Optional.of(refused.join())
        : Optional.empty();
  }

  /** Completes when the node serves every level of read and takes writes for the first time. */
  CompletionStage<Done> ready() {
    return runtime.ready();
  }

  /**
   * Completes with the reason if the node can never get ready before somebody changes something.
   */
  CompletionStage<String> refused() {
    return runtime.refused();
  }

  /** Completes when the node has ended, because it was stopped or by itself. */
  CompletionStage<Done> terminated() {
    return runtime.terminated();
  }

  /** Why the node is not ready, in words for an operator; only for one that is not. */
  String problem() {
    return Unready.reason(runtime.node().status());
  }

  /** Whether {@link #stop} was called. */
  boolean stopAsked() {
    return stopAsked.get();
  }

  /** Returns when the node has ended, because it was stopped or by itself. */
  void awaitEnd() throws InterruptedException {
    try {
      runtime.terminated().toCompletableFuture().get();
    } catch (ExecutionException e) {
      LOG.error("the node ended with a failure", e.getCause());
    }
  }

  /**
   * Takes no more requests, finishes those that were taken, and ends the node.
   *
   * @return whether every part ended as it should
   */
  boolean stop() {
    stopAsked.set(true);
    // It goes on answering until the end, so that nobody takes a stopping node for a dead one.
    management.ifPresent(ManagementServer::stopping);
    boolean clean =
        server.isEmpty() || ended("HTTP", server.get().stop(settings.http().stopDeadline()));
    clean &= stop(runtime);
    close(directory);
    return clean;
  }

  /** Asked before anything is started, so that a mistake leaves no trace in the journal. */
  private static void requireFree(String what, NetworkAddress address) throws StartException {
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(InetAddress.getByName(address.host()), address.port()));
    } catch (UnknownHostException e) {
      throw new StartException("cannot " + what + address + ": the host is not known", e);
    } catch (IOException e) {
      throw cannot(what + address, e);
    }
  }

  private static boolean stop(NodeRuntime runtime) {
    return ended("the node", runtime.stop());
  }

  private static boolean ended(String part, CompletionStage<?> stage) {
    try {
      stage.toCompletableFuture().get(PART_SECONDS_MAX, TimeUnit.SECONDS);
      return true;
    } catch (ExecutionException e) {
      LOG.error("stopping {} failed", part, e.getCause());
    } catch (TimeoutException e) {
      LOG.error("{} did not stop in {} s", part, PART_SECONDS_MAX);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return false;
  }

  private static <T> T await(CompletionStage<T> stage)
      throws ExecutionException, InterruptedException {
    return stage.toCompletableFuture().get();
  }

  private static void close(DataDirectory directory) {
    try {
      directory.close();
    } catch (IOException e) {
      LOG.warn("cannot close the lock of {}", directory.path(), e);
    }
  }

  /** The innermost cause is the one that a user can do something about. */
  private static StartException cannot(String what, Throwable failure) {
    Throwable cause = failure;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    if (cause instanceof BindException) {
      return new StartException(
          "cannot " + what + ": the address is in use or not this host's", failure);
    }
    return new StartException("cannot " + what + ": " + cause, failure);
  }
}
