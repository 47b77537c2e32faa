package storage;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A snapshot's file does not hold what was written to it. The message says which, and where. */
public final class SnapshotDamagedException extends IOException {

  private static final long serialVersionUID = 1L;

  SnapshotDamagedException(String message) {
    super(message);
  }

  SnapshotDamagedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
