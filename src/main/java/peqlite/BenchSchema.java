package peqlite;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ThreadLocalRandom;
import org.postgresql.Driver;
import storage.PostgresSettings;

/**
 * A schema of its own in somebody's PostgreSQL, so that a benchmark meets no other data. It is
 * dropped with all that is in it by {@link #close}; its name says where one that was left comes
 * from. One thread at a time.
 */
final class BenchSchema implements AutoCloseable {

  private final PostgresSettings settings;
  private final String name;

  private BenchSchema(PostgresSettings settings, String name) {
    this.settings = settings;
    this.name = name;
  }

  /**
   * Makes it.
   *
   * @throws StartException if the server cannot be reached or does not let this user
   */
  static BenchSchema create(PostgresSettings settings) throws StartException {
    String name =
        String.format(Locale.ROOT, "peqlite_bench_%08x", ThreadLocalRandom.current().nextInt());
    BenchSchema schema = new BenchSchema(settings, name);
    try {
      schema.run("CREATE SCHEMA " + name);
    } catch (SQLException e) {
      throw new StartException(
          "cannot make a schema in the PostgreSQL at " + settings.place() + ": " + e.getMessage(),
          e);
    }
    return schema;
  }

  /** The address in which tables without a schema are those of this one. */
  String url() {
    String url = settings.url();
    // Of a parameter that stands there twice, the driver takes the last.
    return url + (url.contains("?") ? '&' : '?') + "currentSchema=" + name;
  }

  /** By which a node is told to have its journal in the schema, without a secret in its command. */
  Map<String, String> environment() {
    Map<String, String> environment = new HashMap<>();
    environment.put(SettingsSource.variable("journal-url"), url());
    settings
        .user()
        .ifPresent(user -> environment.put(SettingsSource.variable("journal-user"), user));
    settings
        .password()
        .ifPresent(
            password -> environment.put(SettingsSource.variable("journal-password"), password));
    return environment;
  }

  /** A new connection, whose tables without a schema are those of this one. */
  Connection connect() throws SQLException {
    Properties properties = new Properties();
    settings.user().ifPresent(user -> properties.setProperty("user", user));
    settings.password().ifPresent(password -> properties.setProperty("password", password));
    properties.setProperty("ApplicationName", "peqlite bench");
    properties.setProperty("targetServerType", "primary");
    Connection connection = new Driver().connect(url(), properties);
    if (connection == null) {
      throw new IllegalStateException("the address was checked before");
    }
    return connection;
  }

  private void run(String sql) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  @Override
  public void close() throws StartException {
    try {
      run("DROP SCHEMA IF EXISTS " + name + " CASCADE");
    } catch (SQLException e) {
      throw new StartException(
          "the schema "
              + name
              + " is left in the PostgreSQL at "
              + settings.place()
              + ": "
              + e.getMessage(),
          e);
    }
  }
}
