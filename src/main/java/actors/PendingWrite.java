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

  /** When it, or its cancellation, was last sent, by {@link System#nanoTime()}. */
  long sentNanos;

  PendingWrite(WriteSession.Submit submit) {
    this.submit = submit;
  }

  boolean isAnswered() {
    return submit.answer().isDone();
  }

  /** Its number was never taken and never will be: it is as if it had not been sent. */
  void reset() {
    entry = null;
    position = null;
    givingUp = false;
  }
}
