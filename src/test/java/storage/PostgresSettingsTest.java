package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Addresses of the journal's server, and what is made of them. */
class PostgresSettingsTest {

  private static PostgresSettings of(String url) {
    return new PostgresSettings(url, Optional.empty(), Optional.empty());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "jdbc:postgresql://db:5432/peqlite",
        "jdbc:postgresql://db/peqlite?user=u&password=p%20w&sslmode=require",
        "jdbc:postgresql://one:1,two:2/peqlite",
        "jdbc:postgresql://[::1]:5432/peqlite",
        "jdbc:postgresql://db/",
        "jdbc:postgresql:peqlite"
      })
  void takesWhatTheDriverTakes(String url) {
    assertEquals(Optional.empty(), PostgresSettings.problem(url));
    assertEquals(Optional.empty(), PostgresSettings.problem(of(url).bareUrl()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "postgresql://db/peqlite?password=secret",
        "jdbc:mysql://db/peqlite?password=secret",
        "jdbc:postgresql://me:secret@db/peqlite",
        "jdbc:postgresql://db:99999/peqlite?password=secret",
        "jdbc:postgresql://db:port/peqlite?password=secret",
        "jdbc:postgresql://db/peqlite?password=secret%zz",
        "jdbc:postgresql://d b/peqlite?password=secret"
      })
  void saysWhatIsWrongAndNotThePassword(String url) {
    Optional<String> problem = PostgresSettings.problem(url);
    assertTrue(problem.isPresent());
    assertFalse(problem.get().contains("secret"), problem.get());
    assertEquals(
        problem.get(), assertThrows(IllegalArgumentException.class, () -> of(url)).getMessage());
  }

  @Test
  void takesUserAndPasswordFromItselfBeforeTheAddress() {
    String url = "jdbc:postgresql://db/peqlite?user=a&password=b%26c";
    Properties inAddress = of(url).properties(1000);
    assertEquals("a", inAddress.getProperty("user"));
    assertEquals("b&c", inAddress.getProperty("password"));
    Properties apart =
        new PostgresSettings(url, Optional.of("x"), Optional.of("y")).properties(1000);
    assertEquals("x", apart.getProperty("user"));
    assertEquals("y", apart.getProperty("password"));
  }

  @Test
  void showsNoPassword() {
    PostgresSettings settings =
        new PostgresSettings(
            "jdbc:postgresql://db/peqlite?password=secret1",
            Optional.empty(),
            Optional.of("secret2"));
    assertEquals("PostgresSettings[db:5432/peqlite]", settings.toString());
    assertEquals("jdbc:postgresql://db:5432/peqlite", settings.bareUrl());
  }

  @Test
  void keepsWhatItDoesNotDecide() {
    Properties properties =
        of("jdbc:postgresql://db/a%20b?currentSchema=s&ApplicationName=mine&socketTimeout=0")
            .properties(1000);
    assertEquals("s", properties.getProperty("currentSchema"));
    assertEquals("mine", properties.getProperty("ApplicationName"));
    assertEquals("5", properties.getProperty("socketTimeout"));
    assertEquals(
        "jdbc:postgresql://one:1,two:2/a%20b", of("jdbc:postgresql://one:1,two:2/a%20b").bareUrl());
  }

  @Test
  void appendsWithTheSameDriverProperties() {
    Map<String, Object> pool =
        PostgresJournal.appendPool(of("jdbc:postgresql://db/peqlite?user=u&password=p"));
    String db = "pekko-persistence-jdbc.shared-databases.slick.db.";
    assertEquals("jdbc:postgresql://db:5432/peqlite", pool.get(db + "url"));
    Map<?, ?> properties = (Map<?, ?>) pool.get(db + "properties");
    assertEquals("p", properties.get("password"));
    assertEquals("primary", properties.get("targetServerType"));
  }
}
