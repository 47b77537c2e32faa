package actors;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a sequencer knows of the last scrub, and when the next one is due. It remembers nothing
 * beyond its life: the nodes tell each sequencer again what they have found. Pure; one thread.
 */
final class Scrubs {

  /** After one that was not clean, and where nobody remembers any. */
  private static final Duration SOON = Duration.ofHours(1);

  /** How long a new sequencer listens before it takes the nodes' word for complete. */
  private static final Duration LISTEN = Duration.ofMinutes(1);

  /** How long a node may take to say that it has begun. */
  static final Duration BEGIN_MAX = Duration.ofSeconds(10);

  /** A node that is at it says so more often than that. */
  static final Duration SILENCE_MAX = Duration.ofSeconds(20);

  private static final Set<ScrubVerdict.Kind> GOOD =
      Set.of(ScrubVerdict.Kind.CLEAN, ScrubVerdict.Kind.ALONE);

  private record Heard(boolean running, ScrubVerdict.Word word, long atNanos) {}

  private final long intervalMicros;
  private final Map<String, Heard> heard = new HashMap<>();
  private long seq;
  private long timestampMicros;
  private long begunNanos;
  private Optional<ScrubVerdict> verdict = Optional.empty();

  /** Whether nobody could tell who is right, and that was not decided since. */
  private boolean undecided;

  /** Whether a node has said something that the verdict does not rest on. */
  private boolean hasNews;

  /**
   * @param interval from one scrub to the next; zero for none but by hand
   */
  Scrubs(Duration interval) {
    this.intervalMicros = micros(interval);
  }

  private static long micros(Duration duration) {
    return duration.toNanos() / 1000;
  }

  /** A scrub stands in the journal, with this number and the time of its event. */
  void ordered(long orderedSeq, long orderedMicros, long nowNanos) {
    if (orderedSeq > seq) {
      seq = orderedSeq;
      timestampMicros = orderedMicros;
      begunNanos = nowNanos;
      heard.clear();
      verdict = Optional.empty();
    }
  }

  /**
   * A node tells of the last scrub that it has come to.
   *
   * @param word what it holds; without a digest if it has not looked, or does not any more
   * @param running whether it is about to look
   * @param doubts whether it knows of contents that differed and of no decision since
   */
  void heard(
      long wordSeq,
      long wordMicros,
      ScrubVerdict.Word word,
      boolean running,
      boolean doubts,
      long nowNanos) {
    ordered(wordSeq, wordMicros, nowNanos);
    if (wordSeq == seq) {
      undecided |= doubts && verdict.isEmpty();
      Heard before = heard.put(word.nodeId(), new Heard(running, word, nowNanos));
      hasNews |= before == null || !Arrays.equals(before.word().digest(), word.digest());
    }
  }

  /** The event of the last scrub, 0 if nobody knows of one. */
  long seq() {
    return seq;
  }

  /** Whether its end is not known yet. */
  boolean isRunning() {
    return seq > 0 && verdict.isEmpty();
  }

  /** What is known of its end. */
  Optional<ScrubVerdict> verdict() {
    return verdict;
  }

  /**
   * Whether contents differ and nobody can tell who is right. It stays so while the next scrub is
   * on its way, and after one that decides nothing.
   */
  boolean isUndecided() {
    return undecided;
  }

  /** The nodes that have looked. */
  Set<String> compared() {
    return words().stream().map(ScrubVerdict.Word::nodeId).collect(Collectors.toSet());
  }

  /**
   * Decides, when nobody is to be waited for any more; and once more whenever a node says something
   * else than before. That the members are others now changes nothing of what was decided.
   *
   * @param present the nodes that are heard of now
   * @param members how many there are
   * @return the verdict if it is not the one that was known
   */
  Optional<ScrubVerdict> decide(Set<String> present, int members, long nowNanos) {
    boolean waited = nowNanos - begunNanos >= BEGIN_MAX.toNanos();
    boolean allHeard = heard.size() >= members && heard.keySet().containsAll(present);
    if (seq == 0
        || heard.values().stream().anyMatch(one -> isAtIt(one, nowNanos))
        || (verdict.isEmpty() && !waited && !allHeard)
        || (verdict.isPresent() && !hasNews)) {
      return Optional.empty();
    }
    hasNews = false;
    ScrubVerdict next = ScrubVerdict.of(seq, timestampMicros, words(), members);
    if (verdict.filter(next::isLike).isPresent()) {
      return Optional.empty();
    }
    verdict = Optional.of(next);
    undecided =
        next.kind() == ScrubVerdict.Kind.UNDECIDED || (undecided && !next.kind().isDecided());
    return verdict;
  }

  private List<ScrubVerdict.Word> words() {
    return heard.values().stream()
        .map(Heard::word)
        .filter(word -> word.digest().length > 0)
        .toList();
  }

  private static boolean isAtIt(Heard one, long nowNanos) {
    return one.running() && nowNanos - one.atNanos() <= SILENCE_MAX.toNanos();
  }

  /**
   * Whether the next one is to be ordered.
   *
   * @param nowMicros by the clock of the events
   * @param openedMicros when this sequencer opened, by that clock
   */
  boolean isDue(long nowMicros, long openedMicros) {
    if (intervalMicros == 0
        || isRunning()
        || nowMicros - openedMicros < Math.min(intervalMicros, micros(LISTEN))) {
      return false;
    }
    boolean clean = verdict.map(ScrubVerdict::kind).filter(GOOD::contains).isPresent();
    long gap = clean ? intervalMicros : Math.min(intervalMicros, micros(SOON));
    return nowMicros - (seq == 0 ? openedMicros : timestampMicros) >= gap;
  }
}
