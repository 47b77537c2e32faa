package actors;

import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HexFormat;
import java.util.Properties;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.EventHash;

/**
 * A small file beside the database that says what the last scrub found here, so that a sequencer
 * that opens after a restart hears of it too. Not synced: what is lost with it is looked at once
 * more by the next scrub. One thread.
 */
final class ScrubNote {

  private static final Logger LOG = LoggerFactory.getLogger(ScrubNote.class);
  private static final long FILE_BYTES_MAX = 4096;

  /**
   * What is noted.
   *
   * @param journalId the journal that the events are of; empty if there was no scrub
   * @param seq the event of the last scrub that this replica came to
   * @param timestampMicros that event's time
   * @param digest what the database held at its end; empty if that is not known
   * @param sqliteVersion that read it
   * @param cleanSeq the last scrub by which this replica held what the majority holds, 0 for none
   * @param cleanMicros that one's time
   * @param madeAnew whether the database was made anew since, because it held something else
   * @param undecided whether contents differed and nobody could tell who is right, and that was not
   *     decided since
   */
  record Note(
      String journalId,
      long seq,
      long timestampMicros,
      byte[] digest,
      String sqliteVersion,
      long cleanSeq,
      long cleanMicros,
      boolean madeAnew,
      boolean undecided) {

    static final Note NONE = new Note("", 0, 0, new byte[0], "", 0, 0, false, false);

    Note reached(String journal, long at, long micros) {
      boolean same = journal.equals(journalId);
      return new Note(
          journal,
          at,
          micros,
          new byte[0],
          "",
          same ? cleanSeq : 0,
          same ? cleanMicros : 0,
          same && madeAnew,
          same && undecided);
    }

    Note holding(byte[] found, String version) {
      return new Note(
          journalId,
          seq,
          timestampMicros,
          found,
          version,
          cleanSeq,
          cleanMicros,
          madeAnew,
          undecided);
    }

    Note clean() {
      return new Note(
          journalId,
          seq,
          timestampMicros,
          digest,
          sqliteVersion,
          seq,
          timestampMicros,
          false,
          undecided);
    }

    Note anew() {
      return new Note(
          journalId, seq, timestampMicros, new byte[0], "", cleanSeq, cleanMicros, true, undecided);
    }

    Note undecided(boolean is) {
      return new Note(
          journalId,
          seq,
          timestampMicros,
          digest,
          sqliteVersion,
          cleanSeq,
          cleanMicros,
          madeAnew,
          is);
    }
  }

  private final Path file;

  ScrubNote(Path file) {
    this.file = file;
  }

  /** What was noted last; nothing if it cannot be read. */
  Note read() {
    try {
      if (!Files.exists(file) || Files.size(file) > FILE_BYTES_MAX) {
        return Note.NONE;
      }
      Properties noted = new Properties();
      try (Reader in = Files.newBufferedReader(file)) {
        noted.load(in);
      }
      byte[] digest = HexFormat.of().parseHex(noted.getProperty("digest", ""));
      if (digest.length != 0 && digest.length != EventHash.LENGTH) {
        throw new IOException("a digest has " + digest.length + " bytes");
      }
      return new Note(
          noted.getProperty("journal", ""),
          number(noted, "seq"),
          number(noted, "time"),
          digest,
          noted.getProperty("sqlite", ""),
          number(noted, "clean-seq"),
          number(noted, "clean-time"),
          Boolean.parseBoolean(noted.getProperty("made-anew")),
          Boolean.parseBoolean(noted.getProperty("undecided")));
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn("cannot read {}, and goes on without what it says: {}", file, e.toString());
      return Note.NONE;
    }
  }

  private static long number(Properties noted, String key) {
    return Long.parseLong(noted.getProperty(key, "0"));
  }

  /** Notes it, in place of what was there. */
  void write(Note note) {
    Properties noted = new Properties();
    noted.setProperty("journal", note.journalId());
    noted.setProperty("seq", String.valueOf(note.seq()));
    noted.setProperty("time", String.valueOf(note.timestampMicros()));
    noted.setProperty("digest", HexFormat.of().formatHex(note.digest()));
    noted.setProperty("sqlite", note.sqliteVersion());
    noted.setProperty("clean-seq", String.valueOf(note.cleanSeq()));
    noted.setProperty("clean-time", String.valueOf(note.cleanMicros()));
    noted.setProperty("made-anew", String.valueOf(note.madeAnew()));
    noted.setProperty("undecided", String.valueOf(note.undecided()));
    Path next = file.resolveSibling(file.getFileName() + ".next");
    try {
      try (Writer out = Files.newBufferedWriter(next)) {
        noted.store(out, null);
      }
      Files.move(next, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      // Without the note this is known until the process ends; that is no reason not to apply.
      LOG.warn("cannot write {}: {}", file, e.toString());
    }
  }
}
