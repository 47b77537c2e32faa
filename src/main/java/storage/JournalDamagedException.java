package storage;

import java.util.List;

/**
 * The journal holds an event that is not what was written. Nothing can be applied from there on by
 * who reads it; whoever lacks it needs a snapshot from behind it.
 */
public final class JournalDamagedException extends JournalException {

  private static final long serialVersionUID = 1L;

  private final long seq;

  private JournalDamagedException(long seq, FormatException cause) {
    super("the journal is damaged: " + cause.getMessage(), cause);
    this.seq = seq;
  }

  /** The first event that is damaged. */
  public long seq() {
    return seq;
  }

  /**
   * Those events that come before the first damaged one.
   *
   * @param events as they were read
   * @return at least one, unless there is none
   * @throws JournalDamagedException if the first of them is damaged
   */
  public static List<StoredEvent> before(List<StoredEvent> events) throws JournalDamagedException {
    for (int i = 0; i < events.size(); i++) {
      try {
        EventCodec.requireIntact(events.get(i));
      } catch (FormatException e) {
        if (i == 0) {
          throw new JournalDamagedException(events.get(0).seq(), e);
        }
        return events.subList(0, i);
      }
    }
    return events;
  }
}
