package http;

import actors.ReadLevel;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import storage.PastTarget;

/**
 * The parameters of a request's URL, read and checked once.
 *
 * <p>Names are case-sensitive and unknown ones are ignored. A flag is on when it is there, unless
 * its value is {@code false} or {@code 0}. Where a name comes twice the first one counts.
 */
final class QueryParameters {

  private static final String[] DURATIONS = {
    "timeout", "db_timeout", "freshness", "linearizable_timeout"
  };
  private static final String[] INTEGERS = {"retries", "trailing_logs", "min_seq", "as_of_seq"};

  private static final QueryParameters NONE = new QueryParameters(Map.of());

  private final Map<String, String> values;

  private QueryParameters(Map<String, String> values) {
    this.values = values;
  }

  /**
   * Reads the part of a URL after its question mark.
   *
   * @throws RequestException if it cannot be decoded, or a duration or a number is none
   */
  static QueryParameters parse(@Nullable String rawQuery) {
    if (rawQuery == null || rawQuery.isEmpty()) {
      return NONE;
    }
    Map<String, String> values = new HashMap<>();
    int start = 0;
    while (start <= rawQuery.length()) {
      int end = rawQuery.indexOf('&', start);
      end = end < 0 ? rawQuery.length() : end;
      if (end > start) {
        int equals = rawQuery.indexOf('=', start);
        boolean named = equals >= 0 && equals < end;
        String name = decode(rawQuery.substring(start, named ? equals : end), true);
        String value = named ? decode(rawQuery.substring(equals + 1, end), true) : "";
        values.putIfAbsent(name, value);
      }
      start = end + 1;
    }
    return new QueryParameters(values).checked();
  }

  /**
   * Decodes %XX sequences, which together must be UTF-8.
   *
   * @param plusIsSpace as it is in a query, and is not in a path
   */
  static String decode(String text, boolean plusIsSpace) {
    if (text.indexOf('%') < 0 && (!plusIsSpace || text.indexOf('+') < 0)) {
      return text;
    }
    byte[] raw = text.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(raw.length);
    for (int at = 0; at < raw.length; at++) {
      byte b = raw[at];
      if (b == '+' && plusIsSpace) {
        bytes.put((byte) ' ');
      } else if (b == '%') {
        boolean whole = at + 2 < raw.length;
        int high = whole ? Character.digit(raw[at + 1], 16) : -1;
        int low = whole ? Character.digit(raw[at + 2], 16) : -1;
        if (high < 0 || low < 0) {
          throw RequestException.bad("invalid URL encoding");
        }
        bytes.put((byte) (high * 16 + low));
        at += 2;
      } else {
        bytes.put(b);
      }
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString();
    } catch (CharacterCodingException notUtf8) {
      throw RequestException.bad("invalid UTF-8 in URL");
    }
  }

  private QueryParameters checked() {
    for (String name : DURATIONS) {
      String value = values.get(name);
      if (value != null && GoDuration.parse(value).isEmpty()) {
        throw RequestException.bad(name + " is not a valid duration");
      }
    }
    for (String name : INTEGERS) {
      String value = values.get(name);
      if (value != null && !isInteger(value)) {
        throw RequestException.bad(name + " is not a valid integer");
      }
    }
    if ("".equals(values.get("q"))) {
      throw RequestException.bad("query parameter not set");
    }
    checkAsOf();
    if (flag("freshness_strict") && !values.containsKey("freshness")) {
      throw RequestException.bad("freshness_strict requires freshness");
    }
    return this;
  }

  private void checkAsOf() {
    String seq = values.get("as_of_seq");
    String time = values.get("as_of_time");
    if (time != null && TimeText.micros(time).isEmpty()) {
      throw RequestException.bad("as_of_time is not a valid time");
    }
    if (seq != null && time != null) {
      throw RequestException.bad("as_of_seq and as_of_time exclude each other");
    }
    if (seq != null && minSeq().orElse(0) > Long.parseLong(seq)) {
      throw RequestException.bad("min_seq is behind as_of_seq");
    }
  }

  private static boolean isInteger(String value) {
    try {
      return Long.parseLong(value) >= 0;
    } catch (NumberFormatException notANumber) {
      return false;
    }
  }

  /** Whether a flag is on. */
  boolean flag(String name) {
    String value = values.get(name);
    return value != null && !value.equals("false") && !value.equals("0");
  }

  /** The value of a parameter; empty if it is not there. */
  Optional<String> text(String name) {
    return Optional.ofNullable(values.get(name));
  }

  /** One of the durations; empty if it is not there. */
  Optional<Duration> duration(String name) {
    return text(name).flatMap(GoDuration::parse);
  }

  /** The deadline of the whole request, at most {@code max}. */
  Duration timeout(Duration whenAbsent, Duration max) {
    Duration asked = duration("timeout").orElse(whenAbsent);
    return asked.compareTo(max) > 0 ? max : asked;
  }

  /** The position that the answering node must have applied. */
  OptionalLong minSeq() {
    String value = values.get("min_seq");
    return value == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(value));
  }

  /** Which state of the past is asked for; empty for the present. */
  Optional<PastTarget> asOf() {
    String seq = values.get("as_of_seq");
    if (seq != null) {
      return Optional.of(new PastTarget.AfterEvent(Long.parseLong(seq)));
    }
    return text("as_of_time").flatMap(TimeText::micros).map(PastTarget.AtTime::new);
  }

  /** The level of a read; {@code weak} if it is absent, {@code auto} or unknown. */
  ReadLevel level() {
    return switch (values.getOrDefault("level", "weak").toLowerCase(Locale.ROOT)) {
      case "none" -> ReadLevel.NONE;
      case "linearizable" -> ReadLevel.LINEARIZABLE;
      case "strong" -> ReadLevel.STRONG;
      default -> ReadLevel.WEAK;
    };
  }
}
