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
   * @param host where this node's Raft server listens; empty for the cluster address's
   * @param port 0 for a free one, which is kept
   * @param electionTimeoutMin see {@link quorum.QuorumSettings}
   * @param electionTimeoutMax see {@link quorum.QuorumSettings}
   */
  record Quorum(String host, int port, Duration electionTimeoutMin, Duration electionTimeoutMax)
      implements JournalChoice {}
}
