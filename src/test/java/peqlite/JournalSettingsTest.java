package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import actors.JournalChoice;
import com.typesafe.config.Config;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import storage.PostgresSettings;

/** The journal for many nodes, and the nodes to join. */
final class JournalSettingsTest {

  private static final String URL = "jdbc:postgresql://127.0.0.1:5432/peqlite";
  private static final String SECRET = "s3cret";

  @TempDir private Path directory;

  @Test
  void optionsVariablesAndKeysSayTheSame() throws Exception {
    PostgresSettings expected =
        new PostgresSettings(URL, Optional.of("keeper"), Optional.of(SECRET));
    Map<String, String> options =
        Map.of("journal-url", URL, "journal-user", "keeper", "journal-password", SECRET);
    Map<String, String> environment =
        Map.of(
            "PEQLITE_JOURNAL",
            "postgres",
            "PEQLITE_JOURNAL_URL",
            URL,
            "PEQLITE_JOURNAL_USER",
            "keeper",
            "PEQLITE_JOURNAL_PASSWORD",
            SECRET);
    Path file =
        Files.writeString(
            directory.resolve("node.conf"),
            "peqlite.journal { plugin = postgres, url = \""
                + URL
                + "\", user = keeper, password = "
                + SECRET
                + " }");

    assertEquals(expected, postgres(options));
    assertEquals(expected, postgres(SettingsSource.load(Map.of(), environment, Optional.empty())));
    assertEquals(expected, postgres(SettingsSource.load(Map.of(), Map.of(), Optional.of(file))));
  }

  @Test
  void userAndPasswordMayBeLeftToTheUrl() throws Exception {
    assertEquals(
        new PostgresSettings(URL + "?user=a&password=b", Optional.empty(), Optional.empty()),
        postgres(Map.of("journal-url", URL + "?user=a&password=b")));
  }

  @ParameterizedTest
  @ValueSource(strings = {SECRET, SECRET + "\n", SECRET + "\r\n"})
  void thePasswordsFileMayEndItsLine(String text) throws Exception {
    Path file = Files.writeString(directory.resolve("password"), text);
    Map<String, String> options =
        Map.of("journal-url", URL, "journal-password-file", file.toString());
    assertEquals(Optional.of(SECRET), postgres(options).password());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "one\ntwo\n"})
  void aFileWithoutAPasswordIsRefused(String text) throws Exception {
    Path file = Files.writeString(directory.resolve("password"), text);
    assertEquals(
        "--journal-password-file: '" + file + "' does not hold one password on one line",
        refused(Map.of("journal-url", URL, "journal-password-file", file.toString())));
  }

  @Test
  void aPasswordsFileThatIsNotThereIsNamed() {
    Path file = directory.resolve("missing");
    assertEquals(
        "--journal-password-file: '" + file + "' is not a file that can be read",
        refused(Map.of("journal-url", URL, "journal-password-file", file.toString())));
  }

  @Test
  void twoPasswordsAreOneTooMany() throws Exception {
    Path file = Files.writeString(directory.resolve("password"), SECRET);
    String line =
        refused(
            Map.of(
                "journal-url", URL,
                "journal-password", SECRET,
                "journal-password-file", file.toString()));
    assertEquals(
        "--journal-password-file: is given, and so is the password itself; give one of them", line);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "jdbc:mysql://h/d?password=" + SECRET,
        "postgresql://user:" + SECRET + "@h/d",
        "jdbc:postgresql://user:" + SECRET + "@h/d",
        "jdbc:postgresql://h:port/d?password=" + SECRET,
        SECRET,
      })
  void aWrongUrlIsNotRepeated(String url) {
    String line = refused(Map.of("journal-url", url));
    assertEquals(0, line.indexOf("--journal-url: "), line);
    assertFalse(line.contains(SECRET), line);
  }

  @Test
  void thePasswordIsInNoText() throws Exception {
    Config config = load(Map.of("journal-url", URL, "journal-password", SECRET));
    assertFalse(Settings.from(config).toString().contains(SECRET));
    assertFalse(
        refusedIn("peqlite.journal { plugin = postgres, url = x, password = [s3cret] }")
            .contains(SECRET));
  }

  @Test
  void theNodesToJoinAreATextOrAList() throws Exception {
    List<NetworkAddress> expected =
        List.of(new NetworkAddress("a", 1), new NetworkAddress("::1", 2));
    assertEquals(
        expected,
        Settings.from(load(Map.of("journal-url", URL, "join", "a:1, [::1]:2,a:1"))).join());
    Path file =
        Files.writeString(directory.resolve("node.conf"), "peqlite.join = [\"a:1\", \"[::1]:2\"]");
    Map<String, String> environment =
        Map.of("PEQLITE_JOURNAL", "postgres", "PEQLITE_JOURNAL_URL", URL);
    Config listed = SettingsSource.load(Map.of(), environment, Optional.of(file));
    assertEquals(expected, Settings.from(listed).join());
    Map<String, String> nobody = Map.of("PEQLITE_JOIN", "");
    assertEquals(
        List.of(), Settings.from(SettingsSource.load(Map.of(), nobody, Optional.empty())).join());
  }

  @Test
  void joiningInTheEnvironmentIsRefusedByItsName() {
    Map<String, String> environment = Map.of("PEQLITE_JOIN", "a:1", "PEQLITE_JOURNAL", "sqlite");
    SettingsException refused =
        assertThrows(
            SettingsException.class,
            () -> Settings.from(SettingsSource.load(Map.of(), environment, Optional.empty())));
    assertEquals(
        "PEQLITE_JOIN: needs a journal for many nodes, and 'sqlite' is for one;"
            + " use --journal quorum or --journal postgres",
        refused.line());
  }

  @Test
  void whoJoinsAndNamesNoJournalKeepsItWithTheOthers() throws Exception {
    Map<String, String> nobody = Map.of();
    Settings settings =
        Settings.from(SettingsSource.load(Map.of("join", "a:1"), nobody, Optional.empty()));
    assertEquals(
        new JournalChoice.Quorum("", 0, "", Duration.ofMillis(600), Duration.ofMillis(1000)),
        settings.journal());
    Map<String, String> address = Map.of("join", "a:1", "quorum-addr", "h:7");
    JournalChoice.Quorum quorum =
        (JournalChoice.Quorum)
            Settings.from(SettingsSource.load(address, nobody, Optional.empty())).journal();
    assertEquals("h", quorum.host());
    assertEquals(7, quorum.port());
    assertEquals(
        new JournalChoice.Sqlite(),
        Settings.from(SettingsSource.load(Map.of(), nobody, Optional.empty())).journal());
  }

  @Test
  void theQuorumsAddressIsOneThatOthersReach() {
    Map<String, String> given = Map.of("join", "a:1", "quorum-addr", "0.0.0.0:7");
    SettingsException refused =
        assertThrows(
            SettingsException.class,
            () -> Settings.from(SettingsSource.load(given, Map.of(), Optional.empty())));
    assertEquals(
        "--quorum-addr: '0.0.0.0' is no host that other nodes reach this one by", refused.line());
  }

  @Test
  void manyNodesNeedAnAddressThatOthersReach() {
    assertEquals(
        "--cluster-addr: '0.0.0.0' is no host that other nodes reach this one by",
        refused(Map.of("journal-url", URL, "cluster-addr", "0.0.0.0:7355")));
  }

  @Test
  void anEmptyManagementAddressSwitchesItOff() throws Exception {
    Config config = SettingsSource.load(Map.of("management-addr", ""), Map.of(), Optional.empty());
    assertEquals(Optional.empty(), Settings.from(config).managementAddress());
  }

  private PostgresSettings postgres(Map<String, String> options) throws Exception {
    return postgres(load(options));
  }

  private static PostgresSettings postgres(Config config) throws Exception {
    return ((JournalChoice.Postgres) Settings.from(config).journal()).settings();
  }

  private static Config load(Map<String, String> options) throws SettingsException {
    Map<String, String> all = new HashMap<>(options);
    all.put("journal", "postgres");
    return SettingsSource.load(all, Map.of(), Optional.empty());
  }

  private static String refused(Map<String, String> options) {
    return assertThrows(SettingsException.class, () -> Settings.from(load(options))).line();
  }

  private String refusedIn(String text) throws Exception {
    Path file = Files.writeString(directory.resolve("node.conf"), text);
    Config config = SettingsSource.load(Map.of(), Map.of(), Optional.of(file));
    return assertThrows(SettingsException.class, () -> Settings.from(config)).line();
  }
}
