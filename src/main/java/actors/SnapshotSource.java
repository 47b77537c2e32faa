package actors;

import java.io.IOException;
import java.util.List;

/** Somewhere snapshots can be had from: another node, or a store. Blocking; thread-safe. */
interface SnapshotSource {

  /**
   * A snapshot that is there.
   *
   * @param id names it, everywhere
   * @param journalId the journal whose events it contains
   * @param seq the last of those events
   * @param bytes of its file
   * @param agreed whether the majority had the same outcomes up to there
   */
  record Offer(String id, String journalId, long seq, long bytes, boolean agreed) {}

  /** What an operator calls it. */
  String name();

  /** What is there, in any order. */
  List<Offer> offers() throws IOException;

  /**
   * Bytes of a snapshot's file.
   *
   * @param max how many at most; fewer may come, but one at least
   */
  byte[] read(Offer offer, long offset, int max) throws IOException;
}
