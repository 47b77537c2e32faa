package peqlite;

import java.util.Locale;
import java.util.Optional;

/** How the lines of the log look that {@code serve} writes to standard error. */
public enum LogFormat {
  /** For people. */
  TEXT,
  /** A JSON object each, for programs that collect them. */
  JSON;

  /** The format of this name, if there is one. */
  static Optional<LogFormat> of(String name) {
    for (LogFormat format : values()) {
      if (format.name().toLowerCase(Locale.ROOT).equals(name)) {
        return Optional.of(format);
      }
    }
    return Optional.empty();
  }

  /**
   * Uses it for the rest of the process. Without effect where the log is set up by somebody else's
   * configuration, which decides for itself.
   */
  void use() {
    if (this == JSON) {
      JsonLog.use();
    }
  }
}
