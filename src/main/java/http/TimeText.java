package http;

import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoField;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Values of columns declared {@code date}, {@code datetime} or {@code timestamp}, which clients of
 * rqlite expect as RFC 3339 text; and the times that clients name.
 */
final class TimeText {

  /** What rqlite answers for a text that is no time: Go's zero time. */
  static final String ZERO = "0001-01-01T00:00:00Z";

  private static final long MILLISECONDS_FROM = 1_000_000_000_000L;

  private static final Pattern SECONDS = Pattern.compile("[0-9]{1,12}(\\.[0-9]{1,18})?");
  private static final Pattern OFFSET_WITHOUT_PLUS = Pattern.compile(" ([0-9]{2}:[0-9]{2})$");

  private static final Pattern DATE_AND_SPACE = Pattern.compile("^([0-9]{4}-[0-9]{2}-[0-9]{2}) ");

  private TimeText() {}

  /** Whether a column of this declared type, in lower case, holds times. */
  static boolean isTimeType(String declaredType) {
    return declaredType.equals("date")
        || declaredType.equals("datetime")
        || declaredType.equals("timestamp");
  }

  /**
   * An integer as time: seconds since 1970, or milliseconds if its size exceeds 1e12. Empty text if
   * the year is not between 0 and 9999, which RFC 3339 cannot say.
   */
  static String ofInteger(long value) {
    Instant instant;
    try {
      instant =
          value > MILLISECONDS_FROM || value < -MILLISECONDS_FROM
              ? Instant.ofEpochMilli(value)
              : Instant.ofEpochSecond(value);
      LocalDateTime time = LocalDateTime.ofInstant(instant, ZoneOffset.UTC);
      if (time.getYear() < 0 || time.getYear() > 9999) {
        return "";
      }
      return format(time, ZoneOffset.UTC);
    } catch (DateTimeException outOfRange) {
      return "";
    }
  }

  /**
   * A text as time. Read are a date, or a date and a time to the minute, the second or a fraction
   * of it, with space or T between, and after seconds an offset such as +02:00; a last Z is
   * ignored. Anything else is {@link #ZERO}.
   */
  static String ofText(String text) {
    String value = text.endsWith("Z") ? text.substring(0, text.length() - 1) : text;
    try {
      return new Reader(value).read();
    } catch (DateTimeException notATime) {
      return ZERO;
    }
  }

  /**
   * A time that a client names, in microseconds since 1970: RFC 3339, with T or a space between
   * date and time, or seconds since 1970 with a fraction or without. A space where a plus must
   * stand is what is left of one in a URL.
   *
   * @return empty if it is neither
   */
  static Optional<Long> micros(String text) {
    if (SECONDS.matcher(text).matches()) {
      return Optional.of(new BigDecimal(text).movePointRight(6).longValue());
    }
    String time = OFFSET_WITHOUT_PLUS.matcher(text).replaceFirst("+$1");
    time = DATE_AND_SPACE.matcher(time).replaceFirst("$1T");
    try {
      Instant instant = OffsetDateTime.parse(time).toInstant();
      return Optional.of(
          Math.addExact(
              Math.multiplyExact(instant.getEpochSecond(), 1_000_000L), instant.getNano() / 1_000));
    } catch (DateTimeException | ArithmeticException notATime) {
      return Optional.empty();
    }
  }

  private static String format(LocalDateTime time, ZoneOffset offset) {
    StringBuilder text = new StringBuilder(35);
    pad(text, time.getYear(), 4).append('-');
    pad(text, time.getMonthValue(), 2).append('-');
    pad(text, time.getDayOfMonth(), 2).append('T');
    pad(text, time.getHour(), 2).append(':');
    pad(text, time.getMinute(), 2).append(':');
    pad(text, time.getSecond(), 2);
    int nano = time.get(ChronoField.NANO_OF_SECOND);
    if (nano != 0) {
      pad(text.append('.'), nano, 9);
      while (text.charAt(text.length() - 1) == '0') {
        text.setLength(text.length() - 1);
      }
    }
    return text.append(offset.getId()).toString();
  }

  private static StringBuilder pad(StringBuilder text, int number, int width) {
    String digits = Integer.toString(number);
    return text.append("0".repeat(width - digits.length())).append(digits);
  }

  /** Reads one time from left to right; throws {@link DateTimeException} where it cannot be. */
  private static final class Reader {

    private final String text;
    private int at;

    Reader(String text) {
      this.text = text;
    }

    String read() {
      int year = digits(4);
      expect('-');
      int month = digits(2);
      expect('-');
      int day = digits(2);
      int hour = 0;
      int minute = 0;
      int second = 0;
      int nano = 0;
      ZoneOffset offset = ZoneOffset.UTC;
      if (at < text.length()) {
        if (text.charAt(at) != 'T') {
          expect(' ');
        } else {
          at++;
        }
        hour = digits(2);
        expect(':');
        minute = digits(2);
        if (at < text.length()) {
          expect(':');
          second = digits(2);
          nano = fraction();
          offset = at < text.length() ? offset() : offset;
        }
      }
      if (at != text.length()) {
        throw new DateTimeException("more text");
      }
      return format(LocalDateTime.of(year, month, day, hour, minute, second, nano), offset);
    }

    private int digits(int count) {
      if (at + count > text.length()) {
        throw new DateTimeException("too short");
      }
      int number = 0;
      for (int end = at + count; at < end; at++) {
        char c = text.charAt(at);
        if (c < '0' || c > '9') {
          throw new DateTimeException("not a digit");
        }
        number = number * 10 + (c - '0');
      }
      return number;
    }

    private void expect(char expected) {
      if (at >= text.length() || text.charAt(at) != expected) {
        throw new DateTimeException("unexpected character");
      }
      at++;
    }

    /** Nanoseconds; digits after the ninth are left out. */
    private int fraction() {
      if (at >= text.length() || (text.charAt(at) != '.' && text.charAt(at) != ',')) {
        return 0;
      }
      at++;
      int nano = digits(1);
      int count = 1;
      for (; at < text.length() && Character.digit(text.charAt(at), 10) >= 0; count++) {
        int digit = digits(1);
        nano = count < 9 ? nano * 10 + digit : nano;
      }
      for (; count < 9; count++) {
        nano *= 10;
      }
      return nano;
    }

    private ZoneOffset offset() {
      int sign = text.charAt(at) == '-' ? -1 : 1;
      if (sign > 0) {
        expect('+');
      } else {
        at++;
      }
      int hours = digits(2);
      expect(':');
      int minutes = digits(2);
      return ZoneOffset.ofHoursMinutes(sign * hours, sign * minutes);
    }
  }
}
