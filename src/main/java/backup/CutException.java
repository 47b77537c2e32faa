package backup;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A transfer ended in the middle, by a cut connection or because nothing moved any more. */
final class CutException extends IOException {

  private static final long serialVersionUID = 1L;

  CutException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
