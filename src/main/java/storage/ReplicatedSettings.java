package storage;

import java.time.Duration;
import java.util.Optional;

/**
 * Settings that change what a replica makes of an event, and so stand in the journal.
 *
 * @param foreignKeys whether foreign keys are enforced; fixed when the journal is created
 * @param keyAge how long an idempotency key is remembered, by the events' own time
 * @param keysMax how many keys are remembered at most; then new ones are refused
 * @param keyOutcomeBytesMax the largest outcome that is kept with a key, in bytes
 */
public record ReplicatedSettings(
    boolean foreignKeys, Duration keyAge, long keysMax, int keyOutcomeBytesMax) {

  /**
   * Why a node cannot work on a journal that has these settings; empty if it can.
   *
   * @param own whether foreign keys are enforced by the node's own settings
   */
  public Optional<String> misfit(boolean own) {
    if (own == foreignKeys) {
      return Optional.empty();
    }
    return Optional.of(
        "the journal was created with foreign keys "
            + (foreignKeys ? "on" : "off")
            + ": start this node with --foreign-keys="
            + foreignKeys);
  }
}
