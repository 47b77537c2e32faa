package quorum;

import java.time.Duration;

/**
 * Notices that a leader's entries are not committed any more. When an answer of a follower was lost
 * with its connection, Ratis neither sends that entry again nor believes the heartbeats that
 * follow; it finds out with the next entry. A leader who has not yet begun takes no next entry, and
 * would wait for ever.
 *
 * <p>A slow disk looks the same, so each time there is more patience. One thread.
 */
final class CommitWatch {

  /** More than most disks ever take, and less than a client waits. */
  static final Duration PATIENCE_MIN = Duration.ofSeconds(3);

  static final Duration PATIENCE_MAX = Duration.ofMinutes(1);

  private long committed = -1;
  private long sinceNanos;
  private Duration patience = PATIENCE_MIN;

  /**
   * Whether the leader should give up now, so that the next one finds out what the others hold.
   *
   * @param waits whether this server leads and has an entry that is not committed
   * @param committedNow the last committed entry
   */
  boolean isStuck(boolean waits, long committedNow, long nowNanos) {
    if (committedNow != committed) {
      committed = committedNow;
      patience = PATIENCE_MIN;
      sinceNanos = nowNanos;
    } else if (!waits) {
      sinceNanos = nowNanos;
    }
    if (nowNanos - sinceNanos < patience.toNanos()) {
      return false;
    }
    sinceNanos = nowNanos;
    Duration doubled = patience.multipliedBy(2);
    patience = doubled.compareTo(PATIENCE_MAX) < 0 ? doubled : PATIENCE_MAX;
    return true;
  }
}
