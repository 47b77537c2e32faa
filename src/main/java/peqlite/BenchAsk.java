package peqlite;

import actors.Node;
import actors.ReadLevel;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import javax.sql.DataSource;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;

/** Asks a node in this process as an actor of an application does, from a system of its own. */
final class BenchAsk implements AutoCloseable {

  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  private final ActorSystem<DatabaseCommand> system;
  private final DataSource dataSource;

  BenchAsk(Node node, Settings settings) {
    this.dataSource = new LocalDataSource(node.reads());
    this.system =
        ActorSystem.create(
            DatabaseActor.create(new DatabaseOperations(node, settings)),
            "application",
            ConfigFactory.parseString("pekko.loglevel = WARNING")
                .withFallback(ConfigFactory.defaultReference()));
  }

  /** Reads one row by its primary key; completes with what went wrong, or with nothing. */
  CompletionStage<String> read(long id, ReadLevel level) {
    ActorRef<DatabaseCommand> actor = system;
    CompletionStage<Rows> asked =
        AskPattern.askWithStatus(
            actor,
            replyTo ->
                new DatabaseCommand.Read(
                    Sql.of(BenchTable.READ, id), ReadOptions.DEFAULT.withLevel(level), replyTo),
            TIMEOUT,
            system.scheduler());
    return asked.handle(
        (rows, failure) -> {
          if (rows == null) {
            return String.valueOf(failure);
          }
          return rows.rows().size() == 1 ? "" : rows.rows().size() + " rows instead of one";
        });
  }

  DataSource dataSource() {
    return dataSource;
  }

  @Override
  public void close() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
  }
}
