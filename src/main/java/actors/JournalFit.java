package actors;

import java.util.Arrays;
import java.util.List;
import storage.Event;
import storage.EventCodec;
import storage.EventHash;
import storage.FormatException;
import storage.Journal;
import storage.JournalDamagedException;
import storage.JournalException;
import storage.JournalGapException;
import storage.ReplicaPosition;
import storage.StoredEvent;

/**
 * Whether a replica and its journal fit: whether what the replica has applied is what the journal
 * holds, or held before its beginning was cut off.
 */
final class JournalFit {

  /** What can be wrong between them. */
  enum Misfit {
    NONE,
    /** The journal does not hold what the replica has applied. */
    LACKS,
    /** It is another journal. */
    ANOTHER
  }

  /**
   * What a look at the journal has found.
   *
   * @param head the last event that it holds, 0 for none
   */
  record Look(long head, Misfit misfit) {}

  private JournalFit() {}

  /** Asks the journal where it ends, and compares. Blocks. */
  static Look look(Journal journal, ReplicaPosition at) throws JournalException {
    long head = journal.head();
    return new Look(head, misfit(journal, at, head));
  }

  /** The same, and looks for holes from an event on up to what is applied. */
  static Look lookForHoles(Journal journal, ReplicaPosition at, long from) throws JournalException {
    Look look = look(journal, at);
    boolean misses =
        look.misfit == Misfit.NONE && at.seq() >= from && !journal.holdsAll(from, at.seq());
    return misses ? new Look(look.head, Misfit.LACKS) : look;
  }

  private static Misfit misfit(Journal journal, ReplicaPosition at, long head)
      throws JournalException {
    if (at.seq() == 0) {
      return Misfit.NONE;
    }
    if (head == 0) {
      return Misfit.LACKS;
    }
    List<StoredEvent> stored;
    try {
      stored = at.seq() <= head ? readOne(journal, at.seq()) : List.of();
    } catch (JournalDamagedException e) {
      return damaged(journal, at, head);
    }
    if (!stored.isEmpty() && Arrays.equals(EventHash.of(stored.get(0).bytes()), at.hash())) {
      return Misfit.NONE;
    }
    if (stored.isEmpty() && at.seq() < head) {
      return behind(journal, at);
    }
    for (StoredEvent other : stored.isEmpty() ? readOne(journal, head) : stored) {
      if (!decode(other).journalId().equals(at.journalId())) {
        return Misfit.ANOTHER;
      }
    }
    return Misfit.LACKS;
  }

  /** What was applied is damaged: the next event tells what it was, if there is one. */
  private static Misfit damaged(Journal journal, ReplicaPosition at, long head)
      throws JournalException {
    for (StoredEvent next :
        at.seq() < head ? readOne(journal, at.seq() + 1) : List.<StoredEvent>of()) {
      if (!Arrays.equals(decode(next).previousHash(), at.hash())) {
        return Misfit.LACKS;
      }
    }
    return Misfit.NONE;
  }

  /** What was applied is cut off, unless it is missing in the middle. */
  private static Misfit behind(Journal journal, ReplicaPosition at) throws JournalException {
    long first = journal.first();
    if (first <= at.seq()) {
      return Misfit.LACKS;
    }
    for (StoredEvent stored : readOne(journal, first)) {
      Event event = decode(stored);
      if (!event.journalId().equals(at.journalId())) {
        return Misfit.ANOTHER;
      }
      if (first == at.seq() + 1 && !Arrays.equals(event.previousHash(), at.hash())) {
        return Misfit.LACKS;
      }
    }
    return Misfit.NONE;
  }

  /** The id of the journal, which holds events. */
  static String journalId(Journal journal) throws JournalException {
    try {
      for (StoredEvent head : readOne(journal, journal.head())) {
        return decode(head).journalId();
      }
    } catch (JournalDamagedException e) {
      for (StoredEvent first : readOne(journal, journal.first())) {
        return decode(first).journalId();
      }
    }
    throw new JournalException("the journal does not give its last event");
  }

  private static List<StoredEvent> readOne(Journal journal, long seq) throws JournalException {
    try {
      return journal.read(seq, 1, 1);
    } catch (JournalGapException e) {
      return List.of();
    }
  }

  private static Event decode(StoredEvent stored) throws JournalException {
    try {
      return EventCodec.decode(stored);
    } catch (FormatException e) {
      throw new JournalException(String.valueOf(e.getMessage()), e);
    }
  }
}
