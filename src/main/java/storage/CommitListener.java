package storage;

import java.util.List;

/** Told by {@link EventApplier} what it has committed, on the applying thread. Must not throw. */
public interface CommitListener {

  /** Entries of this node's sessions, in their order. */
  void entries(List<AppliedEntry> entries);

  /** Whether {@link #changes} is to be called; asked for each request. */
  default boolean wantsChanges() {
    return false;
  }

  /** Requests of all nodes that have changed something, or might have, in their order. */
  default void changes(List<AppliedChange> changes) {}
}
