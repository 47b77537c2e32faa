package peqlite;

import actors.Node;
import actors.NodeRuntime;
import com.typesafe.config.Config;
import http.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
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

  private final Settings settings;
  private final DataDirectory directory;
  private final NodeRuntime runtime;
  private final HttpServer server;
  private final AtomicBoolean stopAsked = new AtomicBoolean();

  private RunningNode(
      Settings settings, DataDirectory directory, NodeRuntime runtime, HttpServer server) {
    this.settings = settings;
    this.directory = directory;
    this.runtime = runtime;
    this.server = server;
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
    requireFree("serve HTTP on ", settings.httpAddress());
    requireFree("start on ", settings.clusterAddress());
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
      HttpServer server =
          await(HttpServer.start(runtime.system(), runtime.node(), Wiring.http(settings)));
      RunningNode node = new RunningNode(settings, directory, runtime, server);
      runtime.servesHttpAt(node.url());
      return node;
    } catch (ExecutionException e) {
      boolean unused = stop(runtime);
      throw cannot("serve HTTP on " + settings.httpAddress(), e);
    }
  }

  /** For work in this process, without HTTP. */
  Node node() {
    return runtime.node();
  }

  /** Where HTTP is served; with the real port when 0 was asked for. */
  NetworkAddress httpAddress() {
    InetSocketAddress bound = server.address();
    return new NetworkAddress(settings.httpAddress().host(), bound.getPort());
  }

  /** Where HTTP is served, as a URL without a path. */
  String url() {
    return "http://" + httpAddress();
  }

  /**
   * Waits until the node serves every level of read and takes writes.
   *
   * @return whether it does; false when the time is over or the node has ended
   */
  boolean awaitReady(Duration timeMax) throws InterruptedException {
    CompletableFuture<Boolean> ready =
        runtime.ready().thenApply(done -> true).toCompletableFuture();
    CompletableFuture<Boolean> ended =
        runtime.terminated().thenApply(done -> false).toCompletableFuture();
    try {
      return (boolean)
          CompletableFuture.anyOf(ready, ended).get(timeMax.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      return false;
    }
  }

  /** What is wrong with the node, in words for an operator; empty when nothing is known. */
  String problem() {
    return runtime.node().status().problem().orElse("");
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
    boolean clean = ended("HTTP", server.stop(settings.http().stopDeadline()));
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
