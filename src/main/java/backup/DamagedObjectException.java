package backup;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What is stored is not what was put: it was changed, is encrypted with another key, or belongs to
 * another name. Trying again does not help; take another backup.
 */
public final class DamagedObjectException extends IOException {

  private static final long serialVersionUID = 1L;

  DamagedObjectException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
