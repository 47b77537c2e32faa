package actors;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Finds replicas whose outcomes differ although they applied the same events. The majority is
 * right; where there is none, or where different versions of SQLite run, nobody can tell who is,
 * and an operator hears of it. Pure.
 */
final class DigestComparison {

  /** What one replica says: all its outcomes up to an event, as one number. */
  record Word(String nodeId, String sqliteVersion, long digest) {}

  /**
   * What follows from it.
   *
   * @param diverged what nodes have said that are surely wrong, sorted by node
   * @param alarm what an operator has to know, if replicas differ and it is not known who is wrong
   */
  record Result(List<Word> diverged, Optional<String> alarm) {}

  private DigestComparison() {}

  /** Compares what replicas say of the same event. */
  static Result compare(long seq, List<Word> words) {
    Map<Long, List<String>> nodesByDigest = new HashMap<>();
    Set<String> versions = new HashSet<>();
    for (Word word : words) {
      nodesByDigest.computeIfAbsent(word.digest(), digest -> new ArrayList<>()).add(word.nodeId());
      versions.add(word.sqliteVersion());
    }
    if (nodesByDigest.size() < 2) {
      return new Result(List.of(), Optional.empty());
    }
    for (List<String> nodes : nodesByDigest.values()) {
      if (2 * nodes.size() > words.size() && versions.size() == 1) {
        List<Word> others =
            words.stream()
                .filter(word -> !nodes.contains(word.nodeId()))
                .sorted(Comparator.comparing(Word::nodeId))
                .toList();
        return new Result(others, Optional.empty());
      }
    }
    TreeMap<String, String> byNode = new TreeMap<>();
    words.forEach(
        word ->
            byNode.put(
                word.nodeId(),
                Long.toHexString(word.digest()) + " with SQLite " + word.sqliteVersion()));
    return new Result(
        List.of(),
        Optional.of(
            "the outcomes up to event "
                + seq
                + " differ between the nodes and it is not known which are right: "
                + byNode));
  }
}
