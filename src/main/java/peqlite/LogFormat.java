package peqlite;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.OutputStreamAppender;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.ILoggerFactory;
import org.slf4j.LoggerFactory;

/** How the lines of the log look that {@code serve} writes to standard error. */
public enum LogFormat {
  /** For people. */
  TEXT,
  /** A JSON object each, for programs that collect them. */
  JSON;

  /** The appender of {@code logback.xml}. */
  private static final String CONSOLE = "console";

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
    ILoggerFactory factory = LoggerFactory.getILoggerFactory();
    if (this == JSON && factory instanceof LoggerContext context) {
      Appender<ILoggingEvent> console =
          context.getLogger(Logger.ROOT_LOGGER_NAME).getAppender(CONSOLE);
      if (console instanceof OutputStreamAppender<ILoggingEvent> appender) {
        JsonEncoder encoder = new JsonEncoder();
        encoder.setContext(context);
        // The message as it reads, once, and neither its pattern nor what repeats in every line.
        encoder.setWithFormattedMessage(true);
        encoder.setWithMessage(false);
        encoder.setWithArguments(false);
        encoder.setWithContext(false);
        encoder.setWithSequenceNumber(false);
        encoder.setWithNanoseconds(false);
        encoder.start();
        appender.setEncoder(encoder);
      }
    }
  }
}
