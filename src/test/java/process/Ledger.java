package process;

import java.util.List;
import java.util.Map;

/**
 * What became of the clients' requests according to the journal: what is written there, and what
 * comes of it when it is applied from its beginning.
 *
 * @param head the journal's highest sequence number
 * @param ordered where requests stand, by their marker; the same one may stand there repeatedly
 * @param effects the rows that came of them, by their marker
 * @param states what {@link Workload#STATE} tells after an event, for every event that was asked
 *     for
 */
record Ledger(
    long head,
    Map<String, List<Long>> ordered,
    Map<String, List<Effect>> effects,
    Map<Long, String> states) {

  /**
   * A row of {@code log}.
   *
   * @param seq the event by which it came
   * @param id its row's
   * @param part which row of its request
   * @param value what the row holds
   */
  record Effect(long seq, long id, int part, long value) {}

  Ledger {
    ordered = Map.copyOf(ordered);
    effects = Map.copyOf(effects);
    states = Map.copyOf(states);
  }
}
