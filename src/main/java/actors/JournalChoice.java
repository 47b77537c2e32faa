package actors;

import storage.PostgresSettings;

/** Where events are made durable. */
public sealed interface JournalChoice {

  /** In a file of the data directory, for one node. */
  record Sqlite() implements JournalChoice {}

  /** In a PostgreSQL database that all nodes share. */
  record Postgres(PostgresSettings settings) implements JournalChoice {}
}
