package actors;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/** Says in the log that something fails once for each reason, and once that it works again. */
final class Troubles {

  private final Logger log;
  private final Map<String, String> reasons = new HashMap<>();

  Troubles(Logger log) {
    this.log = log;
  }

  /**
   * Takes note of how an attempt ended.
   *
   * @param what is the case while it fails
   * @param failure null if it worked
   */
  void note(String what, @Nullable Throwable failure) {
    if (failure == null) {
      if (reasons.remove(what) != null) {
        log.info("no longer: {}", what);
      }
      return;
    }
    Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
    String reason = cause == null ? failure.toString() : cause.toString();
    if (!reason.equals(reasons.put(what, reason))) {
      log.warn("{}: {}", what, reason);
    }
  }
}
