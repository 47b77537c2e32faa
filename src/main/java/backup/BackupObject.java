package backup;

import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a backup consists of, as the names of its objects say, so that a listing alone tells what
 * can be restored and where something is missing.
 *
 * <p>A full backup is {@code JOURNAL/full/SEQ-MICROS-HASH.snapshot}, a segment is {@code
 * JOURNAL/segment/FROM-TO-MICROS-PREVIOUS-HASH.segment}. Numbers have leading zeros, so that names
 * sort by position. A name follows from what is in the object: two that make the same backup at
 * once give it the same name.
 */
public sealed interface BackupObject {

  /** The id of the journal whose events these are. */
  String journalId();

  /** The last event that is in it. */
  long seq();

  /** The time of that event, in microseconds since 1970. */
  long micros();

  /** The beginning of that event's hash, {@value #HASH_DIGITS} hexadecimal digits. */
  String hash();

  /** The object's name. */
  String name();

  /** How many digits of a hash stand in a name. */
  int HASH_DIGITS = 16;

  /** A snapshot of the whole database, as {@link storage.SnapshotFile} makes it. */
  record Full(String journalId, long seq, long micros, String hash) implements BackupObject {
    @Override
    public String name() {
      return String.format(
          Locale.ROOT, "%s/full/%019d-%016d-%s.snapshot", journalId, seq, micros, hash);
    }
  }

  /**
   * Consecutive events, as {@link SegmentFile} keeps them.
   *
   * @param from the first event in it
   * @param previousHash the beginning of the hash of the event before that
   */
  record Segment(
      String journalId, long from, long seq, long micros, String previousHash, String hash)
      implements BackupObject {
    @Override
    public String name() {
      return String.format(
          Locale.ROOT,
          "%s/segment/%019d-%019d-%016d-%s-%s.segment",
          journalId,
          from,
          seq,
          micros,
          previousHash,
          hash);
    }
  }

  /** What an object's name says; empty for an object that is none of ours. */
  static Optional<BackupObject> of(String name) {
    Matcher full = Names.FULL.matcher(name);
    if (full.matches()) {
      Full read =
          new Full(
              full.group(1),
              Names.number(full.group(2)),
              Names.number(full.group(3)),
              full.group(4));
      return read.seq > 0 && read.name().equals(name) ? Optional.of(read) : Optional.empty();
    }
    Matcher segment = Names.SEGMENT.matcher(name);
    if (segment.matches()) {
      Segment read =
          new Segment(
              segment.group(1),
              Names.number(segment.group(2)),
              Names.number(segment.group(3)),
              Names.number(segment.group(4)),
              segment.group(5),
              segment.group(6));
      boolean good = read.from > 0 && read.from <= read.seq && read.name().equals(name);
      return good ? Optional.of(read) : Optional.empty();
    }
    return Optional.empty();
  }

  /** How a hash stands in a name. */
  static String shortHash(byte[] hash) {
    return HexFormat.of().formatHex(hash, 0, HASH_DIGITS / 2);
  }

  /** How names are read. */
  final class Names {

    private static final String JOURNAL = "([A-Za-z0-9-]{1,64})";
    private static final String HASH = "([0-9a-f]{" + HASH_DIGITS + "})";
    private static final String SEQ = "([0-9]{19})";
    private static final String MICROS = "([0-9]{16,19})";
    private static final Pattern FULL =
        Pattern.compile(JOURNAL + "/full/" + SEQ + "-" + MICROS + "-" + HASH + "\\.snapshot");
    private static final Pattern SEGMENT =
        Pattern.compile(
            String.join("-", JOURNAL + "/segment/" + SEQ, SEQ, MICROS, HASH, HASH) + "\\.segment");

    private Names() {}

    /** A number that is too large is 0, which no position is. */
    private static long number(String digits) {
      try {
        return Long.parseLong(digits);
      } catch (NumberFormatException tooLarge) {
        return 0;
      }
    }
  }
}
