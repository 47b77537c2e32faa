package quorum;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import storage.JournalException;
import storage.SqliteErrors;

/** A node's own copy of the journal is not what was written to it. Other members have another. */
final class CopyDamagedException extends JournalException {

  private static final long serialVersionUID = 1L;

  CopyDamagedException(String message) {
    super(message);
  }

  CopyDamagedException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Whether a failure, or what caused it, says that the file of the copy is damaged. */
  static boolean isDamage(@Nullable Throwable failure) {
    for (Throwable at = failure; at != null; at = at.getCause()) {
      if (at instanceof SQLException sql && SqliteErrors.isDamage(sql)) {
        return true;
      }
    }
    return false;
  }
}
