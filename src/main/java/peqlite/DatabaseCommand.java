package peqlite;

import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.pattern.StatusReply;

/**
 * What {@link Peqlite#actor} takes, for {@code ask} from within the same process. The replies are
 * errors with a {@link DatabaseException} where something went wrong, so that {@code askWithStatus}
 * fails with it.
 */
public sealed interface DatabaseCommand {

  /**
   * Writes.
   *
   * @param statements one or more, done at one place in the order of all writes
   * @param transaction all or nothing. Otherwise each statement stands for itself, and those that
   *     fail are {@link StatementOutcome.Failed} in the reply
   */
  record Write(
      List<Sql> statements,
      boolean transaction,
      WriteOptions options,
      ActorRef<StatusReply<WriteResult>> replyTo)
      implements DatabaseCommand {

    public Write {
      statements = List.copyOf(statements);
    }
  }

  /** Reads from this node's database. */
  record Read(Sql statement, ReadOptions options, ActorRef<StatusReply<Rows>> replyTo)
      implements DatabaseCommand {}
}
