package actors;

import java.util.List;

/** Everywhere snapshots can be had from beside this node's own disk. Thread-safe. */
interface SnapshotSources {

  /**
   * Whether every node of the cluster is among them. A node that has not joined yet knows none of
   * the others, and what it hears before says nothing about what they have.
   */
  boolean areAllKnown();

  /** Those that can be asked now. */
  List<SnapshotSource> now();
}
