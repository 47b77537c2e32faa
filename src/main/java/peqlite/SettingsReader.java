package peqlite;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigValueType;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Reads single values of a configuration and says in one line what is wrong with one, and where it
 * was given. Paths are absolute, such as {@code peqlite.http.timeout}.
 */
final class SettingsReader {

  private final Config config;

  SettingsReader(Config config) {
    this.config = config;
  }

  String text(String path) throws SettingsException {
    return read(path, config::getString, "is not a text");
  }

  boolean flag(String path) throws SettingsException {
    return read(path, config::getBoolean, "is not true or false");
  }

  int count(String path, int min, int max) throws SettingsException {
    return (int) number(path, min, max);
  }

  long number(String path, long min, long max) throws SettingsException {
    long value = read(path, config::getLong, "is not a whole number");
    return inRange(path, value, value >= min && value <= max, min, max);
  }

  /** A size in bytes. */
  long bytes(String path, long min, long max) throws SettingsException {
    long value = read(path, config::getBytes, "is not a size such as 64MiB");
    return inRange(path, value, value >= min && value <= max, size(min), size(max));
  }

  /** A size in bytes that fits an int. */
  int smallBytes(String path, int min, int max) throws SettingsException {
    return (int) bytes(path, min, max);
  }

  Duration duration(String path, Duration min, Duration max) throws SettingsException {
    Duration value = read(path, config::getDuration, "is not a time such as 500ms or 30s");
    boolean good = value.compareTo(min) >= 0 && value.compareTo(max) <= 0;
    return inRange(path, value, good, time(min), time(max));
  }

  /** A text that is never shown; empty if it is empty. */
  Optional<String> secret(String path) throws SettingsException {
    try {
      String secret = config.getString(path);
      return secret.isEmpty() ? Optional.empty() : Optional.of(secret);
    } catch (ConfigException e) {
      throw wrong(path, "is not a text");
    }
  }

  NetworkAddress address(String path) throws SettingsException {
    return address(path, text(path));
  }

  /** Addresses of others, in a list or in one text with commas between; each at most once. */
  List<NetworkAddress> addresses(String path) throws SettingsException {
    List<String> texts =
        config.hasPath(path) && config.getValue(path).valueType() == ConfigValueType.LIST
            ? read(path, config::getStringList, "is not a list of host:port")
            : List.of(text(path).split(",", -1));
    Set<NetworkAddress> addresses = new LinkedHashSet<>();
    for (String text : texts) {
      if (text.isBlank()) {
        continue;
      }
      NetworkAddress address = address(path, text.strip());
      if (address.port() == 0) {
        throw wrong(path, "'" + address + "' has no port from 1 to 65535");
      }
      addresses.add(address);
    }
    return List.copyOf(addresses);
  }

  private NetworkAddress address(String path, String text) throws SettingsException {
    try {
      return NetworkAddress.parse(text);
    } catch (IllegalArgumentException e) {
      throw wrong(path, String.valueOf(e.getMessage()));
    }
  }

  /** The failure to throw when a value was read well and cannot be used. */
  SettingsException wrong(String path, String problem) {
    return new SettingsException(where(path) + ": " + problem);
  }

  private <T> T read(String path, Function<String, T> getter, String problem)
      throws SettingsException {
    try {
      return getter.apply(path);
    } catch (ConfigException.Missing e) {
      throw wrong(path, "is not set");
    } catch (ConfigException e) {
      Object value = config.getValue(path).unwrapped();
      throw wrong(path, "'" + value + "' " + problem);
    }
  }

  private <T> T inRange(String path, T value, boolean good, Object min, Object max)
      throws SettingsException {
    if (!good) {
      throw wrong(path, "must be from " + min + " to " + max);
    }
    return value;
  }

  /** An option or a variable speaks for itself; a line of a file needs the key beside it. */
  private String where(String path) {
    if (!config.hasPath(path)) {
      return path;
    }
    ConfigOrigin origin = config.getValue(path).origin();
    String description = origin.description();
    if (description.startsWith("--") || description.startsWith("PEQLITE_")) {
      return description;
    }
    return path + " (" + description + ")";
  }

  private static String size(long bytes) {
    if (bytes >= 1L << 30 && bytes % (1L << 30) == 0) {
      return (bytes >> 30) + "GiB";
    }
    if (bytes >= 1L << 20 && bytes % (1L << 20) == 0) {
      return (bytes >> 20) + "MiB";
    }
    return bytes >= 1L << 10 && bytes % (1L << 10) == 0 ? (bytes >> 10) + "KiB" : bytes + "B";
  }

  private static String time(Duration time) {
    return time.toMillis() % 1000 == 0 ? time.toSeconds() + "s" : time.toMillis() + "ms";
  }
}
