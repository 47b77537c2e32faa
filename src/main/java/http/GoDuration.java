package http;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Optional;

/**
 * Durations as Go writes them, such as {@code 300ms}, {@code 1.5s} or {@code 1h30m}: clients of
 * rqlite send them and read them.
 */
final class GoDuration {

  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  private GoDuration() {}

  /** Reads a duration; empty if the text is not one, or is negative, or exceeds 292 years. */
  static Optional<Duration> parse(String text) {
    int length = text.length();
    int at = 0;
    if (length > 0 && text.charAt(0) == '+') {
      at++;
    }
    if (text.substring(at).equals("0")) {
      return Optional.of(Duration.ZERO);
    }
    if (at == length || length > 64) {
      return Optional.empty();
    }
    BigDecimal nanos = BigDecimal.ZERO;
    while (at < length) {
      int start = at;
      boolean digits = false;
      boolean dot = false;
      while (at < length && (isDigit(text.charAt(at)) || (text.charAt(at) == '.' && !dot))) {
        dot |= text.charAt(at) == '.';
        digits |= text.charAt(at) != '.';
        at++;
      }
      int unitStart = at;
      while (at < length && !isDigit(text.charAt(at)) && text.charAt(at) != '.') {
        at++;
      }
      long unit = unitNanos(text.substring(unitStart, at));
      if (!digits || unit == 0) {
        return Optional.empty();
      }
      nanos =
          nanos.add(
              new BigDecimal(text.substring(start, unitStart)).multiply(BigDecimal.valueOf(unit)));
    }
    if (nanos.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
      return Optional.empty();
    }
    return Optional.of(Duration.ofNanos(nanos.setScale(0, RoundingMode.DOWN).longValueExact()));
  }

  /** Writes a duration that is not negative the way Go prints it. */
  static String format(long nanos) {
    if (nanos == 0) {
      return "0s";
    }
    if (nanos < 1_000) {
      return nanos + "ns";
    }
    if (nanos < 1_000_000) {
      return scaled(nanos, 1_000) + "\u00b5s";
    }
    if (nanos < NANOS_PER_SECOND) {
      return scaled(nanos, 1_000_000) + "ms";
    }
    long seconds = nanos / NANOS_PER_SECOND;
    long hours = seconds / 3_600;
    long minutes = seconds / 60 % 60;
    String rest = scaled(nanos - (seconds - seconds % 60) * NANOS_PER_SECOND, NANOS_PER_SECOND);
    StringBuilder text = new StringBuilder();
    if (hours > 0) {
      text.append(hours).append('h');
    }
    if (hours > 0 || minutes > 0) {
      text.append(minutes).append('m');
    }
    return text.append(rest).append('s').toString();
  }

  private static String scaled(long nanos, long unit) {
    return BigDecimal.valueOf(nanos)
        .divide(BigDecimal.valueOf(unit))
        .stripTrailingZeros()
        .toPlainString();
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static long unitNanos(String unit) {
    return switch (unit) {
      case "ns" -> 1;
      case "us", "\u00b5s", "\u03bcs" -> 1_000;
      case "ms" -> 1_000_000;
      case "s" -> NANOS_PER_SECOND;
      case "m" -> 60 * NANOS_PER_SECOND;
      case "h" -> 3_600 * NANOS_PER_SECOND;
      default -> 0;
    };
  }
}
