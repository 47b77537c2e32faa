package storage;

import sql.Position;

/**
 * What an event orders. The position of an entry is (its event's sequence number, its index).
 *
 * <p>Entries are stored for ever: see {@link EntryCodec} for their format.
 */
public sealed interface Entry {

  /**
   * A new sequencer took over. It ends every older sequencer, because it stands where their next
   * event would have stood, and it voids an unfinished large request. Its event's number is the
   * epoch.
   *
   * @param nodeId where the sequencer runs
   * @param settings what every replica has to apply alike from here on
   */
  record Opened(String nodeId, ReplicatedSettings settings) implements Entry {}

  /**
   * A node's process opens its session; the entry's position becomes the session's id. Any other
   * session of the same node is closed by it, because its process is gone.
   *
   * @param nonce by which the process recognises its own opening
   */
  record SessionOpened(String nodeId, String nonce) implements Entry {}

  /** A session is closed: nothing is taken from it any more. */
  record SessionClosed(Position session) implements Entry {}

  /**
   * A write request.
   *
   * @param session the session it is numbered in
   * @param number its number there, from 1
   * @param request its encoded form, see {@link RequestCodec}; not to be written to
   */
  record Submitted(Position session, long number, byte[] request) implements Entry {}

  /**
   * A part of a write request that is too large for one event. The parts of a request stand in
   * consecutive events; the request is taken with the last one.
   *
   * @param index from 0
   * @param count how many parts there are
   * @param bytes this part of the encoded request; not to be written to
   */
  record Part(Position session, long number, int index, int count, byte[] bytes) implements Entry {}

  /** A number is given up: if its request was not taken before, it never will be. */
  record Cancelled(Position session, long number) implements Entry {}

  /**
   * What is to be done with a request that a replica could not apply.
   *
   * @param position which request
   * @param statement the first statement that is given up; those before it are applied. Above 0
   *     only for a request whose statements have a transaction each
   * @param abort whether it is given up; otherwise it is applied without a limit
   * @param reason why, in words for the client
   */
  record Verdict(Position position, int statement, boolean abort, String reason) implements Entry {

    /** As it was meant under rules 1, where no statement was named: -1. */
    public Verdict fromWhereverEachStands() {
      return new Verdict(position, -1, abort, reason);
    }
  }

  /** Every replica writes its database anew, without the free pages, if it can. */
  record Vacuum() implements Entry {}

  /**
   * Every replica is to look through its whole database as of the end of this entry's event, and to
   * say what it holds. Changes nothing.
   */
  record Scrub() implements Entry {}
}
