package actors;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;
import quorum.Founding;
import quorum.QuorumIdentity;
import quorum.QuorumPart;
import quorum.QuorumServer;
import quorum.QuorumSettings;
import storage.JournalException;

/**
 * Finds out who this node is in the quorum, and starts its part. A node that has done so before
 * knows it from its disk, and needs nobody for it; any other looks for the nodes that its {@code
 * --join} names, by an actor system that ends before the cluster's begins, at the same address.
 *
 * <p>One thread at a time.
 */
final class QuorumPreparation implements ClusterKeeper.Preparation, AutoCloseable {

  /** How long one call waits; what it waits for is shown in between. */
  private static final Duration WAIT = Duration.ofSeconds(1);

  private static final Duration END_MAX = Duration.ofSeconds(10);

  private record Search(
      ActorSystem<?> system, Founding founding, CompletableFuture<QuorumIdentity> settled) {}

  private final QuorumPart part;
  private final QuorumSettings settings;
  private final String clusterAddress;
  private final List<String> list;
  private final String systemName;
  private final Config config;
  private @Nullable Search search;
  private boolean closed;

  /**
   * Does nothing yet.
   *
   * @param clusterAddress this node's, host:port
   * @param list whom {@code --join} names
   * @param systemName what the cluster's actor systems are called
   * @param config that of the cluster's actor system
   */
  QuorumPreparation(
      QuorumPart part,
      QuorumSettings settings,
      String clusterAddress,
      List<String> list,
      String systemName,
      Config config) {
    this.part = part;
    this.settings = settings;
    this.clusterAddress = clusterAddress;
    this.list = list;
    this.systemName = systemName;
    this.config = config;
  }

  @Override
  public synchronized void run() throws JournalException {
    if (closed || part.ifStarted().isPresent()) {
      return;
    }
    Optional<QuorumIdentity> stored = QuorumIdentity.load(settings.directory());
    boolean settled =
        stored.isPresent() && stored.get().standing() != QuorumIdentity.Standing.PROPOSED;
    QuorumIdentity identity = settled ? stored.get() : lookForOthers();
    // The search may also have settled it between two calls, and holds the cluster's port.
    end();
    part.started(QuorumServer.start(settings, identity));
  }

  private QuorumIdentity lookForOthers() throws JournalException {
    Search running = search;
    if (running == null) {
      running = begin();
      search = running;
    }
    try {
      return running.settled().get(WAIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new JournalException(running.founding().waitsFor(), e);
    } catch (ExecutionException e) {
      throw new JournalException("cannot look for the other nodes: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted", e);
    }
  }

  private Search begin() throws JournalException {
    Founding founding = new Founding(settings, clusterAddress, list);
    CompletableFuture<QuorumIdentity> settled = new CompletableFuture<>();
    Config alone =
        ConfigFactory.parseMap(
                Map.of(
                    "pekko.actor.provider",
                    "remote",
                    "pekko.remote.warn-about-direct-use",
                    "off",
                    "pekko.persistence.journal.plugin",
                    "",
                    "pekko.extensions",
                    List.of()))
            .withFallback(config);
    try {
      return new Search(
          ActorSystem.create(
              Behaviors.setup(
                  context -> {
                    context.spawn(
                        QuorumAnnouncer.looking(founding, list, settled), QuorumAnnouncer.NAME);
                    return Behaviors.empty();
                  }),
              systemName,
              alone),
          founding,
          settled);
    } catch (RuntimeException e) {
      throw new JournalException("cannot listen at " + clusterAddress + ": " + e.getMessage(), e);
    }
  }

  private void end() throws JournalException {
    Search ending = search;
    search = null;
    if (ending == null) {
      return;
    }
    ending.system().terminate();
    try {
      ending
          .system()
          .getWhenTerminated()
          .toCompletableFuture()
          .get(END_MAX.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException | ExecutionException e) {
      throw new JournalException("the search for the other nodes does not end", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JournalException("interrupted", e);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    try {
      end();
    } catch (JournalException e) {
      // The process ends, and with it the system.
    }
    part.close();
  }
}
