package actors;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import storage.ReplicatedSettings;

/**
 * What the replica of this node says of itself, for everybody else to read. Written by the replica
 * alone; each reading is consistent in itself. Thread-safe.
 */
final class ReplicaGauge {

  /** What the replica is doing. */
  enum State {
    /** It has not reached the head that was known when the node started. */
    CATCHING_UP("catching-up"),
    /** It applies what comes. */
    APPLYING("applying"),
    /** It waits for a snapshot, from which its database is made. */
    RESTORING("restoring"),
    /** It stands before a request that it could not apply, and waits for a verdict. */
    HELD("held"),
    /** The node cannot apply now: no space, I/O error, no journal; it tries again. */
    FAILED("failed"),
    /** It must not go on until an operator has decided. */
    OUT_OF_SERVICE("out-of-service");

    private final String text;

    State(String text) {
      this.text = text;
    }

    String text() {
      return text;
    }

    /** Whether the node may take writes: it must be able to apply them. */
    boolean takesWrites() {
      return this == APPLYING || this == CATCHING_UP;
    }
  }

  /**
   * One reading.
   *
   * @param applied the last event applied in full
   * @param appliedBytes of the events that were applied since the process began
   * @param head the highest sequence number heard of
   * @param epoch of the sequencer last heard of, 0 if none was
   * @param sequencerNodeId where that sequencer runs, empty if none was heard of
   * @param servesReads whether reads are served: it has applied the head known at its start
   * @param servesNone whether reads at level none are: also when the journal cannot be asked
   * @param heardNanos when an open sequencer was last heard of, by {@link System#nanoTime()}
   * @param atHeadNanos when applied was last known to equal the head, by {@link System#nanoTime()}
   * @param journalKnown whether the journal was asked since the start, and fits or does not
   * @param journalUnreachable whether the journal could not be asked the last time
   * @param comparedSeq the event up to which {@code comparedDigest} goes, 0 if nobody asked
   * @param comparedDigest of all outcomes up to there
   * @param suspectsJournal whether it is out of service because the journal lacks what it applied
   * @param settings of the last opening applied; empty before the first
   */
  record Reading(
      State state,
      Optional<String> problem,
      String journalId,
      long applied,
      long appliedBytes,
      long head,
      long epoch,
      String sequencerNodeId,
      boolean servesReads,
      boolean servesNone,
      long heardNanos,
      long atHeadNanos,
      long walBytes,
      boolean journalKnown,
      boolean journalUnreachable,
      boolean suspectsJournal,
      long comparedSeq,
      long comparedDigest,
      Optional<ReplicatedSettings> settings) {

    /**
     * Whether the node may be a member: it fits the journal, or suspects it, which the others must
     * hear before one of them opens.
     */
    boolean mayJoin() {
      return journalKnown && (state != State.OUT_OF_SERVICE || suspectsJournal);
    }

    /** Whether it is no longer than that since applied was known to equal the head. */
    boolean isFresh(Optional<Duration> freshness) {
      return freshness.isEmpty()
          || (atHeadNanos != Long.MIN_VALUE
              && System.nanoTime() - atHeadNanos <= freshness.get().toNanos());
    }
  }

  private volatile Reading reading =
      new Reading(
          State.CATCHING_UP,
          Optional.empty(),
          "",
          0,
          0,
          0,
          0,
          "",
          false,
          false,
          0,
          Long.MIN_VALUE,
          0,
          false,
          false,
          false,
          0,
          0,
          Optional.empty());

  private volatile Replica.@Nullable WhereAnswer runningLong;

  private volatile Scrubber.Reading scrub = Scrubber.Reading.NONE;

  /** What is known of scrubs here. */
  Scrubber.Reading scrub() {
    return scrub;
  }

  void scrub(Scrubber.Reading next) {
    scrub = next;
  }

  /**
   * Where the replica stands while it cannot answer itself, because a request runs without a limit;
   * else null.
   */
  Replica.@Nullable WhereAnswer runningLong() {
    return runningLong;
  }

  void runningLong(Replica.@Nullable WhereAnswer where) {
    runningLong = where;
  }

  Reading read() {
    return reading;
  }

  void write(Reading next) {
    reading = next;
  }
}
