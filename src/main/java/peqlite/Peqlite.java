package peqlite;

import actors.ChangeLog;
import actors.NodeStatus;
import com.typesafe.config.Config;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import javax.sql.DataSource;
import org.apache.pekko.Done;
import org.apache.pekko.actor.ClassicActorSystemProvider;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Extension;
import org.apache.pekko.actor.typed.ExtensionId;
import org.apache.pekko.actor.typed.Props;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.stream.javadsl.Source;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.Position;
import sql.Value;
import storage.AppliedChange;

/**
 * A node of peqlite inside an application's own process, as an extension of its actor system: a
 * replica of the whole database, a step away.
 *
 * <p>It is configured under {@code peqlite} in the application's configuration, by the keys of a
 * node; {@code peqlite.http-addr} and {@code peqlite.management-addr} are empty unless set, so that
 * nothing is served. It starts with the first {@link #get}, or with the system if that is told to
 * by {@code pekko.actor.typed.extensions = ["peqlite.Peqlite$Id"]}, and stops with its coordinated
 * shutdown, in the phase {@code before-actor-system-terminate}: what it has taken is answered, and
 * it leaves its cluster. It runs in actor systems of its own, so that the application's cluster,
 * serialization, dispatchers and persistence are left alone.
 *
 * <p>Thread-safe; nothing here blocks but the start.
 */
public final class Peqlite implements Extension {

  private static final Logger LOG = LoggerFactory.getLogger(Peqlite.class);

  private final Settings settings;
  private final RunningNode node;
  private final DatabaseOperations operations;
  private final Database database;
  private final ActorRef<DatabaseCommand> actor;

  private Peqlite(ActorSystem<?> system, Settings settings, RunningNode node) {
    this.settings = settings;
    this.node = node;
    this.operations = new DatabaseOperations(node.node(), settings);
    this.database = new Database(operations, WriteOptions.DEFAULT, ReadOptions.DEFAULT);
    this.actor = system.systemActorOf(DatabaseActor.create(operations), "peqlite", Props.empty());
  }

  /**
   * The node of this system. The first call starts it, which takes about a second and blocks.
   *
   * @param system typed or classic
   * @throws IllegalStateException with one line that says why, if it cannot be started
   */
  public static Peqlite get(ClassicActorSystemProvider system) {
    return Id.INSTANCE.get(Adapter.toTyped(system.classicSystem()));
  }

  /** What the actor system knows the extension by. */
  public static final class Id extends ExtensionId<Peqlite> {

    private static final Id INSTANCE = new Id();

    private Id() {}

    /** For the actor system, which finds it by its configuration. */
    public static Id getInstance() {
      return INSTANCE;
    }

    Peqlite get(ActorSystem<?> system) {
      return apply(system);
    }

    @Override
    public Peqlite createExtension(ActorSystem<?> system) {
      return start(system);
    }
  }

  private static Peqlite start(ActorSystem<?> system) {
    try {
      Config config = SettingsSource.embedded(system.settings().config());
      Settings settings = Settings.from(config);
      RunningNode node = RunningNode.start(settings, config);
      Peqlite peqlite = new Peqlite(system, settings, node);
      CoordinatedShutdown.get(system)
          .addTask(
              CoordinatedShutdown.PhaseBeforeActorSystemTerminate(), "peqlite-stop", peqlite::stop);
      peqlite.watch(system);
      return peqlite;
    } catch (SettingsException e) {
      throw new IllegalStateException("peqlite cannot start: " + e.line(), e);
    } catch (StartException e) {
      throw new IllegalStateException("peqlite cannot start: " + e.line(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("peqlite was interrupted while it started", e);
    }
  }

  /** Says what an operator has to know and nobody has asked for. */
  private void watch(ActorSystem<?> system) {
    node.refused()
        .thenAccept(reason -> LOG.error("peqlite cannot take part in its cluster: {}", reason));
    node.terminated()
        .whenComplete(
            (done, failure) -> {
              operations.close();
              if (!node.stopAsked()) {
                LOG.error("the node of peqlite in {} has stopped by itself", system.name());
              }
            });
  }

  private CompletionStage<Done> stop() {
    operations.close();
    CompletableFuture<Done> stopped = new CompletableFuture<>();
    // It blocks, and the dispatchers may be ending.
    Executor ownThread = task -> new Thread(task, "peqlite-stop").start();
    ownThread.execute(
        () -> {
          if (!node.stop()) {
            LOG.warn("peqlite did not stop as it should; nothing that was acknowledged is lost");
          }
          stopped.complete(Done.getInstance());
        });
    return stopped;
  }

  /** Reads and writes. */
  public Database database() {
    return database;
  }

  /**
   * The same by messages, for {@code ask}. Only for actors of the same process: its messages are
   * not made to be sent to another.
   */
  public ActorRef<DatabaseCommand> actor() {
    return actor;
  }

  /**
   * Connections to the local database at SQLite's own speed, as sqlite-jdbc gives them; read-only,
   * and with no regard for other nodes, as reads at level NONE. Every call of {@code getConnection}
   * opens one, which takes some tenths of a millisecond: keep it, or pool them.
   *
   * <p>A read that does not end, such as a result set that is not closed, keeps the write-ahead log
   * from being started anew, so that it grows. Connections are closed by the node when it stops,
   * and when its database is made anew; take another one then. {@code getConnection} throws while
   * there is no database yet, right after the very first start.
   */
  public DataSource dataSource() {
    return new LocalDataSource(node.node().reads());
  }

  /**
   * All writes from now on, as they are applied here, whichever node they were sent to.
   *
   * <p>To follow a state: run the stream, wait for its materialized number, read the state {@code
   * withMinSeq} that number, and of the stream leave aside what is not behind the {@linkplain
   * Rows#seq number} of what was read.
   *
   * <p>The latest changes are kept for the slow ({@code peqlite.apply.changes-bytes-max}). The
   * stream fails with {@link ChangeLog.ChangesLostException} when it has fallen further behind than
   * that, and when the database is made anew from the journal; then begin anew by reading the
   * state. It completes never.
   *
   * @return materializes a number: every write of an event behind it is in the stream, none of it
   *     or before it
   */
  public Source<Change, CompletionStage<Long>> changes() {
    return changes(OptionalLong.empty());
  }

  /**
   * As {@link #changes()}, behind an event that is known from an earlier stream.
   *
   * @param afterSeq the number of that event, with all of its changes; the stream fails with {@link
   *     ChangeLog.ChangesLostException} if what comes behind is not kept, as after each start
   */
  public Source<Change, CompletionStage<Long>> changes(long afterSeq) {
    return changes(OptionalLong.of(afterSeq));
  }

  private Source<Change, CompletionStage<Long>> changes(OptionalLong afterSeq) {
    return Source.fromMaterializer(
            (materializer, attributes) -> {
              CompletableFuture<Long> began = new CompletableFuture<>();
              return Source.<List<AppliedChange>, ChangeLog.Cursor>unfoldResourceAsync(
                      () -> follow(afterSeq, began),
                      cursor -> cursor.next().thenApply(Optional::of),
                      cursor -> CompletableFuture.completedFuture(Done.getInstance()))
                  .mapConcat(changes -> changes)
                  .map(Peqlite::change)
                  .mapMaterializedValue(ignored -> (CompletionStage<Long>) began);
            })
        .mapMaterializedValue(stage -> stage.thenCompose(began -> began));
  }

  private CompletionStage<ChangeLog.Cursor> follow(
      OptionalLong afterSeq, CompletableFuture<Long> began) {
    return node.node()
        .changes(afterSeq)
        .whenComplete(
            (cursor, failure) -> {
              if (cursor != null) {
                began.complete(cursor.afterSeq());
              } else {
                began.completeExceptionally(failure);
              }
            });
  }

  private static Change change(AppliedChange applied) {
    List<Change.Statement> statements = new ArrayList<>(applied.statements().size());
    for (int i = 0; i < applied.statements().size(); i++) {
      List<@Nullable Object> parameters = new ArrayList<>();
      for (Value value : applied.statements().get(i).parameters()) {
        parameters.add(SqlValues.object(value));
      }
      statements.add(
          new Change.Statement(
              applied.statements().get(i).sql(),
              Collections.unmodifiableList(parameters),
              applied.failures().get(i)));
    }
    Position position = applied.position();
    long micros = applied.timestampMicros();
    Instant time = Instant.EPOCH.plus(Duration.ofNanos(Math.multiplyExact(micros, 1000L)));
    return new Change(position, time, applied.transaction(), statements);
  }

  /** Completes when the node serves every level of read and takes writes, for the first time. */
  public CompletionStage<Done> ready() {
    return node.ready();
  }

  /** What the node knows of itself and its cluster, now. */
  public NodeStatus status() {
    return node.node().status();
  }

  /**
   * Where HTTP is served, as a URL without a path; empty unless {@code peqlite.http-addr} is set.
   */
  public Optional<String> url() {
    return node.servesHttp() ? Optional.of(node.url()) : Optional.empty();
  }

  /** The folder that holds everything this node keeps; absolute. */
  public Path dataDirectory() {
    return settings.dataDirectory();
  }
}
