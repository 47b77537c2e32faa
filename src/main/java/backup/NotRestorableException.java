package backup;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A place does not have what it takes to make the database that is wanted. The message says what is
 * missing or damaged, and what can be had instead. Trying again does not help.
 */
public final class NotRestorableException extends IOException {

  private static final long serialVersionUID = 1L;

  NotRestorableException(String message) {
    this(message, null);
  }

  NotRestorableException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
