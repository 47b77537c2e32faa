package storage;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;

/**
 * Which PostgreSQL holds the journal, and how every connection to it is set up.
 *
 * <p>What bounds the time of a statement, and what makes a commit durable, is set here for all
 * connections and cannot be set otherwise by the address. Texts made from this record never hold
 * the password.
 *
 * @param url {@code jdbc:postgresql://host:port/database}, with several hosts if need be; what
 *     follows a question mark are parameters of the driver, such as {@code currentSchema} or {@code
 *     sslmode}, and may be user and password too
 * @param user before one in the address; in neither: the operating system's user
 * @param password before one in the address
 */
public record PostgresSettings(String url, Optional<String> user, Optional<String> password) {

  private static final String PREFIX = "jdbc:postgresql:";

  /** A list of hosts with ports; IPv6 addresses stand in brackets. */
  private static final Pattern HOSTS =
      Pattern.compile("(?:(?:\\[[0-9a-fA-F:.%]+\\]|[^\\[\\]:@,\\s]*)(?::[0-9]{1,5})?(?:,|$))+");

  private static final int CONNECT_TIMEOUT_SECONDS = 2;
  private static final int SOCKET_TIMEOUT_SECONDS = 5;

  /**
   * @throws IllegalArgumentException if {@link #problem} finds one
   */
  public PostgresSettings {
    problem(url)
        .ifPresent(
            problem -> {
              throw new IllegalArgumentException(problem);
            });
  }

  /**
   * What is wrong with an address, in words for the command line; empty if nothing is. No I/O. The
   * address is not repeated, since it may hold a password.
   */
  public static Optional<String> problem(String url) {
    if (!url.startsWith(PREFIX)) {
      return Optional.of("must be jdbc:postgresql://HOST:PORT/DATABASE");
    }
    String hosts = hosts(url);
    if (hosts.contains("@")) {
      return Optional.of(
          "user and password must stand behind the database, ?user=USER&password=PASSWORD");
    }
    // Before the driver looks, because it prints what it cannot read.
    if (!HOSTS.matcher(hosts).matches()) {
      return Optional.of("has no hosts and ports of the form HOST:PORT,HOST:PORT");
    }
    if (Driver.parseURL(url, null) == null) {
      return Optional.of("cannot be read: must be jdbc:postgresql://HOST:PORT/DATABASE?PARAMETERS");
    }
    return Optional.empty();
  }

  private static String hosts(String url) {
    String rest = url.substring(PREFIX.length());
    if (!rest.startsWith("//")) {
      return "";
    }
    String[] parts = rest.substring(2).split("[/?]", 2);
    return parts[0];
  }

  /** The server and its database, for messages. */
  public String place() {
    Properties parsed = parsed();
    String database = parsed.getProperty("PGDBNAME", "");
    return hostsWithPorts(parsed) + (database.isEmpty() ? "" : "/" + database);
  }

  /** The address without its parameters. */
  String bareUrl() {
    Properties parsed = parsed();
    String database = parsed.getProperty("PGDBNAME", "");
    return PREFIX
        + "//"
        + hostsWithPorts(parsed)
        + "/"
        + URLEncoder.encode(database, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /**
   * What goes with {@link #bareUrl}: the parameters of the address, user and password, and what all
   * connections have in common.
   *
   * @param statementTimeoutMillis after which the server ends a statement
   */
  Properties properties(int statementTimeoutMillis) {
    Properties properties = parsed();
    properties.remove("PGHOST");
    properties.remove("PGPORT");
    properties.remove("PGDBNAME");
    user.ifPresent(name -> properties.setProperty("user", name));
    password.ifPresent(secret -> properties.setProperty("password", secret));
    properties.putIfAbsent("ApplicationName", "peqlite");
    properties.setProperty("connectTimeout", Integer.toString(CONNECT_TIMEOUT_SECONDS));
    properties.setProperty("socketTimeout", Integer.toString(SOCKET_TIMEOUT_SECONDS));
    properties.setProperty("tcpKeepAlive", "true");
    properties.setProperty("targetServerType", "primary");
    // What was found out about the hosts is forgotten at once: after a failover it is wrong.
    properties.setProperty("hostRecheckSeconds", "0");
    properties.setProperty("readOnly", "false");
    properties.setProperty(
        "options", options(properties.getProperty("options"), statementTimeoutMillis));
    return properties;
  }

  /** Settings of the session; a later one of the same name wins. */
  private static String options(@Nullable String given, int statementTimeoutMillis) {
    List<String> options = new ArrayList<>();
    if (given != null) {
      options.add(given);
    }
    options.add("-c synchronous_commit=on");
    options.add("-c default_transaction_isolation=read\\ committed");
    // A process that is frozen in the middle of a transaction must not hold its locks.
    options.add("-c idle_in_transaction_session_timeout=2000");
    options.add("-c lock_timeout=2000");
    options.add(String.format(Locale.ROOT, "-c statement_timeout=%d", statementTimeoutMillis));
    return String.join(" ", options);
  }

  private static String hostsWithPorts(Properties parsed) {
    String[] hosts = parsed.getProperty("PGHOST", "localhost").split(",");
    String[] ports = parsed.getProperty("PGPORT", "5432").split(",");
    List<String> places = new ArrayList<>();
    for (int i = 0; i < hosts.length; i++) {
      places.add(hosts[i] + ":" + ports[Math.min(i, ports.length - 1)]);
    }
    return String.join(",", places);
  }

  private Properties parsed() {
    Properties parsed = Driver.parseURL(url, null);
    if (parsed == null) {
      throw new IllegalStateException("the address was checked before");
    }
    return parsed;
  }

  @Override
  public String toString() {
    return "PostgresSettings[" + place() + "]";
  }
}
