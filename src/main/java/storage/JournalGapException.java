package storage;

/**
 * The journal does not hold an event below its head: nothing can be applied from there on. Either
 * the event was cut away, and whoever lacks it needs a snapshot from behind the cut; or the journal
 * is damaged.
 */
public final class JournalGapException extends JournalException {

  private static final long serialVersionUID = 1L;

  private final long missing;
  private final long first;

  private JournalGapException(String message, long missing, long first) {
    super(message);
    this.missing = missing;
    this.first = first;
  }

  /**
   * What was found where an event should stand.
   *
   * @param missing the event that is not there
   * @param next the first event behind it that is
   * @param first the event with which the journal begins
   */
  public static JournalGapException of(long missing, long next, long first) {
    String message =
        missing < first
            ? "the journal begins at event " + first + " and no longer holds event " + missing
            : "the journal does not hold event "
                + missing
                + " although it holds event "
                + next
                + ", and begins at event "
                + first;
    return new JournalGapException(message, missing, first);
  }

  /** Whether the journal begins behind the missing event; otherwise it has a hole. */
  public boolean isCutAway() {
    return missing < first;
  }

  /** The event with which the journal begins. */
  public long first() {
    return first;
  }
}
