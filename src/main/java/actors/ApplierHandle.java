package actors;

import org.jspecify.annotations.Nullable;
import storage.EventApplier;

/**
 * Lets a stopping node interrupt what its replica is applying, from another thread. Once stopped it
 * stops every applier that is set later too.
 */
final class ApplierHandle {

  private @Nullable EventApplier applier;
  private boolean stopped;

  synchronized void set(@Nullable EventApplier next) {
    applier = next;
    if (stopped && next != null) {
      next.stop();
    }
  }

  synchronized void stop() {
    stopped = true;
    if (applier != null) {
      applier.stop();
    }
  }
}
