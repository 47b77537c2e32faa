package quorum;

/**
 * Notices a leader who cannot begin. He takes requests only when the first entry of his term is
 * committed. When a follower has stored that and the answer is lost with its connection, Ratis
 * neither sends the entry again nor learns from heartbeats that it is there: the next entry would
 * tell, and none can come.
 *
 * <p>A slow disk looks the same, so each time there is more patience. One thread.
 */
final class LeaderWatch {

  /** More than most disks ever take. */
  static final int LOOKS_MIN = 6;

  static final int LOOKS_MAX = 120;

  private int patience = LOOKS_MIN;
  private int looks;
  private long term = -1;

  /**
   * Whether the leader should give up now, so that the next one finds out what the others hold.
   * Counts how often it was asked and not the time, during which this process may have stood still.
   *
   * @param begins whether this server leads others and is not ready
   * @param termNow the term that it leads in
   */
  boolean isStuck(boolean begins, long termNow) {
    if (!begins || termNow != term) {
      looks = 0;
      term = termNow;
    }
    if (!begins || ++looks <= patience) {
      return false;
    }
    looks = 0;
    patience = Math.min(2 * patience, LOOKS_MAX);
    return true;
  }

  /** The leader has begun, so that the next time is another trouble. */
  void hasBegun() {
    patience = LOOKS_MIN;
  }
}
