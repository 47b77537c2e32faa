package peqlite;

import actors.ReadLevel;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * How a read is to be done.
 *
 * @param timeout how long all of it may take; empty: {@code peqlite.http.timeout}
 * @param level what it waits for before it reads the local database
 * @param freshness only at level NONE: how long ago, at most, this node may have known that nothing
 *     is missing here; empty for any time
 * @param minSeq the last event of the journal that must be applied here, such as that of a write
 *     whose effect is to be seen
 */
public record ReadOptions(
    Optional<Duration> timeout,
    ReadLevel level,
    Optional<Duration> freshness,
    OptionalLong minSeq) {

  /** Level WEAK, and nothing else asked for. */
  public static final ReadOptions DEFAULT =
      new ReadOptions(Optional.empty(), ReadLevel.WEAK, Optional.empty(), OptionalLong.empty());

  /** The same with another timeout. */
  public ReadOptions withTimeout(Duration of) {
    return new ReadOptions(Optional.of(of), level, freshness, minSeq);
  }

  /** The same with another level. */
  public ReadOptions withLevel(ReadLevel of) {
    return new ReadOptions(timeout, of, freshness, minSeq);
  }

  /** The same with a bound on staleness, which counts at level NONE only. */
  public ReadOptions withFreshness(Duration of) {
    return new ReadOptions(timeout, level, Optional.of(of), minSeq);
  }

  /** The same, but not before this event is applied here. */
  public ReadOptions withMinSeq(long seq) {
    return new ReadOptions(timeout, level, freshness, OptionalLong.of(seq));
  }
}
