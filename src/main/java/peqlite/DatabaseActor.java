package peqlite;

import java.util.concurrent.CompletionException;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.pattern.StatusReply;
import org.jspecify.annotations.Nullable;

/** Answers what actors of the same process ask. Keeps nothing, and waits for nothing. */
final class DatabaseActor {

  private DatabaseActor() {}

  static Behavior<DatabaseCommand> create(DatabaseOperations operations) {
    return Behaviors.receive(DatabaseCommand.class)
        .onMessage(
            DatabaseCommand.Write.class,
            write -> {
              operations
                  .write(write.statements(), write.transaction(), write.options())
                  .whenComplete((result, failure) -> reply(write.replyTo(), result, failure));
              return Behaviors.same();
            })
        .onMessage(
            DatabaseCommand.Read.class,
            read -> {
              operations
                  .read(read.statement(), read.options())
                  .whenComplete((rows, failure) -> reply(read.replyTo(), rows, failure));
              return Behaviors.same();
            })
        .build();
  }

  private static <T> void reply(
      ActorRef<StatusReply<T>> replyTo, @Nullable T result, @Nullable Throwable failure) {
    if (result != null) {
      replyTo.tell(StatusReply.success(result));
    } else if (failure != null) {
      Throwable cause = failure.getCause();
      replyTo.tell(
          StatusReply.error(
              failure instanceof CompletionException && cause != null ? cause : failure));
    }
  }
}
