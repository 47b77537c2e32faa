package quorum;

import java.util.List;
import storage.Arbiter;

/**
 * What changes the journal or the arbiter's ledger. Ordered by the Raft log, and applied by every
 * node in that order: what a command does depends on what was applied before it, and on nothing
 * else.
 *
 * <p>Each may be ordered twice because its answer was lost; the second does no harm.
 */
public sealed interface Command {

  /**
   * Append an event, if the journal ends with the one before it; answered with yes as well if this
   * very event stands under the number already. That fences every writer which does not know the
   * end.
   *
   * @param seq its sequence number
   * @param previousHash the SHA-256 of the payload of the event before it; of none, see {@link
   *     storage.EventHash#none}
   * @param serializerId what Pekko's serialization calls the payload's serializer
   * @param manifest what that serializer calls the payload's type
   * @param payload the event's bytes
   */
  record Append(long seq, byte[] previousHash, int serializerId, String manifest, byte[] payload)
      implements Command {}

  /**
   * Forget the events up to and with a number, except for the journal's last one. Nothing else is
   * applied meanwhile: many events are to be forgotten by many commands, see {@link
   * storage.TrimSteps}.
   */
  record Trim(long toSeq) implements Command {}

  /** See {@link Arbiter#enter}. */
  record Enter(Arbiter.Process self) implements Command {}

  /** See {@link Arbiter#renew}. */
  record Renew(Arbiter.Process self, long formation, boolean member) implements Command {}

  /** See {@link Arbiter#putOut}. */
  record PutOut(Arbiter.Process self, long formation, List<Arbiter.Process> others)
      implements Command {

    public PutOut {
      others = List.copyOf(others);
    }
  }

  /** See {@link Arbiter#leave}. */
  record Leave(Arbiter.Process self) implements Command {}
}
