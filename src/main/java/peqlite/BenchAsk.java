package peqlite;

import actors.Node;
import actors.ReadLevel;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.pattern.StatusReply;
import sql.Value;

/** Asks a node in this process as an actor of an application does, from a system of its own. */
final class BenchAsk implements AutoCloseable {

  private static final Duration TIMEOUT = Duration.ofSeconds(3);

  private final ActorSystem<DatabaseCommand> system;

  private BenchAsk(Behavior<DatabaseCommand> asked) {
    this.system =
        ActorSystem.create(
            asked,
            "application",
            ConfigFactory.parseString("pekko.loglevel = WARNING")
                .withFallback(ConfigFactory.defaultReference()));
  }

  /** Asks a node. */
  static BenchAsk of(Node node, Settings settings) {
    return new BenchAsk(DatabaseActor.create(new DatabaseOperations(node, settings)));
  }

  /** Asks an actor that answers at once with the same row: what asking itself costs. */
  static BenchAsk ofNobody() {
    RowColumns columns = new RowColumns(List.of("id"));
    Rows rows =
        new Rows(columns.names(), List.of(new Row(columns, List.of(new Value.Int64(1)))), 1);
    return new BenchAsk(
        Behaviors.receive(DatabaseCommand.class)
            .onMessage(
                DatabaseCommand.Read.class,
                read -> {
                  read.replyTo().tell(StatusReply.success(rows));
                  return Behaviors.same();
                })
            .build());
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
    // Without an executor the stages that Scala gives would start a thread for each step where the
    // machine has two processors: java.util.concurrent.CompletableFuture, "default executor".
    return asked.handleAsync(
        (rows, failure) -> {
          if (rows == null) {
            return String.valueOf(failure);
          }
          return rows.rows().size() == 1 ? "" : rows.rows().size() + " rows instead of one";
        },
        Runnable::run);
  }

  @Override
  public void close() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
  }
}
