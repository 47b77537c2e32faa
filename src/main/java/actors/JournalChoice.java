package actors;

import java.time.Duration;
import storage.PostgresSettings;

/** Where events are made durable. */
public sealed interface JournalChoice {

  /** In a file of the data directory, for one node. */
  record Sqlite() implements JournalChoice {}

  /** In a PostgreSQL database that all nodes share. */
  record Postgres(PostgresSettings settings) implements JournalChoice {}

  /**
   * On a majority of the nodes' own disks.
   *
   * @param host what the others call this node's Raft server by; empty for the cluster address's
   * @param port 0 for a free one, which is kept
   * @param bindHost where that server listens; empty for the host
   * @param electionTimeoutMin see {@link quorum.QuorumSettings}
   * @param electionTimeoutMax see {@link quorum.QuorumSettings}
   */
  record Quorum(
      String host,
      int port,
      String bindHost,
      Duration electionTimeoutMin,
      Duration electionTimeoutMax)
      implements JournalChoice {}
}
