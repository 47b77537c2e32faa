package sql;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * What was found out about texts that came lately: clients send the same few statements again and
 * again, and to read one takes longer than to look it up. Bounded in number and length. Safe for
 * use by several threads.
 */
final class RecentTexts<V> {

  /** Longer ones hold too much, and seldom come twice. */
  private static final int LENGTH_MAX = 2048;

  private static final int COUNT_MAX = 512;

  private final Map<String, V> known = new ConcurrentHashMap<>();
  private final Function<String, V> reading;

  /**
   * Knows nothing yet.
   *
   * @param reading what is to be found out, from the text alone; immutable. What it throws comes
   *     out of {@link #get}, and is not kept
   */
  RecentTexts(Function<String, V> reading) {
    this.reading = reading;
  }

  V get(String text) {
    if (text.length() > LENGTH_MAX) {
      return reading.apply(text);
    }
    V found = known.get(text);
    if (found == null) {
      found = reading.apply(text);
      if (known.size() >= COUNT_MAX) {
        known.clear(); // simpler than an order, and what is in use comes again at once
      }
      known.put(text, found);
    }
    return found;
  }
}
