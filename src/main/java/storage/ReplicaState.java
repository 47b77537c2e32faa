package storage;

import org.jspecify.annotations.Nullable;

/**
 * Where a replica stands while it applies: the row of {@code _peqlite_position} in memory. After a
 * rollback it is loaded again. The columns are explained in {@link InternalTables}.
 */
final class ReplicaState {
  long seq;
  int index;
  int statement;
  long lastRowid;
  long lastChanges = 1;
  byte[] hash = EventHash.none();
  String journalId = "";
  long epoch;
  long timestampMicros;
  long clockMicros;
  long digest;

  /** The digests of all events so far, that of event {@code seq} included. */
  long digests;

  long keyCount;
  @Nullable ReplicatedSettings settings;

  boolean foreignKeys() {
    ReplicatedSettings known = settings;
    return known != null && known.foreignKeys();
  }
}
