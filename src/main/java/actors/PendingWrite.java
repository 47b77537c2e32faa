package actors;

import org.jspecify.annotations.Nullable;
import sql.Position;

/** A write that a node has taken and whose fate is not known yet. Belongs to its session. */
final class PendingWrite {

  final WriteSession.Submit submit;

  /** Its entry with its present number, null while it has none. */
  byte @Nullable [] entry;

  /** Where the journal holds it, once the sequencer has said so. */
  @Nullable Position position;

  /** Whether its cancellation was sent. */
  boolean givingUp;

  /** Whether its bytes count as being on their way. */
  boolean counted;

  /** When it, or its cancellation, was last sent, by {@link System#nanoTime()}. */
  long sentNanos;

  /** The last event that is known to hold it or its cancellation; 0 if none is. */
  private long orderedSeq;

  PendingWrite(WriteSession.Submit submit) {
    this.submit = submit;
  }

  boolean isAnswered() {
    return submit.answer().isDone();
  }

  /** The journal holds it, or its cancellation, in this event. */
  void orderedBy(long seq) {
    orderedSeq = Math.max(orderedSeq, seq);
  }

  /** Whether it is answered, and a replica that has applied so much has taken its number. */
  boolean isSettledAt(long appliedSeq) {
    return isAnswered() && orderedSeq > 0 && appliedSeq >= orderedSeq;
  }

  /** Its number was never taken and never will be: it is as if it had not been sent. */
  void reset() {
    entry = null;
    position = null;
    givingUp = false;
    orderedSeq = 0;
  }
}
