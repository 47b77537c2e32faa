package actors;

import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.ContentScrub;
import storage.DatabaseConnections;
import storage.DatabaseDamagedException;
import storage.EventHash;
import storage.ReadPool;
import storage.SqliteErrors;

/**
 * The scrubs of this node's replica: begins one where the journal orders it, tells the sequencer
 * what was found, and remembers what the nodes made of it.
 *
 * <p>The reading itself has a thread of its own, at most one, while the apply goes on. It is given
 * up rather than let the write-ahead log grow without end. Everything else belongs to the replica's
 * thread.
 */
final class Scrubber {

  /**
   * What this node tells of scrubs.
   *
   * @param seq the event of the last one that this replica came to, 0 for none
   * @param running whether this replica is about to be looked through
   * @param result how the last one ended, see {@link ScrubVerdict.Kind#text}; empty if that is not
   *     known
   * @param text the same in words
   * @param undecided whether nobody could tell which nodes are right, and no scrub has decided it
   *     since
   * @param cleanSeq the last one by which this replica held what the majority holds, 0 for none
   * @param cleanMicros when that was, in microseconds since 1970
   * @param tookNanos how long the last reading took, 0 if none has ended in this process
   */
  record Reading(
      long seq,
      boolean running,
      String result,
      String text,
      boolean undecided,
      long cleanSeq,
      long cleanMicros,
      long tookNanos) {

    static final Reading NONE = new Reading(0, false, "", "", false, 0, 0, 0);
  }

  private static final Logger LOG = LoggerFactory.getLogger(Scrubber.class);

  /** A replica that is further behind than that passes over a scrub: it would be late. */
  static final long BEHIND_MAX = 2_048;

  /** A word may be lost, and so may the answer. */
  private static final long TELL_NANOS = Duration.ofSeconds(5).toNanos();

  /** How many times its usual limit the write-ahead log may grow to while everything is read. */
  private static final long LOG_FACTOR = 64;

  private static final long READING_NANOS_MAX = Duration.ofHours(6).toNanos();

  private final String nodeId;
  private final ReadPool reads;
  private final ScrubNote file;
  private final SequencerLink link;
  private final ReplicaGauge gauge;
  private final boolean alone;
  private final long walBytesMax;
  private final Consumer<Replica.ScrubEnded> tell;
  private ScrubNote.Note note;
  private @Nullable ContentScrub running;
  private long beganNanos;
  private long tookNanos;
  private boolean tellNow = true;
  private long toldNanos = System.nanoTime();
  private long toldEpoch;
  private Optional<ScrubVerdict.Kind> result = Optional.empty();
  private String text = "";

  /**
   * @param alone whether there can never be another node
   * @param walBytesMax what the write-ahead log usually has at most
   * @param tell takes the end of a reading; called on any thread
   */
  Scrubber(
      String nodeId,
      ReadPool reads,
      ScrubNote file,
      SequencerLink link,
      ReplicaGauge gauge,
      boolean alone,
      long walBytesMax,
      Consumer<Replica.ScrubEnded> tell) {
    this.nodeId = nodeId;
    this.reads = reads;
    this.file = file;
    this.link = link;
    this.gauge = gauge;
    this.alone = alone;
    this.walBytesMax = walBytesMax;
    this.tell = tell;
    this.note = file.read();
    show();
  }

  /** The database is open, and stands there. */
  void opened(long seq, String journalId) {
    boolean another = !note.journalId().isEmpty() && !note.journalId().equals(journalId);
    if (seq > 0 && another) {
      note = ScrubNote.Note.NONE;
    } else if (seq < note.seq()) {
      forget(); // it was looked through where this one has not been yet
    }
    show();
  }

  /**
   * A scrub is ordered where the database stands now.
   *
   * @param head the journal's last event, as far as it is known
   * @param database how many databases there were before this one
   */
  void reached(long seq, long timestampMicros, String journalId, long head, int database) {
    cancel("the next one has begun");
    running = null;
    note = note.reached(journalId, seq, timestampMicros);
    file.write(note);
    result = Optional.empty();
    text = "";
    tellNow = true;
    if (head - seq <= BEHIND_MAX) {
      try {
        begin(seq, database);
      } catch (SQLException e) {
        LOG.warn("the scrub at event {} cannot begin: {}", seq, SqliteErrors.message(e));
      }
    }
    show();
  }

  private void begin(long seq, int database) throws SQLException {
    ContentScrub scrub = ContentScrub.begin(reads, seq);
    running = scrub;
    beganNanos = System.nanoTime();
    long began = beganNanos;
    Thread thread =
        new Thread(() -> tell.accept(read(scrub, seq, database, began)), "peqlite-scrub");
    thread.setDaemon(true);
    thread.setPriority(Thread.MIN_PRIORITY);
    thread.start();
  }

  private static Replica.ScrubEnded read(ContentScrub scrub, long seq, int database, long began) {
    byte[] digest = new byte[0];
    String problem = "";
    boolean damage = false;
    try (scrub) {
      digest = scrub.run();
    } catch (DatabaseDamagedException e) {
      damage = true;
      problem = String.valueOf(e.getMessage());
    } catch (ContentScrub.CancelledException e) {
      problem = String.valueOf(e.getMessage());
    } catch (SQLException e) {
      problem = SqliteErrors.message(e);
    } catch (RuntimeException | OutOfMemoryError e) {
      LOG.error("the scrub at event {} failed", seq, e);
      problem = e.toString();
    }
    return new Replica.ScrubEnded(
        seq, digest, problem, damage, database, System.nanoTime() - began);
  }

  /** A reading has ended; what was read of another database counts for nothing. */
  void ended(Replica.ScrubEnded ended, int database) {
    if (running == null || ended.seq() != note.seq() || ended.database() != database) {
      return;
    }
    running = null;
    tookNanos = ended.nanos();
    tellNow = true;
    if (ended.problem().isEmpty()) {
      note = note.holding(ended.digest(), DatabaseConnections.sqliteVersion());
      file.write(note);
      LOG.info(
          "looked through the database as of event {} in {} ms",
          ended.seq(),
          ended.nanos() / 1_000_000);
    } else if (!ended.damage()) {
      LOG.warn("the scrub at event {} is given up: {}", ended.seq(), ended.problem());
    }
    show();
  }

  /** Gives up what keeps the write-ahead log from being started anew for too long. */
  void watch(long walBytes) {
    if (running == null) {
      return;
    }
    if (walBytes > LOG_FACTOR * walBytesMax) {
      cancel("the write-ahead log has grown to " + (walBytes >> 20) + " MiB meanwhile");
    } else if (System.nanoTime() - beganNanos > READING_NANOS_MAX) {
      cancel("it takes longer than " + READING_NANOS_MAX / 3_600_000_000_000L + " hours");
    }
  }

  /** The replica has another database: nothing that was read counts any more. */
  void begunAnew() {
    cancel("the database is made anew");
    running = null;
    forget();
    show();
  }

  private void forget() {
    note = note.holding(new byte[0], "");
    file.write(note);
    tellNow = true;
  }

  /** Ends the reading soon; it has a connection that is about to be closed. */
  void cancel(String reason) {
    ContentScrub reading = running;
    if (reading != null) {
      reading.cancel(reason);
    }
  }

  /** Tells the sequencer when there is something new, when it is a new one, and now and then. */
  void tellSequencer(long epoch) {
    long now = System.nanoTime();
    if (note.seq() > 0 && (tellNow || epoch != toldEpoch || now - toldNanos > TELL_NANOS)) {
      tellNow = false;
      toldEpoch = epoch;
      toldNanos = now;
      link.tellScrub(
          nodeId,
          note.seq(),
          note.timestampMicros(),
          running != null,
          note.undecided(),
          note.digest(),
          note.sqliteVersion());
    }
  }

  /**
   * Hears how a scrub has ended.
   *
   * @return whether this replica holds what it must not hold
   */
  boolean isFoundWrong(Replica.Scrubbed told) {
    if (told.seq() != note.seq()) {
      return false;
    }
    result = ScrubVerdict.Kind.of(told.result());
    text = told.text();
    boolean undecided =
        result
            .map(kind -> note.undecided() ? !kind.isDecided() : kind == ScrubVerdict.Kind.UNDECIDED)
            .orElse(false);
    if (undecided != note.undecided() && result.isPresent()) {
      note = note.undecided(undecided);
      file.write(note);
    }
    boolean same = note.digest().length > 0 && Arrays.equals(note.digest(), told.digest());
    // Who can never have another node beside him has all there is; who has lost the others has not.
    boolean compared = alone || !result.equals(Optional.of(ScrubVerdict.Kind.ALONE));
    if (same && compared && (note.cleanSeq() != note.seq() || note.madeAnew())) {
      note = note.clean();
      file.write(note);
    }
    show();
    List<String> wrong = told.wrong();
    return wrong.contains(nodeId)
        && running == null
        && told.digest().length == EventHash.LENGTH
        && note.digest().length > 0
        && !same;
  }

  /** Whether the database was made anew because of a scrub, and none has found it right since. */
  boolean isMadeAnew() {
    return note.madeAnew();
  }

  /** The database is about to be made anew because of what a scrub has found. */
  void madeAnew() {
    note = note.anew();
    file.write(note);
  }

  private void show() {
    gauge.scrub(
        new Reading(
            note.seq(),
            running != null,
            result.map(ScrubVerdict.Kind::text).orElse(""),
            text,
            note.undecided(),
            note.cleanSeq(),
            note.cleanMicros(),
            tookNanos));
  }
}
