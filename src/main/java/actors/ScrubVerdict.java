package actors;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What follows from a scrub: which replicas hold what the majority holds. Pure.
 *
 * <p>Only a majority of all members is right, and of all who have said something: a replica that is
 * found wrong loses what it has, and must not because the others have just left. All have to run
 * one version of SQLite, too. Otherwise nobody can tell, and an operator hears of it.
 *
 * @param seq the event as of whose end the contents were compared
 * @param timestampMicros that event's time
 * @param digest what is right; empty if that is not known
 * @param wrong the nodes that hold something else, sorted
 * @param text the same in words for an operator
 */
record ScrubVerdict(
    long seq, long timestampMicros, Kind kind, byte[] digest, List<String> wrong, String text) {

  /** How a scrub ends. */
  enum Kind {
    /** A majority holds the same, and nobody holds anything else. */
    CLEAN,
    /** A majority holds the same, and somebody else does not. */
    DIFFERENT,
    /** Replicas differ, and nobody can tell who is right. */
    UNDECIDED,
    /** Too few have been looked through, and those hold the same. */
    INCOMPLETE,
    /** The only member is not damaged, and is compared with nobody. */
    ALONE;

    /** Whether it is known what is right, so that an earlier doubt is over. */
    boolean isDecided() {
      return this == CLEAN || this == DIFFERENT;
    }

    String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** Of {@link #text}; empty for what only a newer release knows. */
    static Optional<Kind> of(String text) {
      return Arrays.stream(values()).filter(kind -> kind.text().equals(text)).findFirst();
    }
  }

  /**
   * What one replica says.
   *
   * @param digest of its contents
   */
  record Word(String nodeId, String sqliteVersion, byte[] digest) {}

  /**
   * Decides from what replicas say of the same event, each at most once.
   *
   * @param members how many there are now
   */
  static ScrubVerdict of(long seq, long timestampMicros, List<Word> words, int members) {
    Map<String, List<String>> nodesByDigest = new HashMap<>();
    Set<String> versions = new HashSet<>();
    TreeMap<String, String> told = new TreeMap<>();
    for (Word word : words) {
      String digest = HexFormat.of().formatHex(word.digest());
      nodesByDigest.computeIfAbsent(digest, none -> new ArrayList<>()).add(word.nodeId());
      versions.add(word.sqliteVersion());
      told.put(
          word.nodeId(),
          digest.substring(0, Math.min(8, digest.length()))
              + " with SQLite "
              + word.sqliteVersion());
    }
    String most =
        nodesByDigest.entrySet().stream()
            .max(Comparator.comparingInt(one -> one.getValue().size()))
            .map(Map.Entry::getKey)
            .orElse("");
    int agreeing = nodesByDigest.getOrDefault(most, List.of()).size();
    int all = Math.max(members, words.size());
    boolean isMajority = 2 * agreeing > all;
    String at = " as of event " + seq;
    if (nodesByDigest.size() > 1 && !(isMajority && versions.size() == 1)) {
      return new ScrubVerdict(
          seq,
          timestampMicros,
          Kind.UNDECIDED,
          new byte[0],
          List.of(),
          "the contents" + at + " differ and it is not known which are right: " + told);
    }
    byte[] digest = isMajority ? HexFormat.of().parseHex(most) : new byte[0];
    if (nodesByDigest.size() > 1) {
      List<String> wrong =
          told.keySet().stream()
              .filter(node -> !nodesByDigest.getOrDefault(most, List.of()).contains(node))
              .toList();
      return new ScrubVerdict(
          seq,
          timestampMicros,
          Kind.DIFFERENT,
          digest,
          wrong,
          "the contents of " + wrong + at + " are not those of most other nodes");
    }
    if (all == 1 && agreeing == 1) {
      return new ScrubVerdict(
          seq,
          timestampMicros,
          Kind.ALONE,
          digest,
          List.of(),
          "no damage" + at + "; there is no other node to compare the contents with");
    }
    String compared = agreeing + " of " + all + " nodes" + at;
    return new ScrubVerdict(
        seq,
        timestampMicros,
        isMajority ? Kind.CLEAN : Kind.INCOMPLETE,
        digest,
        List.of(),
        isMajority
            ? "the same contents on " + compared
            : "only " + compared + " were looked through");
  }

  /** Whether it says the same, for an operator, as another one. */
  boolean isLike(ScrubVerdict other) {
    return seq == other.seq && kind == other.kind && text.equals(other.text);
  }
}
